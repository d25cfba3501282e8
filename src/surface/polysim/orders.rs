//! Native trading (§11).

use super::auth::{Reader, Trader};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire::{self, NativeOrder, Parsed};
use super::order_wire::{self, OrderResponse};
use super::pm_orders;
use crate::http::Endpoint;
use crate::service::callers::{MayRead, MayTrade};
use crate::service::history::{FillFilter, OrderFilter, OrderRow, OrderStatus};
use crate::service::orders::{NotCanceled, Placed};
use crate::service::{ExchangeReceipt, MarketSpec, Service};
use crate::types::{CloseReason, OrderId, OrderKind, Outcome, Reject, Timestamp};
use actix_web::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How many trades of one order its row names.
const TRADES_SHOWN: u32 = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/v1/orders", post_orders),
        endpoint(Method::POST, "/v1/orders/batch", post_orders_batch),
        endpoint(Method::GET, "/v1/orders", get_orders),
        endpoint(Method::GET, "/v1/orders/{order_id}", get_order),
        endpoint(Method::DELETE, "/v1/orders/{order_id}", delete_order),
        endpoint(Method::POST, "/v1/cancel-all", post_cancel_all),
        endpoint(Method::DELETE, "/v1/cancel-all", delete_cancel_all),
        endpoint(Method::DELETE, "/v1/cancel-market-orders", delete_market_orders),
        endpoint(Method::POST, "/v1/heartbeats", post_heartbeats),
        endpoint(Method::POST, "/heartbeats", post_heartbeats),
    ]
}

/// An object is one native order, an array a Polymarket batch.
async fn post_orders(call: Call<Trader>) -> Answer {
    match call.body.trim_ascii_start().first() {
        Some(b'[') => pm_orders::post_batch(call).await,
        Some(b'{') => {
            let order: NativeOrder<'_> = from_wire::object(&call.body)?;
            let parsed = order.parse(&call.service.catalog(), call.header("idempotency-key"))?;
            let permit = call.who.permit(&call.service, parsed.wallet)?;
            Ok(Reply::json(&place(&call.service, &permit, &parsed).await?))
        }
        _ => {
            serde_json::from_slice::<serde::de::IgnoredAny>(&call.body).map_err(Failure::not_json)?;
            Err(Failure::new(
                400,
                "INVALID_BODY",
                "Request body must be an order object or an array of orders",
            ))
        }
    }
}

pub(super) async fn place(
    service: &Service,
    permit: &MayTrade,
    parsed: &Parsed,
) -> Result<OrderResponse, Failure> {
    let placed = service.place(permit, parsed.wish.clone()).await?;
    response(service, permit, parsed, placed).await
}

/// The answer to what became of a wish; that of a retry is read back from the ledger.
pub(super) async fn response(
    service: &Service,
    permit: &MayTrade,
    parsed: &Parsed,
    placed: Placed,
) -> Result<OrderResponse, Failure> {
    match placed {
        Placed::New(receipt) => Ok(order_wire::placed(parsed, &receipt)),
        Placed::Replayed(order) => {
            let row = service.order(&permit.reads(), order).await?.ok_or(Reject::HistoryUnavailable)?;
            Ok(order_wire::replayed(parsed, &row))
        }
    }
}

#[derive(Debug, Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    orders: Vec<&'a RawValue>,
}

#[derive(Debug, Serialize)]
struct BatchResponse {
    results: Vec<OrderResponse>,
    succeeded: u32,
    failed: u32,
}

