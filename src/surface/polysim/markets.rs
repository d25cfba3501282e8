//! Markets: the list, one of them, its book, its prices (§9). Events have a file of their own.

use super::auth::{Anyone, Reader};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire::json;
use super::params::{
    depth, flag, flag_if_given, next_cursor, outcome, page_start, texts, whole, within_limit,
};
use super::wire::{BatchPrice, MarketSummary};
use super::{history, to_wire};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::markets::{BookView, Ticker};
use crate::types::{MarketId, Outcome, Reject, Venue};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// Markets in one `POST /v1/prices/batch`, whatever the tier.
const PRICES_MAX: usize = 50;
/// The longest text to search for.
const SEARCH_MAX: usize = 120;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/markets", get_markets),
        endpoint(Method::GET, "/v1/markets/{condition_id}", get_market),
        endpoint(Method::GET, "/v1/markets/by-slug/{slug}", get_market_by_slug),
        endpoint(Method::GET, "/v1/markets-by-token/{token_id}", get_market_by_token),
        endpoint(Method::GET, "/v1/markets/{condition_id}/book", get_book),
        endpoint(Method::GET, "/v1/markets/{condition_id}/candles", history::get_candles),
        endpoint(Method::POST, "/v1/prices/batch", post_prices),
        endpoint(Method::GET, "/v1/events", super::events::get_events),
    ]
}

/// The market with a condition id. This service has no markets but Polymarket's.
pub(super) fn by_condition(service: &Service, id: &str) -> Result<MarketId, Failure> {
    own(service, service.catalog().by_condition(id))
}

fn own(service: &Service, market: Option<MarketId>) -> Result<MarketId, Failure> {
    let market = market
        .filter(|market| service.catalog().get(*market).is_some_and(|spec| spec.venue == Venue::Polymarket));
    market.ok_or_else(Failure::market_not_found)
}

/// Every market that this service lists: not Kalshi's, and no rolling window that is over.
pub(super) async fn listed(service: &Service) -> Result<Vec<Ticker>, Reject> {
    let mut tickers = service.current_tickers().await?;
    tickers.retain(|ticker| ticker.spec.venue == Venue::Polymarket);
    Ok(tickers)
}

#[derive(Deserialize)]
struct Listing {
    limit: Option<String>,
    offset: Option<String>,
    hot_only: Option<String>,
    active_only: Option<String>,
    closed: Option<String>,
    category: Option<String>,
    q: Option<String>,
    envelope: Option<String>,
    next_cursor: Option<String>,
    cursor: Option<String>,
}

/// Which markets are wanted, in lower case.
struct Wanted {
    hot_only: bool,
    active_only: bool,
    closed: Option<bool>,
    category: Option<String>,
    search: Option<String>,
}

impl Listing {
    fn wanted(&self) -> Result<Wanted, Failure> {
        let search = self.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.chars().count() > SEARCH_MAX) {
            return Err(Failure::invalid_query("q", "must be at most 120 characters"));
        }
        Ok(Wanted {
            hot_only: flag("hot_only", self.hot_only.as_deref())?,
            active_only: flag("active_only", self.active_only.as_deref())?,
            closed: flag_if_given("closed", self.closed.as_deref())?,
            category: category(self.category.as_deref()),
            search: search.map(str::to_lowercase),
        })
    }
}

/// A category to look for: without the quotes some clients put around it.
pub(super) fn category(text: Option<&str>) -> Option<String> {
    let bare = text?.trim().trim_matches(['"', '\'']);
    (!bare.is_empty()).then(|| bare.to_lowercase())
}

impl Wanted {
    /// What the list's own facts tell, before anyone asks for volumes.
    fn includes(&self, ticker: &Ticker) -> bool {
        let facts = &ticker.spec.facts;
        let (active, closed) = to_wire::active_closed(ticker.status);
        let found = |search: &String| {
            // Rolling windows are not found by their text (§9.3).
            facts.window.is_none()
                && (facts.question.to_lowercase().contains(search) || facts.slug.contains(search))
        };
        (!self.active_only || (active && !closed))
            && self.closed.is_none_or(|wanted| wanted == closed)
            && self.category.as_ref().is_none_or(|part| facts.category.to_lowercase().contains(part))
            && self.search.as_ref().is_none_or(found)
    }
}

