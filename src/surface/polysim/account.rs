//! The account (§13): cash, positions, history, settlements, starting over.

use super::auth::{Holder, Reader};
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
use super::from_wire;
use super::history::moment;
use super::order_wire::{average, label, open_position, trade_row};
use super::orders::page_limit;
use super::params::flag;
use super::to_wire::iso;
use crate::http::Endpoint;
use crate::service::accounts::{Held, Portfolio};
use crate::service::history::{
    ClosedBy, EquityPoint, FillFilter, Past, PositionRow, SettlementFilter, SettlementRow,
};
use crate::service::{Catalog, ExchangeReceipt, MarketSpec, Purse};
use crate::types::{AccountId, DAY_MS, Reject, Timestamp, Usd, index};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// `2026-02-06`: of anything longer the time of day counts.
const DAY_LETTERS: usize = 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/account/balance", get_balance),
        endpoint(Method::GET, "/v1/account/positions", get_positions),
        endpoint(Method::GET, "/v1/account/portfolio", get_portfolio),
        endpoint(Method::GET, "/v1/account/history", get_history),
        endpoint(Method::GET, "/v1/account/equity", get_equity),
        endpoint(Method::GET, "/v1/account/settlements", get_settlements),
        endpoint(Method::POST, "/v1/account/reset-api-balance", post_reset),
    ]
}

async fn get_balance(call: Call<Reader>) -> Answer {
    let permit = call.who.permit(&call.service, None)?;
    let portfolios = call.service.portfolios(&permit).await?;
    Ok(Reply::json(&balance(&portfolios, call.service.baseline(&permit)?)))
}

/// `balance` is what may be spent; `total_value` counts what is reserved as cash (§18.10).
pub(super) fn balance(portfolios: &[Portfolio], baseline: Usd) -> Value {
    let total: Usd = portfolios.iter().map(Portfolio::value).sum();
    json!({
        "balance": portfolios.iter().map(Portfolio::available).sum::<Usd>().rounded(2),
        "currency": "USD",
        "starting_balance": baseline.rounded(2),
        "unrealized_pnl": (total - baseline).plain(),
        "total_value": total.plain(),
    })
}

#[derive(Debug, Deserialize)]
struct PositionsQuery {
    status: Option<String>,
    wallet_id: Option<String>,
    envelope: Option<String>,
}

async fn get_positions(call: Call<Reader>) -> Answer {
    let query: PositionsQuery = call.query()?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let (open, closed) = match query.status.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("") => (true, true),
        Some("OPEN") => (true, false),
        Some("CLOSED" | "CLOSED_BY_RESET") => (false, true),
        Some(_) => return Err(Failure::invalid_query("status", "must be OPEN or CLOSED")),
    };
    let now = call.service.portfolios(&permit).await?;
    let past = call.service.past(&permit).await?;
    let mut rows = if open { open_rows(&now, &past) } else { Vec::new() };
    if closed {
        let catalog = call.service.catalog();
        let still_open = |row: &PositionRow| {
            let own = now.iter().find(|portfolio| portfolio.account == row.account);
            own.is_some_and(|own| !own.shares(row.market, row.outcome).is_zero())
        };
        rows.extend(
            past.closed.iter().filter(|row| !still_open(row)).filter_map(|row| closed_row(row, &catalog)),
        );
    }
    if flag("envelope", query.envelope.as_deref())? {
        let count = rows.len();
        return Ok(Reply::json(&json!({"limit": count, "count": count, "next_cursor": "", "data": rows})));
    }
    Ok(Reply::json(&rows))
}

pub(super) fn open_rows(now: &[Portfolio], past: &Past) -> Vec<Value> {
    let row = |account: AccountId, held: &Held| {
        let id = past.ids.get(&(account, held.market, held.outcome)).copied().unwrap_or_default();
        open_position(id, held)
    };
    now.iter().flat_map(|own| own.held.iter().map(move |held| row(own.account, held))).collect()
}

