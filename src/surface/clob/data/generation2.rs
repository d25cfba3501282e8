//! The second generation: positions, trades and activity as pages that go on behind a cursor (§10.2).

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::super::gamma::{cursor, event_id, event_slug};
use super::super::text::{label, token};
use super::activity::{self, Deed};
use super::maths::{dollars, micros, percent, price, shares};
use super::params::{
    Least, Markets, Span, Wallet, address_of, directed, is_ascending, wallet, wallet_if_any, whole,
};
use super::positions::{self, Position, about};
use super::totals::largest_holders;
use super::trades::{self, LOOKED_THROUGH_MAX, Whose, side_name};
use super::wire::{Activity2, Amounts2, Flags2, Page, Position2, Single, Trade2};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::history::FillRow;
use crate::types::{AccountId, MarketId, Shares, Timestamp};
use actix_web::http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Rows on a page, usually and at most.
const PAGE: [usize; 2] = [100, 1_000];
/// Holders of a market whose positions on it are looked up.
const HOLDERS_MAX: usize = 100;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v2/positions", get_positions),
        endpoint(Method::GET, "/v2/trades", get_trades),
        endpoint(Method::GET, "/v2/activity", get_activity),
        endpoint(Method::GET, "/v2/value", get_value),
    ]
}

#[derive(Deserialize)]
struct Paging {
    limit: Option<String>,
    cursor: Option<String>,
}

/// A page behind a cursor, whose place is of a kind of its own for every list.
pub(super) struct Behind<Place> {
    pub(super) limit: usize,
    pub(super) after: Option<Place>,
}

impl<Place: DeserializeOwned + Serialize> Behind<Place> {
    pub(super) fn read(call: &Call<Anyone>, [usual, most]: [usize; 2]) -> Result<Self, Failure> {
        let paging: Paging = call.query()?;
        let limit = whole("limit", paging.limit.as_deref())?.unwrap_or(usual).clamp(1, most);
        let after = paging.cursor.as_deref().filter(|text| !text.is_empty());
        let after =
            after.map(|text| cursor::read(text).ok_or_else(|| Failure::bad_request("invalid cursor")));
        Ok(Self { limit, after: after.transpose()? })
    }

    /// The first rows of what is left, and where they go on if they do.
    pub(super) fn of<Row>(
        &self,
        mut rest: Vec<Row>,
        place: impl Fn(&Row) -> Place,
    ) -> (Vec<Row>, Option<String>) {
        let has_more = rest.len() > self.limit;
        rest.truncate(self.limit);
        let next = rest.last().filter(|_| has_more).map(|row| cursor::write(&place(row)));
        (rest, next)
    }
}

/// What positions are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortBy {
    Value,
    Price,
    Shares,
    Unrealized,
    Realized,
    Total,
    Time,
}

/// Which positions are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Those that are held: what is meant where nothing is said.
    Held,
    Open,
    Redeemable,
    Lost,
    Mergeable,
    Closed,
}

impl Status {
    fn named(text: Option<&str>) -> Result<Self, Failure> {
        match text.map(str::to_ascii_uppercase).as_deref() {
            None | Some("") => Ok(Self::Held),
            Some("OPEN") => Ok(Self::Open),
            Some("REDEEMABLE") => Ok(Self::Redeemable),
            Some("REDEEMABLE_LOST") => Ok(Self::Lost),
            Some("MERGEABLE") => Ok(Self::Mergeable),
            Some("CLOSED") => Ok(Self::Closed),
            Some(_) => Err(Failure::bad_request("invalid status")),
        }
    }

    fn includes(self, row: &Position) -> bool {
        match self {
            Self::Held | Self::Closed => true,
            Self::Open => !row.is_resolved,
            Self::Redeemable => row.is_resolved,
            Self::Lost => row.is_resolved && row.value.is_zero(),
            Self::Mergeable => row.has_pair,
        }
    }

