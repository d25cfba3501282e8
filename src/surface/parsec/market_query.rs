//! Which markets a caller asks for: four ways to name them, and everything that can be wrong with each (§6.2).

use super::error::Failure;
#[cfg(test)]
use super::listing::tests::Asked;
use super::listing::{Standing, Words, dollars, venues};
use crate::types::{Usd, Venue};

/// The most markets that may be named at once.
const NAMED_MAX: usize = 100;

/// What a caller asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    List(Filters),
    Market(Named),
    /// By ids over all exchanges, which is what keys are too.
    Batch(Vec<String>),
    Event(NamedEvent, Option<Standing>),
}

/// A market that a caller names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By its id over all exchanges.
    Parsec(String),
    /// By an exchange and its id there.
    Native { exchange: String, market: String },
}

/// An event that a caller names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamedEvent {
    /// By its id, without the alias's `ev:`.
    Id(String),
    /// By an exchange and its id there.
    Native { exchange: String, group: String },
}

/// Which markets of a list are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filters {
    pub(super) venues: Option<Vec<Venue>>,
    pub(super) standing: Standing,
    pub(super) search: Words,
    pub(super) min_volume: Option<Usd>,
    pub(super) min_liquidity: Option<Usd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    List,
    Market,
    Batch,
    Event,
}

impl NamedEvent {
    /// The event that an id or its alias names.
    pub(super) fn by_id(id: &str) -> Self {
        Self::Id(id.strip_prefix("ev:").unwrap_or(id).to_owned())
    }
}

impl Scope {
    fn named(word: &str) -> Option<Self> {
        match word {
            "list" => Some(Self::List),
            "market" => Some(Self::Market),
            "market_batch" => Some(Self::Batch),
            "event" => Some(Self::Event),
            _ => None,
        }
    }

    /// The one that the other parameters speak for.
    fn inferred(has: impl Fn(&str) -> bool) -> Self {
        let any = |names: [&str; 2]| names.into_iter().any(&has);
        if any(["parsec_ids", "external_market_keys"]) {
            Self::Batch
        } else if any(["parsec_id", "exchange_market_id"]) {
            Self::Market
        } else if any(["event_id", "exchange_group_id"]) {
            Self::Event
        } else {
            Self::List
        }
    }
}

impl Wanted {
    /// What a request asks for, whose parameters and lists are found by their names.
    pub(super) fn read(
        one: impl Fn(&str) -> Option<String>,
        list: impl Fn(&str) -> Option<Vec<String>>,
    ) -> Result<Self, Failure> {
        let has = |name: &str| one(name).is_some() || list(name).is_some();
        let scope = match one("scope") {
            None => Scope::inferred(has),
            Some(word) => Scope::named(&word)
                .ok_or_else(|| invalid("scope must be one of list, market, market_batch, event"))?,
        };
        let mut problems = Vec::new();
        if scope != Scope::List {
            let misplaced = ["search", "exchanges", "min_volume", "min_liquidity"];
            let misplaced = misplaced.into_iter().filter(|name| has(name));
            problems.extend(misplaced.map(|name| format!("{name} is only valid for scope=list")));
        }
        let wanted = match scope {
            Scope::List => return Filters::read(one, list).map(Self::List),
            Scope::Market => market(&one).map(Self::Market),
            Scope::Batch => batch(list).map(Self::Batch),
            Scope::Event => event(&one),
        };
        match wanted {
            Ok(wanted) if problems.is_empty() => Ok(wanted),
            Ok(_) => Err(Failure::invalid(problems)),
            Err(problem) => {
                problems.insert(0, problem);
                Err(Failure::invalid(problems))
            }
        }
    }
}

fn invalid(problem: &str) -> Failure {
    Failure::invalid(vec![problem.to_owned()])
}

