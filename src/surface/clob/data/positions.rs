//! Positions: what a wallet holds of an outcome, and what it held once (§10.1).

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::super::gamma::{event_id, event_slug};
use super::super::text::{iso, label, token};
use super::maths::{average, dollars, percent, percentage, price, shares, worth};
use super::params::{Markets, Page, decimal, directed, flag, is_ascending, wallet};
use super::wire::{About, ClosedPosition, Half, Position as Open};
use crate::http::Endpoint;
use crate::service::accounts::{Held, Portfolio};
use crate::service::callers::MayRead;
use crate::service::history::{ClosedBy, PositionRow};
use crate::service::markets::{Ticker, touch_of};
use crate::service::{MarketSpec, Service, Status};
use crate::types::{AccountId, MarketId, Outcome, Reject, Shares, Timestamp, Usd};
use actix_web::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Open positions on a page, usually and at most.
const PAGE: [usize; 2] = [100, 500];
/// Closed ones.
const CLOSED_PAGE: [usize; 2] = [10, 50];
/// The fewest shares that are shown where nothing is said.
const THRESHOLD: i64 = 1_000_000;
/// The letters of a day in an ISO-8601 moment.
const DAY_LETTERS: usize = 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/positions", get_positions),
        endpoint(Method::GET, "/closed-positions", get_closed),
        endpoint(Method::GET, "/value", get_value),
        endpoint(Method::GET, "/traded", get_traded),
    ]
}

/// What a wallet holds or held of one outcome.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// Its number, which never changes.
    pub(super) id: i64,
    pub(super) market: MarketId,
    pub(super) spec: Arc<MarketSpec>,
    pub(super) outcome: Outcome,
    /// Whether the answer is known.
    pub(super) is_resolved: bool,
    /// Whether the other outcome is held too.
    pub(super) has_pair: bool,
    pub(super) shares: Shares,
    /// What the shares held now cost, fees not included.
    pub(super) cost: Usd,
    pub(super) realized: Usd,
    /// Shares that ever came in, and what they cost, fees not included.
    pub(super) bought: Shares,
    pub(super) paid: Usd,
    pub(super) fees: Usd,
    /// What the shares held now are worth.
    pub(super) value: Usd,
    /// What one share is worth, in micro-dollars.
    pub(super) price: i64,
    pub(super) opened_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
}

impl Position {
    fn open(held: &Held, row: Option<&PositionRow>, has_pair: bool, at: Timestamp) -> Self {
        let holding = held.holding;
        let (value, price) = worth((held.status, held.outcome), held.mark, (holding.shares, holding.cost));
        let is_resolved = matches!(held.status, Status::Resolved(_));
        Self {
            // History is asked last, so that it knows of the position but where it was left again meanwhile.
            id: row.map_or(i64::MAX, |row| row.id),
            market: held.market,
            spec: Arc::clone(&held.spec),
            outcome: held.outcome,
            is_resolved,
            has_pair: has_pair && !is_resolved,
            shares: holding.shares,
            cost: holding.cost,
            realized: holding.realized,
            bought: row.map_or(holding.shares, |row| row.bought),
            paid: row.map_or(holding.cost, |row| row.paid),
            fees: row.map_or(Usd::ZERO, |row| row.fees),
            value,
            price,
            opened_at: row.map_or(at, |row| row.opened_at),
            closed_at: None,
        }
    }

    /// One of which nothing is left. What a reset took away was neither won nor lost, and is not shown.
    fn closed(row: &PositionRow, ticker: &Ticker) -> Option<Self> {
        let (closed_at, by) = row.closed?;
        if by == ClosedBy::Reset {
            return None;
        }
        let mark = touch_of(ticker.touch, row.outcome).mark;
        let (_, price) = worth((ticker.status, row.outcome), mark, (row.shares, row.cost));
        Some(Self {
            id: row.id,
            market: row.market,
            spec: Arc::clone(&ticker.spec),
            outcome: row.outcome,
            is_resolved: matches!(ticker.status, Status::Resolved(_)),
            has_pair: false,
            shares: Shares::ZERO,
            cost: Usd::ZERO,
            realized: row.realized,
            bought: row.bought,
            paid: row.paid,
            fees: row.fees,
            value: Usd::ZERO,
            price,
            opened_at: row.opened_at,
            closed_at: Some(closed_at),
        })
    }