    const fn usual_sort(self) -> SortBy {
        match self {
            Self::Mergeable => SortBy::Shares,
            Self::Closed => SortBy::Realized,
            Self::Held | Self::Open | Self::Redeemable | Self::Lost => SortBy::Value,
        }
    }
}

impl SortBy {
    fn named(text: Option<&str>, status: Status) -> Result<Self, Failure> {
        let sort = match text.map(str::to_ascii_uppercase).as_deref() {
            None | Some("") => status.usual_sort(),
            Some("CURRENT_VALUE") => Self::Value,
            Some("PRICE") => Self::Price,
            Some("TOKENS") => Self::Shares,
            Some("UNREALIZED_PNL") => Self::Unrealized,
            Some("REALIZED_PNL") => Self::Realized,
            Some("TOTAL_PNL") => Self::Total,
            Some("TIMESTAMP") => Self::Time,
            Some(_) => return Err(Failure::bad_request("invalid sort_by")),
        };
        // Of what is gone, everything held is nothing.
        let is_of_held = matches!(sort, Self::Value | Self::Price | Self::Shares | Self::Unrealized);
        Ok(if status == Status::Closed && is_of_held { Self::Realized } else { sort })
    }

    fn key(self, row: &Position) -> i64 {
        match self {
            Self::Value => row.value.micros(),
            Self::Price => row.price,
            Self::Shares => row.shares.micros(),
            Self::Unrealized => row.unrealized().micros(),
            Self::Realized => row.realized.micros(),
            Self::Total => (row.unrealized() + row.realized).micros(),
            Self::Time => row.closed_at.unwrap_or(row.opened_at).millis(),
        }
    }
}