async fn post_orders_batch(call: Call<Trader>) -> Answer {
    let batch: Batch<'_> = from_wire::object(&call.body)?;
    let cap = call.service.batch_cap(call.who.who());
    if batch.orders.is_empty() {
        return Err(Failure::invalid("orders", "must have at least one order"));
    }
    if batch.orders.len() > cap {
        let message = format!("Batch size {} exceeds tier limit ({cap})", batch.orders.len());
        return Err(Failure::new(400, "BATCH_LIMIT_EXCEEDED", message));
    }
    let catalog = call.service.catalog();
    let parse = |raw: &&RawValue| -> Result<(MayTrade, Parsed), Failure> {
        let order: NativeOrder<'_> = from_wire::entry(raw)?;
        let parsed = order.parse(&catalog, None)?;
        call.who.permit(&call.service, parsed.wallet).map(|permit| (permit, parsed))
    };
    let parsed: Vec<_> = batch.orders.iter().map(parse).collect();
    let wishes = parsed.iter().flatten().map(|(permit, parsed)| (*permit, parsed.wish.clone()));
    let mut outcomes = call.service.place_many(wishes).await?.into_iter();
    let (mut results, mut succeeded) = (Vec::new(), 0);
    for entry in parsed {
        let result = match &entry {
            Err(failure) => Err(failure.clone()),
            Ok((permit, parsed)) => match outcomes.next().unwrap_or(Err(Reject::OutcomeUnknown)) {
                Ok(placed) => response(&call.service, permit, parsed, placed).await,
                Err(reject) => Err(reject.into()),
            },
        };
        succeeded += u32::from(result.is_ok());
        let client_order_id = entry.ok().and_then(|(_, parsed)| parsed.client_order_id);
        results.push(result.unwrap_or_else(|failure| order_wire::rejected(failure, client_order_id)));
    }
    let failed = u32::try_from(results.len()).unwrap_or(u32::MAX) - succeeded;
    Ok(Reply::json(&BatchResponse { results, succeeded, failed }))
}

#[derive(Debug, Deserialize)]
struct OrdersQuery {
    status: Option<String>,
    market_id: Option<String>,
    side: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    cursor: Option<String>,
    next_cursor: Option<String>,
    wallet_id: Option<String>,
}

async fn get_orders(call: Call<Reader>) -> Answer {
    let query: OrdersQuery = call.query()?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let limit = page_limit(query.limit, 50, 200)?;
    let statuses = query.status.as_deref().map(statuses).transpose()?;
    let side = query.side.as_deref().map(from_wire::side).transpose()?;
    let cursor = query.cursor.as_deref().or(query.next_cursor.as_deref()).filter(|cursor| !cursor.is_empty());
    let before = cursor.map(decode_cursor).transpose()?;
    let catalog = call.service.catalog();
    let market = match query.market_id.as_deref().map(|id| catalog.by_condition(id)) {
        Some(None) => {
            return Ok(Reply::json(
                &json!({"orders": [], "next_cursor": null, "has_more": false, "total_hint": 0}),
            ));
        }
        Some(found) => found,
        None => None,
    };
    let filter = OrderFilter {
        markets: market.into_iter().collect(),
        side,
        before: before.filter(|(_, order)| order.is_none()).map(|(at, _)| at),
        before_id: before.and_then(|(_, order)| order),
        limit: limit + 1,
        offset: if before.is_some() { 0 } else { query.offset.unwrap_or(0) },
        ..status_filter(statuses)
    };
    let total = call
        .service
        .count_orders(&permit, OrderFilter { before: None, before_id: None, offset: 0, ..filter.clone() })
        .await?;
    let mut rows = call.service.orders(&permit, filter).await?;
    let has_more = rows.len() > crate::types::index(limit);
    rows.truncate(crate::types::index(limit));
    let next = rows.last().filter(|_| has_more).map(|row| encode_cursor(row.created_at, row.order));
    let shown: Vec<_> =
        rows.iter().filter_map(|row| Some(order_wire::order_row(row, catalog.get(row.market)?))).collect();
    Ok(Reply::json(&json!({"orders": shown, "next_cursor": next, "has_more": has_more, "total_hint": total})))
}

/// What a status word selects: states, and whether only orders ended by settlement.
type Statuses = (Vec<OrderStatus>, Option<bool>);

fn status_filter(statuses: Option<Statuses>) -> OrderFilter {
    use CloseReason::{
        AccountReset, Canceled, GtdExpired, HeartbeatMissed, MarketResolved, SelfTrade, Unfilled,
    };
    let (statuses, resolved) = statuses.unwrap_or_default();
    let reasons = match resolved {
        None => Vec::new(),
        Some(true) => vec![MarketResolved],
        Some(false) => vec![Canceled, Unfilled, SelfTrade, GtdExpired, HeartbeatMissed, AccountReset],
    };
    OrderFilter { statuses, reasons, ..OrderFilter::default() }
}

