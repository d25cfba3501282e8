//! Order books: as they stand, as they once stood, and what an order would cost in one (§§6.4, 6.5).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::cursor;
use super::error::Failure;
use super::execution::{self, Walk};
use super::number::amount as amount_of;
use super::params::{limit, seconds, until};
use super::selector::{Chosen, outcome_of, selected};
use super::text::{label, moment, native_id, parsec_id, price, shares, token};
use crate::http::Endpoint;
use crate::service::history::BookSpan;
use crate::service::markets::tick_of;
use crate::types::{DAY_MS, Outcome, Price, Shares, Side, Timestamp};
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Levels of each half, if nobody says how many; those of former books, always.
const LEVELS: usize = 50;
/// The most levels of each half.
const LEVELS_MAX: usize = 100;
/// Former books of a page, if nobody says how many.
const BOOKS: usize = 500;
/// The most former books of a page.
const BOOKS_MAX: usize = 1_000;

/// What this surface answers about books.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/orderbook", get_orderbook),
        endpoint(Method::GET, "/execution-price", get_execution_price),
    ]
}

/// A market and the outcome of it whose book is meant.
fn named(call: &Call<Asker>) -> Result<(Chosen, Outcome), Failure> {
    let chosen = selected(call)?;
    let outcome = outcome_of(&chosen.spec, call.query("outcome").as_deref())?;
    Ok((chosen, outcome))
}

/// How many of something, under either of its names.
fn most(call: &Call<Asker>, usual: usize, most: usize) -> Result<usize, Failure> {
    let name = if call.query("limit").is_some() { "limit" } else { "depth" };
    limit(call, name, usual, most)
}

async fn get_orderbook(call: Call<Asker>) -> Answer {
    let (chosen, outcome) = named(&call)?;
    let (start, end) = (seconds(&call, "start_ts")?, until(&call, "end_ts")?);
    if start.is_some() || end.is_some() {
        return history(&call, &chosen, outcome, (start, end)).await;
    }
    let most = most(&call, LEVELS, LEVELS_MAX)?;
    let book = call.service.book(chosen.market).await?;
    let [bids, asks] = book.levels(outcome);
    let mut body = of_market(&chosen, outcome);
    body["bids"] = pairs(&bids, most);
    body["asks"] = pairs(&asks, most);
    body["timestamp"] = moment(book.at).into();
    Ok(Reply::json(&body))
}

/// What every book says of its market.
fn of_market(chosen: &Chosen, outcome: Outcome) -> Value {
    let spec = &*chosen.spec;
    json!({
        "parsec_id": parsec_id(spec),
        "exchange": spec.venue.name(),
        "outcome": label(spec, outcome),
        "token_id": token(spec, outcome),
        "market_id": native_id(spec),
        "tick_size": price(tick_of(spec)),
        "min_order_size": shares(spec.minimum),
    })
}

/// Prices and sizes, the best first.
fn pairs(levels: &[(Price, Shares)], most: usize) -> Value {
    levels.iter().take(most).map(|(at, size)| json!([price(*at), shares(*size)])).collect()
}

/// The moment up to which former books were shown. No two have the same.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    ts: i64,
}

async fn history(
    call: &Call<Asker>,
    chosen: &Chosen,
    outcome: Outcome,
    (start, end): (Option<Timestamp>, Option<Timestamp>),
) -> Answer {
    let (service, now) = (&call.service, call.service.now());
    let limit = most(call, BOOKS, BOOKS_MAX)?;
    let after: Option<Place> = cursor::read(call)?;
    let profile = service.profile(&call.who.0)?;
    let earliest = service.sees_since(&profile, start)?;
    let to = end.unwrap_or(now);
    let from = start.unwrap_or_else(|| to.plus_millis(-DAY_MS).max(earliest));
    if start.is_some() && from > to {
        return Err(Failure::bad_request("start_ts must not be after end_ts"));
    }
    let shown_to = after.as_ref().map(|place| Timestamp::from_millis(place.ts));
    let span = BookSpan {
        market: chosen.market,
        from: shown_to.unwrap_or(from).max(from),
        with_first: shown_to.is_none(),
        to,
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
        levels: LEVELS,
    };
    let found = service.book_moments(span).await?;
    let snapshots = found.moments.iter().map(|book| {
        let [bids, asks] = book.levels(outcome);
        json!({"timestamp": moment(book.at), "bids": pairs(&bids, LEVELS), "asks": pairs(&asks, LEVELS)})
    });
    let mut body = of_market(chosen, outcome);
    body["snapshots"] = snapshots.collect();
    body["has_more"] = found.next.is_some().into();
    if let Some(next) = found.next {
        body["next_cursor"] = cursor::write(&Place { ts: next.millis() }).into();
    }
    Ok(Reply::json(&body))
}

async fn get_execution_price(call: Call<Asker>) -> Answer {
    let (chosen, outcome) = named(&call)?;
    let side = match call.query("side").as_deref() {
        None => return Err(Failure::missing("side is required")),
        Some("buy") => Side::Buy,
        Some("sell") => Side::Sell,
        Some(_) => return Err(Failure::bad_request("side must be buy or sell")),
    };
    let amount = call.query("amount").ok_or_else(|| Failure::missing("amount is required"))?;
    let amount = amount_of("amount", &amount)?;
    let book = call.service.book(chosen.market).await?;
    let [bids, asks] = book.levels(outcome);
    let levels = match side {
        Side::Buy => asks,
        Side::Sell => bids,
    };
    let walk = Walk::along(&levels, amount, |shares, price| chosen.spec.fees.on(shares, price));
    Ok(Reply::json(&execution::shown(&chosen.spec, &walk, amount)))
}