    /// What a share cost on average, in micro-dollars: of those held, or of all there were.
    pub(super) fn average(&self) -> i64 {
        if self.shares.is_positive() {
            average(self.cost, self.shares)
        } else {
            average(self.paid, self.bought)
        }
    }

    /// What is won or lost on paper.
    pub(super) fn unrealized(&self) -> Usd {
        self.value - self.cost
    }

    /// What the shares that left had cost.
    pub(super) fn cost_left(&self) -> Usd {
        self.paid - self.cost
    }

    /// The day on which the market ends; nothing where that is open.
    pub(super) fn end_day(&self) -> Option<String> {
        self.spec.facts.ends_at.map(|ends| iso(ends).chars().take(DAY_LETTERS).collect())
    }

    fn has_title(&self, part: &str) -> bool {
        self.spec.facts.question.to_lowercase().contains(part)
    }
}

type Rows = BTreeMap<(AccountId, MarketId, Outcome), PositionRow>;

/// What a wallet holds as the exchange knows it, and every position it ever had as history does.
async fn known(service: &Service, permit: &MayRead) -> Result<(Vec<Portfolio>, Rows), Reject> {
    let portfolios = service.portfolios(permit).await?;
    let rows = service.position_rows(permit).await?;
    Ok((portfolios, rows.into_iter().map(|row| ((row.account, row.market, row.outcome), row)).collect()))
}

/// What a wallet holds.
pub(super) async fn held(service: &Service, permit: &MayRead) -> Result<Vec<Position>, Reject> {
    let (portfolios, rows) = known(service, permit).await?;
    let mut all = Vec::new();
    for own in &portfolios {
        for held in &own.held {
            let row = rows.get(&(own.account, held.market, held.outcome));
            let has_pair = own.shares(held.market, held.outcome.complement()).is_positive();
            all.push(Position::open(held, row, has_pair, own.at));
        }
    }
    Ok(all)
}

/// What a wallet held once and holds no more.
pub(super) async fn closed(service: &Service, permit: &MayRead) -> Result<Vec<Position>, Reject> {
    let (portfolios, mut rows) = known(service, permit).await?;
    for own in &portfolios {
        for held in &own.held {
            rows.remove(&(own.account, held.market, held.outcome));
        }
    }
    if rows.values().all(|row| row.closed.is_none()) {
        return Ok(Vec::new());
    }
    let tickers: BTreeMap<MarketId, Ticker> =
        service.tickers().await?.into_iter().map(|ticker| (ticker.market, ticker)).collect();
    Ok(rows.values().filter_map(|row| Position::closed(row, tickers.get(&row.market)?)).collect())
}

/// What a list of positions may be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortBy {
    Current,
    Initial,
    Tokens,
    CashPnl,
    PercentPnl,
    RealizedPnl,
    Title,
    End,
    Price,
    Average,
    Closed,
}