#[derive(Deserialize)]
struct Query {
    status: Option<String>,
    title: Option<String>,
    filter_type: Option<String>,
    filter_amount: Option<String>,
    sort_by: Option<String>,
    sort_direction: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

/// A position with the address it is shown for.
type Owned = (String, Position);

/// The positions among which a page is sought: a wallet's, or everyone's on one market.
async fn owned(
    service: &Service,
    wallet: Option<Wallet>,
    status: Status,
    markets: &Markets,
) -> Result<Vec<Owned>, Failure> {
    if let Some(Wallet { address, permit }) = wallet {
        let Some(permit) = permit else { return Ok(Vec::new()) };
        let rows = match status {
            Status::Closed => positions::closed(service, &permit).await?,
            Status::Held | Status::Open | Status::Redeemable | Status::Lost | Status::Mergeable => {
                positions::held(service, &permit).await?
            }
        };
        return Ok(rows.into_iter().map(|row| (address.clone(), row)).collect());
    }
    let these = match markets {
        Markets::All => None,
        Markets::These(these) => Some(these.as_slice()),
    };
    match these {
        Some([]) => Ok(Vec::new()),
        // What is gone has no holders.
        Some([_]) if status == Status::Closed => Ok(Vec::new()),
        Some([market]) => on_market(service, *market).await,
        Some(_) | None => Err(Failure::bad_request("user or exactly one condition_id is required")),
    }
}

/// What the largest holders of a market hold of it.
async fn on_market(service: &Service, market: MarketId) -> Result<Vec<Owned>, Failure> {
    let holders = largest_holders(service, market, (HOLDERS_MAX, Shares::ZERO)).await?;
    let accounts: BTreeSet<AccountId> = holders.iter().flatten().map(|(account, _)| *account).collect();
    let mut all = Vec::new();
    for account in accounts {
        // The exchange's own accounts have no wallet that could be looked at.
        let Some(permit) = service.account_on_chain(account) else { continue };
        let address = address_of(service, account);
        let rows = positions::held(service, &permit).await?.into_iter().filter(|row| row.market == market);
        all.extend(rows.map(|row| (address.clone(), row)));
    }
    Ok(all)
}

async fn get_positions(call: Call<Anyone>) -> Answer {
    let query: Query = call.query()?;
    let behind: Behind<(i64, i64, String)> = Behind::read(&call, PAGE)?;
    let markets = Markets::read(&call, "condition_id", "event_id")?;
    let status = Status::named(query.status.as_deref())?;
    let sort = SortBy::named(query.sort_by.as_deref(), status)?;
    let ascending = is_ascending(query.sort_direction.as_deref())?;
    let least = Least::read(query.filter_type.as_deref(), query.filter_amount.as_deref())?;
    let span = Span::read(query.start.as_deref(), query.end.as_deref())?;
    let title = query.title.map(|title| title.trim().to_lowercase());
    let mut rows = owned(&call.service, wallet_if_any(&call)?, status, &markets).await?;
    let place = |(address, row): &Owned| (sort.key(row), row.id, address.clone());
    rows.retain(|owned| {
        let row = &owned.1;
        let is_behind = |after| directed(place(owned).cmp(after), ascending) == Ordering::Greater;
        markets.include(row.market)
            && status.includes(row)
            && title.as_ref().is_none_or(|part| row.spec.facts.question.to_lowercase().contains(part))
            && least.lets(row.value, row.shares)
            && span.holds(row.closed_at.unwrap_or(row.opened_at))
            && behind.after.as_ref().is_none_or(is_behind)
    });
    rows.sort_by(|one, other| directed(place(one).cmp(&place(other)), ascending));
    let (rows, next) = behind.of(rows, place);
    let shown = rows.iter().map(|(address, row)| position_row(address, row)).collect();
    Ok(Reply::json(&Page::new(shown, next)))
}

fn position_row(address: &str, row: &Position) -> Position2 {
    let facts = &row.spec.facts;
    let other = row.outcome.complement();
    let status = match (row.closed_at, row.is_resolved) {
        (Some(_), _) => "CLOSED",
        (None, true) => "REDEEMABLE",
        (None, false) => "OPEN",
    };
    Position2 {
        proxy_wallet: address.to_owned(),
        about: about(&row.spec, row.outcome).into(),
        event_id: event_id(event_slug(facts)).to_string(),
        opposite_outcome: label(&row.spec, other).to_owned(),
        opposite_token_id: token(&row.spec, other).to_owned(),
        end_date: row.end_day(),
        amounts: amounts(row),
        status,
        flags: Flags2 {
            redeemable: row.closed_at.is_none() && row.is_resolved,
            mergeable: row.has_pair,
            negative_risk: facts.neg_risk,
            archived: false,
            verified: false,
        },
        first_entry_at: row.opened_at.seconds(),
        last_event_at: row.closed_at.map(Timestamp::seconds),
    }
}

fn amounts(row: &Position) -> Amounts2 {
    let (unrealized, total) = (row.unrealized(), row.unrealized() + row.realized);
    Amounts2 {
        current_size: shares(row.shares),
        avg_price: price(row.average()),
        entry_cost_usdc: dollars(row.cost),
        entry_fees_usdc: dollars(row.fees),
        total_cost_usdc: dollars(row.paid),
        current_price: price(row.price),
        current_value: dollars(row.value),
        total_size: shares(row.bought),
        realized_pnl: dollars(row.realized),
        unrealized_pnl: dollars(unrealized),
        total_pnl: dollars(total),
        percent_pnl: percent(total, row.paid),
        percent_realized_pnl: percent(row.realized, row.cost_left()),
    }
}

async fn get_trades(call: Call<Anyone>) -> Answer {
    let whose = Whose::read(&call)?;
    let behind: Behind<trades::Place> = Behind::read(&call, PAGE)?;
    let mut wanted = trades::Wanted::read(&call, Markets::read(&call, "condition_id", "event_id")?)?;
    wanted.below = behind.after;
    let fills = trades::find(&call.service, &whose, &wanted, (0, behind.limit + 1)).await?;
    let (fills, next) = behind.of(fills, trades::Place::of);
    let catalog = call.service.catalog();
    let row = |fill: &FillRow| {
        Some(Trade2 {
            proxy_wallet: whose.address(&call.service, fill),
            about: about(catalog.get(fill.market)?, fill.outcome).into(),
            side: side_name(fill.side),
            size: shares(fill.shares),
            price: price(micros(fill.price)),
            timestamp: fill.at.seconds(),
            transaction_hash: call.service.transaction_hash(fill.trade),
        })
    };
    Ok(Reply::json(&Page::new(fills.iter().filter_map(row).collect(), next)))
}

#[derive(Deserialize)]
struct Direction {
    sort_direction: Option<String>,
}

async fn get_activity(call: Call<Anyone>) -> Answer {
    let Wallet { address, permit } = wallet(&call)?;
    let query: Direction = call.query()?;
    let behind: Behind<activity::Place> = Behind::read(&call, PAGE)?;
    let wanted = activity::Wanted::read(&call, Markets::read(&call, "condition_id", "event_id")?)?;
    let ascending = is_ascending(query.sort_direction.as_deref())?;
    let mut deeds = match permit {
        None => Vec::new(),
        // From the oldest on, all of them have to be looked through.
        Some(permit) if ascending => {
            let all = (LOOKED_THROUGH_MAX, None);
            let mut deeds = activity::gather(&call.service, &permit, &wanted, all).await?;
            deeds.retain(|deed| behind.after.is_none_or(|after| deed.place > after));
            deeds
        }
        Some(permit) => {
            let newest = (behind.limit + 1, behind.after);
            activity::gather(&call.service, &permit, &wanted, newest).await?
        }
    };
    deeds.sort_by(|one, other| directed(one.place.cmp(&other.place), ascending));
    let (deeds, next) = behind.of(deeds, |deed| deed.place);
    let catalog = call.service.catalog();
    let row = |deed: &Deed| {
        Some(Activity2 {
            proxy_wallet: address.clone(),
            timestamp: deed.place.at.seconds(),
            transaction_hash: deed.transaction(&call.service),
            kind: deed.kind().name(),
            is_combo: false,
            about: deed.about(catalog.get(deed.market)?).into(),
            side: deed.side(),
            size: shares(deed.shares),
            usdc_size: dollars(deed.dollars),
            price: deed.price(),
        })
    };
    Ok(Reply::json(&Page::new(deeds.iter().filter_map(row).collect(), next)))
}

async fn get_value(call: Call<Anyone>) -> Answer {
    let wallet = wallet(&call)?;
    let markets = Markets::read(&call, "condition_id", "event_id")?;
    let value = positions::value(&call.service, wallet.permit.as_ref(), &markets).await?;
    let data = json!({"proxy_wallet": wallet.address, "value": dollars(value)});
    Ok(Reply::json(&Single { data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_decides_what_positions_are_sorted_by() {
        let sort = |status: Option<&str>, by: Option<&str>| {
            let status = Status::named(status).expect("a status");
            SortBy::named(by, status).map_err(|failure| failure.status)
        };
        for (status, by, expected) in [
            (None, None, Ok(SortBy::Value)),
            (Some("OPEN"), Some("total_pnl"), Ok(SortBy::Total)),
            (Some("MERGEABLE"), None, Ok(SortBy::Shares)),
            (Some("CLOSED"), None, Ok(SortBy::Realized)),
            (Some("CLOSED"), Some("TOKENS"), Ok(SortBy::Realized)),
            (Some("CLOSED"), Some("TIMESTAMP"), Ok(SortBy::Time)),
            (None, Some("FISH"), Err(400)),
        ] {
            assert_eq!(sort(status, by), expected, "{status:?} {by:?}");
        }
        assert!(Status::named(Some("LOST")).is_err());
    }

    #[test]
    fn a_page_says_where_it_goes_on_if_it_does() {
        let behind = Behind::<u32> { limit: 2, after: None };
        let (rows, next) = behind.of(vec![5, 6, 7], |row| *row);
        assert_eq!((rows, next.as_deref().and_then(cursor::read::<u32>)), (vec![5, 6], Some(6)));
        assert_eq!(behind.of(vec![5, 6], |row| *row), (vec![5, 6], None));
    }
}
