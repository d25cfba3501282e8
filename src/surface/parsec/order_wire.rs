//! Orders and fills on this wire (§§7.1, 7.2, 7.7).

use super::body::Body;
use super::error::{Failure, shown};
use super::number::{self, AskedPrice, AskedSize};
use super::text::{fill_id, label, moment, native_id, order_id, price, shares, usd};
use crate::service::MarketSpec;
use crate::service::fee_auth::FeeAuth;
use crate::service::history::{FillRow, OrderRow, OrderStatus};
use crate::types::{
    Address, CloseReason, OrderId, Price, Shares, Side, Size, Terms, TimeInForce, Timestamp, Usd, Venue,
};
use alloy_primitives::B256;
use serde::Serialize;
use serde_json::Value;

/// This service's terms: an expiry lies at least a minute ahead, which whole seconds may fall short of by one; and a size
/// is taken as it is, or not at all (§7.2).
pub(super) const TERMS: Terms = Terms { gtd_lead_ms: 59_001, whole_lots: true, ..Terms::PLAIN };

/// §7.1.
#[derive(Debug, Serialize)]
pub(super) struct OrderWire<'a> {
    id: String,
    market_id: &'a str,
    outcome: &'a str,
    side: &'static str,
    price: Value,
    size: Value,
    filled: Value,
    status: &'static str,
    created_at: String,
    updated_at: Option<String>,
}

/// An order as far as this wire shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) order: OrderId,
    pub(super) outcome: crate::types::Outcome,
    pub(super) side: Side,
    pub(super) limit: Price,
    pub(super) size: Shares,
    pub(super) filled: Shares,
    /// Why it ended; none while it rests.
    pub(super) is_over: Option<IsFilled>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Option<Timestamp>,
}

/// Whether an order that is over filled whole.
pub(super) type IsFilled = bool;

impl Shown {
    /// An order that history knows, with when it changed last.
    pub(super) fn of(row: &OrderRow, updated_at: Option<Timestamp>) -> Self {
        let size = match row.size {
            Size::Shares(shares) => shares,
            // An order for dollars came through another door: what it got is all that it was for.
            Size::Dollars(_) => row.now.filled,
        };
        let is_over = match row.now.status {
            OrderStatus::Open => None,
            OrderStatus::Filled => Some(true),
            OrderStatus::Cut | OrderStatus::Canceled | OrderStatus::Expired => Some(false),
        };
        Self {
            order: row.order,
            outcome: row.outcome,
            side: row.side,
            limit: row.limit,
            size,
            filled: row.now.filled,
            is_over,
            created_at: row.created_at,
            updated_at,
        }
    }

    /// Why an order ended, as far as it is told.
    pub(super) fn over(closed: Option<CloseReason>) -> Option<IsFilled> {
        closed.map(|reason| reason == CloseReason::Filled)
    }

    /// On the wire.
    pub(super) fn wire<'a>(&self, spec: &'a MarketSpec) -> OrderWire<'a> {
        let status = match (self.is_over, self.filled.is_positive()) {
            (None, false) => "open",
            (None, true) => "partially_filled",
            (Some(true), _) => "filled",
            (Some(false), _) => "cancelled",
        };
        OrderWire {
            id: order_id(self.order),
            market_id: native_id(spec),
            outcome: label(spec, self.outcome),
            side: side_name(self.side),
            price: price(self.limit),
            size: shares(self.size),
            filled: shares(self.filled),
            status,
            created_at: moment(self.created_at),
            updated_at: self.updated_at.map(moment),
        }
    }
}

/// §7.7.
#[derive(Debug, Serialize)]
pub(super) struct FillWire<'a> {
    fill_id: String,
    order_id: String,
    market_id: &'a str,
    outcome: &'a str,
    side: &'static str,
    price: Value,
    size: Value,
    is_taker: bool,
    fee: Value,
    created_at: String,
}

