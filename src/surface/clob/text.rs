//! How these wires write numbers, moments and ids.

use crate::service::MarketSpec;
use crate::types::{Outcome, Price, Timestamp, format_scaled};
use serde_json::Value;

/// A plain decimal as a JSON number: the number of these digits, with no arithmetic in between.
pub(super) fn number(decimal: &str) -> Value {
    serde_json::from_str(decimal).expect("BUG: a plain decimal that is no JSON number")
}

/// ISO-8601 in UTC, to the second.
pub(super) fn iso(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    moment.to_string()
}

/// The middle between two prices, which may lie half a ten-thousandth off any price. A missing bid is 0, a missing
/// ask 1 (§5.2).
pub(super) fn middle(bid: Option<Price>, ask: Option<Price>) -> String {
    format_scaled((units(bid, 0) + units(ask, Price::DOLLAR)) * 5, 5, 0)
}

/// The gap between two prices, with the same placeholders.
pub(super) fn gap(bid: Option<Price>, ask: Option<Price>) -> String {
    format_scaled(units(ask, Price::DOLLAR) - units(bid, 0), 4, 0)
}

fn units(price: Option<Price>, missing: u16) -> i64 {
    i64::from(price.map_or(missing, Price::ten_thousandths))
}

/// A bid as text; 0 where there is none.
pub(super) fn bid(price: Option<Price>) -> String {
    price.map_or_else(|| "0".to_owned(), Price::plain)
}

/// An ask as text; 1 where there is none.
pub(super) fn ask(price: Option<Price>) -> String {
    price.map_or_else(|| "1".to_owned(), Price::plain)
}

/// The token id of an outcome.
pub(super) fn token(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.token_ids[outcome.position()]
}

/// The label of an outcome.
pub(super) fn label(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.labels[outcome.position()]
}
