//! Events: markets that belong together (§6.3).

use super::auth::Asker;
use super::call::{Answer, Call, Reply, endpoint};
use super::error::Failure;
#[cfg(test)]
use super::listing::tests::Asked;
use super::listing::{self, Page, Row, Standing, Words, dollars, venues, whole};
use super::market_query::NamedEvent;
use super::market_wire::Links;
use super::markets::{event_rows, exchanges, shown, title};
use super::params::flag;
use super::text::{moment, usd};
use crate::http::Endpoint;
use crate::service::Service;
use crate::types::{Reject, Timestamp, Usd, Venue};
use actix_web::http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Events of a page, if nobody says how many.
const PAGE: usize = 50;
/// What only makes sense for a list.
const OF_LISTS: [&str; 6] = ["exchanges", "search", "status", "min_volume", "limit", "cursor"];

/// What this surface answers about events.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, "/events", get_events)]
}

/// An event with its markets, the most traded first. It has at least one.
#[derive(Debug)]
struct Group {
    rows: Vec<Row>,
    volume: Usd,
}

impl Group {
    fn of(rows: Vec<Row>) -> Self {
        Self { volume: rows.iter().map(|row| row.volumes.total).sum(), rows }
    }

    fn id(&self) -> &str {
        self.rows.first().map_or("", Row::event)
    }

    fn title(&self) -> &str {
        title(&self.rows).unwrap_or_default()
    }

    /// As its liveliest market stands.
    fn standing(&self, now: Timestamp) -> Standing {
        liveliest(self.rows.iter().map(|row| row.standing(now)))
    }

    async fn shown(&self, service: &Service, with_markets: bool) -> Result<Value, Reject> {
        let mut body = json!({
            "event_id": self.id(),
            "title": self.title(),
            "market_count": self.rows.len(),
            "total_volume": usd(self.volume),
            "exchanges": exchanges(&self.rows),
            "status": self.standing(service.now()).word(),
            // No event here has a twin on another exchange.
            "matched_events": [],
        });
        if let Some(ends_at) = self.rows.iter().filter_map(|row| row.facts().ends_at).min() {
            body["close_time"] = moment(ends_at).into();
        }
        if with_markets {
            body["markets"] = shown(service, &self.rows, Links::default()).await?.into();
        }
        Ok(body)
    }
}

fn liveliest(all: impl Iterator<Item = Standing>) -> Standing {
    let rank = |standing: &Standing| match standing {
        Standing::Active => 0,
        Standing::Closed => 1,
        Standing::Resolved => 2,
        Standing::Archived => 3,
    };
    all.min_by_key(rank).unwrap_or(Standing::Archived)
}

/// What a caller asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    List(Filters),
    One(NamedEvent),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Filters {
    venues: Option<Vec<Venue>>,
    standing: Option<Standing>,
    search: Words,
    min_volume: Option<Usd>,
}

impl Wanted {
    fn read(
        one: impl Fn(&str) -> Option<String>,
        list: impl Fn(&str) -> Option<Vec<String>>,
    ) -> Result<Self, Failure> {
        let invalid = |problem: &str| Err(Failure::invalid(vec![problem.to_owned()]));
        let named = match (one("event_id"), one("exchange"), one("exchange_group_id")) {
            (None, None, None) => return Filters::read(one, list).map(Self::List),
            (Some(id), None, None) => NamedEvent::by_id(&id),
            (None, Some(exchange), Some(group)) => NamedEvent::Native { exchange, group },
            (Some(_), _, _) => {
                return invalid("event_id and exchange + exchange_group_id are mutually exclusive");
            }
            (None, _, _) => return invalid("exchange and exchange_group_id are required together"),
        };
        let misplaced = OF_LISTS.into_iter().filter(|name| one(name).is_some() || list(name).is_some());
        let problems: Vec<_> =
            misplaced.map(|name| format!("{name} cannot be combined with an exact event")).collect();
        if problems.is_empty() { Ok(Self::One(named)) } else { Err(Failure::invalid(problems)) }
    }
}