fn statuses(word: &str) -> Result<Statuses, Failure> {
    match word.to_ascii_uppercase().as_str() {
        "PENDING" | "OPEN" => Ok((vec![OrderStatus::Open], None)),
        "FILLED" => Ok((vec![OrderStatus::Filled, OrderStatus::Cut], None)),
        "CANCELLED" | "CANCELED" => Ok((vec![OrderStatus::Canceled, OrderStatus::Expired], Some(false))),
        "EXPIRED" => Ok((vec![OrderStatus::Canceled], Some(true))),
        _ => Err(Failure::invalid_query("status", "must be one of PENDING, FILLED, CANCELLED, EXPIRED")),
    }
}

/// A page size inside its range, or what it is without one.
pub(super) fn page_limit(given: Option<u32>, usual: u32, most: u32) -> Result<u32, Failure> {
    match given {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(Failure::invalid_query("limit", &format!("must be between 1 and {most}"))),
    }
}

#[derive(Debug, Deserialize)]
struct OrderQuery {
    source: Option<String>,
    wallet_id: Option<String>,
}

async fn get_order(call: Call<Reader>) -> Answer {
    let query: OrderQuery = call.query()?;
    let kind = match query.source.as_deref() {
        None | Some("") => None,
        Some("pending") => Some(OrderKind::Limit),
        Some("filled") => Some(OrderKind::Market),
        Some(_) => return Err(Failure::new(400, "INVALID_SOURCE", "source must be 'pending' or 'filled'")),
    };
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let order = from_wire::order_id(call.path("order_id"))?;
    let row =
        call.service.order(&permit, order).await?.filter(|row| kind.is_none_or(|kind| row.kind == kind));
    let row = row.ok_or_else(Failure::order_not_found)?;
    let trades = trades_of(&call, &permit, &row).await?;
    let spec = spec_of(&call.service, &row)?;
    Ok(Reply::json(&order_wire::order_superset(&row, &spec, &trades)))
}

pub(super) async fn trades_of(
    call: &Call<Reader>,
    permit: &MayRead,
    row: &OrderRow,
) -> Result<Vec<String>, Failure> {
    if row.now.filled.is_zero() {
        return Ok(Vec::new());
    }
    let filter = FillFilter { order: Some(row.order), limit: TRADES_SHOWN, ..FillFilter::default() };
    let fills = call.service.fills(permit, filter).await?;
    Ok(fills.iter().map(|fill| fill.trade.to_string()).collect())
}

pub(super) fn spec_of(service: &Service, row: &OrderRow) -> Result<Arc<MarketSpec>, Failure> {
    service.catalog().get(row.market).cloned().ok_or_else(Failure::market_not_found)
}

async fn delete_order(call: Call<Trader>) -> Answer {
    let order = from_wire::order_id(call.path("order_id"))?;
    let permits = call.who.permits(&call.service)?;
    let canceled = call.service.cancel(&permits, &[order]).await?.pop();
    let receipt =
        canceled.unwrap_or(Err(NotCanceled::Refused(Reject::OrderNotFound))).map_err(not_canceled)?;
    let ExchangeReceipt::Canceled { market, .. } = receipt else { return Err(Reject::Internal.into()) };
    let spec = call.service.catalog().get(market).cloned().ok_or_else(Failure::market_not_found)?;
    Ok(Reply::json(&order_wire::canceled(&receipt, &spec)))
}

fn not_canceled(why: NotCanceled) -> Failure {
    match why {
        NotCanceled::Over(row) => {
            let message = format!("Cannot cancel order with status: {}", order_wire::status_name(&row));
            Failure::new(400, "ORDER_NOT_CANCELLABLE", message)
        }
        NotCanceled::Refused(reject) => reject.into(),
    }
}

#[derive(Debug, Deserialize)]
struct Confirmation {
    confirm: Option<String>,
}

async fn post_cancel_all(call: Call<Trader>) -> Answer {
    let query: Confirmation = call.query()?;
    let confirmed = |text: &str| text.eq_ignore_ascii_case("true");
    if !call.header("x-confirm-cancel-all").is_some_and(confirmed)
        && !query.confirm.as_deref().is_some_and(confirmed)
    {
        let message = "Send X-Confirm-Cancel-All: true or ?confirm=true to cancel every open order";
        return Err(Failure::new(400, "CONFIRMATION_REQUIRED", message));
    }
    cancel_chosen(&call, None, None).await
}

async fn delete_cancel_all(call: Call<Trader>) -> Answer {
    let reply = post_cancel_all(call).await?;
    Ok(reply.with("X-Deprecation", "Use POST /v1/cancel-all").with("Sunset", "Thu, 31 Dec 2026 23:59:59 GMT"))
}