fn market(one: &impl Fn(&str) -> Option<String>) -> Result<Named, String> {
    match (one("parsec_id"), one("exchange"), one("exchange_market_id")) {
        (Some(_), _, Some(_)) => Err("parsec_id and exchange + exchange_market_id are mutually exclusive"),
        (Some(id), _, None) => Ok(Named::Parsec(id)),
        (None, Some(exchange), Some(market)) => Ok(Named::Native { exchange, market }),
        (None, _, _) => Err("scope=market requires parsec_id or exchange + exchange_market_id"),
    }
    .map_err(str::to_owned)
}

fn batch(list: impl Fn(&str) -> Option<Vec<String>>) -> Result<Vec<String>, String> {
    let (name, ids) = match (list("parsec_ids"), list("external_market_keys")) {
        (Some(_), Some(_)) => {
            return Err("parsec_ids and external_market_keys are mutually exclusive".to_owned());
        }
        (Some(ids), None) => ("parsec_ids", ids),
        (None, Some(keys)) => ("external_market_keys", keys),
        (None, None) => {
            return Err("scope=market_batch requires parsec_ids or external_market_keys".to_owned());
        }
    };
    if ids.len() > NAMED_MAX {
        return Err(format!("{name} may contain at most {NAMED_MAX} items"));
    }
    Ok(ids)
}

fn event(one: &impl Fn(&str) -> Option<String>) -> Result<Wanted, String> {
    let named = match (one("event_id"), one("exchange"), one("exchange_group_id")) {
        (Some(_), _, Some(_)) => Err("event_id and exchange + exchange_group_id are mutually exclusive"),
        (Some(id), _, None) => Ok(NamedEvent::by_id(&id)),
        (None, Some(exchange), Some(group)) => Ok(NamedEvent::Native { exchange, group }),
        (None, _, _) => Err("scope=event requires event_id or exchange + exchange_group_id"),
    };
    let standing = one("status").map(|word| Standing::named(&word)).transpose()?;
    named.map(|named| Wanted::Event(named, standing)).map_err(str::to_owned)
}

