//! What stands in a query of the Data API, read from its texts.

use super::super::auth::Anyone;
use super::super::call::Call;
use super::super::error::Failure;
use super::super::gamma::{event_id, event_slug};
use crate::service::callers::MayRead;
use crate::service::{Catalog, Service};
use crate::types::{AccountId, Address, MarketId, Shares, Side, Timestamp, Usd, Venue, parse_truncated};
use serde::Deserialize;
use std::cmp::Ordering;

/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Whose data is asked for.
pub(super) struct Wallet {
    /// The address as it is shown: the one that was asked for, whichever of its owner's it is.
    pub(super) address: String,
    /// What may be seen of it; none if nobody here has it.
    pub(super) permit: Option<MayRead>,
}

#[derive(Deserialize)]
struct User {
    user: Option<String>,
}

/// The wallet that a query names, if it names one.
pub(super) fn wallet_if_any(call: &Call<Anyone>) -> Result<Option<Wallet>, Failure> {
    let query: User = call.query()?;
    let Some(text) = given(query.user.as_deref()) else { return Ok(None) };
    let address: Address = text.parse().map_err(|_| Failure::bad_request("invalid user address"))?;
    Ok(Some(Wallet { address: address.to_checksum(None), permit: call.service.wallet_on_chain(address) }))
}

/// The wallet that a query must name.
pub(super) fn wallet(call: &Call<Anyone>) -> Result<Wallet, Failure> {
    wallet_if_any(call)?.ok_or_else(|| Failure::bad_request("required query param 'user' not provided"))
}

/// The address shown for an account. The exchange's own have no wallet: theirs is made up, the same every time.
pub(super) fn address_of(service: &Service, account: AccountId) -> String {
    service.shown_address(account).to_checksum(None)
}

/// A whole number, if one was given.
pub(super) fn whole(name: &str, text: Option<&str>) -> Result<Option<usize>, Failure> {
    let Some(text) = given(text) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Failure::bad_request(format!("invalid {name}")))
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

#[derive(Deserialize)]
struct Paging {
    limit: Option<String>,
    offset: Option<String>,
}

/// The furthest into a list that an offset may lead.
const OFFSET_MAX: usize = 100_000;

impl Page {
    /// So many rows where nothing is said, and at most so many; more is no mistake.
    pub(super) fn read(call: &Call<Anyone>, usual: usize, most: usize) -> Result<Self, Failure> {
        let paging: Paging = call.query()?;
        let limit = whole("limit", paging.limit.as_deref())?.unwrap_or(usual).min(most);
        let offset = whole("offset", paging.offset.as_deref())?.unwrap_or(0);
        if offset > OFFSET_MAX {
            return Err(Failure::bad_request(format!("offset must be at most {OFFSET_MAX}")));
        }
        Ok(Self { limit, offset })
    }

    /// What of a list is in it.
    pub(super) fn of<Item>(self, all: Vec<Item>) -> Vec<Item> {
        all.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

/// Yes or no, if it was said.
pub(super) fn flag(name: &str, text: Option<&str>) -> Result<Option<bool>, Failure> {
    match given(text).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(Failure::bad_request(format!("invalid {name}"))),
    }
}

/// A decimal in millionths, if one was given.
pub(super) fn decimal(name: &str, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = given(text) else { return Ok(None) };
    parse_truncated(text, 6).map(Some).map_err(|_| Failure::bad_request(format!("invalid {name}")))
}

/// A side, if one was given.
pub(super) fn side(text: Option<&str>) -> Result<Option<Side>, Failure> {
    match given(text).map(str::to_ascii_uppercase).as_deref() {
        None => Ok(None),
        Some("BUY") => Ok(Some(Side::Buy)),
        Some("SELL") => Ok(Some(Side::Sell)),
        Some(_) => Err(Failure::bad_request("invalid side")),
    }
}

/// From when, and until before when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Option<Timestamp>,
    pub(super) before: Option<Timestamp>,
}

impl Span {
    /// Seconds, both included.
    pub(super) fn read(start: Option<&str>, end: Option<&str>) -> Result<Self, Failure> {
        let seconds = |name: &str, text| Ok::<_, Failure>(whole(name, text)?.map(moment));
        let end = seconds("end", end)?.map(|end| end.plus_millis(SECOND_MS));
        Ok(Self { from: seconds("start", start)?, before: end })
    }

    pub(super) fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.before.is_none_or(|before| at < before)
    }
}

fn moment(seconds: usize) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// How large something must be to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Least {
    #[default]
    Anything,
    Dollars(Usd),
    Shares(Shares),
}

impl Least {
    /// So many dollars or shares; one without the other means nothing.
    pub(super) fn read(kind: Option<&str>, amount: Option<&str>) -> Result<Self, Failure> {
        let amount = decimal("filter amount", amount)?;
        match (given(kind).map(str::to_ascii_uppercase).as_deref(), amount) {
            (None, _) | (Some(_), None) => Ok(Self::Anything),
            (Some("CASH"), Some(amount)) => Ok(Self::Dollars(Usd::from_micros(amount))),
            (Some("TOKENS"), Some(amount)) => Ok(Self::Shares(Shares::from_micros(amount))),
            (Some(_), Some(_)) => Err(Failure::bad_request("invalid filter type")),
        }
    }