#[derive(Debug, Deserialize)]
struct MarketOrders {
    market: Option<String>,
    asset_id: Option<String>,
}

async fn delete_market_orders(call: Call<Trader>) -> Answer {
    let query: MarketOrders = call.query()?;
    let catalog = call.service.catalog();
    let (market, outcome) = match (query.market.as_deref(), query.asset_id.as_deref()) {
        (Some(id), _) if !id.is_empty() => (from_wire::tradable_market(&catalog, id)?.0, None),
        (_, Some(token)) if !token.is_empty() => {
            let (market, outcome, _) =
                from_wire::token_market(&catalog, token).ok_or_else(Failure::market_not_found)?;
            (market, Some(outcome))
        }
        _ => return Err(Failure::invalid_query("market", "Field required")),
    };
    cancel_chosen(&call, Some(market), outcome).await
}

async fn cancel_chosen(
    call: &Call<Trader>,
    market: Option<crate::types::MarketId>,
    outcome: Option<Outcome>,
) -> Answer {
    let permits = call.who.permits(&call.service)?;
    let outcomes = call.service.cancel_open(&permits, market, outcome).await?;
    Ok(became(outcomes, Map::new()))
}

/// Cancels orders and says for each what became of it (§11.5). `canceled` is a list of texts: the mirror reads a
/// count as nothing.
pub(super) async fn cancel_listed(
    call: &Call<Trader>,
    orders: Vec<OrderId>,
    refused: Map<String, Value>,
) -> Answer {
    let permits = call.who.permits(&call.service)?;
    let outcomes = call.service.cancel(&permits, &orders).await?;
    Ok(became(orders.into_iter().zip(outcomes), refused))
}

/// What became of each order that was to be canceled, besides those refused before.
fn became(
    outcomes: impl IntoIterator<Item = (OrderId, Result<ExchangeReceipt, NotCanceled>)>,
    mut refused: Map<String, Value>,
) -> Reply {
    let mut canceled = Vec::new();
    for (order, outcome) in outcomes {
        match outcome {
            Ok(_) => canceled.push(order.to_string()),
            Err(why) => {
                refused.insert(order.to_string(), not_canceled(why).message.into());
            }
        }
    }
    Reply::json(&json!({"canceled": canceled, "not_canceled": refused}))
}

#[derive(Debug, Deserialize)]
struct Heartbeat {
    interval_ms: Option<i64>,
    client_label: Option<String>,
}

async fn post_heartbeats(call: Call<Trader>) -> Answer {
    let beat: Heartbeat = from_wire::optional_json(&call.body)?;
    let interval = beat.interval_ms.ok_or_else(|| Failure::invalid("interval_ms", "Field required"))?;
    if !(1_000..=60_000).contains(&interval) {
        return Err(Failure::invalid("interval_ms", "must be between 1000 and 60000"));
    }
    if beat.client_label.is_some_and(|label| label.len() > 64) {
        return Err(Failure::invalid("client_label", "must have at most 64 characters"));
    }
    let permits = call.who.permits(&call.service)?;
    let until = call.service.now().plus_millis(interval + (interval / 4).max(1_000));
    call.service.heartbeat(&permits, until, None).await?;
    Ok(Reply::json(&json!({"ok": true, "expires_at_ms": until.millis()})))
}

/// Opaque to callers. Times alone would lose orders of the same millisecond, so the id is in it too.
fn encode_cursor(at: Timestamp, order: OrderId) -> String {
    super::encoding::base64_url(&format!("{}|{order}", super::to_wire::iso(at)))
}

/// A cursor of ours, or a raw ISO time, in which a plus sign may have become a blank (§11.3).
fn decode_cursor(cursor: &str) -> Result<(Timestamp, Option<OrderId>), Failure> {
    let wrong = || Failure::new(400, "INVALID_CURSOR", "Invalid cursor");
    let text = super::encoding::from_base64_url(cursor).unwrap_or_else(|| cursor.replace(' ', "+"));
    let (time, order) =
        text.split_once('|').map_or((text.as_str(), None), |(time, order)| (time, Some(order)));
    let at: jiff::Timestamp = time.parse().map_err(|_| wrong())?;
    let order = order.map(|order| from_wire::order_id(order).map_err(|_| wrong())).transpose()?;
    Ok((Timestamp::from_millis(at.as_millisecond()), order))
}