/// A fill on the wire.
pub(super) fn fill<'a>(row: &FillRow, spec: &'a MarketSpec) -> FillWire<'a> {
    FillWire {
        fill_id: fill_id(row.trade),
        order_id: order_id(row.order),
        market_id: native_id(spec),
        outcome: label(spec, row.outcome),
        side: side_name(row.side),
        price: price(row.price),
        size: shares(row.shares),
        is_taker: row.is_taker,
        fee: usd(row.fee),
        created_at: moment(row.at),
    }
}

/// The word for a side.
pub(super) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// A new order, read as far as no market needs to be known.
pub(super) struct Asked {
    pub(super) market_id: String,
    pub(super) outcome: String,
    pub(super) side: Side,
    pub(super) price: AskedPrice,
    pub(super) size: AskedSize,
    pub(super) tif: TimeInForce,
    pub(super) credentials: Option<Body>,
    body: Body,
}

impl Asked {
    /// Reads the body of a new order.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let body = Body::parse(bytes)?;
        // What is missing comes before what is wrong.
        let (market_id, outcome) = (body.required("market_id")?, body.required("outcome")?);
        let side = body.required("side")?;
        let (price, size) = (body.required_number("price")?, body.required_number("size")?);
        let side = match side {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            other => {
                return Err(Failure::bad_request(format!("side must be buy or sell, not {}", shown(other))));
            }
        };
        Ok(Self {
            market_id: market_id.to_owned(),
            outcome: outcome.to_owned(),
            side,
            price: AskedPrice::read(&price)?,
            size: AskedSize::read(&size)?,
            tif: time_in_force(body.object("params")?.as_ref())?,
            // All of them may be left out, and then none were given.
            credentials: body.object("credentials")?.filter(|given| !given.is_empty()),
            body,
        })
    }

    /// What its payer signed for a builder's fee. Where none is collected nobody looks at it (§9.8).
    pub(super) fn fee(&self) -> Result<Option<FeeAuth>, Failure> {
        fee_auth(&self.body)
    }

    /// Whether a venue has orders of this type (§7.2).
    pub(super) fn must_be_supported(&self, venue: Venue) -> Result<(), Failure> {
        let name = match (venue, self.tif) {
            (Venue::Polymarket, _) | (Venue::Kalshi, TimeInForce::Gtc | TimeInForce::Ioc) => return Ok(()),
            (Venue::Kalshi, TimeInForce::Fok) => "fok",
            (Venue::Kalshi, TimeInForce::Gtd(_)) => "gtd",
        };
        Err(Failure::not_supported(format!("order type {name} is not supported on {}", venue.name())))
    }
}

fn time_in_force(params: Option<&Body>) -> Result<TimeInForce, Failure> {
    let Some(params) = params else { return Ok(TimeInForce::Gtc) };
    let expiration = || {
        let text = params.text_or_number("expiration")?;
        let text = text.ok_or_else(|| Failure::bad_request("expiration is required for gtd orders"))?;
        let seconds = number::scaled(&text, 0).ok().filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or_else(|| Failure::bad_request("expiration must be Unix seconds"))?;
        Ok(TimeInForce::Gtd(Timestamp::from_seconds(seconds)))
    };
    match params.text("order_type")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("gtc") => Ok(TimeInForce::Gtc),
        Some("ioc") => Ok(TimeInForce::Ioc),
        Some("fok") => Ok(TimeInForce::Fok),
        Some("gtd") => expiration(),
        Some(other) => Err(Failure::bad_request(format!("unknown order_type: {}", shown(other)))),
    }
}

