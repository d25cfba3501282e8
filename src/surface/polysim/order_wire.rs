//! Orders, positions and trades as this surface writes them (§11, §12, §13).

use super::error::Failure;
use super::from_wire::Parsed;
use super::to_wire::iso;
use crate::service::history::{FillRow, OrderRow, OrderStatus};
use crate::service::markets::touch_of;
use crate::service::{ExchangeReceipt, Holding, MarketSpec, Touch};
use crate::types::{
    CloseReason, NewOrder, OrderKind, Outcome, Price, Shares, Side, Size, TimeInForce, Timestamp, Usd,
    format_scaled,
};
use serde::Serialize;
use serde_json::{Value, json};

/// §11.1, the answer to an order.
#[derive(Debug, Default, Serialize)]
pub(super) struct OrderResponse {
    pub(super) order_id: u64,
    pub(super) status: &'static str,
    pub(super) order_type: &'static str,
    pub(super) side: &'static str,
    pub(super) outcome: String,
    pub(super) price: String,
    pub(super) quantity: String,
    pub(super) notional: String,
    pub(super) fee: String,
    pub(super) filled_at: Option<String>,
    pub(super) cancelled_reason: Option<&'static str>,
    pub(super) fill_source: Option<&'static str>,
    pub(super) price_source: Option<&'static str>,
    pub(super) slippage_bps: Option<i64>,
    pub(super) quote_age_ms: Option<i64>,
    pub(super) spread_bps: Option<i64>,
    pub(super) impact_bps: Option<i64>,
    pub(super) book_walk_levels: Option<u16>,
    pub(super) account_balance: Option<String>,
    pub(super) position: Option<PositionInOrder>,
    pub(super) client_order_id: Option<String>,
    pub(super) error: Option<&'static str>,
    pub(super) error_message: Option<String>,
    pub(super) amount_interpreted_as: Option<&'static str>,
    pub(super) is_replay: bool,
    pub(super) warnings: Vec<String>,
}

/// What the account holds of the outcome after an order.
#[derive(Debug, Serialize)]
pub(super) struct PositionInOrder {
    market_id: String,
    outcome: String,
    quantity: String,
    avg_entry_price: String,
    status: &'static str,
}

/// What an order came to, however it is known.
struct Came {
    id: u64,
    filled: Shares,
    notional: Usd,
    fee: Usd,
    rests: bool,
    closed: Option<CloseReason>,
    available: Usd,
    holding: (Shares, Usd),
    at: Timestamp,
}

pub(super) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

const fn kind_name(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit => "limit",
        OrderKind::Market => "market",
    }
}

/// `FAK` is stored and shown as `IOC` (§11.1).
pub(super) const fn tif_name(tif: TimeInForce) -> &'static str {
    match tif {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Gtd(_) => "GTD",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}

/// Why an order ended. A full fill needs no reason.
pub(super) const fn reason_name(reason: CloseReason) -> Option<&'static str> {
    match reason {
        CloseReason::Filled => None,
        CloseReason::Canceled => Some("user_cancelled"),
        CloseReason::Unfilled => Some("not_filled"),
        CloseReason::SelfTrade => Some("self_trade"),
        CloseReason::GtdExpired => Some("gtd_expired"),
        CloseReason::HeartbeatMissed => Some("heartbeat_missed"),
        CloseReason::MarketResolved => Some("market_resolved"),
        CloseReason::AccountReset => Some("account_reset"),
    }
}

/// Dollars per share, to the micro-dollar, rounded half up.
pub(super) fn average(dollars: Usd, shares: Shares) -> String {
    if shares.is_zero() {
        return "0".to_owned();
    }
    let (dollars, shares) = (i128::from(dollars.micros()), i128::from(shares.micros()));
    let micros = (dollars * 2_000_000 + shares) / (2 * shares);
    format_scaled(i64::try_from(micros).unwrap_or(i64::MAX), 6, 0)
}

