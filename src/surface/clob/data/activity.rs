//! Activity: what a wallet did, trades and everything else (§10.1).

use super::super::auth::Anyone;
use super::super::call::{Answer, Call, Reply, endpoint};
use super::super::error::Failure;
use super::maths::{dollars, micros, price, shares};
use super::params::{Markets, Page, Span, Wallet, directed, is_ascending, side, wallet};
use super::positions::about;
use super::trades::{self, LOOKED_THROUGH_MAX, Place as TradePlace, Whose, side_name};
use super::wire::{About, Activity, Who};
use crate::http::Endpoint;
use crate::service::callers::MayRead;
use crate::service::history::{ConversionKind, ConversionRow, FillRow, SettlementFilter, SettlementRow};
use crate::service::{MarketSpec, Service};
use crate::types::{MarketId, Outcome, Price, Reject, Sequence, Shares, Side, Timestamp, TradeId, Usd};
use actix_web::http::Method;
use alloy_primitives::keccak256;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Ordering;

/// Rows on a page, usually and at most.
const PAGE: [usize; 2] = [100, 500];
/// Payments and conversions of a wallet that are looked through for one answer.
const OTHERS_MAX: u32 = 20_000;
/// The number of an outcome that is none.
const NO_OUTCOME: usize = 999;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/activity", get_activity)]
}

/// What a wallet may have done here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Kind {
    Trade,
    Split,
    Merge,
    Redeem,
    Conversion,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Trade, Self::Split, Self::Merge, Self::Redeem, Self::Conversion];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Trade => "TRADE",
            Self::Split => "SPLIT",
            Self::Merge => "MERGE",
            Self::Redeem => "REDEEM",
            Self::Conversion => "CONVERSION",
        }
    }
}

/// Where something stands in a wallet's history: when, in which record, and which of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) at: Timestamp,
    sequence: Sequence,
    kind: Kind,
    number: u64,
    is_taker: bool,
}

impl Place {
    /// The same among trades. None is in a record with anything else.
    fn among_trades(self) -> TradePlace {
        let (trade, is_taker) = match self.kind {
            Kind::Trade => (TradeId(self.number), self.is_taker),
            Kind::Split | Kind::Merge | Kind::Redeem | Kind::Conversion => (TradeId(0), false),
        };
        TradePlace { at: self.at, sequence: self.sequence, trade, is_taker }
    }
}

/// Something a wallet did.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) place: Place,
    pub(super) market: MarketId,
    pub(super) outcome: Option<Outcome>,
    pub(super) side: Option<Side>,
    pub(super) shares: Shares,
    /// What was paid or received.
    pub(super) dollars: Usd,
    price: Option<Price>,
}

impl Deed {
    fn trade(fill: &FillRow) -> Self {
        Self {
            place: Place {
                at: fill.at,
                sequence: fill.sequence,
                kind: Kind::Trade,
                number: fill.trade.0,
                is_taker: fill.is_taker,
            },
            market: fill.market,
            outcome: Some(fill.outcome),
            side: Some(fill.side),
            shares: fill.shares,
            dollars: fill.notional,
            price: Some(fill.price),
        }
    }

    fn redeemed(row: &SettlementRow) -> Self {
        let number = u64::try_from(row.position).unwrap_or_default();
        let place = Place { at: row.at, sequence: row.sequence, kind: Kind::Redeem, number, is_taker: false };
        Self {
            place,
            market: row.market,
            outcome: Some(row.outcome),
            side: None,
            shares: row.shares,
            dollars: row.payout,
            price: None,
        }
    }

    fn converted(row: &ConversionRow) -> Self {
        let kind = match row.kind {
            ConversionKind::Split => Kind::Split,
            ConversionKind::Merge => Kind::Merge,
            ConversionKind::Convert => Kind::Conversion,
        };
        let number = row.market.0.into();
        Self {
            place: Place { at: row.at, sequence: row.sequence, kind, number, is_taker: false },
            market: row.market,
            outcome: None,
            side: None,
            shares: row.shares,
            dollars: if row.dollars.is_negative() { -row.dollars } else { row.dollars },
            price: None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.place.kind
    }

    /// The price of a share in dollars; 0 where there was none.
    pub(super) fn price(&self) -> Value {
        price(self.price.map_or(0, micros))
    }

    /// The side's name; nothing where there was none.
    pub(super) fn side(&self) -> &'static str {
        self.side.map_or("", side_name)
    }