    pub(super) fn lets(self, dollars: Usd, shares: Shares) -> bool {
        match self {
            Self::Anything => true,
            Self::Dollars(least) => dollars >= least,
            Self::Shares(least) => shares >= least,
        }
    }
}

/// An order turned around where the largest is to come first.
pub(super) fn directed(upward: Ordering, is_ascending: bool) -> Ordering {
    if is_ascending { upward } else { upward.reverse() }
}

/// Whether the smallest is to come first; the largest where nothing is said.
pub(super) fn is_ascending(text: Option<&str>) -> Result<bool, Failure> {
    match given(text).map(str::to_ascii_uppercase).as_deref() {
        None | Some("DESC") => Ok(false),
        Some("ASC") => Ok(true),
        Some(_) => Err(Failure::bad_request("invalid sort direction")),
    }
}

/// Which markets are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Markets {
    All,
    /// Only these, perhaps none.
    These(Vec<MarketId>),
}

impl Markets {
    /// Markets by their condition ids, or by the numbers of their events.
    pub(super) fn read(call: &Call<Anyone>, conditions: &str, events: &str) -> Result<Self, Failure> {
        let catalog = call.service.catalog();
        let conditions = call.all(conditions);
        if !conditions.is_empty() {
            let known = conditions.iter().filter_map(|id| by_condition(&catalog, id));
            return Ok(Self::These(known.collect()));
        }
        let events = call.all(events);
        if events.is_empty() {
            return Ok(Self::All);
        }
        let ids: Result<Vec<u32>, _> = events.iter().map(|id| id.parse()).collect();
        let ids = ids.map_err(|_| Failure::bad_request("invalid event id"))?;
        Ok(Self::These(of_events(&catalog, &ids)))
    }

    pub(super) fn include(&self, market: MarketId) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(&market),
        }
    }

    /// As a filter wants it, where none means all; nothing if no market at all is meant.
    pub(super) fn filter(&self) -> Option<Vec<MarketId>> {
        match self {
            Self::All => Some(Vec::new()),
            Self::These(these) if these.is_empty() => None,
            Self::These(these) => Some(these.clone()),
        }
    }
}

/// The market with a condition id in any case.
pub(super) fn by_condition(catalog: &Catalog, id: &str) -> Option<MarketId> {
    let market = catalog.by_condition(&id.to_ascii_lowercase())?;
    catalog.get(market).filter(|spec| spec.venue == Venue::Polymarket).map(|_| market)
}

/// The markets of events with these numbers.
pub(super) fn of_events(catalog: &Catalog, ids: &[u32]) -> Vec<MarketId> {
    let listed = catalog.iter().filter(|(_, spec)| spec.venue == Venue::Polymarket);
    let meant = listed.filter(|(_, spec)| ids.contains(&event_id(event_slug(&spec.facts))));
    meant.map(|(market, _)| market).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_includes_both_of_its_seconds() {
        let span = Span::read(Some("10"), Some("20")).expect("seconds");
        for (millis, expected) in [(9_999, false), (10_000, true), (20_999, true), (21_000, false)] {
            assert_eq!(span.holds(Timestamp::from_millis(millis)), expected, "{millis}");
        }
        assert_eq!(Span::read(None, Some("")).expect("nothing"), Span::default());
        assert!(Span::read(Some("soon"), None).is_err());
    }

    #[test]
    fn what_is_too_small_is_not_shown() {
        let ten = (Usd::from_dollars(4), Shares::from_whole(10));
        for (kind, amount, expected) in [
            (None, None, Ok(true)),
            (Some("CASH"), None, Ok(true)),
            (Some("CASH"), Some("4"), Ok(true)),
            (Some("cash"), Some("4.01"), Ok(false)),
            (Some("TOKENS"), Some("10"), Ok(true)),
            (Some("TOKENS"), Some("11"), Ok(false)),
            (Some("FISH"), Some("1"), Err(400)),
            (Some("CASH"), Some("much"), Err(400)),
        ] {
            let lets = Least::read(kind, amount).map(|least| least.lets(ten.0, ten.1));
            assert_eq!(lets.map_err(|failure| failure.status), expected, "{kind:?} {amount:?}");
        }
    }

    #[test]
    fn the_largest_comes_first_where_nothing_is_said() {
        assert_eq!(directed(Ordering::Less, is_ascending(None).expect("none")), Ordering::Greater);
        assert_eq!(directed(Ordering::Less, is_ascending(Some("asc")).expect("a word")), Ordering::Less);
        assert!(is_ascending(Some("up")).is_err());
    }

    #[test]
    fn no_market_meant_is_not_every_market() {
        assert_eq!(Markets::All.filter(), Some(Vec::new()));
        assert_eq!(Markets::These(Vec::new()).filter(), None);
        let one = Markets::These(vec![MarketId(7)]);
        assert!(one.include(MarketId(7)) && !one.include(MarketId(8)));
    }
}