/// A closed position shows a quantity of 0: the mirror adds quantities up over all rows (§22, row 11).
fn closed_row(row: &PositionRow, catalog: &Catalog) -> Option<Value> {
    let (_, by) = row.closed?;
    let spec = catalog.get(row.market)?;
    let status = match by {
        ClosedBy::Reset => "CLOSED_BY_RESET",
        ClosedBy::Trade | ClosedBy::Settlement => "CLOSED",
    };
    Some(json!({
        "id": row.id,
        "market_id": spec.facts.condition_id,
        "outcome": label(spec, row.outcome),
        "quantity": "0",
        "avg_entry_price": average(row.paid, row.bought),
        "current_price": null,
        "market_value": null,
        "unrealized_pnl": null,
        "status": status,
        "market_question": spec.facts.question,
    }))
}

#[derive(Debug, Deserialize)]
struct WalletQuery {
    wallet_id: Option<String>,
}

async fn get_portfolio(call: Call<Reader>) -> Answer {
    let query: WalletQuery = call.query()?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    // One snapshot: the balance and the positions shown add up (design §12).
    let now = call.service.portfolios(&permit).await?;
    let past = call.service.past(&permit).await?;
    let known = past.stats.wins + past.stats.losses + past.stats.draws;
    let win_rate = (known > 0).then(|| {
        let permille = (past.stats.wins * 2_000 + known) / (known * 2);
        format!("{}.{}%", permille / 10, permille % 10)
    });
    Ok(Reply::json(&json!({
        "balance": balance(&now, call.service.baseline(&permit)?),
        "positions": open_rows(&now, &past),
        "total_trades": past.stats.fills,
        "win_rate": win_rate,
    })))
}

#[derive(Debug, Deserialize)]
struct HistoryQuery {
    market_id: Option<String>,
    side: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    wallet_id: Option<String>,
    envelope: Option<String>,
}

async fn get_history(call: Call<Reader>) -> Answer {
    let query: HistoryQuery = call.query()?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let limit = page_limit(query.limit, 50, 200)?;
    let offset = query.offset.unwrap_or(0);
    let catalog = call.service.catalog();
    let market = query.market_id.as_deref().map(|id| catalog.by_condition(id));
    let side = query.side.as_deref().map(from_wire::side).transpose()?;
    let rows = match market {
        Some(None) => Vec::new(),
        found => {
            let markets = found.flatten().into_iter().collect();
            let filter = FillFilter { markets, side, limit: limit + 1, offset, ..FillFilter::default() };
            call.service.fills(&permit, filter).await?
        }
    };
    let has_more = rows.len() > index(limit);
    let shown: Vec<_> = rows
        .iter()
        .take(index(limit))
        .filter_map(|fill| Some(trade_row(fill, catalog.get(fill.market)?)))
        .collect();
    if flag("envelope", query.envelope.as_deref())? {
        let next = if has_more { (offset + limit).to_string() } else { String::new() };
        return Ok(Reply::json(
            &json!({"limit": limit, "count": shown.len(), "next_cursor": next, "data": shown}),
        ));
    }
    Ok(Reply::json(&shown))
}

#[derive(Debug, Deserialize)]
struct EquityQuery {
    days: Option<i64>,
    limit: Option<usize>,
    wallet_id: Option<String>,
}

async fn get_equity(call: Call<Reader>) -> Answer {
    let query: EquityQuery = call.query()?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let days = query.days.unwrap_or(7);
    if !(1..=90).contains(&days) {
        return Err(Failure::invalid_query("days", "must be between 1 and 90"));
    }
    let now = call.service.now();
    let points = call.service.equity(&permit, now.plus_millis(-days * DAY_MS), now).await?;
    let baseline = call.service.baseline(&permit)?;
    let skipped = query.limit.map_or(0, |limit| points.len().saturating_sub(limit));
    let shown: Vec<_> = points.iter().skip(skipped).map(|point| equity_row(point, baseline)).collect();
    Ok(Reply::json(&shown))
}

pub(super) fn equity_row(point: &EquityPoint, baseline: Usd) -> Value {
    let total = point.cash + point.position_value;
    json!({
        "timestamp": iso(point.at),
        "cash_balance": point.cash.rounded(2),
        "position_value": point.position_value.rounded(2),
        "total_value": total.rounded(2),
        "pnl": (total - baseline).rounded(2),
    })
}

#[derive(Debug, Deserialize)]
struct SettlementsQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    wallet_id: Option<String>,
    market_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

