//! A wallet's orders and trades (§5.4).

use super::auth::{Anyone, Signer};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::orders::digest;
use super::pages::{self, Cursor};
use super::to_wire::{Shown, order};
use crate::http::Endpoint;
use crate::service::callers::MayRead;
use crate::service::history::{FillFilter, OrderFilter, OrderRow, OrderStatus};
use crate::service::settlement::MatchRow;
use crate::service::{ClobMode, Service, Signed};
use crate::types::{Address, HOUR_MS, MarketId, Outcome, Timestamp};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How long strict mode shows an order that is over (§16, 5).
const SHOWN_MS: i64 = HOUR_MS;
/// Rows on one page (§2.1).
const PAGE: u32 = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/data/orders", get_orders),
        endpoint(Method::GET, "/data/order/{order_id}", get_order),
        endpoint(Method::GET, "/data/pre-migration-orders", get_nothing),
        endpoint(Method::GET, "/data/trades", get_trades),
        endpoint(Method::GET, "/order-scoring", get_scoring),
        endpoint(Method::POST, "/orders-scoring", post_scoring),
        // Whom an order is attributed to is kept; nobody is paid for it, and no trade is listed for it.
        endpoint(Method::GET, "/builder/trades", get_builder_trades),
    ]
}

#[derive(Deserialize)]
struct Filter {
    id: Option<String>,
    market: Option<String>,
    asset_id: Option<String>,
    #[serde(alias = "maker")]
    maker_address: Option<String>,
    taker: Option<String>,
    before: Option<String>,
    after: Option<String>,
    next_cursor: Option<String>,
}

/// What a filter says that is there at all.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

impl Filter {
    /// The market and outcome meant; none if there is no such thing, and with it no row.
    fn place(&self, service: &Service) -> Option<(Vec<MarketId>, Option<Outcome>)> {
        let catalog = service.catalog();
        let token = given(self.asset_id.as_ref()).map(|token| catalog.by_token(token));
        let market = given(self.market.as_ref()).map(|id| catalog.by_condition(id));
        match (token, market) {
            (Some(None), _) | (_, Some(None)) => None,
            (Some(Some((of, _))), Some(Some(market))) if of != market => None,
            (Some(Some((market, outcome))), _) => Some((vec![market], Some(outcome))),
            (None, Some(Some(market))) => Some((vec![market], None)),
            (None, None) => Some((Vec::new(), None)),
        }
    }

    fn cursor(&self) -> Result<Cursor, Failure> {
        Cursor::read(self.next_cursor.as_deref())
    }
}

fn seconds(text: Option<&String>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = given(text) else { return Ok(None) };
    let seconds = text.parse().map_err(|_| Failure::bad_request("Invalid payload"))?;
    Ok(Some(Timestamp::from_seconds(seconds)))
}

async fn get_orders(call: Call<Signer>) -> Answer {
    let filter: Filter = call.query()?;
    let reads = call.who.reads(&call.service)?;
    let cursor = filter.cursor()?;
    let ids = match given(filter.id.as_ref()) {
        None => Vec::new(),
        Some(id) => {
            let Some(digest) = digest(id) else { return Err(Failure::bad_request("Invalid orderID")) };
            let known = call.service.find_orders(&reads, &[digest]).await?;
            let Some(order) = known.get(&digest) else { return Ok(pages::empty()) };
            vec![*order]
        }
    };
    let Some((markets, outcome)) = filter.place(&call.service) else { return Ok(pages::empty()) };
    let wanted = OrderFilter {
        ids,
        markets,
        outcome,
        statuses: vec![OrderStatus::Open],
        limit: PAGE + 1,
        offset: cursor.offset(),
        ..OrderFilter::default()
    };
    let rows = call.service.signed_rows(&reads, wanted).await?;
    let shown = shown_orders(&call.service, &reads, rows).await?;
    Ok(pages::page(cursor, PAGE, shown))
}

