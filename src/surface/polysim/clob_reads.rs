//! The public reads in Polymarket's shape (§10): books, prices and rules of a token.

use super::auth::Anyone;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire::json;
use super::markets::book_reply;
use super::order_wire::side_name;
use super::params::{Asked, depth, texts, tokens, within_list_limit};
use super::{history, to_wire};
use crate::http::Endpoint;
use crate::service::markets::{BookView, tick_of};
use crate::service::{MarketSpec, Service};
use crate::types::{MarketId, Outcome, Price, Side};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What Polymarket calls the fee of a market that has one; the rate itself is beside it.
const BASE_FEE: u32 = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/book", get_book),
        endpoint(Method::GET, "/v1/clob/book/{token_id}", get_book_of),
        endpoint(Method::POST, "/v1/books", post_books),
        endpoint(Method::GET, "/v1/price", get_price),
        endpoint(Method::POST, "/v1/prices", post_prices),
        endpoint(Method::GET, "/v1/midpoint", get_midpoint),
        endpoint(Method::POST, "/v1/midpoints", post_midpoints),
        endpoint(Method::GET, "/v1/spread", get_spread),
        endpoint(Method::POST, "/v1/spreads", post_spreads),
        endpoint(Method::GET, "/v1/last-trade-price", get_last_trade_price),
        endpoint(Method::GET, "/v1/tick-size", get_tick_size),
        endpoint(Method::GET, "/v1/tick-size/{token_id}", get_tick_size),
        endpoint(Method::GET, "/v1/neg-risk", get_neg_risk),
        endpoint(Method::GET, "/v1/neg-risk/{token_id}", get_neg_risk),
        endpoint(Method::GET, "/v1/fee-rate", get_fee_rate),
        endpoint(Method::GET, "/v1/prices-history", history::get_prices_history),
    ]
}

#[derive(Deserialize)]
struct WhichToken {
    token_id: Option<String>,
    depth: Option<String>,
    side: Option<String>,
}

/// The token named by the query. Empty counts as missing.
fn token_id(query: &WhichToken) -> Result<&str, Failure> {
    let token = query.token_id.as_deref().map(str::trim).filter(|token| !token.is_empty());
    token.ok_or_else(|| Failure::verbatim(400, "INVALID_TOKEN_ID", "Invalid token id"))
}

/// The token named by the path, or else by the query.
fn token_of(call: &Call<Anyone>) -> Result<String, Failure> {
    match call.path("token_id") {
        "" => token_id(&call.query()?).map(str::to_owned),
        token => Ok(token.to_owned()),
    }
}

/// A token's market as it is listed.
fn listed(service: &Service, token: &str) -> Option<(MarketId, Outcome, Arc<MarketSpec>)> {
    let catalog = service.catalog();
    let (market, outcome) = catalog.by_token(token)?;
    Some((market, outcome, Arc::clone(catalog.get(market)?)))
}

/// A token's book.
async fn view(service: &Service, token: &str) -> Result<(Arc<BookView>, Outcome), Failure> {
    let (market, outcome) = service.catalog().by_token(token).ok_or_else(Failure::book_unavailable)?;
    Ok((service.book(market).await?, outcome))
}

/// The books of some tokens. Those nobody knows are left out.
async fn views(
    service: &Service,
    asked: Vec<Asked>,
) -> Result<Vec<(Asked, Arc<BookView>, Outcome)>, Failure> {
    let mut found = Vec::with_capacity(asked.len());
    for asked in asked {
        if let Some((market, outcome)) = service.catalog().by_token(&asked.token) {
            found.push((asked, service.book(market).await?, outcome));
        }
    }
    Ok(found)
}

async fn get_book(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let depth = depth(query.depth.as_deref())?;
    let (view, outcome) = view(&call.service, token_id(&query)?).await?;
    Ok(book_reply(&view, outcome, depth))
}

async fn get_book_of(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let depth = depth(query.depth.as_deref())?;
    let (view, outcome) = view(&call.service, call.path("token_id")).await?;
    Ok(book_reply(&view, outcome, depth))
}

async fn post_books(call: Call<Anyone>) -> Answer {
    let views = views(&call.service, tokens(&json(&call.body)?)?).await?;
    let books: Vec<_> = views.iter().map(|(_, view, outcome)| to_wire::book(view, *outcome, None)).collect();
    Ok(Reply::json(&books).with("Cache-Control", "no-store"))
}

/// This service's reading of a side: what a buyer would rest at is the best bid (§10).
fn quote(view: &BookView, outcome: Outcome, side: Side) -> Option<Price> {
    let touch = view.touch_of(outcome);
    match side {
        Side::Buy => touch.bid,
        Side::Sell => touch.ask,
    }
}

fn side(text: Option<&str>) -> Result<Side, Failure> {
    match text.map(str::to_ascii_uppercase).as_deref() {
        Some("BUY") => Ok(Side::Buy),
        Some("SELL") => Ok(Side::Sell),
        Some(_) | None => Err(Failure::verbatim(400, "HTTP_400", "Invalid side")),
    }
}

