//! Polymarket-shape trading (§12).

use super::auth::{Reader, Trader};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire::{self, FlatOrder, Parsed, PolymarketOrder};
use super::order_wire::{self, OrderResponse};
use super::orders::{self, page_limit};
use crate::http::Endpoint;
use crate::service::callers::MayTrade;
use crate::service::history::{FillFilter, OrderFilter, OrderStatus};
use crate::service::{Catalog, Service};
use crate::types::{MarketId, OrderId, Outcome, Reject, Side, Timestamp, index, parse_truncated};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Entries of an array on `POST /v1/orders`, whatever the tier.
const BATCH_MAX: usize = 15;
/// Entries of an array on `DELETE /v1/orders`.
const CANCEL_MAX: usize = 100;
/// The cursor of the last page (§22, row 5).
const LAST_PAGE: &str = "LTE=";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/v1/order", post_order),
        endpoint(Method::DELETE, "/v1/order", delete_order),
        endpoint(Method::DELETE, "/v1/orders", delete_orders),
        endpoint(Method::GET, "/v1/order/{order_id}", get_order),
        endpoint(Method::GET, "/v1/data/order/{order_id}", get_order),
        endpoint(Method::GET, "/v1/data/orders", get_data_orders),
        endpoint(Method::GET, "/v1/data/trades", get_data_trades),
        endpoint(Method::POST, "/v1/clob/order", post_clob_order),
        endpoint(Method::GET, "/v1/balance-allowance", get_balance_allowance),
    ]
}

async fn post_order(call: Call<Trader>) -> Answer {
    let order: PolymarketOrder<'_> = from_wire::object(&call.body)?;
    let parsed = order.parse(&call.service.catalog(), call.header("idempotency-key"))?;
    let permit = call.who.permit(&call.service, None)?;
    let response = orders::place(&call.service, &permit, &parsed).await?;
    Ok(Reply::json(&polymarket_response(&parsed, &response)))
}

/// §12.2: one answer an entry, at its place; a bad entry harms no other.
pub(super) async fn post_batch(call: Call<Trader>) -> Answer {
    let entries: Vec<&RawValue> = from_wire::json(&call.body)?;
    if entries.is_empty() {
        return Err(Failure::invalid("body", "must have at least one order"));
    }
    if entries.len() > BATCH_MAX {
        let message = format!("Batch size {} exceeds limit ({BATCH_MAX})", entries.len());
        return Err(Failure::new(400, "BATCH_LIMIT_EXCEEDED", message));
    }
    let catalog = call.service.catalog();
    let permit = call.who.permit(&call.service, None)?;
    let parse = |raw: &&RawValue| -> Result<Parsed, Failure> {
        from_wire::entry::<PolymarketOrder<'_>>(raw)?.parse(&catalog, None)
    };
    let parsed: Vec<_> = entries.iter().map(parse).collect();
    let wishes = parsed.iter().flatten().map(|parsed| (permit, parsed.wish.clone()));
    let mut outcomes = call.service.place_many(wishes).await?.into_iter();
    let mut answers = Vec::new();
    for entry in parsed {
        let answer = match entry {
            Err(failure) => Err(failure),
            Ok(parsed) => {
                let outcome = outcomes.next().unwrap_or(Err(Reject::OutcomeUnknown));
                answer_of(&call.service, &permit, &parsed, outcome).await
            }
        };
        answers.push(answer.unwrap_or_else(|failure| {
            json!({"success": false, "status": "unmatched", "orderID": "", "errorMsg": failure.message})
        }));
    }
    Ok(Reply::json(&answers))
}

async fn answer_of(
    service: &Service,
    permit: &MayTrade,
    parsed: &Parsed,
    outcome: Result<crate::service::orders::Placed, Reject>,
) -> Result<Value, Failure> {
    let response = orders::response(service, permit, parsed, outcome?).await?;
    Ok(polymarket_response(parsed, &response))
}

fn polymarket_status(response: &OrderResponse) -> &'static str {
    match response.status {
        "PENDING" => "live",
        "FILLED" => "matched",
        _ => "unmatched",
    }
}

/// Amounts are what the order offers and wants, in millionths.
fn polymarket_response(parsed: &Parsed, response: &OrderResponse) -> Value {
    let order = &parsed.wish.order;
    let micros = |text: &str| parse_truncated(text, 6).unwrap_or(0);
    let shares = micros(&response.quantity);
    let dollars = crate::types::Shares::from_micros(shares).notional(order.limit).micros();
    let (making, taking) = match order.side {
        Side::Buy => (dollars, shares),
        Side::Sell => (shares, dollars),
    };
    let status = polymarket_status(response);
    json!({
        "success": status != "unmatched",
        "orderID": response.order_id.to_string(),
        "status": status,
        "makingAmount": making.to_string(),
        "takingAmount": taking.to_string(),
        "transactionsHashes": null,
        "tradeIDs": null,
        "errorMsg": if status == "unmatched" { response.cancelled_reason.unwrap_or("not_filled") } else { "" },
    })
}

