//! In which order a list is, and where in it something stands. Without a wish it is the order of listing: what is
//! listed meanwhile comes last, so that whoever pages through misses nothing.

use super::super::error::Failure;
use super::params::{flag, invalid};
use super::rows::{Group, Row};
use super::to_wire::price_change;
use crate::types::{MarketId, Price, Timestamp, Usd};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Fields in one wish.
const FIELDS_MAX: usize = 4;

/// What a list may be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Title,
    Slug,
    Start,
    End,
    Volume,
    VolumeDay,
    Liquidity,
    OpenInterest,
    BestBid,
    BestAsk,
    LastTrade,
    Spread,
    DayChange,
    /// What is the same for all of them here.
    Same,
}

impl Field {
    /// The field with a name, in camel or snake case.
    fn named(name: &str) -> Option<Self> {
        let name: String = name.chars().filter(|letter| *letter != '_').collect();
        Some(match name.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "question" | "title" => Self::Title,
            "slug" | "ticker" => Self::Slug,
            "startdate"
            | "startdateiso"
            | "createdat"
            | "creationdate"
            | "starttime"
            | "acceptingorderstimestamp" => Self::Start,
            "enddate" | "enddateiso" | "closedtime" => Self::End,
            "volume" | "volumenum" | "volumeclob" => Self::Volume,
            "volume24hr" | "volume1wk" | "volume1mo" | "volume1yr" | "volume24hrclob" | "volume1wkclob"
            | "volume1moclob" | "volume1yrclob" => Self::VolumeDay,
            "liquidity" | "liquiditynum" | "liquidityclob" => Self::Liquidity,
            "openinterest" => Self::OpenInterest,
            "bestbid" => Self::BestBid,
            "bestask" => Self::BestAsk,
            "lasttradeprice" => Self::LastTrade,
            "spread" => Self::Spread,
            "onedaypricechange" => Self::DayChange,
            "updatedat" | "competitive" | "featuredorder" | "featured" | "score" | "commentcount"
            | "rewardsminsize" | "rewardsmaxspread" => Self::Same,
            _ => return None,
        })
    }
}

/// What something is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Key {
    Number(i64),
    Text(String),
}

impl From<Usd> for Key {
    fn from(amount: Usd) -> Self {
        Self::Number(amount.micros())
    }
}

impl From<Option<Price>> for Key {
    /// What nobody knows comes before everything known.
    fn from(price: Option<Price>) -> Self {
        Self::Number(price.map_or(-1, |price| i64::from(price.ten_thousandths())))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_lowercase())
    }
}

/// Where something stands in a list: what it is ordered by, and its market's id where that is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place(Vec<Key>, MarketId);

/// A wish for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    fields: Vec<Field>,
    is_ascending: bool,
}

impl Order {
    /// The order of fields with commas between them.
    pub(super) fn read(fields: Option<&str>, ascending: Option<&str>) -> Result<Self, Failure> {
        let names = fields.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        let fields: Option<Vec<_>> = names.map(Field::named).collect();
        let fields = fields.filter(|fields| fields.len() <= FIELDS_MAX);
        let fields = fields.ok_or_else(|| invalid("order fields are not valid"))?;
        Ok(Self { fields, is_ascending: flag("ascending", ascending)?.unwrap_or(true) })
    }

    /// The order of one field.
    pub(super) fn by(field: Field, is_ascending: bool) -> Self {
        Self { fields: vec![field], is_ascending }
    }

    fn compare(&self, one: &Place, other: &Place) -> Ordering {
        let upward = one.cmp(other);
        if self.is_ascending { upward } else { upward.reverse() }
    }

    /// Everything in this order, with its place.
    pub(super) fn sorted<Item>(
        &self,
        items: Vec<Item>,
        key: impl Fn(&Item, Field) -> Key,
        listed: impl Fn(&Item) -> MarketId,
    ) -> Vec<(Place, Item)> {
        let place =
            |item: &Item| Place(self.fields.iter().map(|field| key(item, *field)).collect(), listed(item));
        let mut placed: Vec<_> = items.into_iter().map(|item| (place(&item), item)).collect();
        placed.sort_by(|(one, _), (other, _)| self.compare(one, other));
        placed
    }

    /// What comes behind a place.
    pub(super) fn behind<Item>(&self, items: Vec<(Place, Item)>, last: &Place) -> Vec<(Place, Item)> {
        let is_behind = |(place, _): &(Place, Item)| self.compare(place, last) == Ordering::Greater;
        items.into_iter().filter(is_behind).collect()
    }
}

