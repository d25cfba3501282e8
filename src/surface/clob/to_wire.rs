//! Orders and trades as this wire shows them (§5.4).

use super::text::{label, token};
use crate::service::history::{OrderRow, OrderStatus};
use crate::service::settlement::{Half, MatchRow, Stage};
use crate::service::{ExchangeReceipt, MarketSpec, Service, Signed};
use crate::types::{CloseReason, KeyId, Shares, Side, Size, TimeInForce, Timestamp};
use alloy_primitives::hex;
use serde::Serialize;
use serde_json::{Value, json};

/// Whose an order is that no wallet's key vouched for.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// The answer to an order (§5.4.2).
#[derive(Debug, Default, Serialize)]
pub(super) struct OrderResponse {
    #[serde(rename = "errorMsg")]
    pub(super) error_msg: String,
    #[serde(rename = "orderID")]
    pub(super) order_id: String,
    #[serde(rename = "takingAmount")]
    pub(super) taking_amount: String,
    #[serde(rename = "makingAmount")]
    pub(super) making_amount: String,
    pub(super) status: &'static str,
    #[serde(rename = "transactionsHashes")]
    pub(super) transactions_hashes: Vec<String>,
    #[serde(rename = "tradeIDs")]
    pub(super) trade_ids: Vec<String>,
    pub(super) success: bool,
}

/// An id of an order.
pub(super) fn order_id(digest: &[u8; 32]) -> String {
    format!("0x{}", hex::encode(digest))
}

/// An accepted order.
pub(super) fn accepted(
    service: &Service,
    digest: &[u8; 32],
    side: Side,
    receipt: &ExchangeReceipt,
) -> OrderResponse {
    let mut response = OrderResponse {
        order_id: order_id(digest),
        status: "live",
        success: true,
        ..OrderResponse::default()
    };
    let ExchangeReceipt::Placed { filled, notional, first_trade, trades, .. } = *receipt else {
        return response;
    };
    if filled.is_positive() {
        response.status = "matched";
        let (making, taking) = match side {
            Side::Buy => (notional.plain(), filled.plain()),
            Side::Sell => (filled.plain(), notional.plain()),
        };
        (response.making_amount, response.taking_amount) = (making, taking);
        for number in 0..u64::from(trades) {
            let trade = crate::types::TradeId(first_trade.0 + number);
            response.trade_ids.push(service.trade_uuid(trade));
            response.transactions_hashes.push(service.transaction_hash(trade));
        }
    }
    response
}

/// The key that an order is shown to be of.
pub(super) fn owner(service: &Service, key: Option<KeyId>) -> String {
    key.and_then(|key| service.wallet_key_id(key)).unwrap_or_else(|| NOBODY.to_owned())
}

/// The wallet that an order is shown to be for.
pub(super) fn maker(service: &Service, account: crate::types::AccountId, signed: Option<&Signed>) -> String {
    let address = signed.map_or_else(|| service.shown_address(account), |signed| signed.maker);
    address.to_checksum(None)
}

pub(super) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(super) const fn type_name(tif: TimeInForce) -> &'static str {
    match tif {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Gtd(_) => "GTD",
        TimeInForce::Ioc => "FAK",
        TimeInForce::Fok => "FOK",
    }
}

/// The stamp that an order was given, in seconds; 0 for none.
pub(super) fn expiration(service: &Service, tif: TimeInForce) -> String {
    let TimeInForce::Gtd(ends_at) = tif else { return "0".to_owned() };
    service.stamp_of(ends_at).seconds().to_string()
}

/// What was asked for in shares. Dollars without a signature name none: then as many as were bought.
fn original_size(row: &OrderRow, signed: Option<&Signed>) -> Shares {
    match (row.size, signed) {
        (Size::Shares(shares), _) => shares,
        (Size::Dollars(_), Some(signed)) => signed.shares,
        (Size::Dollars(_), None) => row.now.filled,
    }
}

pub(super) const fn status_name(status: OrderStatus, reason: Option<CloseReason>) -> &'static str {
    match (status, reason) {
        (OrderStatus::Open, _) => "LIVE",
        (OrderStatus::Filled | OrderStatus::Cut, _) => "MATCHED",
        (OrderStatus::Canceled, Some(CloseReason::MarketResolved)) => "CANCELED_MARKET_RESOLVED",
        (OrderStatus::Canceled | OrderStatus::Expired, _) => "CANCELED",
    }
}