async fn get_price(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let side = side(query.side.as_deref())?;
    let (view, outcome) = view(&call.service, token_id(&query)?).await?;
    let price = quote(&view, outcome, side).ok_or_else(Failure::book_unavailable)?;
    let age_ms = call.service.now().millis().saturating_sub(view.at.millis()).max(0);
    Ok(Reply::json(&json!({"price": price.plain(), "quote_at": to_wire::iso(view.at), "age_ms": age_ms})))
}

async fn post_prices(call: Call<Anyone>) -> Answer {
    let body: Value = json(&call.body)?;
    if let Some(ids) = body.get("token_ids") {
        let ids = texts("token_ids", ids)?;
        within_list_limit(ids.len())?;
        let asked = ids.into_iter().map(|token| Asked { token, side: None }).collect();
        return Ok(by_token(views(&call.service, asked).await?, |view, outcome| {
            Some(view.touch_of(outcome).mark?.plain())
        }));
    }
    let asked = tokens(&body)?;
    let sides = asked.iter().map(|asked| side(asked.side.as_deref())).collect::<Result<Vec<_>, _>>()?;
    let mut prices: Map<String, Value> = Map::new();
    for (asked, wanted) in asked.into_iter().zip(sides) {
        let Some((view, outcome)) = known(view(&call.service, &asked.token).await)? else { continue };
        let Some(price) = quote(&view, outcome, wanted) else { continue };
        let of_token = prices.entry(asked.token).or_insert_with(|| json!({}));
        of_token[side_name(wanted)] = Value::from(price.plain());
    }
    Ok(Reply::json(&prices))
}

/// Something found, or nothing where it is absent. Other failures remain failures.
fn known<T>(found: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.status == 404 => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// An object with one text a token, without the tokens that have none.
fn by_token(
    views: Vec<(Asked, Arc<BookView>, Outcome)>,
    text: impl Fn(&BookView, Outcome) -> Option<String>,
) -> Reply {
    let texts = views.into_iter().filter_map(|(asked, view, outcome)| {
        text(&view, outcome).map(|text| (asked.token, Value::from(text)))
    });
    Reply::json(&texts.collect::<Map<_, _>>())
}

fn ends(view: &BookView, outcome: Outcome) -> Option<(Price, Price)> {
    let touch = view.touch_of(outcome);
    touch.bid.zip(touch.ask)
}

fn mid(view: &BookView, outcome: Outcome) -> Option<String> {
    ends(view, outcome).map(|(bid, ask)| to_wire::mid(bid, ask))
}

async fn get_midpoint(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let (view, outcome) = view(&call.service, token_id(&query)?).await?;
    let mid = mid(&view, outcome).ok_or_else(Failure::book_unavailable)?;
    Ok(Reply::json(&json!({"mid": mid, "mid_price": mid})))
}

async fn post_midpoints(call: Call<Anyone>) -> Answer {
    let views = views(&call.service, tokens(&json(&call.body)?)?).await?;
    Ok(by_token(views, mid))
}

async fn get_spread(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let (view, outcome) = view(&call.service, token_id(&query)?).await?;
    let (bid, ask) = ends(&view, outcome).ok_or_else(Failure::book_unavailable)?;
    let spread = to_wire::spread(bid, ask);
    Ok(Reply::json(&json!({"spread": spread, "bid": bid.plain(), "ask": ask.plain()})))
}

async fn post_spreads(call: Call<Anyone>) -> Answer {
    let views = views(&call.service, tokens(&json(&call.body)?)?).await?;
    Ok(by_token(views, |view, outcome| ends(view, outcome).map(|(bid, ask)| to_wire::spread(bid, ask))))
}

async fn get_last_trade_price(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let (view, outcome) = view(&call.service, token_id(&query)?).await?;
    let side = history::last_side(&call.service, view.market, outcome).await?;
    Ok(Reply::json(&json!({
        "price": view.last_price(outcome).map(Price::plain),
        "side": side.map_or("", side_name),
    })))
}

async fn get_tick_size(call: Call<Anyone>) -> Answer {
    let token = token_of(&call)?;
    let (_, _, spec) = listed(&call.service, &token).ok_or_else(Failure::market_not_found)?;
    Ok(Reply::json(&json!({"minimum_tick_size": to_wire::number(&tick_of(&spec).plain())})))
}

async fn get_neg_risk(call: Call<Anyone>) -> Answer {
    let token = token_of(&call)?;
    // Polymarket's own words, letter for letter (§7.3).
    let unknown = || Failure::verbatim(404, "MARKET_NOT_FOUND", "market not found");
    let (_, _, spec) = listed(&call.service, &token).ok_or_else(unknown)?;
    Ok(Reply::json(&json!({"neg_risk": spec.facts.neg_risk})))
}

async fn get_fee_rate(call: Call<Anyone>) -> Answer {
    let query: WhichToken = call.query()?;
    let token = token_id(&query)?;
    if !token.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Failure::verbatim(400, "INVALID_TOKEN_ID", "Invalid token id"));
    }
    let unknown = || Failure::verbatim(404, "TOKEN_NOT_FOUND", "fee rate not found for market");
    let (_, _, spec) = listed(&call.service, token).ok_or_else(unknown)?;
    let rate = spec.fees.rate_bps;
    Ok(Reply::json(&json!({"base_fee": if rate == 0 { 0 } else { BASE_FEE }, "fee_rate_bps": rate})))
}