/// What a market is ordered by.
pub(super) fn market_key(row: &Row, field: Field) -> Key {
    let facts = row.facts();
    let touch = row.ticker.touch;
    match field {
        Field::Id => Key::Number(facts.gamma_id.parse().unwrap_or(i64::MAX)),
        Field::Title => facts.question.as_str().into(),
        Field::Slug => facts.slug.as_str().into(),
        Field::Start => Key::Number(facts.opened_at.millis()),
        Field::End => Key::Number(facts.ends_at.map_or(i64::MAX, Timestamp::millis)),
        Field::Volume => row.volumes.total.into(),
        Field::VolumeDay => row.volume_day().into(),
        Field::Liquidity => row.backing.resting.into(),
        Field::OpenInterest => row.backing.pairs.face_value().into(),
        Field::BestBid => touch.bid.into(),
        Field::BestAsk => touch.ask.into(),
        Field::LastTrade => row.ticker.last_trade.or(row.ticker.spec.reference).into(),
        Field::Spread => {
            let units = |price: Option<Price>, missing| price.map_or(missing, Price::ten_thousandths);
            Key::Number(i64::from(units(touch.ask, Price::DOLLAR)) - i64::from(units(touch.bid, 0)))
        }
        Field::DayChange => Key::Number(price_change(&row.ticker)),
        Field::Same => Key::Number(0),
    }
}

/// What an event is ordered by. It has no prices of its own.
pub(super) fn event_key(group: &Group, field: Field) -> Key {
    match field {
        Field::Id => Key::Number(super::event_id(group.slug()).into()),
        Field::Title => group.title().into(),
        Field::Slug => group.slug().into(),
        Field::Start => Key::Number(group.starts_at().millis()),
        Field::End => Key::Number(group.ends_at().map_or(i64::MAX, Timestamp::millis)),
        Field::Volume => group.volume().into(),
        Field::VolumeDay => group.volume_day().into(),
        Field::Liquidity => group.liquidity().into(),
        Field::OpenInterest => group.open_interest().into(),
        Field::BestBid
        | Field::BestAsk
        | Field::LastTrade
        | Field::Spread
        | Field::DayChange
        | Field::Same => Key::Number(0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cursor;
    use super::*;

    fn order(fields: &str, ascending: &str) -> Order {
        Order::read(Some(fields), Some(ascending)).expect("an order")
    }

    /// Markets with a volume each, in an order.
    fn sorted(order: &Order, items: &[(u32, i64)]) -> Vec<(Place, (u32, i64))> {
        let key = |item: &(u32, i64), _| Key::Number(item.1);
        order.sorted(items.to_vec(), key, |item| MarketId(item.0))
    }

    fn ids(items: &[(Place, (u32, i64))]) -> Vec<u32> {
        items.iter().map(|(_, (id, _))| *id).collect()
    }

    #[test]
    fn fields_are_known_in_both_cases_and_others_are_refused() {
        for (names, fields) in [
            ("volume_24hr", Some(vec![Field::VolumeDay])),
            ("volume24hr,endDate", Some(vec![Field::VolumeDay, Field::End])),
            ("start_date", Some(vec![Field::Start])),
            ("liquidityNum", Some(vec![Field::Liquidity])),
            ("", Some(Vec::new())),
            ("price_of_fish", None),
        ] {
            let read = Order::read(Some(names), None).ok();
            assert_eq!(read.map(|order| order.fields), fields, "{names}");
        }
    }

    #[test]
    fn what_is_equal_stays_in_the_order_of_listing() {
        let items = [(1, 5), (2, 9), (3, 5), (4, 1)];
        assert_eq!(ids(&sorted(&order("", "true"), &items)), [1, 2, 3, 4]);
        assert_eq!(ids(&sorted(&order("volume", "true"), &items)), [4, 1, 3, 2]);
        assert_eq!(ids(&sorted(&order("volume", "false"), &items)), [2, 3, 1, 4]);
    }

    #[test]
    fn behind_a_cursor_nothing_is_missing_or_shown_twice_whatever_is_listed_meanwhile() {
        for (fields, ascending) in [("", "true"), ("", "false"), ("volume", "true"), ("volume", "false")] {
            let order = order(fields, ascending);
            let mut items: Vec<(u32, i64)> = vec![(1, 5), (2, 9), (3, 5), (4, 1), (5, 5)];
            let all = ids(&sorted(&order, &items));
            let first = sorted(&order, &items);
            let cursor = cursor::write(&first[1].0);
            // A market with the highest volume is listed between the two pages.
            items.push((6, 100));
            let place: Place = cursor::read(&cursor).expect("our own");
            let mut rest = ids(&order.behind(sorted(&order, &items), &place));
            rest.retain(|id| *id != 6);
            assert_eq!(rest, all[2..], "{fields} {ascending}");
        }
    }
}