    /// The hash of the transaction that it would be in: everything but trades is one by record.
    pub(super) fn transaction(&self, service: &Service) -> String {
        match self.place.kind {
            Kind::Trade => service.transaction_hash(TradeId(self.place.number)),
            Kind::Split | Kind::Merge | Kind::Redeem | Kind::Conversion => {
                keccak256(format!("papertape record {}", self.place.sequence)).to_string()
            }
        }
    }

    /// What it was about. Pairs have no outcome of their own.
    pub(super) fn about(&self, spec: &MarketSpec) -> About {
        match self.outcome {
            Some(outcome) => about(spec, outcome),
            None => About {
                asset: String::new(),
                outcome: String::new(),
                outcome_index: NO_OUTCOME,
                ..about(spec, Outcome::Yes)
            },
        }
    }
}

/// What of a wallet's history is meant.
pub(super) struct Wanted {
    kinds: Vec<Kind>,
    markets: Markets,
    side: Option<Side>,
    span: Span,
}

#[derive(Deserialize)]
struct Query {
    side: Option<String>,
    start: Option<String>,
    end: Option<String>,
    #[serde(alias = "sortBy")]
    sort_by: Option<String>,
    #[serde(alias = "sortDirection")]
    sort_direction: Option<String>,
}

impl Wanted {
    /// What a query says, in either generation's words.
    pub(super) fn read(call: &Call<Anyone>, markets: Markets) -> Result<Self, Failure> {
        let query: Query = call.query()?;
        let side = side(query.side.as_deref())?;
        let named = call.all("type");
        let is_meant = |kind: &Kind| {
            let is_named =
                named.is_empty() || named.iter().any(|name| name.eq_ignore_ascii_case(kind.name()));
            // Only trades have a side.
            is_named && (side.is_none() || *kind == Kind::Trade)
        };
        Ok(Self {
            kinds: Kind::ALL.into_iter().filter(is_meant).collect(),
            markets,
            side,
            span: Span::read(query.start.as_deref(), query.end.as_deref())?,
        })
    }

    fn includes(&self, deed: &Deed) -> bool {
        self.kinds.contains(&deed.kind())
            && self.markets.include(deed.market)
            && self.span.holds(deed.place.at)
    }
}

/// What a wallet did that is wanted, in no order: of its trades so many of the newest, and nothing that is not before a
/// place.
pub(super) async fn gather(
    service: &Service,
    permit: &MayRead,
    wanted: &Wanted,
    (most, below): (usize, Option<Place>),
) -> Result<Vec<Deed>, Reject> {
    let mut deeds = Vec::new();
    if wanted.kinds.contains(&Kind::Trade) {
        let mut trades = trades::Wanted::of(wanted.markets.clone(), wanted.side, wanted.span);
        trades.below = below.map(Place::among_trades);
        // Whose they are says the permit; the address is only shown.
        let whose = Whose::Wallet { address: String::new(), permit: Some(permit.clone()) };
        let fills = trades::find(service, &whose, &trades, (0, most)).await?;
        deeds.extend(fills.iter().map(Deed::trade));
    }
    if wanted.kinds.contains(&Kind::Redeem) {
        let filter = SettlementFilter {
            from: wanted.span.from,
            to: wanted.span.before.map(|before| before.plus_millis(-1)),
            limit: OTHERS_MAX,
            ..SettlementFilter::default()
        };
        let paid = service.settlements(permit, filter).await?;
        deeds.extend(paid.iter().map(Deed::redeemed));
    }
    if wanted.kinds.iter().any(|kind| matches!(kind, Kind::Split | Kind::Merge | Kind::Conversion)) {
        let converted = service.conversions(permit, OTHERS_MAX).await?;
        deeds.extend(converted.iter().map(Deed::converted));
    }
    deeds.retain(|deed| wanted.includes(deed) && below.is_none_or(|below| deed.place < below));
    Ok(deeds)
}