impl SortBy {
    fn named(text: Option<&str>, usual: Self) -> Result<Self, Failure> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(usual) };
        Ok(match text.to_ascii_uppercase().as_str() {
            "CURRENT" => Self::Current,
            "INITIAL" => Self::Initial,
            "TOKENS" => Self::Tokens,
            "CASHPNL" => Self::CashPnl,
            "PERCENTPNL" => Self::PercentPnl,
            "REALIZEDPNL" => Self::RealizedPnl,
            "TITLE" => Self::Title,
            "RESOLVING" => Self::End,
            "PRICE" => Self::Price,
            "AVGPRICE" => Self::Average,
            "TIMESTAMP" => Self::Closed,
            _ => return Err(Failure::bad_request("invalid sortBy")),
        })
    }

    fn compare(self, one: &Position, other: &Position) -> Ordering {
        let won = |position: &Position| percentage(position.unrealized(), position.cost);
        let order = match self {
            Self::Current => one.value.cmp(&other.value),
            Self::Initial => one.cost.cmp(&other.cost),
            Self::Tokens => one.shares.cmp(&other.shares),
            Self::CashPnl => one.unrealized().cmp(&other.unrealized()),
            Self::PercentPnl => won(one).cmp(&won(other)),
            Self::RealizedPnl => one.realized.cmp(&other.realized),
            Self::Title => one.spec.facts.question.cmp(&other.spec.facts.question),
            Self::End => one.spec.facts.ends_at.cmp(&other.spec.facts.ends_at),
            Self::Price => one.price.cmp(&other.price),
            Self::Average => one.average().cmp(&other.average()),
            Self::Closed => one.closed_at.cmp(&other.closed_at),
        };
        order.then(one.id.cmp(&other.id))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    size_threshold: Option<String>,
    redeemable: Option<String>,
    mergeable: Option<String>,
    title: Option<String>,
    sort_by: Option<String>,
    sort_direction: Option<String>,
}

impl Query {
    /// The part of a title that is looked for, in lower case.
    fn title(&self) -> Option<String> {
        self.title.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase)
    }
}

async fn get_positions(call: Call<Anyone>) -> Answer {
    let wallet = wallet(&call)?;
    let query: Query = call.query()?;
    let page = Page::read(&call, PAGE[0], PAGE[1])?;
    let markets = Markets::read(&call, "market", "eventId")?;
    let threshold = decimal("sizeThreshold", query.size_threshold.as_deref())?.unwrap_or(THRESHOLD);
    let only_redeemable = flag("redeemable", query.redeemable.as_deref())? == Some(true);
    let only_mergeable = flag("mergeable", query.mergeable.as_deref())? == Some(true);
    let sort = SortBy::named(query.sort_by.as_deref(), SortBy::Tokens)?;
    let ascending = is_ascending(query.sort_direction.as_deref())?;
    let title = query.title();
    let Some(permit) = &wallet.permit else { return Ok(Reply::json(&Vec::<Value>::new())) };
    let mut rows = held(&call.service, permit).await?;
    rows.retain(|row| {
        markets.include(row.market)
            && row.shares.micros() >= threshold
            && (!only_redeemable || row.is_resolved)
            && (!only_mergeable || row.has_pair)
            && title.as_ref().is_none_or(|part| row.has_title(part))
    });
    rows.sort_by(|one, other| directed(sort.compare(one, other), ascending));
    let shown: Vec<_> = page.of(rows).iter().map(|row| open_row(&wallet.address, row)).collect();
    Ok(Reply::json(&shown))
}

async fn get_closed(call: Call<Anyone>) -> Answer {
    let wallet = wallet(&call)?;
    let query: Query = call.query()?;
    let page = Page::read(&call, CLOSED_PAGE[0], CLOSED_PAGE[1])?;
    let markets = Markets::read(&call, "market", "eventId")?;
    let sort = SortBy::named(query.sort_by.as_deref(), SortBy::RealizedPnl)?;
    let ascending = is_ascending(query.sort_direction.as_deref())?;
    let title = query.title();
    let Some(permit) = &wallet.permit else { return Ok(Reply::json(&Vec::<Value>::new())) };
    let mut rows = closed(&call.service, permit).await?;
    rows.retain(|row| markets.include(row.market) && title.as_ref().is_none_or(|part| row.has_title(part)));
    rows.sort_by(|one, other| directed(sort.compare(one, other), ascending));
    let shown: Vec<_> = page.of(rows).iter().map(|row| closed_row(&wallet.address, row)).collect();
    Ok(Reply::json(&shown))
}

/// What a row is about.
pub(super) fn about(spec: &MarketSpec, outcome: Outcome) -> About {
    let facts = &spec.facts;
    About {
        asset: token(spec, outcome).to_owned(),
        condition_id: facts.condition_id.clone(),
        title: facts.question.clone(),
        slug: facts.slug.clone(),
        icon: "",
        event_slug: event_slug(facts).to_owned(),
        outcome: label(spec, outcome).to_owned(),
        outcome_index: outcome.position(),
    }
}

