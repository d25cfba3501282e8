//! A market as this wire shows it (§6.2).

use super::listing::Row;
use super::text::{label, moment, native_id, number, parsec_id, price, shares, token, usd};
use crate::service::markets::{Backing, tick_of};
use crate::service::{Market as Book, Status};
use crate::types::{Outcome, Payout, Price, Timestamp, Venue};
use serde_json::{Map, Value, json};

/// What is asked for of markets besides themselves. No market here has a twin on another exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) matches: bool,
    pub(super) related: bool,
}

/// One market.
pub(super) fn market(row: &Row, backing: Backing, now: Timestamp, links: Links) -> Value {
    let (spec, facts) = (&row.ticker.spec, row.facts());
    let mut body = json!({
        "parsec_id": parsec_id(spec),
        "parsec_group_id": row.event(),
        "exchange": spec.venue.name(),
        "exchange_market_id": native_id(spec),
        "exchange_group_id": row.event(),
        "question": facts.question,
        "group_title": if facts.event[2].is_empty() { &facts.question } else { &facts.event[2] },
        "status": row.standing(now).word(),
        "market_type": "binary",
        "outcomes": Outcome::BOTH.map(|each| outcome(row, each)),
        "outcome_count": Outcome::BOTH.len(),
        "volume_total": usd(row.volumes.total),
        "liquidity": usd(backing.resting),
        "open_interest": shares(backing.pairs),
        "min_order_size": shares(spec.minimum),
        "tick_size": price(tick_of(spec)),
        "created_at": moment(facts.opened_at),
        "updated_at": moment(now),
        "price_updated_at": moment(now),
        "slug": facts.slug,
    });
    if let Some(body) = body.as_object_mut() {
        put_known(body, row);
        if links.matches {
            body.insert("matched_markets".to_owned(), json!([]));
        }
        if links.related {
            body.insert("related_markets".to_owned(), json!([]));
        }
    }
    body
}

/// What not every market has.
fn put_known(body: &mut Map<String, Value>, row: &Row) {
    let (ticker, facts) = (&row.ticker, row.facts());
    let last = ticker.last_trade.or(ticker.spec.reference);
    let window = facts.window.as_ref();
    let condition = match ticker.spec.venue {
        Venue::Polymarket => Some(facts.condition_id.as_str().into()),
        // A ticker is no condition.
        Venue::Kalshi => None,
    };
    for (name, value) in [
        ("best_bid", ticker.touch.bid.map(price)),
        ("best_ask", ticker.touch.ask.map(price)),
        ("last_price", last.map(price)),
        ("volume_24h", row.volumes.day.map(usd)),
        ("end_date", facts.ends_at.map(|at| moment(at).into())),
        ("event_start_time", window.map(|window| moment(window.starts_at).into())),
        ("condition_id", condition),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    }
}

/// An outcome with what it is worth: what it pays, or the mark.
fn outcome(row: &Row, outcome: Outcome) -> Value {
    let spec = &row.ticker.spec;
    let worth = match row.ticker.status {
        Status::Resolved(payout) => Some(number(paid(payout, outcome))),
        Status::Open | Status::Halted => {
            let mark: Option<Price> = row.ticker.touch.mark;
            mark.map(|mark| price(Book::in_terms_of(outcome, mark)))
        }
    };
    let mut body = json!({"name": label(spec, outcome)});
    if let Some(worth) = worth {
        body["price"] = worth;
    }
    let token = token(spec, outcome);
    if !token.is_empty() {
        body["token_id"] = token.into();
    }
    body
}

fn paid(payout: Payout, outcome: Outcome) -> &'static str {
    match payout {
        Payout::Winner(winner) if winner == outcome => "1",
        Payout::Winner(_) => "0",
        Payout::Split => "0.5",
    }
}