impl Filters {
    fn read(
        one: impl Fn(&str) -> Option<String>,
        list: impl Fn(&str) -> Option<Vec<String>>,
    ) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let standing = one("status").map_or(Ok(Standing::Active), |word| Standing::named(&word));
        let standing = standing.map_err(|problem| problems.push(problem));
        let [min_volume, min_liquidity] = ["min_volume", "min_liquidity"].map(|name| {
            let limit = one(name).map(|text| dollars(name, &text)).transpose();
            limit.map_err(|problem| problems.push(problem))
        });
        let (Ok(standing), Ok(min_volume), Ok(min_liquidity)) = (standing, min_volume, min_liquidity) else {
            return Err(Failure::invalid(problems));
        };
        Ok(Self {
            venues: venues(list("exchanges").as_deref())?,
            standing,
            search: Words::of(&one("search").unwrap_or_default()),
            min_volume,
            min_liquidity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Wanted, Failure> {
        let asked = Asked::of(query);
        Wanted::read(|name| asked.one(name), |name| asked.list(name))
    }

    fn native(exchange: &str, market: &str) -> Named {
        Named::Native { exchange: exchange.to_owned(), market: market.to_owned() }
    }

    #[test]
    fn markets_are_named_in_four_ways() {
        let key = || "kalshi:A".to_owned();
        let id = || Named::Parsec(key());
        let event = || NamedEvent::Id("e".to_owned());
        for (query, expected) in [
            ("parsec_id=kalshi:A", Wanted::Market(id())),
            ("scope=market&parsec_id=kalshi:A&exchange=kalshi", Wanted::Market(id())),
            ("exchange=kalshi&exchange_market_id=A", Wanted::Market(native("kalshi", "A"))),
            ("parsec_ids=kalshi:A", Wanted::Batch(vec![key()])),
            ("external_market_keys=kalshi:A,kalshi:A", Wanted::Batch(vec![key(), key()])),
            ("parsec_ids=kalshi:A&parsec_id=x", Wanted::Batch(vec![key()])),
            ("event_id=e", Wanted::Event(event(), None)),
            ("event_id=ev:e&status=closed", Wanted::Event(event(), Some(Standing::Closed))),
            (
                "scope=event&exchange=kalshi&exchange_group_id=G",
                Wanted::Event(
                    NamedEvent::Native { exchange: "kalshi".to_owned(), group: "G".to_owned() },
                    None,
                ),
            ),
        ] {
            assert_eq!(read(query).expect("wanted"), expected, "{query}");
        }
    }

    #[test]
    fn a_list_has_filters_and_shows_active_markets_unless_told_otherwise() {
        let none = Filters {
            venues: None,
            standing: Standing::Active,
            search: Words::default(),
            min_volume: None,
            min_liquidity: None,
        };
        assert_eq!(read("scope=&exchanges=").expect("a list"), Wanted::List(none));
        let some = Filters {
            venues: Some(vec![Venue::Kalshi]),
            standing: Standing::Archived,
            search: Words::of("a B"),
            min_volume: Some(Usd::from_dollars(50_000)),
            min_liquidity: Some(Usd::from_micros(500_000)),
        };
        let query =
            "exchanges=kalshi,opinion&status=archived&search=A+b&min_volume=50000.0&min_liquidity=0.5";
        assert_eq!(read(query).expect("a list"), Wanted::List(some));
        assert_eq!(read("exchanges=kalshi,nyse").expect_err("unknown").code, "exchange_not_found");
    }

    #[test]
    fn every_problem_is_named() {
        let too_many = format!("parsec_ids={}", vec!["kalshi:A"; 101].join(","));
        let too_many_keys = too_many.replace("parsec_ids", "external_market_keys");
        for (query, problems) in [
            ("scope=all", vec!["scope must be one of list, market, market_batch, event"]),
            ("scope=market", vec!["scope=market requires parsec_id or exchange + exchange_market_id"]),
            (
                "exchange_market_id=A",
                vec!["scope=market requires parsec_id or exchange + exchange_market_id"],
            ),
            (
                "parsec_id=kalshi:A&exchange=kalshi&exchange_market_id=A",
                vec!["parsec_id and exchange + exchange_market_id are mutually exclusive"],
            ),
            ("scope=market_batch", vec!["scope=market_batch requires parsec_ids or external_market_keys"]),
            (
                "parsec_ids=a:1&external_market_keys=a:1",
                vec!["parsec_ids and external_market_keys are mutually exclusive"],
            ),
            (&too_many, vec!["parsec_ids may contain at most 100 items"]),
            (&too_many_keys, vec!["external_market_keys may contain at most 100 items"]),
            ("scope=event", vec!["scope=event requires event_id or exchange + exchange_group_id"]),
            (
                "event_id=e&exchange=kalshi&exchange_group_id=e",
                vec!["event_id and exchange + exchange_group_id are mutually exclusive"],
            ),
            ("event_id=e&status=open", vec!["status must be one of active, closed, resolved, archived"]),
            (
                "scope=event&search=a&exchanges=kalshi&min_volume=1&min_liquidity=1",
                vec![
                    "scope=event requires event_id or exchange + exchange_group_id",
                    "search is only valid for scope=list",
                    "exchanges is only valid for scope=list",
                    "min_volume is only valid for scope=list",
                    "min_liquidity is only valid for scope=list",
                ],
            ),
            (
                "status=x&min_volume=x&min_liquidity=1,5",
                vec![
                    "status must be one of active, closed, resolved, archived",
                    "min_volume must be a number",
                    "min_liquidity must be a number",
                ],
            ),
        ] {
            let failure = read(query).expect_err(query);
            assert_eq!((failure.status, failure.code), (400, "validation_error"), "{query}");
            assert_eq!(
                (failure.error.as_str(), failure.problems),
                ("invalid request", problems.iter().map(|one| (*one).to_owned()).collect()),
                "{query}"
            );
        }
    }
}
