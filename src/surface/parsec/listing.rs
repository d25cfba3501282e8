//! What lists of markets and events have in common: rows, words to search for, statuses and pages (§§5.5, 6.2, 6.3).

use super::call::Call;
use super::error::Failure;
use super::number::rounded;
use super::params::{limit, offset};
use super::selector::Exchange;
use super::text::parsec_id;
use crate::service::history::Volumes;
use crate::service::markets::{Backing, Ticker};
use crate::service::{MarketFacts, Service, Status};
use crate::types::{MarketId, Reject, Timestamp, Usd, Venue};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most rows of one page.
const PAGE_MAX: usize = 100;

/// A market as it stands, with what was traded on it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) ticker: Ticker,
    pub(super) volumes: Volumes,
}

/// How a market or an event stands (§6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Active,
    Closed,
    Resolved,
    /// What nothing here ever is, though it may be asked for.
    Archived,
}

impl Standing {
    const ALL: [Self; 4] = [Self::Active, Self::Closed, Self::Resolved, Self::Archived];

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Closed => "closed",
            Self::Resolved => "resolved",
            Self::Archived => "archived",
        }
    }

    /// The one that a word names, or the problem with it.
    pub(super) fn named(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|standing| standing.word() == word);
        found.ok_or_else(|| "status must be one of active, closed, resolved, archived".to_owned())
    }
}

impl Row {
    /// What describes it.
    pub(super) fn facts(&self) -> &MarketFacts {
        &self.ticker.spec.facts
    }

    /// How it stands.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        match self.ticker.status {
            Status::Resolved(_) => Standing::Resolved,
            Status::Open if self.ticker.spec.ends_at.is_none_or(|ends| now < ends) => Standing::Active,
            Status::Open | Status::Halted => Standing::Closed,
        }
    }

    /// The event that it belongs to; empty if to none.
    pub(super) fn event(&self) -> &str {
        &self.facts().event[0]
    }
}

/// The rows of markets, the most traded first.
pub(super) async fn rows(service: &Service, tickers: Vec<Ticker>) -> Vec<Row> {
    let volumes = service.volumes(tickers.iter().map(|ticker| (ticker.market, &*ticker.spec))).await;
    let row = |ticker: Ticker| Row { volumes: volumes[&ticker.market], ticker };
    let mut rows: Vec<_> = tickers.into_iter().map(row).collect();
    // Ids are asked for only where volumes are the same: most differ.
    rows.sort_by(|one, other| {
        let by_volume = other.volumes.total.cmp(&one.volumes.total);
        by_volume.then_with(|| parsec_id(&one.ticker.spec).cmp(&parsec_id(&other.ticker.spec)))
    });
    rows
}

/// What stands behind some markets.
pub(super) async fn backing<'a>(
    service: &Service,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<BTreeMap<MarketId, Backing>, Reject> {
    service.backing(rows.map(|row| row.ticker.market).collect()).await
}

/// The venues that a list parameter names; none if it is not there. An exchange without markets here adds none.
pub(super) fn venues(named: Option<&[String]>) -> Result<Option<Vec<Venue>>, Failure> {
    let Some(named) = named else { return Ok(None) };
    let mut venues = Vec::new();
    for id in named {
        match Exchange::named(id)? {
            Exchange::Venue(venue) => venues.push(venue),
            Exchange::DataOnly(_) => {}
        }
    }
    Ok(Some(venues))
}

/// Dollars that somebody sets as a limit, or the problem with them.
pub(super) fn dollars(name: &str, text: &str) -> Result<Usd, String> {
    rounded(text, 6).map(Usd::from_micros).map_err(|_| format!("{name} must be a number"))
}

/// Words of which each must occur.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(Vec<String>);

impl Words {
    /// The words of a text.
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_lowercase().split_whitespace().map(str::to_owned).collect())
    }

    /// Whether all of them occur, in any case.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Which stretch of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    offset: usize,
    limit: usize,
}

impl Page {
    /// The page that a request names.
    pub(super) fn read<Who>(call: &Call<Who>, usual: usize) -> Result<Self, Failure> {
        Ok(Self { offset: offset(call)?, limit: limit(call, "limit", usual, PAGE_MAX)? })
    }

    /// The rows of it, and what is told about it.
    pub(super) fn of<Row>(self, all: Vec<Row>) -> (Vec<Row>, Value) {
        let total = all.len();
        let shown: Vec<_> = all.into_iter().skip(self.offset).take(self.limit).collect();
        let end = self.offset.saturating_add(shown.len());
        let mut pagination = json!({"count": shown.len(), "total": total, "has_more": end < total});
        if end < total {
            pagination["next_cursor"] = end.to_string().into();
        }
        (shown, pagination)
    }
}

/// What is told about an answer that is no page of anything.
pub(super) fn whole(count: usize) -> Value {
    json!({"count": count, "total": count, "has_more": false})
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The parameters of a query, as requests give them.
    pub(in crate::surface::parsec) struct Asked(Vec<(String, String)>);

    impl Asked {
        pub(in crate::surface::parsec) fn of(query: &str) -> Self {
            Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
        }

        pub(in crate::surface::parsec) fn one(&self, name: &str) -> Option<String> {
            let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| value.clone())
        }

        pub(in crate::surface::parsec) fn list(&self, name: &str) -> Option<Vec<String>> {
            Some(self.one(name)?.split(',').map(str::to_owned).collect())
        }
    }

    #[test]
    fn every_word_must_occur_somewhere() {
        for (search, text, expected) in [
            ("", "Anything", true),
            ("bitcoin", "Will Bitcoin rise?", true),
            ("RISE  bit", "Will Bitcoin rise?", true),
            ("bitcoin fall", "Will Bitcoin rise?", false),
            ("ä", "Ärger", true),
        ] {
            assert_eq!(Words::of(search).occur_in(text), expected, "{search:?} in {text:?}");
        }
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let page = |offset, limit| Page { offset, limit }.of((0..5).collect::<Vec<_>>());
        for (offset, limit, shown, expected) in [
            (0, 2, vec![0, 1], json!({"count": 2, "total": 5, "has_more": true, "next_cursor": "2"})),
            (4, 2, vec![4], json!({"count": 1, "total": 5, "has_more": false})),
            (3, 2, vec![3, 4], json!({"count": 2, "total": 5, "has_more": false})),
            (9, 2, vec![], json!({"count": 0, "total": 5, "has_more": false})),
            (usize::MAX, 2, vec![], json!({"count": 0, "total": 5, "has_more": false})),
        ] {
            assert_eq!(page(offset, limit), (shown, expected), "{limit} from {offset}");
        }
    }

    #[test]
    fn a_limit_in_dollars_is_read_or_refused_by_name() {
        let shown = |text| dollars("min_volume", text).map(Usd::micros);
        assert_eq!(shown("50000.0"), Ok(50_000_000_000));
        assert_eq!(shown("-1"), Ok(-1_000_000));
        assert_eq!(shown("x"), Err("min_volume must be a number".to_owned()));
        assert_eq!(shown("1e-7"), Ok(1));
        assert_eq!(shown("1e99"), Ok(i64::MAX));
    }
}