fn half(row: &Position) -> Half {
    let (spec, other) = (&row.spec, row.outcome.complement());
    Half {
        about: about(spec, row.outcome),
        event_id: event_id(event_slug(&spec.facts)).to_string(),
        opposite_outcome: label(spec, other).to_owned(),
        opposite_asset: token(spec, other).to_owned(),
        negative_risk: spec.facts.neg_risk,
    }
}

fn open_row(address: &str, row: &Position) -> Open {
    Open {
        proxy_wallet: address.to_owned(),
        half: half(row),
        size: shares(row.shares),
        avg_price: price(row.average()),
        initial_value: dollars(row.cost),
        current_value: dollars(row.value),
        cash_pnl: dollars(row.unrealized()),
        percent_pnl: percent(row.unrealized(), row.cost),
        total_bought: shares(row.bought),
        realized_pnl: dollars(row.realized),
        percent_realized_pnl: percent(row.realized, row.cost_left()),
        cur_price: price(row.price),
        redeemable: row.is_resolved,
        mergeable: row.has_pair,
        end_date: row.end_day().unwrap_or_default(),
    }
}

fn closed_row(address: &str, row: &Position) -> ClosedPosition {
    let closed_at = row.closed_at.unwrap_or(row.opened_at);
    ClosedPosition {
        proxy_wallet: address.to_owned(),
        half: half(row),
        size: shares(row.shares),
        avg_price: price(row.average()),
        initial_value: dollars(row.paid),
        percent_pnl: percent(row.realized, row.paid),
        total_bought: shares(row.bought),
        realized_pnl: dollars(row.realized),
        percent_realized_pnl: percent(row.realized, row.paid),
        cur_price: price(row.price),
        redeemable: false,
        mergeable: false,
        end_date: iso(row.spec.facts.ends_at.unwrap_or(closed_at)),
        timestamp: closed_at.seconds(),
    }
}

/// What a wallet's positions on some markets are worth, without its cash.
pub(super) async fn value(
    service: &Service,
    permit: Option<&MayRead>,
    markets: &Markets,
) -> Result<Usd, Reject> {
    let Some(permit) = permit else { return Ok(Usd::ZERO) };
    let portfolios = service.portfolios(permit).await?;
    let meant = portfolios.iter().flat_map(|own| &own.held).filter(|held| markets.include(held.market));
    let value = |held: &Held| {
        let holding = (held.holding.shares, held.holding.cost);
        worth((held.status, held.outcome), held.mark, holding).0
    };
    Ok(meant.map(value).sum())
}

async fn get_value(call: Call<Anyone>) -> Answer {
    let wallet = wallet(&call)?;
    let markets = Markets::read(&call, "market", "eventId")?;
    let value = value(&call.service, wallet.permit.as_ref(), &markets).await?;
    Ok(Reply::json(&json!([{"user": wallet.address, "value": dollars(value)}])))
}

/// On how many markets a wallet ever held something.
pub(super) fn markets_traded(rows: &[PositionRow]) -> usize {
    let markets: BTreeSet<MarketId> = rows.iter().map(|row| row.market).collect();
    markets.len()
}

async fn get_traded(call: Call<Anyone>) -> Answer {
    let wallet = wallet(&call)?;
    let rows = match &wallet.permit {
        None => Vec::new(),
        Some(permit) => call.service.position_rows(permit).await?,
    };
    Ok(Reply::json(&json!({"user": wallet.address, "traded": markets_traded(&rows)})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_are_known_by_their_names_and_others_refused() {
        for (text, expected) in [
            (None, Ok(SortBy::Tokens)),
            (Some(""), Ok(SortBy::Tokens)),
            (Some("cashpnl"), Ok(SortBy::CashPnl)),
            (Some("RESOLVING"), Ok(SortBy::End)),
            (Some("FISH"), Err(400)),
        ] {
            let named = SortBy::named(text, SortBy::Tokens).map_err(|failure| failure.status);
            assert_eq!(named, expected, "{text:?}");
        }
    }
}