impl Filters {
    fn read(
        one: impl Fn(&str) -> Option<String>,
        list: impl Fn(&str) -> Option<Vec<String>>,
    ) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let standing = one("status").map(|word| Standing::named(&word)).transpose();
        let standing = standing.map_err(|problem| problems.push(problem));
        let least = one("min_volume").map(|text| dollars("min_volume", &text)).transpose();
        let least = least.map_err(|problem| problems.push(problem));
        let (Ok(standing), Ok(min_volume)) = (standing, least) else {
            return Err(Failure::invalid(problems));
        };
        let search = Words::of(&one("search").unwrap_or_default());
        Ok(Self { venues: venues(list("exchanges").as_deref())?, standing, search, min_volume })
    }

    /// Whether they let an event through. Of its exchanges one of those that are meant is enough.
    fn include(&self, group: &Group, now: Timestamp) -> bool {
        let is_on =
            |venues: &Vec<Venue>| group.rows.iter().any(|row| venues.contains(&row.ticker.spec.venue));
        self.venues.as_ref().is_none_or(is_on)
            && self.standing.is_none_or(|standing| group.standing(now) == standing)
            && self.search.occur_in(group.title())
            && self.min_volume.is_none_or(|least| group.volume >= least)
    }
}

async fn get_events(call: Call<Asker>) -> Answer {
    let wanted = Wanted::read(|name| call.query(name), |name| call.list(name))?;
    let with_markets = flag(&call, "include_markets")?;
    let service = &call.service;
    let (groups, pagination) = match wanted {
        Wanted::List(filters) => {
            let page = Page::read(&call, PAGE)?;
            let mut groups = grouped(listing::rows(service, service.current_tickers().await?).await);
            groups.retain(|group| filters.include(group, service.now()));
            page.of(groups)
        }
        Wanted::One(named) => {
            let rows = event_rows(service, &named).await?;
            let groups: Vec<_> = (!rows.is_empty()).then(|| Group::of(rows)).into_iter().collect();
            let pagination = whole(groups.len());
            (groups, pagination)
        }
    };
    let mut events = Vec::new();
    for group in &groups {
        events.push(group.shown(service, with_markets).await?);
    }
    Ok(Reply::json(&json!({"events": events, "pagination": pagination})))
}

/// Markets by event, the most traded event first. Markets that belong to none are left out.
fn grouped(rows: Vec<Row>) -> Vec<Group> {
    let mut by_event: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !row.event().is_empty()) {
        by_event.entry(row.event().to_owned()).or_default().push(row);
    }
    let mut groups: Vec<_> = by_event.into_values().map(Group::of).collect();
    // Stable: events that traded the same stay in the order of their ids.
    groups.sort_by_key(|group| std::cmp::Reverse(group.volume));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Wanted, Failure> {
        let asked = Asked::of(query);
        Wanted::read(|name| asked.one(name), |name| asked.list(name))
    }

    #[test]
    fn an_event_is_named_or_searched_for() {
        let native = NamedEvent::Native { exchange: "kalshi".to_owned(), group: "G".to_owned() };
        let found = Filters {
            venues: Some(vec![Venue::Polymarket]),
            standing: Some(Standing::Resolved),
            search: Words::of("war peace"),
            min_volume: Some(Usd::from_dollars(5)),
        };
        for (query, expected) in [
            ("", Wanted::List(Filters::default())),
            ("exchanges=polymarket&status=resolved&search=War+Peace&min_volume=5", Wanted::List(found)),
            ("event_id=ev:e&include_markets=true", Wanted::One(NamedEvent::Id("e".to_owned()))),
            ("exchange=kalshi&exchange_group_id=G", Wanted::One(native)),
        ] {
            assert_eq!(read(query).expect("wanted"), expected, "{query}");
        }
    }

    #[test]
    fn every_problem_is_named() {
        let both = "event_id and exchange + exchange_group_id are mutually exclusive";
        let half = "exchange and exchange_group_id are required together";
        for (query, problems) in [
            ("event_id=e&exchange=kalshi&exchange_group_id=G", vec![both]),
            ("event_id=e&exchange=kalshi", vec![both]),
            ("exchange=kalshi", vec![half]),
            ("exchange_group_id=G", vec![half]),
            (
                "event_id=e&search=a&limit=3",
                vec![
                    "search cannot be combined with an exact event",
                    "limit cannot be combined with an exact event",
                ],
            ),
            (
                "status=open&min_volume=x",
                vec![
                    "status must be one of active, closed, resolved, archived",
                    "min_volume must be a number",
                ],
            ),
        ] {
            let failure = read(query).expect_err(query);
            assert_eq!(
                (failure.code, failure.problems),
                ("validation_error", problems.iter().map(|one| (*one).to_owned()).collect()),
                "{query}"
            );
        }
    }

    #[test]
    fn an_event_stands_as_its_liveliest_market_does() {
        use Standing::{Active, Closed, Resolved};
        for (all, expected) in [
            (vec![Resolved, Active, Closed], Active),
            (vec![Resolved, Closed], Closed),
            (vec![Resolved], Resolved),
        ] {
            assert_eq!(liveliest(all.clone().into_iter()), expected, "{all:?}");
        }
    }
}
