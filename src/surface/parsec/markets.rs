//! Exchanges, and the markets on them (§§6.1, 6.2).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::listing::{self, Page, Row, Standing, whole};
use super::market_query::{Filters, Named, NamedEvent, Wanted};
use super::market_wire::{Links, market};
use super::params::flag;
use super::selector::{Chosen, Exchange, by_parsec_id, market_of};
use crate::http::Endpoint;
use crate::service::{Catalog, Service};
use crate::types::{MarketId, Reject, Timestamp, Venue};
use actix_web::http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Rows of a page, if nobody says how many.
const PAGE: usize = 100;

/// What this surface answers about markets.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/exchanges", get_exchanges), endpoint(Method::GET, "/markets", get_markets)]
}

async fn get_exchanges(call: Call<Asker>) -> Answer {
    let trades = call.service.traded_venues(&call.who.0)?;
    let shown = Venue::ALL.map(|venue| exchange(venue, trades.contains(&venue)));
    Ok(Reply::json(&shown))
}

/// An exchange with what it can do. Who has no credentials that trade there can't.
fn exchange(venue: Venue, trades: bool) -> Value {
    let (name, has_wallets) = match venue {
        Venue::Polymarket => ("Polymarket", true),
        Venue::Kalshi => ("Kalshi", false),
    };
    json!({
        "id": venue.name(),
        "name": name,
        "has": {
            "fetch_markets": true,
            "create_order": trades,
            "cancel_order": trades,
            "fetch_positions": true,
            "fetch_balance": true,
            "fetch_orderbook": true,
            "fetch_price_history": true,
            "fetch_trades": true,
            "fetch_events": true,
            "fetch_user_activity": has_wallets,
            "refresh_balance": true,
            "websocket": true,
            "fetch_orderbook_history": true,
            "fetch_fills": true,
            "fetch_order_history": true,
            "watch_address": has_wallets,
            // Gone from the schema, but the Python contract tests still ask for it.
            "approvals": has_wallets,
        },
    })
}

async fn get_markets(call: Call<Asker>) -> Answer {
    let wanted = Wanted::read(|name| call.query(name), |name| call.list(name))?;
    let links = Links { matches: flag(&call, "include_matches")?, related: flag(&call, "include_related")? };
    match wanted {
        Wanted::List(filters) => list(&call, filters, links).await,
        Wanted::Market(named) => one(&call, &named, links).await,
        Wanted::Batch(ids) => batch(&call, ids, links).await,
        Wanted::Event(named, standing) => event(&call, &named, standing, links).await,
    }
}

/// Rows as they are shown.
pub(super) async fn shown(service: &Service, rows: &[Row], links: Links) -> Result<Vec<Value>, Reject> {
    let (backing, now) = (listing::backing(service, rows.iter()).await?, service.now());
    let of = |row: &Row| backing.get(&row.ticker.market).copied().unwrap_or_default();
    Ok(rows.iter().map(|row| market(row, of(row), now, links)).collect())
}

async fn list(call: &Call<Asker>, filters: Filters, links: Links) -> Answer {
    let page = Page::read(call, PAGE)?;
    let (service, now) = (&call.service, call.service.now());
    let mut rows = listing::rows(service, service.current_tickers().await?).await;
    rows.retain(|row| filters.include(row, now));
    if let Some(least) = filters.min_liquidity {
        let backing = listing::backing(service, rows.iter()).await?;
        rows.retain(|row| backing.get(&row.ticker.market).is_some_and(|behind| behind.resting >= least));
    }
    let (rows, pagination) = page.of(rows);
    let markets = shown(service, &rows, links).await?;
    Ok(Reply::json(&json!({"scope": "list", "markets": markets, "pagination": pagination})))
}

impl Filters {
    /// Whether they let a market through, what waits in its book aside.
    fn include(&self, row: &Row, now: Timestamp) -> bool {
        self.venues.as_ref().is_none_or(|venues| venues.contains(&row.ticker.spec.venue))
            && row.standing(now) == self.standing
            && self.search.occur_in(&row.facts().question)
            && self.min_volume.is_none_or(|least| row.volumes.total >= least)
    }
}

/// The market that somebody names.
fn named_market(catalog: &Catalog, named: &Named) -> Result<Chosen, Failure> {
    match named {
        Named::Parsec(id) => by_parsec_id(catalog, id),
        Named::Native { exchange, market } => match Exchange::named(exchange)? {
            Exchange::Venue(venue) => market_of(catalog, venue, market),
            Exchange::DataOnly(_) => Err(Failure::market_not_found()),
        },
    }
}

async fn one(call: &Call<Asker>, named: &Named, links: Links) -> Answer {
    let chosen = named_market(&call.service.catalog(), named)?;
    let rows = listing::rows(&call.service, vec![call.service.ticker(chosen.market).await?]).await;
    let markets = shown(&call.service, &rows, links).await?;
    Ok(Reply::json(&json!({"scope": "market", "markets": markets, "pagination": whole(markets.len())})))
}

/// What became of ids that were given together.
#[derive(Debug, Default)]
struct Sorted {
    markets: Vec<MarketId>,
    duplicate_ids: Vec<String>,
    not_found_ids: Vec<String>,
}