/// What activity may be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortBy {
    Time,
    Shares,
    Dollars,
}

impl SortBy {
    fn named(text: Option<&str>) -> Result<Self, Failure> {
        match text.map(str::to_ascii_uppercase).as_deref() {
            None | Some("" | "TIMESTAMP") => Ok(Self::Time),
            Some("TOKENS") => Ok(Self::Shares),
            Some("CASH") => Ok(Self::Dollars),
            Some(_) => Err(Failure::bad_request("invalid sortBy")),
        }
    }

    fn compare(self, one: &Deed, other: &Deed) -> Ordering {
        let order = match self {
            Self::Time => Ordering::Equal,
            Self::Shares => one.shares.cmp(&other.shares),
            Self::Dollars => one.dollars.cmp(&other.dollars),
        };
        order.then(one.place.cmp(&other.place))
    }
}

async fn get_activity(call: Call<Anyone>) -> Answer {
    let Wallet { address, permit } = wallet(&call)?;
    let query: Query = call.query()?;
    let page = Page::read(&call, PAGE[0], PAGE[1])?;
    let wanted = Wanted::read(&call, Markets::read(&call, "market", "eventId")?)?;
    let sort = SortBy::named(query.sort_by.as_deref())?;
    let ascending = is_ascending(query.sort_direction.as_deref())?;
    let Some(permit) = permit else { return Ok(Reply::json(&Vec::<Value>::new())) };
    let is_newest_first = sort == SortBy::Time && !ascending;
    let most = if is_newest_first { page.offset.saturating_add(page.limit) } else { LOOKED_THROUGH_MAX };
    let mut deeds = gather(&call.service, &permit, &wanted, (most, None)).await?;
    deeds.sort_by(|one, other| directed(sort.compare(one, other), ascending));
    let catalog = call.service.catalog();
    let row = |deed: &Deed| {
        Some(Activity {
            proxy_wallet: address.clone(),
            timestamp: deed.place.at.seconds(),
            kind: deed.kind().name(),
            about: deed.about(catalog.get(deed.market)?),
            side: deed.side(),
            size: shares(deed.shares),
            usdc_size: dollars(deed.dollars),
            price: deed.price(),
            who: Who::default(),
            transaction_hash: deed.transaction(&call.service),
        })
    };
    Ok(Reply::json(&page.of(deeds).iter().filter_map(row).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::AccountId;

    fn split(sequence: u64, millis: i64, shares: i64) -> Deed {
        Deed::converted(&ConversionRow {
            sequence: Sequence(sequence),
            account: AccountId(1),
            kind: ConversionKind::Split,
            market: MarketId(3),
            shares: Shares::from_whole(shares),
            dollars: -Usd::from_dollars(shares),
            at: Timestamp::from_millis(millis),
        })
    }

    #[test]
    fn what_a_split_cost_is_shown_without_a_sign() {
        let deed = split(1, 1_000, 10);
        assert_eq!((deed.kind().name(), deed.dollars, deed.side()), ("SPLIT", Usd::from_dollars(10), ""));
        assert_eq!(deed.price().to_string(), "0");
    }

    #[test]
    fn deeds_are_in_the_order_of_time_whatever_else_is_equal() {
        let (early, late) = (split(1, 1_000, 10), split(2, 2_000, 10));
        for sort in [SortBy::Time, SortBy::Shares, SortBy::Dollars] {
            assert_eq!(sort.compare(&early, &late), Ordering::Less, "{sort:?}");
        }
        let larger = split(1, 1_000, 11);
        assert_eq!(SortBy::Shares.compare(&larger, &late), Ordering::Greater);
    }

    #[test]
    fn a_place_is_read_from_what_was_written_of_it() {
        let place = split(7, 1_234, 1).place;
        let text = serde_json::to_string(&place).expect("JSON");
        assert_eq!(serde_json::from_str::<Place>(&text).expect("a place"), place);
    }
}