async fn get_settlements(call: Call<Reader>) -> Answer {
    let query: SettlementsQuery = call.query()?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let limit = page_limit(query.limit, 100, 500)?;
    let cursor = query.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    let before_position = cursor.map(|cursor| {
        cursor.parse::<i64>().map_err(|_| Failure::new(400, "INVALID_CURSOR", "Invalid cursor"))
    });
    let catalog = call.service.catalog();
    let market = query.market_id.as_deref().map(|id| catalog.by_condition(id));
    if market == Some(None) {
        return Ok(Reply::json(&json!({"data": [], "next_cursor": ""})));
    }
    let filter = SettlementFilter {
        market: market.flatten(),
        from: day_filter("from", query.from.as_deref(), 0)?,
        to: day_filter("to", query.to.as_deref(), DAY_MS - 1)?,
        before_position: before_position.transpose()?,
        limit: limit + 1,
        ..SettlementFilter::default()
    };
    let rows = call.service.settlements(&permit, filter).await?;
    let page = &rows[..rows.len().min(index(limit))];
    let next = page
        .last()
        .filter(|_| rows.len() > page.len())
        .map_or_else(String::new, |row| row.position.to_string());
    let shown: Vec<_> =
        page.iter().filter_map(|row| Some(settlement_row(row, catalog.get(row.market)?))).collect();
    Ok(Reply::json(&json!({"data": shown, "next_cursor": next})))
}

/// An ISO moment, or a day, which for an upper bound counts to its end.
pub(super) fn day_filter(
    field: &str,
    text: Option<&str>,
    into_day_ms: i64,
) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let invalid = || Failure::invalid_query(field, "must be an ISO time or YYYY-MM-DD");
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && text.len() == DAY_LETTERS
    {
        let at = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| invalid())?;
        return Ok(Some(Timestamp::from_millis(at.timestamp().as_millisecond() + into_day_ms)));
    }
    moment(field, Some(text))
}

pub(super) fn settlement_row(row: &SettlementRow, spec: &MarketSpec) -> Map<String, Value> {
    let per_share = average(row.payout, row.shares);
    let result = match per_share.as_str() {
        "1" => "won",
        "0" => "lost",
        _ => "split",
    };
    let mut shown = Map::new();
    let mut show = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    show("position_id", row.position.into());
    show("market_id", spec.facts.condition_id.clone().into());
    show("market_question", spec.facts.question.clone().into());
    show("outcome", label(spec, row.outcome).into());
    show("wallet_id", row.account.0.into());
    show("quantity", row.shares.four_decimals().into());
    show("avg_entry_price", four_places(row.cost, row).into());
    show("cost_basis", row.cost.rounded(2).into());
    show("payout", row.payout.rounded(2).into());
    show("payout_per_share", two_places(&per_share).into());
    show("realized_pnl", row.realized.rounded(2).into());
    show("result", result.into());
    show("settled_at", iso(row.at).into());
    shown
}

fn four_places(cost: Usd, row: &SettlementRow) -> String {
    let text = average(cost, row.shares);
    crate::types::parse_truncated(&text, 4).map_or(text, |units| crate::types::format_scaled(units, 4, 4))
}

fn two_places(text: &str) -> String {
    crate::types::parse_truncated(text, 6)
        .map_or_else(|_| text.to_owned(), |units| Usd::from_micros(units).rounded(2))
}

/// Needs no scope (design §12).
async fn post_reset(call: Call<Holder>) -> Answer {
    let permit = call.who.manages(&call.service);
    let receipt = call.service.reset_wallet(&permit, Purse::Polymarket).await?;
    let ExchangeReceipt::Reset { positions, orders, cash } = receipt else {
        return Err(Reject::Internal.into());
    };
    Ok(Reply::json(&json!({
        "message": format!("API balance reset to ${}", with_thousands(&cash.rounded(2))),
        "new_api_balance": cash.rounded(2),
        "positions_closed": positions,
        "orders_cancelled": orders,
        "cooldown_days": 0,
    })))
}

fn with_thousands(amount: &str) -> String {
    let (whole, cents) = amount.split_once('.').unwrap_or((amount, "00"));
    let mut shown = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    format!("{shown}.{cents}")
}