impl Sorted {
    /// Each market stands once, where it was named first. One that was named twice is a duplicate, even if by different
    /// ids: else its second id would be neither found nor missing.
    fn of(ids: Vec<String>, find: impl Fn(&str) -> Option<MarketId>) -> Self {
        let mut sorted = Self::default();
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        for id in ids {
            let is_new = seen.insert(id.clone());
            match find(&id) {
                Some(market) if is_new && found.insert(market) => sorted.markets.push(market),
                None if is_new => sorted.not_found_ids.push(id),
                Some(_) | None if sorted.duplicate_ids.contains(&id) => {}
                Some(_) | None => sorted.duplicate_ids.push(id),
            }
        }
        sorted
    }
}

async fn batch(call: &Call<Asker>, ids: Vec<String>, links: Links) -> Answer {
    let (service, catalog) = (&call.service, call.service.catalog());
    // Nothing that is wrong with one id is a reason to refuse the others.
    let sorted = Sorted::of(ids, |id| by_parsec_id(&catalog, id).ok().map(|chosen| chosen.market));
    let mut rows = Vec::new();
    for market in sorted.markets {
        rows.extend(listing::rows(service, vec![service.ticker(market).await?]).await);
    }
    let markets = shown(service, &rows, links).await?;
    Ok(Reply::json(&json!({
        "scope": "market_batch",
        "markets": markets,
        "pagination": whole(markets.len()),
        "duplicate_ids": sorted.duplicate_ids,
        "not_found_ids": sorted.not_found_ids,
    })))
}

async fn event(call: &Call<Asker>, named: &NamedEvent, standing: Option<Standing>, links: Links) -> Answer {
    let page = Page::read(call, PAGE)?;
    let (service, now) = (&call.service, call.service.now());
    let mut rows = event_rows(service, named).await?;
    let Some(title) = title(&rows) else {
        return Err(Failure::not_found("event_not_found", "event not found"));
    };
    let event = json!({
        "event_id": rows[0].event(),
        "title": title,
        "market_count": rows.len(),
        "exchange_count": exchanges(&rows).len(),
    });
    rows.retain(|row| standing.is_none_or(|standing| row.standing(now) == standing));
    let (rows, pagination) = page.of(rows);
    let markets = shown(service, &rows, links).await?;
    let body = json!({"scope": "event", "markets": markets, "pagination": pagination, "event": event});
    Ok(Reply::json(&body))
}

/// The markets of an event; none if there is no such event. An exchange that nobody knows is refused.
pub(super) async fn event_rows(service: &Service, named: &NamedEvent) -> Result<Vec<Row>, Failure> {
    let (venue, id) = match named {
        NamedEvent::Id(id) => (None, id),
        NamedEvent::Native { exchange, group } => match Exchange::named(exchange)? {
            Exchange::Venue(venue) => (Some(venue), group),
            Exchange::DataOnly(_) => return Ok(Vec::new()),
        },
    };
    // An alias's bare prefix names nothing, and no event is called that.
    if id.is_empty() {
        return Ok(Vec::new());
    }
    let catalog = service.catalog();
    let is_meant = |market: &MarketId| {
        let spec = catalog.get(*market);
        spec.is_some_and(|spec| spec.facts.event[0] == *id && venue.is_none_or(|venue| spec.venue == venue))
    };
    let mut tickers = service.current_tickers().await?;
    tickers.retain(|ticker| is_meant(&ticker.market));
    if tickers.is_empty() {
        // A window that is over is in no list, but has its event still.
        for market in catalog.iter().map(|(market, _)| market).filter(is_meant) {
            tickers.push(service.ticker(market).await?);
        }
    }
    Ok(listing::rows(service, tickers).await)
}

/// What the event of some markets is called: like the one with the shortest question (§6.3).
pub(super) fn title(rows: &[Row]) -> Option<&str> {
    let titles = rows.iter().map(|row| row.facts().question.as_str());
    titles.min_by_key(|title| (title.chars().count(), *title))
}

/// The exchanges that some markets are on.
pub(super) fn exchanges(rows: &[Row]) -> Vec<&'static str> {
    let on = |venue: &Venue| rows.iter().any(|row| row.ticker.spec.venue == *venue);
    Venue::ALL.into_iter().filter(on).map(Venue::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_given_together_are_sorted() {
        let find = |id: &str| match id {
            "a" | "alias-of-a" => Some(MarketId(1)),
            "b" => Some(MarketId(2)),
            _ => None,
        };
        for (ids, markets, duplicates, missing) in [
            ("b a", vec![2, 1], "", ""),
            ("a a a", vec![1], "a", ""),
            ("a alias-of-a b", vec![1, 2], "alias-of-a", ""),
            ("x a x", vec![1], "x", "x"),
            ("alias-of-a a alias-of-a a", vec![1], "a alias-of-a", ""),
        ] {
            let sorted = Sorted::of(ids.split(' ').map(str::to_owned).collect(), find);
            assert_eq!(sorted.markets, markets.into_iter().map(MarketId).collect::<Vec<_>>(), "{ids}");
            assert_eq!(sorted.duplicate_ids.join(" "), duplicates, "{ids}");
            assert_eq!(sorted.not_found_ids.join(" "), missing, "{ids}");
        }
    }

    #[test]
    fn an_exchange_says_all_that_clients_ask_about() {
        let all = Venue::ALL.map(|venue| exchange(venue, false));
        for one in &all {
            let has = one["has"].as_object().expect("an object");
            assert!(has.len() == 17 && has.values().all(Value::is_boolean), "{one}");
            assert_eq!(one["has"]["create_order"], false, "{one}");
        }
        assert_eq!(exchange(Venue::Kalshi, true)["has"]["cancel_order"], true);
    }
}