/// An order (§5.4.4), with the ids of its trades.
pub(super) fn order(
    service: &Service,
    row: &OrderRow,
    signed: Option<&Signed>,
    spec: &MarketSpec,
    trades: Vec<String>,
) -> Value {
    json!({
        "id": order_id(&service.digest_of(row.order, signed)),
        "status": status_name(row.now.status, row.now.reason),
        "owner": owner(service, row.key),
        "maker_address": maker(service, row.account, signed),
        "market": spec.facts.condition_id,
        "asset_id": token(spec, row.outcome),
        "side": side_name(row.side),
        "original_size": original_size(row, signed).plain(),
        "size_matched": row.now.filled.plain(),
        "price": row.limit.plain(),
        "associate_trades": trades,
        "outcome": label(spec, row.outcome),
        "created_at": row.created_at.seconds(),
        "expiration": expiration(service, row.tif),
        "order_type": type_name(row.tif),
    })
}

pub(super) const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Matched => "MATCHED",
        Stage::Mined => "MINED",
        Stage::Confirmed => "CONFIRMED",
    }
}

/// What REST and the socket show of a match alike: the taker's token and side, the maker in its own (§5.4.5).
pub(super) struct Shown<'a> {
    pub(super) service: &'a Service,
    pub(super) row: &'a MatchRow,
    pub(super) spec: &'a MarketSpec,
    pub(super) stage: (Stage, Timestamp),
}

impl Shown<'_> {
    fn id_of(&self, half: &Half) -> String {
        order_id(&self.service.digest_of(half.fill.order, half.signed.as_ref()))
    }

    fn maker_order(&self, half: &Half) -> Value {
        let fill = &half.fill;
        json!({
            "order_id": self.id_of(half),
            "owner": owner(self.service, half.key),
            "maker_address": self.service.shown_maker(half).to_checksum(None),
            "matched_amount": fill.shares.plain(),
            "price": fill.price.plain(),
            "fee_rate_bps": "0",
            "asset_id": token(self.spec, fill.outcome),
            "outcome": label(self.spec, fill.outcome),
            "outcome_index": fill.outcome.position(),
            "side": side_name(fill.side),
        })
    }

    /// As REST lists it.
    pub(super) fn trade(&self) -> Value {
        let (taker, maker_half) = self.row.taker_and_maker();
        let (stage, reached) = self.stage;
        let role = if self.row.own.fill.is_taker { "TAKER" } else { "MAKER" };
        let fill = &taker.fill;
        json!({
            "id": self.service.trade_uuid(fill.trade),
            "taker_order_id": self.id_of(taker),
            "market": self.spec.facts.condition_id,
            "asset_id": token(self.spec, fill.outcome),
            "side": side_name(fill.side),
            "size": fill.shares.plain(),
            "fee_rate_bps": "0",
            "price": fill.price.plain(),
            "status": stage_name(stage),
            "match_time": fill.at.seconds().to_string(),
            "last_update": reached.seconds().to_string(),
            "outcome": label(self.spec, fill.outcome),
            "bucket_index": 0,
            "owner": owner(self.service, taker.key),
            "maker_address": self.service.shown_maker(taker).to_checksum(None),
            "maker_orders": [self.maker_order(maker_half)],
            "transaction_hash": self.service.transaction_hash(fill.trade),
            "trader_side": role,
            "type": role,
        })
    }

    /// As the user's socket tells it (§8.2).
    pub(super) fn event(&self) -> Value {
        let mut event = self.trade();
        let (_, reached) = self.stage;
        event["event_type"] = "trade".into();
        event["type"] = "TRADE".into();
        event["trade_owner"] = event["owner"].clone();
        event["timestamp"] = reached.millis().to_string().into();
        event
    }
}

/// What the user's socket tells of an order (§8.2).
pub(super) struct OrderEvent {
    pub(super) event: &'static str,
    pub(super) status: &'static str,
    /// How much of it had traded by then.
    pub(super) matched: Shares,
    pub(super) at: Timestamp,
}

impl OrderEvent {
    /// The order as it was then.
    pub(super) fn frame(
        &self,
        service: &Service,
        row: &OrderRow,
        signed: Option<&Signed>,
        spec: &MarketSpec,
    ) -> Value {
        let mut frame = order(service, row, signed, spec, Vec::new());
        frame["event_type"] = "order".into();
        frame["type"] = self.event.into();
        frame["order_owner"] = frame["owner"].clone();
        frame["status"] = self.status.into();
        frame["size_matched"] = self.matched.plain().into();
        // Here these are texts, and trades are told of on their own.
        frame["created_at"] = row.created_at.seconds().to_string().into();
        frame["associate_trades"] = Value::Null;
        frame["timestamp"] = self.at.millis().to_string().into();
        frame
    }
}
