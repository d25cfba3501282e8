//! Which market and outcome a caller means (§§5.1 to 5.4).

use super::call::Call;
use super::error::{Failure, shown};
use super::text::{label, parsec_id};
use crate::service::{Catalog, MarketSpec, Service};
use crate::types::{MarketId, Outcome, Venue};
use std::sync::Arc;

/// Exchanges that Parsec knows but that have no markets here.
const DATA_ONLY: [&str; 3] = ["limitless", "opinion", "predictfun"];

/// An exchange that a caller names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// One that trades here.
    Venue(Venue),
    /// One that Parsec has data of, and this server none.
    DataOnly(&'static str),
}

impl Exchange {
    /// The exchange with an id.
    pub(super) fn named(id: &str) -> Result<Self, Failure> {
        let known = Venue::named(id).map(Self::Venue);
        let known = known.or_else(|| DATA_ONLY.into_iter().find(|known| *known == id).map(Self::DataOnly));
        known.ok_or_else(|| Failure::exchange_not_found(id))
    }

    /// Its venue, if it trades.
    pub(super) fn trades(self) -> Result<Venue, Failure> {
        match self {
            Self::Venue(venue) => Ok(venue),
            Self::DataOnly(id) => Err(Failure::not_supported(format!("{id} does not support trading"))),
        }
    }
}

/// The exchange that a private route names in its query (§4.3, 1 and 2).
pub(super) fn exchange_of<Who>(call: &Call<Who>) -> Result<Exchange, Failure> {
    let id = call.query("exchange").ok_or_else(|| Failure::missing("exchange parameter is required"))?;
    Exchange::named(&id)
}

/// A market that somebody named.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) market: MarketId,
    pub(super) spec: Arc<MarketSpec>,
}

/// The market with an id of a venue's own, a condition id, or either with the venue before it (§5.2).
pub(super) fn market_of(catalog: &Catalog, venue: Venue, id: &str) -> Result<Chosen, Failure> {
    let bare = id.split_once(':').filter(|(prefix, _)| *prefix == venue.name()).map_or(id, |(_, bare)| bare);
    let is_hex = bare.starts_with("0x");
    let by_condition =
        || if is_hex { catalog.by_condition(&bare.to_ascii_lowercase()) } else { catalog.by_condition(bare) };
    let found = catalog.by_gamma_id(bare).or_else(by_condition);
    let found = found.and_then(|market| Some(Chosen { market, spec: Arc::clone(catalog.get(market)?) }));
    found.filter(|chosen| chosen.spec.venue == venue).ok_or_else(Failure::market_not_found)
}

/// The market with an id over all venues.
pub(super) fn by_parsec_id(catalog: &Catalog, id: &str) -> Result<Chosen, Failure> {
    let (exchange, native) = id.split_once(':').ok_or_else(|| {
        Failure::bad_request(format!("invalid parsec_id: {} (expected exchange:market_id)", shown(id)))
    })?;
    match Exchange::named(exchange)? {
        Exchange::Venue(venue) if !native.starts_with(&format!("{exchange}:")) => {
            market_of(catalog, venue, native)
        }
        Exchange::Venue(_) | Exchange::DataOnly(_) => Err(Failure::market_not_found()),
    }
}

/// The market that a data route names: `parsec_id`, or `exchange` and `market_id` (§5.3).
pub(super) fn selected<Who>(call: &Call<Who>) -> Result<Chosen, Failure> {
    let catalog = call.service.catalog();
    let [parsec, exchange, native] = ["parsec_id", "exchange", "market_id"].map(|name| call.query(name));
    choose(&catalog, parsec.as_deref(), exchange.as_deref(), native.as_deref())
}

/// The same from parts.
pub(super) fn choose(
    catalog: &Catalog,
    parsec: Option<&str>,
    exchange: Option<&str>,
    native: Option<&str>,
) -> Result<Chosen, Failure> {
    let differ = || Failure::bad_request("parsec_id and exchange + market_id name different markets");
    let pair = match (exchange, native) {
        (Some(exchange), Some(native)) => Some((exchange, native)),
        (None, None) => None,
        // One half beside a whole id says nothing more, unless it says something else.
        (Some(exchange), None) if parsec.is_some_and(|id| !id.starts_with(&format!("{exchange}:"))) => {
            return Err(differ());
        }
        (Some(_), None) | (None, Some(_)) if parsec.is_some() => None,
        (Some(_), None) => return Err(Failure::missing("market_id is required with exchange")),
        (None, Some(_)) => return Err(Failure::missing("exchange is required with market_id")),
    };
    let by_pair = |(exchange, native): (&str, &str)| match Exchange::named(exchange)? {
        Exchange::Venue(venue) => market_of(catalog, venue, native),
        Exchange::DataOnly(_) => Err(Failure::market_not_found()),
    };
    match (parsec, pair) {
        (None, None) => Err(Failure::missing("parsec_id or exchange + market_id is required")),
        (Some(parsec), None) => by_parsec_id(catalog, parsec),
        (None, Some(pair)) => by_pair(pair),
        (Some(parsec), Some(pair)) => {
            let one = by_parsec_id(catalog, parsec)?;
            if by_pair(pair).is_ok_and(|other| other.market == one.market) {
                return Ok(one);
            }
            Err(differ())
        }
    }
}

/// An outcome by its label in any case, or by its number; the first if none is named (§5.4). Every market here has two.
pub(super) fn outcome_of(spec: &MarketSpec, named: Option<&str>) -> Result<Outcome, Failure> {
    let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(Outcome::Yes) };
    let is_meant = |outcome: &Outcome| {
        label(spec, *outcome).to_lowercase() == named.to_lowercase() || named == number(*outcome)
    };
    let found = Outcome::BOTH.into_iter().find(is_meant);
    found.ok_or_else(|| {
        let text = format!("unknown outcome {} for {}", shown(named), parsec_id(spec));
        Failure::bad_request(text)
    })
}

fn number(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Yes => "0",
        Outcome::No => "1",
    }
}

/// The market that a private route's `market_id` names, as a filter; none if it names none.
pub(super) fn market_filter<Who>(
    call: &Call<Who>,
    service: &Service,
    venue: Venue,
) -> Result<Option<MarketId>, Failure> {
    let Some(id) = call.query("market_id") else { return Ok(None) };
    market_of(&service.catalog(), venue, &id).map(|chosen| Some(chosen.market))
}