async fn post_clob_order(call: Call<Trader>) -> Answer {
    let order: FlatOrder<'_> = from_wire::object(&call.body)?;
    let parsed = order.parse(&call.service.catalog(), call.header("idempotency-key"))?;
    let permit = call.who.permit(&call.service, None)?;
    let response = orders::place(&call.service, &permit, &parsed).await?;
    let status = polymarket_status(&response);
    let (making, taking) = match parsed.wish.order.side {
        Side::Buy => (&response.notional, &response.quantity),
        Side::Sell => (&response.quantity, &response.notional),
    };
    Ok(Reply::json(&json!({
        "success": status != "unmatched",
        "orderID": response.order_id.to_string(),
        "status": status,
        "transactID": response.order_id.to_string(),
        "errorMsg": if status == "unmatched" { response.cancelled_reason } else { None },
        "price": response.price,
        "size": response.quantity,
        "side": response.side,
        "takingAmount": taking,
        "makingAmount": making,
    })))
}

#[derive(Debug, Deserialize)]
struct CancelOne {
    #[serde(rename = "orderID")]
    order_id: Option<Value>,
}

async fn delete_order(call: Call<Trader>) -> Answer {
    let body: CancelOne = from_wire::optional_json(&call.body)?;
    let id = body.order_id.as_ref().and_then(id_text);
    let id = id.ok_or_else(|| Failure::invalid("orderID", "Field required"))?;
    cancel_ids(&call, vec![id]).await
}

async fn delete_orders(call: Call<Trader>) -> Answer {
    let ids: Vec<Value> = from_wire::json(&call.body)?;
    if ids.len() > CANCEL_MAX {
        let message = format!("Batch size {} exceeds limit ({CANCEL_MAX})", ids.len());
        return Err(Failure::new(400, "BATCH_LIMIT_EXCEEDED", message));
    }
    let texts = ids.iter().map(id_text).collect::<Option<Vec<_>>>();
    cancel_ids(&call, texts.ok_or_else(|| Failure::invalid("body", "must be a list of order ids"))?).await
}

fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

async fn cancel_ids(call: &Call<Trader>, ids: Vec<String>) -> Answer {
    let (mut orders, mut not_canceled) = (Vec::new(), Map::new());
    for id in ids {
        match from_wire::order_id(&id) {
            Ok(order) => orders.push(order),
            Err(failure) => {
                not_canceled.insert(id, failure.message.into());
            }
        }
    }
    orders::cancel_listed(call, orders, not_canceled).await
}

async fn get_order(call: Call<Reader>) -> Answer {
    let permit = call.who.permit(&call.service, None)?;
    let order = from_wire::order_id(call.path("order_id"))?;
    let row = call.service.order(&permit, order).await?.ok_or_else(Failure::order_not_found)?;
    let trades = orders::trades_of(&call, &permit, &row).await?;
    let spec = orders::spec_of(&call.service, &row)?;
    Ok(Reply::json(&order_wire::polymarket_row(&row, &spec, &trades)))
}

#[derive(Debug, Deserialize)]
struct DataQuery {
    id: Option<String>,
    market: Option<String>,
    asset_id: Option<String>,
    status: Option<String>,
    before: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
    next_cursor: Option<String>,
}

/// What a page of §12.3 or §12.4 asks for, parsed.
struct Page {
    market: Option<MarketId>,
    outcome: Option<Outcome>,
    before: Option<Timestamp>,
    /// The first moment that counts: `after` itself does not.
    from: Option<Timestamp>,
    offset: u32,
}

impl DataQuery {
    /// None: nothing can match, so the page is empty and the last.
    fn page(&self, catalog: &Catalog) -> Result<Option<Page>, Failure> {
        let given =
            |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        let (before, after) = (time_filter(given(&self.before))?, time_filter(given(&self.after))?);
        let cursor = given(&self.next_cursor).or_else(|| given(&self.cursor));
        let Some(offset) = offset(cursor.as_deref())? else { return Ok(None) };
        let mut page =
            Page { market: None, outcome: None, before, from: after.map(|at| at.plus_millis(1_000)), offset };
        if let Some(id) = given(&self.market) {
            let Some(market) = catalog.by_condition(&id) else { return Ok(None) };
            page.market = Some(market);
        }
        if let Some(token) = given(&self.asset_id) {
            let Some((market, outcome)) = catalog.by_token(&token) else { return Ok(None) };
            if page.market.is_some_and(|named| named != market) {
                return Ok(None);
            }
            (page.market, page.outcome) = (Some(market), Some(outcome));
        }
        Ok(Some(page))
    }
}