fn fee_auth(body: &Body) -> Result<Option<FeeAuth>, Failure> {
    let Some(fee) = body.object("fee_auth")? else { return Ok(None) };
    let bad = |name: &str| Failure::bad_request(format!("fee_auth.{name} is not valid"));
    // Whatever is wrong with it is a bad request (§9.8).
    let lacks = |name: &str| Failure::bad_request(format!("fee_auth.{name} is required"));
    let address = |body: &Body, name: &str| match body.text(name)? {
        Some(text) => text
            .parse::<Address>()
            .map(Some)
            .map_err(|_| Failure::bad_request(format!("{name} is not an address"))),
        None => Ok(None),
    };
    let member = |name: &str| fee.text(name)?.ok_or_else(|| lacks(name));
    let order_id: B256 = member("order_id")?.parse().map_err(|_| bad("order_id"))?;
    let amount = number::scaled(member("fee_amount")?, 0).map_err(|_| bad("fee_amount"))?;
    let deadline = fee.whole("deadline")?.ok_or_else(|| lacks("deadline"))?;
    let signature = alloy_primitives::hex::decode(member("signature")?).map_err(|_| bad("signature"))?;
    let payer = address(&fee, "payer")?.ok_or_else(|| lacks("payer"))?;
    Ok(Some(FeeAuth {
        order_id,
        payer,
        amount: Usd::from_micros(amount),
        deadline,
        signature,
        payer_address: address(body, "payer_address")?,
        signer_address: address(body, "signer_address")?,
        affiliate: address(body, "affiliate")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Asked, Failure> {
        Asked::read(body.to_string().as_bytes())
    }

    fn order() -> Value {
        json!({"market_id": "0x1", "outcome": "Yes", "side": "buy", "price": 0.55, "size": 100})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut order = order();
        order[name] = value;
        order
    }

    #[test]
    fn every_member_of_an_order_has_its_own_refusal() {
        for (name, value, code, error) in [
            ("market_id", Value::Null, "missing_parameter", "market_id is required"),
            ("outcome", json!(""), "missing_parameter", "outcome is required"),
            ("side", json!("hold"), "bad_request", "side must be buy or sell, not hold"),
            ("price", json!("0.55"), "bad_request", "price must be a number"),
            ("price", json!(1), "bad_request", "price must be between 0 and 1"),
            ("price", json!(0), "bad_request", "price must be between 0 and 1"),
            ("size", json!(0), "bad_request", "size must be greater than 0"),
            ("size", json!(-5), "bad_request", "size must be greater than 0"),
            ("size", Value::Null, "missing_parameter", "size is required"),
            ("params", json!([]), "bad_request", "params must be an object"),
            ("params", json!({"order_type": "moc"}), "bad_request", "unknown order_type: moc"),
            ("params", json!({"order_type": "gtd"}), "bad_request", "expiration is required for gtd orders"),
            (
                "params",
                json!({"order_type": "gtd", "expiration": "soon"}),
                "bad_request",
                "expiration must be Unix seconds",
            ),
        ] {
            let failure = read(&with(name, value.clone())).err();
            let failure = failure.unwrap_or_else(|| panic!("{name} {value} is refused"));
            assert_eq!((failure.code, failure.error.as_str()), (code, error), "{name} {value}");
        }
    }

    #[test]
    fn an_expiration_is_a_text_or_a_number() {
        for expiration in [json!("1773100800"), json!(1_773_100_800)] {
            let asked = read(&with("params", json!({"order_type": "gtd", "expiration": expiration})));
            let tif = asked.map(|asked| asked.tif).ok();
            assert_eq!(tif, Some(TimeInForce::Gtd(Timestamp::from_seconds(1_773_100_800))));
        }
    }

    #[test]
    fn kalshi_has_neither_all_or_nothing_nor_orders_that_expire() {
        for (order_type, is_supported) in [("gtc", true), ("ioc", true), ("fok", false), ("gtd", false)] {
            let params = json!({"order_type": order_type, "expiration": 1_773_100_800, "foo": "string"});
            let asked = read(&with("params", params)).unwrap_or_else(|failure| panic!("{failure:?}"));
            assert!(asked.must_be_supported(Venue::Polymarket).is_ok());
            let kalshi = asked.must_be_supported(Venue::Kalshi);
            assert_eq!(
                kalshi.map_err(|failure| (failure.status, failure.is_final)).err(),
                (!is_supported).then_some((501, true))
            );
        }
    }
}
