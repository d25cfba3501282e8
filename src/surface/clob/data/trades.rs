//! Trades: a wallet's, each as its own side saw it, or everyone's, each as its taker did (§10.1).

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::maths::{micros, price, shares};
use super::params::{Least, Markets, Page, Span, Wallet, address_of, flag, side, wallet_if_any};
use super::positions::about;
use super::wire::{Trade, Who};
use crate::http::Endpoint;
use crate::service::Service;
use crate::service::callers::MayRead;
use crate::service::history::{FillFilter, FillRow};
use crate::types::{Reject, Sequence, Side, Timestamp, TradeId, index};
use actix_web::http::Method;
use serde::{Deserialize, Serialize};

/// Trades on a page, usually and at most.
const PAGE: [usize; 2] = [100, 10_000];
/// Trades that are looked through for one answer.
pub(super) const LOOKED_THROUGH_MAX: usize = 50_000;
/// Trades that are asked for at once, at least and at most.
const CHUNK: [usize; 2] = [100, 1_000];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/trades", get_trades)]
}

/// Whose trades are meant.
pub(super) enum Whose {
    /// A wallet's; nobody's if nobody here has it.
    Wallet {
        address: String,
        permit: Option<MayRead>,
    },
    Everyone,
}

impl Whose {
    pub(super) fn read(call: &Call<Anyone>) -> Result<Self, Failure> {
        Ok(match wallet_if_any(call)? {
            Some(Wallet { address, permit }) => Self::Wallet { address, permit },
            None => Self::Everyone,
        })
    }

    async fn fills(&self, service: &Service, filter: FillFilter) -> Result<Vec<FillRow>, Reject> {
        match self {
            Self::Wallet { permit: Some(permit), .. } => service.fills(permit, filter).await,
            Self::Wallet { permit: None, .. } => Ok(Vec::new()),
            Self::Everyone => service.public_fills(filter).await,
        }
    }

    /// The address shown with a trade.
    pub(super) fn address(&self, service: &Service, fill: &FillRow) -> String {
        match self {
            Self::Wallet { address, .. } => address.clone(),
            Self::Everyone => address_of(service, fill.account),
        }
    }
}

/// Where a side of a trade stands among all of them: later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) at: Timestamp,
    pub(super) sequence: Sequence,
    pub(super) trade: TradeId,
    pub(super) is_taker: bool,
}

impl Place {
    pub(super) fn of(fill: &FillRow) -> Self {
        Self { at: fill.at, sequence: fill.sequence, trade: fill.trade, is_taker: fill.is_taker }
    }
}

/// Which trades are meant, apart from whose they are.
pub(super) struct Wanted {
    markets: Markets,
    side: Option<Side>,
    span: Span,
    takers_only: bool,
    least: Least,
    /// Only those before this place.
    pub(super) below: Option<Place>,
}

#[derive(Deserialize)]
struct Query {
    side: Option<String>,
    start: Option<String>,
    end: Option<String>,
    #[serde(alias = "takerOnly")]
    taker_only: Option<String>,
    #[serde(alias = "filterType")]
    filter_type: Option<String>,
    #[serde(alias = "filterAmount")]
    filter_amount: Option<String>,
}

impl Wanted {
    /// What a query says, in either generation's words.
    pub(super) fn read(call: &Call<Anyone>, markets: Markets) -> Result<Self, Failure> {
        let query: Query = call.query()?;
        Ok(Self {
            markets,
            side: side(query.side.as_deref())?,
            span: Span::read(query.start.as_deref(), query.end.as_deref())?,
            takers_only: flag("takerOnly", query.taker_only.as_deref())?.unwrap_or(true),
            least: Least::read(query.filter_type.as_deref(), query.filter_amount.as_deref())?,
            below: None,
        })
    }

    /// All of some markets' trades on a side, in a span.
    pub(super) fn of(markets: Markets, side: Option<Side>, span: Span) -> Self {
        Self { markets, side, span, takers_only: false, least: Least::Anything, below: None }
    }

    /// What the ledger can look for; nothing if there is nothing to find.
    fn filter(&self) -> Option<FillFilter> {
        let below = self.below.map(|place| place.at.plus_millis(1));
        let before = match (self.span.before, below) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let markets = self.markets.filter()?;
        Some(FillFilter { markets, side: self.side, from: self.span.from, before, ..FillFilter::default() })
    }