/// Unix seconds; ISO is put up with.
fn time_filter(text: Option<String>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Some(Timestamp::from_seconds(seconds)));
    }
    let parsed = text.replace(' ', "+").parse::<jiff::Timestamp>();
    let at = parsed
        .map_err(|_| Failure::new(400, "INVALID_TIME_FILTER", "before and after must be unix seconds"))?;
    Ok(Some(Timestamp::from_millis(at.as_millisecond())))
}

/// Standard base64 of the decimal offset; `MA==` is the start, `LTE=` an empty page.
fn offset(cursor: Option<&str>) -> Result<Option<u32>, Failure> {
    let wrong = || Failure::new(400, "INVALID_CURSOR", "Invalid cursor");
    match cursor {
        None => Ok(Some(0)),
        Some(LAST_PAGE) => Ok(None),
        Some(cursor) => {
            let text = super::encoding::from_base64(cursor).unwrap_or_else(|| cursor.to_owned());
            text.parse().map(Some).map_err(|_| wrong())
        }
    }
}

fn envelope(limit: u32, offset: u32, mut rows: Vec<Value>) -> Reply {
    let has_more = rows.len() > index(limit);
    rows.truncate(index(limit));
    let next =
        if has_more { super::encoding::base64(&(offset + limit).to_string()) } else { LAST_PAGE.to_owned() };
    Reply::json(&json!({"limit": limit, "count": rows.len(), "next_cursor": next, "data": rows}))
}

async fn get_data_orders(call: Call<Reader>) -> Answer {
    let query: DataQuery = call.query()?;
    let permit = call.who.permit(&call.service, None)?;
    let catalog = call.service.catalog();
    let statuses = data_statuses(query.status.as_deref())?;
    let limit = page_limit(query.limit, 100, 500)?;
    let id = query.id.as_deref().filter(|id| !id.is_empty()).map(from_wire::order_id);
    let (Some(page), Some(statuses)) = (query.page(&catalog)?, statuses) else {
        return Ok(envelope(limit, 0, Vec::new()));
    };
    let ids: Vec<OrderId> = match id {
        Some(Err(_)) => return Ok(envelope(limit, 0, Vec::new())),
        Some(Ok(id)) => vec![id],
        None => Vec::new(),
    };
    let filter = OrderFilter {
        ids,
        markets: page.market.into_iter().collect(),
        outcome: page.outcome,
        statuses,
        from: page.from,
        before: page.before,
        limit: limit + 1,
        offset: page.offset,
        ..OrderFilter::default()
    };
    let rows = call.service.orders(&permit, filter).await?;
    let mut shown = Vec::new();
    for row in &rows {
        let Some(spec) = catalog.get(row.market) else { continue };
        // An order that traded names its trades; most open ones did not.
        shown.push(order_wire::polymarket_row(row, spec, &orders::trades_of(&call, &permit, row).await?));
    }
    Ok(envelope(limit, page.offset, shown))
}

/// Open orders only, unless told otherwise. None: a state no order is ever in.
fn data_statuses(word: Option<&str>) -> Result<Option<Vec<OrderStatus>>, Failure> {
    let word = word.unwrap_or("LIVE").to_ascii_uppercase();
    match word.trim_start_matches("ORDER_STATUS_") {
        "" | "LIVE" | "OPEN" | "PENDING" => Ok(Some(vec![OrderStatus::Open])),
        "MATCHED" | "FILLED" => Ok(Some(vec![OrderStatus::Filled, OrderStatus::Cut])),
        "CANCELED" | "CANCELLED" | "EXPIRED" => Ok(Some(vec![OrderStatus::Canceled, OrderStatus::Expired])),
        "ALL" => Ok(Some(Vec::new())),
        "INVALID" => Ok(None),
        _ => Err(Failure::invalid_query("status", "is no order status")),
    }
}

async fn get_data_trades(call: Call<Reader>) -> Answer {
    let query: DataQuery = call.query()?;
    let permit = call.who.permit(&call.service, None)?;
    let catalog = call.service.catalog();
    let limit = page_limit(query.limit, 100, 500)?;
    let Some(page) = query.page(&catalog)? else { return Ok(envelope(limit, 0, Vec::new())) };
    let filter = FillFilter {
        markets: page.market.into_iter().collect(),
        outcome: page.outcome,
        from: page.from,
        before: page.before,
        limit: limit + 1,
        offset: page.offset,
        ..FillFilter::default()
    };
    let rows = call.service.fills(&permit, filter).await?;
    let shown =
        rows.iter().filter_map(|fill| Some(order_wire::polymarket_trade(fill, catalog.get(fill.market)?)));
    Ok(envelope(limit, page.offset, shown.collect()))
}

/// Nothing here needs an allowance, so there is always enough (§10).
async fn get_balance_allowance(call: Call<Reader>) -> Answer {
    const HUGE: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    call.who.permit(&call.service, None)?;
    Ok(Reply::json(&json!({"balance": HUGE, "allowance": HUGE, "collateral": HUGE, "conditional": HUGE})))
}
