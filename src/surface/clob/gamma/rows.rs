//! Markets and events as they stand, with what was traded on them and what waits in their books.

use super::super::error::Failure;
use super::event_slug;
use super::tags::{self, Tag};
use crate::service::history::Volumes;
use crate::service::markets::{Backing, Ticker};
use crate::service::{MarketFacts, MarketSpec, Service, Status};
use crate::types::{MarketId, Reject, Timestamp, Usd, Venue};
use std::collections::{BTreeMap, BTreeSet};

/// A market.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) ticker: Ticker,
    pub(super) volumes: Volumes,
    pub(super) backing: Backing,
}

impl Row {
    pub(super) fn facts(&self) -> &MarketFacts {
        &self.ticker.spec.facts
    }

    /// Whether the answer is known.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.ticker.status, Status::Resolved(_))
    }

    /// Whether an order could rest on it.
    pub(super) fn is_accepting(&self, now: Timestamp) -> bool {
        self.ticker.status == Status::Open && self.ticker.spec.ends_at.is_none_or(|ends| now < ends)
    }

    /// Dollars traded in a day; none where nobody knows.
    pub(super) fn volume_day(&self) -> Usd {
        self.volumes.day.unwrap_or_default()
    }

    /// When its answer became known. Nobody wrote that down: at its end, or now if that is still ahead.
    pub(super) fn closed_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.is_closed().then(|| self.facts().ends_at.map_or(now, |ends| ends.min(now)))
    }
}

/// An event with all its markets, the first listed first. It has at least one.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) rows: Vec<Row>,
}

impl Group {
    pub(super) fn first(&self) -> &Row {
        self.rows.first().expect("BUG: an event without markets")
    }

    pub(super) fn slug(&self) -> &str {
        event_slug(self.first().facts())
    }

    pub(super) fn title(&self) -> &str {
        title(self.first().facts())
    }

    /// Whether all its answers are known.
    pub(super) fn is_closed(&self) -> bool {
        self.rows.iter().all(Row::is_closed)
    }

    pub(super) fn starts_at(&self) -> Timestamp {
        self.rows.iter().map(|row| row.facts().opened_at).min().unwrap_or_default()
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        self.rows.iter().filter_map(|row| row.facts().ends_at).max()
    }

    pub(super) fn closed_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_closed() { self.rows.iter().filter_map(|row| row.closed_at(now)).max() } else { None }
    }

    pub(super) fn volume(&self) -> Usd {
        self.rows.iter().map(|row| row.volumes.total).sum()
    }

    pub(super) fn volume_day(&self) -> Usd {
        self.rows.iter().map(Row::volume_day).sum()
    }

    pub(super) fn liquidity(&self) -> Usd {
        self.rows.iter().map(|row| row.backing.resting).sum()
    }

    pub(super) fn open_interest(&self) -> Usd {
        self.rows.iter().map(|row| row.backing.pairs.face_value()).sum()
    }

    pub(super) fn tags(&self) -> Vec<Tag> {
        let all: BTreeSet<Tag> = self.rows.iter().flat_map(|row| tags::of(row.facts())).collect();
        all.into_iter().collect()
    }
}

/// What an event is called.
pub(super) fn title(facts: &MarketFacts) -> &str {
    if facts.event[2].is_empty() { &facts.question } else { &facts.event[2] }
}

/// Whether Polymarket has a market.
pub(super) fn is_listed(spec: &MarketSpec) -> bool {
    spec.venue == Venue::Polymarket
}

/// The markets that may be meant: where only open ones are, not every window that ever was.
pub(super) async fn candidates(service: &Service, closed: Option<bool>) -> Result<Vec<Row>, Reject> {
    let mut tickers = match closed {
        Some(false) => service.current_tickers().await?,
        Some(true) | None => service.tickers().await?,
    };
    tickers.retain(|ticker| is_listed(&ticker.spec));
    rows(service, tickers).await
}

/// What is known of markets.
pub(super) async fn rows(service: &Service, tickers: Vec<Ticker>) -> Result<Vec<Row>, Reject> {
    let specs = tickers.iter().map(|ticker| (ticker.market, &*ticker.spec));
    let volumes = service.volumes(specs).await;
    let backing = service.backing(tickers.iter().map(|ticker| ticker.market).collect()).await?;
    let row = |ticker: Ticker| Row {
        volumes: volumes[&ticker.market],
        backing: backing.get(&ticker.market).copied().unwrap_or_default(),
        ticker,
    };
    Ok(tickers.into_iter().map(row).collect())
}

/// One market.
pub(super) async fn row(service: &Service, market: MarketId) -> Result<Row, Failure> {
    let ticker = service.ticker(market).await?;
    let row = rows(service, vec![ticker]).await?.pop();
    row.ok_or_else(|| Reject::MarketNotFound.into())
}

/// Markets by event, the event first whose first market was listed first.
pub(super) fn grouped(rows: Vec<Row>) -> Vec<Group> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let next = groups.len();
        let place = *places.entry(event_slug(row.facts()).to_owned()).or_insert(next);
        match groups.get_mut(place) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { rows: vec![row] }),
        }
    }
    groups
}

/// An event by the facts of one of its markets; none if there is no such market.
pub(super) async fn group(
    service: &Service,
    is_meant: impl Fn(&MarketFacts) -> bool,
) -> Result<Option<Group>, Failure> {
    let catalog = service.catalog();
    let mut listed = catalog.iter().filter(|(_, spec)| is_listed(spec));
    let Some((market, spec)) = listed.find(|(_, spec)| is_meant(&spec.facts)) else { return Ok(None) };
    if spec.facts.window.is_some() {
        return Ok(Some(Group { rows: vec![row(service, market).await?] }));
    }
    let mut tickers = service.current_tickers().await?;
    let wanted = event_slug(&spec.facts);
    tickers.retain(|ticker| is_listed(&ticker.spec) && event_slug(&ticker.spec.facts) == wanted);
    let rows = rows(service, tickers).await?;
    Ok((!rows.is_empty()).then_some(Group { rows }))
}
