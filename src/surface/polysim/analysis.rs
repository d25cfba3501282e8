//! `GET /v1/account/profile-analysis` (§13.2). The inner names are not published; they say what they hold.

use super::account::{balance, equity_row, open_rows};
use super::auth::Reader;
use super::call::{Answer, Call, Reply, endpoint};
use super::order_wire::trade_row;
use super::params::whole;
use super::to_wire::iso;
use crate::http::Endpoint;
use crate::service::analysis::{ClosedStats, Drawdown, Exposure, ratio};
use crate::service::history::FillFilter;
use crate::types::{DAY_MS, Timestamp, Usd, format_scaled};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::json;

const VERSION: &str = "1.0.0";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/v1/account/profile-analysis", get_analysis)]
}

#[derive(Deserialize)]
struct Query {
    recent_trades: Option<String>,
    equity_days: Option<String>,
    wallet_id: Option<String>,
}

async fn get_analysis(call: Call<Reader>) -> Answer {
    let query: Query = call.query()?;
    let recent = whole("recent_trades", query.recent_trades.as_deref(), 20, 1..=100)?;
    let days = whole("equity_days", query.equity_days.as_deref(), 30, 1..=365)?;
    let permit = call.who.permit(&call.service, query.wallet_id.as_deref())?;
    let (service, now) = (&call.service, call.service.now());
    let portfolios = service.portfolios(&permit).await?;
    let past = service.past(&permit).await?;
    let equity = service.equity(&permit, days_before(now, days), now).await?;
    let filter = FillFilter { limit: u32::try_from(recent).unwrap_or(100), ..FillFilter::default() };
    let fills = service.fills(&permit, filter).await?;

    let baseline = service.baseline(&permit)?;
    let (closed, exposure, drawdown) =
        (ClosedStats::of(&past.closed), Exposure::of(&portfolios), Drawdown::of(&equity));
    let catalog = service.catalog();
    let trades: Vec<_> =
        fills.iter().filter_map(|fill| Some(trade_row(fill, catalog.get(fill.market)?))).collect();
    let categories: Vec<_> = exposure
        .categories
        .iter()
        .map(|(category, value)| {
            let weight = ratio(value.micros(), exposure.value.micros()).unwrap_or(0);
            json!({"category": category, "value": value.plain(), "weight": share(weight)})
        })
        .collect();
    let caller = call.who.who();
    Ok(Reply::json(&json!({
        "analysis_generated_at": iso(now),
        "analysis_version": VERSION,
        "profile": {
            "user_id": caller.user,
            "tier": caller.tier.name(),
            "wallet_ids": permit.accounts(),
        },
        "balance": balance(&portfolios, baseline),
        "open_positions": open_rows(&portfolios, &past),
        "trading_stats": {
            "total_trades": past.stats.fills,
            "closed_positions": closed.positions,
            "winning_positions": closed.wins,
            "losing_positions": closed.losses,
            "win_rate": closed.win_rate().map(share),
            "realized_pnl": closed.realized.plain(),
            "gross_profit": closed.gross_profit.plain(),
            "gross_loss": closed.gross_loss.plain(),
            "profit_factor": closed.profit_factor().map(share),
            "fees_paid": closed.fees.plain(),
        },
        "risk_metrics": {
            "max_drawdown": drawdown.amount.plain(),
            "max_drawdown_share": share(drawdown.share),
            "largest_position_weight": share(exposure.largest),
            "top_3_concentration": share(exposure.top_three),
            "diversity": share(exposure.diversity),
        },
        "equity_timeline": equity.iter().map(|point| equity_row(point, baseline)).collect::<Vec<_>>(),
        "category_exposure": categories,
        "recent_trades": trades,
        "natural_language_summary": summary(&closed, exposure.value),
    })))
}

fn days_before(now: Timestamp, days: usize) -> Timestamp {
    now.plus_millis(-i64::try_from(days).unwrap_or(365) * DAY_MS)
}

/// Millionths as a decimal.
fn share(millionths: i64) -> String {
    format_scaled(millionths, 6, 0)
}

fn summary(closed: &ClosedStats, held: Usd) -> String {
    let open = format!("Open positions are worth ${}.", held.rounded(2));
    if closed.positions == 0 {
        return format!("No position was closed yet. {open}");
    }
    format!(
        "{} positions were closed, {} of them at a profit, for ${} in all. {open}",
        closed.positions,
        closed.wins,
        closed.realized.rounded(2)
    )
}