/// The answer to a new order.
pub(super) fn placed(parsed: &Parsed, receipt: &ExchangeReceipt) -> OrderResponse {
    let order = &parsed.wish.order;
    let ExchangeReceipt::Placed {
        order: id,
        filled,
        notional,
        fee,
        resting,
        closed,
        available,
        holding,
        before,
        levels,
        at,
        first_trade: _,
        trades: _,
    } = *receipt
    else {
        unreachable!("BUG: an order's receipt is that of an order");
    };
    let came = Came {
        id: id.0,
        filled,
        notional,
        fee,
        rests: resting.is_positive(),
        closed,
        available,
        holding: (holding.shares, holding.cost),
        at,
    };
    let mut response = respond(order, &parsed.spec, &came);
    response.client_order_id.clone_from(&parsed.client_order_id);
    if filled.is_positive() {
        telemetry(&mut response, order, touch_of(before, order.outcome), (notional, filled));
        response.book_walk_levels = Some(levels);
    }
    response
}

/// The first answer again, from the ledger (§11.6): without the telemetry that is not kept.
pub(super) fn replayed(parsed: &Parsed, row: &OrderRow) -> OrderResponse {
    let then = &row.placed;
    let came = Came {
        id: row.order.0,
        filled: then.progress.filled,
        notional: then.progress.notional,
        fee: then.progress.fee,
        rests: then.progress.status == OrderStatus::Open,
        closed: then.progress.reason,
        available: then.available,
        holding: then.holding,
        at: row.created_at,
    };
    let order = NewOrder { size: row.size, ..parsed.wish.order };
    let mut response = respond(&order, &parsed.spec, &came);
    response.client_order_id.clone_from(&parsed.client_order_id);
    response.price_source = came.filled.is_positive().then_some("book_walk");
    response.is_replay = true;
    response
}

fn respond(order: &NewOrder, spec: &MarketSpec, came: &Came) -> OrderResponse {
    let label = spec.facts.labels[order.outcome.position()].clone();
    let wanted = match order.size {
        Size::Shares(shares) => shares.truncated_to(spec.lot),
        Size::Dollars(_) => came.filled,
    };
    // Filled as far as it will ever be; what rests in part is still pending (design §12).
    let has_filled = came.filled.is_positive() && !came.rests;
    let status = if came.rests {
        "PENDING"
    } else if has_filled {
        "FILLED"
    } else {
        "CANCELLED"
    };
    let is_partial = has_filled && came.closed != Some(CloseReason::Filled);
    let warning = || {
        format!("partial_fill:filled={},requested={}", came.filled.four_decimals(), wanted.four_decimals())
    };
    OrderResponse {
        order_id: came.id,
        status,
        order_type: kind_name(order.kind),
        side: side_name(order.side),
        price: if has_filled { average(came.notional, came.filled) } else { order.limit.plain() },
        quantity: if has_filled { came.filled.plain() } else { wanted.plain() },
        notional: if has_filled { came.notional } else { wanted.notional(order.limit) }.rounded(2),
        fee: if came.filled.is_zero() { "0".to_owned() } else { came.fee.rounded(2) },
        filled_at: has_filled.then(|| iso(came.at)),
        cancelled_reason: came.closed.filter(|_| !has_filled).and_then(reason_name),
        account_balance: Some(came.available.rounded(2)),
        position: Some(PositionInOrder {
            market_id: spec.facts.condition_id.clone(),
            outcome: label.clone(),
            quantity: came.holding.0.plain(),
            avg_entry_price: average(came.holding.1, came.holding.0),
            status: if came.holding.0.is_zero() { "CLOSED" } else { "OPEN" },
        }),
        outcome: label,
        amount_interpreted_as: matches!(order.size, Size::Dollars(_)).then_some("usd_notional"),
        warnings: if is_partial { vec![warning()] } else { Vec::new() },
        ..OrderResponse::default()
    }
}

/// §18.11. All of a taker's fill, against the book just before.
fn telemetry(
    response: &mut OrderResponse,
    order: &NewOrder,
    before: Touch,
    (notional, filled): (Usd, Shares),
) {
    response.price_source = Some("book_walk");
    response.quote_age_ms = Some(0);
    let best = match order.side {
        Side::Buy => before.ask,
        Side::Sell => before.bid,
    };
    response.slippage_bps = before.mark.map(|mark| distance_bps(notional, filled, mark));
    response.impact_bps = best.map(|best| distance_bps(notional, filled, best));
    response.spread_bps = before.bid.zip(before.ask).map(|(bid, ask)| {
        let (bid, ask) = (i64::from(bid.ten_thousandths()), i64::from(ask.ten_thousandths()));
        rounded(i128::from(ask - bid) * 2 * 10_000, i128::from(ask + bid))
    });
}