async fn get_markets(call: Call<Anyone>) -> Answer {
    let listing: Listing = call.query()?;
    let limit = whole("limit", listing.limit.as_deref(), 50, 1..=200)?;
    let cursor = listing.next_cursor.as_deref().or(listing.cursor.as_deref());
    let start = page_start(cursor, listing.offset.as_deref())?;
    let envelope = flag("envelope", listing.envelope.as_deref())?;
    let wanted = listing.wanted()?;

    let mut tickers = listed(&call.service).await?;
    tickers.retain(|ticker| wanted.includes(ticker));
    let specs = tickers.iter().map(|ticker| (ticker.market, &*ticker.spec));
    let volumes = call.service.volumes(specs).await;
    let mut rows: Vec<_> = tickers.iter().map(|ticker| (ticker, &volumes[&ticker.market])).collect();
    rows.retain(|(_, volumes)| !wanted.hot_only || to_wire::is_hot(volumes));
    rows.sort_by_key(|(ticker, volumes)| (std::cmp::Reverse(volumes.total), ticker.market));

    let now = call.service.now();
    let shown = rows.iter().skip(start.unwrap_or(rows.len())).take(limit);
    let data: Vec<MarketSummary> =
        shown.map(|(ticker, volumes)| to_wire::summary(ticker, volumes, now)).collect();
    if !envelope {
        return Ok(Reply::json(&data));
    }
    let next = next_cursor(start.unwrap_or(rows.len()), limit, rows.len());
    Ok(Reply::json(&json!({"data": data, "next_cursor": next})))
}

#[derive(Deserialize)]
struct WithBook {
    include_book: Option<String>,
}

async fn get_market(call: Call<Reader>) -> Answer {
    let query: WithBook = call.query()?;
    let with_book = flag("include_book", query.include_book.as_deref())?;
    let market = by_condition(&call.service, call.path("condition_id"))?;
    detail(&call.service, market, with_book).await
}

async fn get_market_by_slug(call: Call<Anyone>) -> Answer {
    let market = own(&call.service, call.service.catalog().by_slug(call.path("slug")))?;
    Ok(detail(&call.service, market, false).await?.with("Cache-Control", "no-store"))
}

async fn detail(service: &Service, market: MarketId, with_book: bool) -> Answer {
    let ticker = service.ticker(market).await?;
    let volumes = service.volumes(std::iter::once((market, &*ticker.spec))).await;
    let mut book = None;
    if with_book {
        book = Some(to_wire::book(&*service.book(market).await?, Outcome::Yes, None));
    }
    Ok(Reply::json(&to_wire::detail(&ticker, &volumes[&market], service.now(), book)))
}

async fn get_market_by_token(call: Call<Anyone>) -> Answer {
    let token = call.path("token_id");
    let catalog = call.service.catalog();
    let found = catalog.by_token(token).and_then(|(market, outcome)| Some((catalog.get(market)?, outcome)));
    let (spec, outcome) = found.ok_or_else(|| Failure::new(404, "TOKEN_NOT_FOUND", "Token not found"))?;
    Ok(Reply::json(&json!({
        "condition_id": spec.facts.condition_id,
        "primary_token_id": token,
        "secondary_token_id": null,
        "outcome": to_wire::label(spec, outcome),
    })))
}

#[derive(Deserialize)]
struct WhichBook {
    outcome: Option<String>,
    depth: Option<String>,
}

async fn get_book(call: Call<Reader>) -> Answer {
    let query: WhichBook = call.query()?;
    let depth = depth(query.depth.as_deref())?;
    let market = by_condition(&call.service, call.path("condition_id"))?;
    let view = call.service.book(market).await?;
    let outcome = outcome(&view.spec, query.outcome.as_deref())?;
    Ok(book_reply(&view, outcome, depth))
}

/// A book as an answer: the whole one is rendered once for everyone.
pub(super) fn book_reply(view: &BookView, outcome: Outcome, depth: Option<usize>) -> Reply {
    let reply = match depth {
        None => Reply::rendered(&to_wire::rendered_book(view, outcome)),
        Some(_) => Reply::json(&to_wire::book(view, outcome, depth)),
    };
    reply.with("Cache-Control", "no-store")
}

async fn post_prices(call: Call<Reader>) -> Answer {
    let body: Value = json(&call.body)?;
    let ids = body.get("market_ids").ok_or_else(|| Failure::invalid("market_ids", "is required"))?;
    let ids = texts("market_ids", ids)?;
    if ids.is_empty() {
        return Err(Failure::invalid("market_ids", "must not be empty"));
    }
    let tier = call.service.batch_cap(call.who.who());
    if ids.len() > tier {
        let message = format!("Batch size {} exceeds tier limit ({tier})", ids.len());
        return Err(Failure::new(400, "BATCH_LIMIT_EXCEEDED", message));
    }
    within_limit(ids.len(), PRICES_MAX)?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let price = match by_condition(&call.service, &id) {
            Err(_) => None,
            Ok(market) => {
                let ticker = call.service.ticker(market).await?;
                ticker.touch.mark.map(|mark| to_wire::batch_priced(&ticker.spec, mark))
            }
        };
        rows.push(BatchPrice { condition_id: id, price });
    }
    Ok(Reply::json(&rows))
}