async fn shown_orders(
    service: &Service,
    reads: &MayRead,
    rows: Vec<(OrderRow, Option<Signed>)>,
) -> Result<Vec<Value>, Failure> {
    let catalog = service.catalog();
    let mut shown = Vec::with_capacity(rows.len());
    for (row, signed) in rows {
        let Some(spec) = catalog.get(row.market) else { continue };
        let mut trades = Vec::new();
        if row.trades.is_some() {
            let of = FillFilter { order: Some(row.order), limit: PAGE, ..FillFilter::default() };
            let fills = service.fills(reads, of).await?;
            trades.extend(fills.iter().rev().map(|fill| service.trade_uuid(fill.trade)));
        }
        shown.push(order(service, &row, signed.as_ref(), spec, trades));
    }
    Ok(shown)
}

async fn get_order(call: Call<Signer>) -> Answer {
    let unknown = || Failure::new(404, "Order not found");
    let digest = digest(call.path("order_id")).ok_or_else(|| Failure::bad_request("Invalid orderID"))?;
    let reads = call.who.reads(&call.service)?;
    let known = call.service.find_orders(&reads, &[digest]).await?;
    let id = known.get(&digest).ok_or_else(unknown)?;
    let wanted = OrderFilter { ids: vec![*id], limit: 1, ..OrderFilter::default() };
    let mut rows = call.service.signed_rows(&reads, wanted).await?;
    if call.service.clob_mode() == ClobMode::Strict {
        let since = call.service.now().plus_millis(-SHOWN_MS);
        rows.retain(|(row, _)| row.closed_at.is_none_or(|closed| closed > since));
    }
    let mut shown = shown_orders(&call.service, &reads, rows).await?;
    shown.pop().map(|order| Reply::json(&order)).ok_or_else(unknown)
}

async fn get_nothing(_: Call<Signer>) -> Answer {
    Ok(pages::empty())
}

async fn get_builder_trades(_: Call<Anyone>) -> Answer {
    Ok(pages::empty())
}

async fn get_trades(call: Call<Signer>) -> Answer {
    let filter: Filter = call.query()?;
    let reads = call.who.reads(&call.service)?;
    let cursor = filter.cursor()?;
    let trade = match given(filter.id.as_ref()) {
        None => None,
        Some(id) => {
            let Some(trade) = call.service.trade_of_uuid(id) else { return Ok(pages::empty()) };
            Some(trade)
        }
    };
    let Some((markets, outcome)) = filter.place(&call.service) else { return Ok(pages::empty()) };
    let wanted = FillFilter {
        trade,
        markets,
        from: seconds(filter.after.as_ref())?,
        before: seconds(filter.before.as_ref())?,
        limit: PAGE + 1,
        offset: cursor.offset(),
        ..FillFilter::default()
    };
    let rows = call.service.matches(&reads, wanted).await?;
    let catalog = call.service.catalog();
    let is_meant = |row: &&MatchRow| {
        let (taker, maker) = row.taker_and_maker();
        let named = |text: Option<&String>, halves: &[&crate::service::settlement::Half]| {
            let Some(text) = given(text) else { return true };
            let Ok(address) = text.parse::<Address>() else { return false };
            halves.iter().any(|half| call.service.shown_maker(half) == address)
        };
        // A trade is shown in its taker's token.
        outcome.is_none_or(|outcome| taker.fill.outcome == outcome)
            && named(filter.maker_address.as_ref(), &[taker, maker])
            && named(filter.taker.as_ref(), &[taker])
    };
    // The page goes on where these rows end, whoever of them is meant.
    let next = cursor.after(rows.len(), PAGE);
    let shown = rows.iter().take(crate::types::index(PAGE)).filter(is_meant).filter_map(|row| {
        let spec = catalog.get(row.own.fill.market)?;
        let stage = call.service.stage_of(row.own.fill.at);
        Some(Shown { service: &call.service, row, spec, stage }.trade())
    });
    Ok(pages::rows(PAGE, next, &shown.collect::<Vec<_>>()))
}

/// No market pays rewards, so that no order scores (§5.6).
async fn get_scoring(_: Call<Signer>) -> Answer {
    Ok(Reply::json(&json!({"scoring": false})))
}

async fn post_scoring(call: Call<Signer>) -> Answer {
    let ids: Vec<String> = call.json()?;
    let none: Map<_, _> = ids.into_iter().map(|id| (id, Value::Bool(false))).collect();
    Ok(Reply::json(&none))
}