/// How far an average lies from a price, in hundredths of a percent of that price, unsigned.
fn distance_bps(notional: Usd, filled: Shares, price: Price) -> i64 {
    let (notional, filled) = (i128::from(notional.micros()), i128::from(filled.micros()));
    let at_price = filled * i128::from(price.ten_thousandths());
    rounded((notional * i128::from(Price::DOLLAR) - at_price).abs() * 10_000, at_price)
}

fn rounded(part: i128, whole: i128) -> i64 {
    i64::try_from((part * 2 + whole) / (whole * 2)).unwrap_or(i64::MAX)
}

/// §11.5: the answer to taking an order back.
pub(super) fn canceled(receipt: &ExchangeReceipt, spec: &MarketSpec) -> OrderResponse {
    let ExchangeReceipt::Canceled { order, outcome, side, limit, quantity, available, .. } = *receipt else {
        unreachable!("BUG: a cancel's receipt is that of a cancel");
    };
    OrderResponse {
        order_id: order.0,
        status: "CANCELLED",
        order_type: "limit",
        side: side_name(side),
        outcome: spec.facts.labels[outcome.position()].clone(),
        price: limit.plain(),
        quantity: quantity.plain(),
        notional: quantity.notional(limit).rounded(2),
        fee: "0".to_owned(),
        cancelled_reason: reason_name(CloseReason::Canceled),
        account_balance: Some(available.rounded(2)),
        ..OrderResponse::default()
    }
}

/// §11.2: an entry of a batch that was refused.
pub(super) fn rejected(failure: Failure, client_order_id: Option<String>) -> OrderResponse {
    OrderResponse {
        status: if failure.status >= 500 { "ERROR" } else { "REJECTED" },
        price: "0".to_owned(),
        quantity: "0".to_owned(),
        notional: "0".to_owned(),
        fee: "0".to_owned(),
        error: Some(failure.code),
        error_message: Some(failure.message),
        client_order_id,
        ..OrderResponse::default()
    }
}

/// §11.3's word for a state.
pub(super) fn status_name(row: &OrderRow) -> &'static str {
    match row.now.status {
        OrderStatus::Open => "PENDING",
        OrderStatus::Filled | OrderStatus::Cut => "FILLED",
        OrderStatus::Canceled if row.now.reason == Some(CloseReason::MarketResolved) => "EXPIRED",
        // A GTD order that ran out is canceled; EXPIRED is for settlement (§18.4).
        OrderStatus::Canceled | OrderStatus::Expired => "CANCELLED",
    }
}

fn quantity(row: &OrderRow) -> Shares {
    match row.size {
        Size::Shares(shares) => shares,
        Size::Dollars(_) => row.now.filled,
    }
}

/// §11.3, a row.
pub(super) fn order_row(row: &OrderRow, spec: &MarketSpec) -> Value {
    let status = status_name(row);
    let is_filled = status == "FILLED";
    let closed_at = row.closed_at.map(iso);
    json!({
        "order_id": row.order.0,
        "market_id": spec.facts.condition_id,
        "side": side_name(row.side),
        "outcome": spec.facts.labels[row.outcome.position()],
        "order_type": kind_name(row.kind),
        "limit_price": (row.kind == OrderKind::Limit).then(|| row.limit.plain()),
        "quantity": quantity(row).plain(),
        "time_in_force": tif_name(row.tif),
        "status": status,
        "client_order_id": row.client_order_id,
        "created_at": iso(row.created_at),
        "filled_at": if is_filled { closed_at.clone() } else { None },
        "fill_price": row.now.filled.is_positive().then(|| average(row.now.notional, row.now.filled)),
        "cancelled_at": if status == "CANCELLED" || status == "EXPIRED" { closed_at } else { None },
        "cancelled_reason": row.now.reason.filter(|_| !is_filled).and_then(reason_name),
        "hold_reason": null,
    })
}

/// §11.4: the row of §11.3 with the members of §12.3 that the mirror reads; `created_at` in milliseconds.
pub(super) fn order_superset(row: &OrderRow, spec: &MarketSpec, trades: &[String]) -> Value {
    let mut native = order_row(row, spec);
    let polymarket = polymarket_row(row, spec, trades);
    let kept = ["order_type", "status", "side", "outcome"];
    if let (Value::Object(native), Value::Object(polymarket)) = (&mut native, polymarket) {
        native.extend(polymarket.into_iter().filter(|(name, _)| !kept.contains(&name.as_str())));
    }
    native
}