    /// What it can't.
    fn includes(&self, fill: &FillRow) -> bool {
        (!self.takers_only || fill.is_taker)
            && self.least.lets(fill.notional, fill.shares)
            && self.below.is_none_or(|below| Place::of(fill) < below)
    }
}

/// Trades that are wanted, the newest first: so many of them left out, and at most so many taken.
pub(super) async fn find(
    service: &Service,
    whose: &Whose,
    wanted: &Wanted,
    (skip, take): (usize, usize),
) -> Result<Vec<FillRow>, Reject> {
    let Some(filter) = wanted.filter() else { return Ok(Vec::new()) };
    let chunk = skip.saturating_add(take).clamp(CHUNK[0], CHUNK[1]);
    let limit = u32::try_from(chunk).expect("BUG: a chunk beyond its range");
    let (mut found, mut left_out, mut offset) = (Vec::new(), 0, 0);
    let mut last: Option<Place> = None;
    while found.len() < take && index(offset) < LOOKED_THROUGH_MAX {
        let rows = whose.fills(service, FillFilter { limit, offset, ..filter.clone() }).await?;
        let is_last = rows.len() < chunk;
        for row in rows {
            // What is traded meanwhile pushes the others down: none of them is taken twice.
            let place = Place::of(&row);
            if last.is_some_and(|last| place >= last) {
                continue;
            }
            last = Some(place);
            if !wanted.includes(&row) {
                continue;
            }
            if left_out < skip {
                left_out += 1;
            } else if found.len() < take {
                found.push(row);
            }
        }
        if is_last {
            break;
        }
        offset += limit;
    }
    Ok(found)
}

/// A side's name.
pub(super) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

async fn get_trades(call: Call<Anyone>) -> Answer {
    let whose = Whose::read(&call)?;
    let page = Page::read(&call, PAGE[0], PAGE[1])?;
    let wanted = Wanted::read(&call, Markets::read(&call, "market", "eventId")?)?;
    let fills = find(&call.service, &whose, &wanted, (page.offset, page.limit)).await?;
    let catalog = call.service.catalog();
    let row = |fill: &FillRow| {
        Some(Trade {
            proxy_wallet: whose.address(&call.service, fill),
            side: side_name(fill.side),
            about: about(catalog.get(fill.market)?, fill.outcome),
            size: shares(fill.shares),
            price: price(micros(fill.price)),
            timestamp: fill.at.seconds(),
            who: Who::default(),
            transaction_hash: call.service.transaction_hash(fill.trade),
        })
    };
    Ok(Reply::json(&fills.iter().filter_map(row).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AccountId, MarketId, OrderId, Outcome, Price, Shares, Usd};

    fn fill(trade: u64, is_taker: bool) -> FillRow {
        FillRow {
            trade: TradeId(trade),
            is_taker,
            sequence: Sequence(trade),
            at: Timestamp::from_millis(1_000),
            order: OrderId(trade),
            account: AccountId(1),
            market: MarketId(1),
            outcome: Outcome::Yes,
            side: Side::Buy,
            price: Price::MIN,
            shares: Shares::from_whole(10),
            notional: Usd::from_dollars(4),
            fee: Usd::ZERO,
        }
    }

    fn all() -> Wanted {
        Wanted::of(Markets::All, None, Span::default())
    }

    #[test]
    fn only_takers_and_only_large_trades_may_be_meant() {
        assert!(all().includes(&fill(1, false)));
        assert!(!Wanted { takers_only: true, ..all() }.includes(&fill(1, false)));
        let large = Wanted { least: Least::Dollars(Usd::from_dollars(5)), ..all() };
        assert!(!large.includes(&fill(1, true)));
    }

    #[test]
    fn behind_a_place_come_only_earlier_trades_of_the_same_moment() {
        let wanted = Wanted { below: Some(Place::of(&fill(5, true))), ..all() };
        for (trade, is_taker, expected) in
            [(6, false, false), (5, true, false), (5, false, true), (4, true, true)]
        {
            assert_eq!(wanted.includes(&fill(trade, is_taker)), expected, "{trade} {is_taker}");
        }
        let filter = wanted.filter().expect("something");
        assert_eq!(filter.before, Some(Timestamp::from_millis(1_001)));
    }

    #[test]
    fn no_market_meant_finds_nothing() {
        assert!(Wanted::of(Markets::These(Vec::new()), None, Span::default()).filter().is_none());
    }
}
