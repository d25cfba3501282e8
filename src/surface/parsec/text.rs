//! How this wire writes numbers, moments and labels (§1).

use crate::service::MarketSpec;
use crate::types::{OrderId, Outcome, Price, Shares, Timestamp, TradeId, Usd};
use serde_json::Value;

/// A plain decimal as a JSON number: the number of these digits, with no arithmetic in between.
pub(super) fn number(decimal: &str) -> Value {
    serde_json::from_str(decimal).expect("BUG: a plain decimal that is no JSON number")
}

/// A price in dollars.
pub(super) fn price(price: Price) -> Value {
    number(&price.plain())
}

/// A number of shares or contracts.
pub(super) fn shares(shares: Shares) -> Value {
    number(&shares.plain())
}

/// An amount in dollars.
pub(super) fn usd(amount: Usd) -> Value {
    number(&amount.plain())
}

/// RFC 3339 in UTC, with milliseconds where there are some.
pub(super) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// The label of an outcome, as `outcomes[].name` has it.
pub(super) fn label(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.labels[outcome.position()]
}

/// The token of an outcome; empty where the venue has none.
pub(super) fn token(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.token_ids[outcome.position()]
}

/// The venue's own id of a market: Kalshi's ticker, Polymarket's number (§5.2).
pub(super) fn native_id(spec: &MarketSpec) -> &str {
    let facts = &spec.facts;
    if facts.gamma_id.is_empty() { &facts.condition_id } else { &facts.gamma_id }
}

/// A market's id over all venues.
pub(super) fn parsec_id(spec: &MarketSpec) -> String {
    format!("{}:{}", spec.venue.name(), native_id(spec))
}

/// An order's id.
pub(super) fn order_id(order: OrderId) -> String {
    format!("order_{order}")
}

/// A fill's id: the two sides of a trade have different owners, who see one each.
pub(super) fn fill_id(trade: TradeId) -> String {
    format!("fill_{trade}")
}