/// Milliseconds as a text of digits.
pub(super) fn millis(at: Timestamp) -> String {
    at.millis().to_string()
}

/// §12.3, a row.
pub(super) fn polymarket_row(row: &OrderRow, spec: &MarketSpec, trades: &[String]) -> Value {
    let status = match row.now.status {
        OrderStatus::Open => "ORDER_STATUS_LIVE",
        OrderStatus::Filled | OrderStatus::Cut => "ORDER_STATUS_MATCHED",
        OrderStatus::Canceled | OrderStatus::Expired => "ORDER_STATUS_CANCELED",
    };
    let expires_at = match row.tif {
        TimeInForce::Gtd(at) => Some(at),
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
    };
    json!({
        "id": row.order.to_string(),
        "status": status,
        "owner": "",
        "maker_address": "",
        "market": spec.facts.condition_id,
        "asset_id": spec.facts.token_ids[row.outcome.position()],
        "side": side_name(row.side),
        "original_size": quantity(row).four_decimals(),
        "size_matched": row.now.filled.four_decimals(),
        "price": row.limit.four_decimals(),
        "outcome": spec.facts.labels[row.outcome.position()],
        "order_type": tif_name(row.tif),
        "associate_trades": trades,
        "expiration": expires_at.map_or(0, Timestamp::seconds),
        "expires_at": expires_at.map(millis),
        "created_at": millis(row.created_at),
    })
}

/// §12.4, a row: one side's view of one match.
pub(super) fn polymarket_trade(fill: &FillRow, spec: &MarketSpec) -> Value {
    let rate = if fill.is_taker { spec.fees.rate_bps } else { 0 };
    json!({
        "id": fill.trade.to_string(),
        "market": spec.facts.condition_id,
        "asset_id": spec.facts.token_ids[fill.outcome.position()],
        "side": side_name(fill.side),
        "outcome": spec.facts.labels[fill.outcome.position()],
        "price": fill.price.four_decimals(),
        "size": fill.shares.four_decimals(),
        "fee_rate_bps": rate.to_string(),
        "maker_orders": [],
        "taker_order_id": fill.order.to_string(),
        "transaction_hash": "",
        "bucket_index": 0,
        "owner": "",
        "maker_address": "",
        "status": "MATCHED",
        "trader_side": if fill.is_taker { "TAKER" } else { "MAKER" },
        "match_time": fill.at.seconds(),
        "last_update": fill.at.seconds(),
        "matched_at": millis(fill.at),
        "updated_at": millis(fill.at),
    })
}

/// §13, a trade: one match is one row (design §12).
pub(super) fn trade_row(fill: &FillRow, spec: &MarketSpec) -> Value {
    json!({
        "order_id": fill.order.0,
        "market_id": spec.facts.condition_id,
        "side": side_name(fill.side),
        "outcome": spec.facts.labels[fill.outcome.position()],
        "price": fill.price.plain(),
        "quantity": fill.shares.plain(),
        "notional": fill.notional.rounded(2),
        "fee": fill.fee.rounded(2),
        "status": "FILLED",
        "price_source": fill.is_taker.then_some("book_walk"),
        "price_age_ms": fill.is_taker.then_some(0),
        "filled_at": iso(fill.at),
        "created_at": iso(fill.at),
    })
}

/// §13, an open position.
pub(super) fn open_position(id: i64, held: &crate::service::accounts::Held) -> Value {
    let Holding { shares, cost, .. } = held.holding;
    let value = held.mark.map(|mark| shares.notional(mark));
    json!({
        "id": id,
        "market_id": held.spec.facts.condition_id,
        "outcome": held.spec.facts.labels[held.outcome.position()],
        "quantity": shares.plain(),
        "avg_entry_price": average(cost, shares),
        "current_price": held.mark.map(Price::plain),
        "market_value": value.map(Usd::plain),
        "unrealized_pnl": value.map(|value| (value - cost).plain()),
        "status": "OPEN",
        "market_question": held.spec.facts.question,
    })
}

/// The label of an outcome.
pub(super) fn label(spec: &MarketSpec, outcome: Outcome) -> &str {
    &spec.facts.labels[outcome.position()]
}
