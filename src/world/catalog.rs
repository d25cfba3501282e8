//! Which markets there are, under all their names. Windows are listed all the time, and a world with many markets must
//! not be gone through again for each: what is new is a part of its own, and small parts are merged.

use crate::exchange::{Exchange, MarketSpec};
use crate::identity::Identity;
use crate::types::{MarketId, Outcome, index};
use crate::world::state::{Customers, State, Wallets};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What everyone may read without asking the sequencer. Replaced whole, before anyone is answered who
/// caused the change.
#[derive(Debug)]
pub struct Directory {
    /// Users and keys.
    pub identity: Arc<Identity>,
    /// Markets.
    pub catalog: Arc<Catalog>,
    /// Accounts and what they are for.
    pub wallets: Arc<Wallets>,
    /// What customers trade with.
    pub customers: Arc<Customers>,
}

impl Directory {
    /// The directory of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self::with(state, Arc::new(Catalog::of(state.exchange(), state.epoch())))
    }

    /// The directory of a state whose markets are known already: users change more often than markets.
    #[must_use]
    pub fn with(state: &State, catalog: Arc<Catalog>) -> Self {
        Self {
            identity: Arc::clone(state.identity()),
            catalog,
            wallets: Arc::clone(state.wallets()),
            customers: Arc::clone(state.customers()),
        }
    }
}

/// A part with so many markets is merged with no other: that bounds what one listing may cost.
const PART_MAX: usize = 4_096;

/// Every market of a world by id, condition id, token id and slug.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order of ids; each at least as large as the next, until it is full.
    parts: Vec<Arc<Part>>,
    epoch: u32,
}

/// Markets with consecutive ids.
#[derive(Debug)]
struct Part {
    /// How many came before.
    before: usize,
    all: Vec<Arc<MarketSpec>>,
    names: Arc<Names>,
}

/// What markets are called, which never changes.
#[derive(Debug, Default)]
struct Names {
    conditions: BTreeMap<String, MarketId>,
    tokens: BTreeMap<String, (MarketId, Outcome)>,
    slugs: BTreeMap<String, MarketId>,
    gamma_ids: BTreeMap<String, MarketId>,
}

impl Part {
    fn of(before: usize, all: Vec<Arc<MarketSpec>>) -> Self {
        let mut names = Names::default();
        for (market, spec) in ids_after(before).zip(&all) {
            let facts = &spec.facts;
            names.conditions.insert(facts.condition_id.clone(), market);
            names.slugs.insert(facts.slug.clone(), market);
            if !facts.gamma_id.is_empty() {
                names.gamma_ids.insert(facts.gamma_id.clone(), market);
            }
            for (outcome, token) in
                Outcome::BOTH.into_iter().zip(&facts.token_ids).filter(|(_, token)| !token.is_empty())
            {
                names.tokens.insert(token.clone(), (market, outcome));
            }
        }
        Self { before, all, names: Arc::new(names) }
    }

    fn and(&self, next: &Self) -> Self {
        Self::of(self.before, self.all.iter().chain(&next.all).cloned().collect())
    }

    fn end(&self) -> usize {
        self.before + self.all.len()
    }
}

fn ids_after(before: usize) -> impl Iterator<Item = MarketId> {
    let first = u32::try_from(before + 1).expect("BUG: four billion markets");
    (first..).map(MarketId)
}

impl Catalog {
    /// The catalog of an exchange.
    #[must_use]
    pub fn of(exchange: &Exchange, epoch: u32) -> Self {
        Self { epoch, ..Self::default() }.extended(exchange)
    }

    /// The catalog of an exchange that lists more than when this one was made, and in the same epoch.
    #[must_use]
    pub fn extended(&self, exchange: &Exchange) -> Self {
        let new = exchange.markets().iter().skip(self.len());
        self.with(new.map(|market| Arc::clone(&market.spec)).collect())
    }

    /// This one with the rules that an exchange has now for some of its markets.
    #[must_use]
    pub fn renewed(&self, exchange: &Exchange, changed: &BTreeSet<MarketId>) -> Self {
        let mut parts = self.parts.clone();
        for market in changed.iter().filter_map(|market| exchange.market(*market)) {
            let at = index(market.id.0 - 1);
            let holds = parts.iter_mut().find(|part| (part.before..part.end()).contains(&at));
            if let Some(part) = holds {
                let mut all = part.all.clone();
                all[at - part.before] = Arc::clone(&market.spec);
                *part = Arc::new(Part { before: part.before, all, names: Arc::clone(&part.names) });
            }
        }
        Self { parts, epoch: self.epoch }
    }

    fn with(&self, new: Vec<Arc<MarketSpec>>) -> Self {
        let (mut parts, epoch) = (self.parts.clone(), self.epoch);
        for (number, some) in (0..).zip(new.chunks(PART_MAX)) {
            parts.push(Arc::new(Part::of(self.len() + number * PART_MAX, some.to_vec())));
            while let [.., one, other] = &parts[..]
                && other.all.len() >= one.all.len()
                && one.all.len() + other.all.len() <= PART_MAX
            {
                let both = Arc::new(one.and(other));
                parts.truncate(parts.len() - 2);
                parts.push(both);
            }
        }
        Self { parts, epoch }
    }

    fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end())
    }

    /// What the newest part that knows says.
    fn find<Found>(&self, look: impl Fn(&Part) -> Option<Found>) -> Option<Found> {
        self.parts.iter().rev().find_map(|part| look(part))
    }

    /// A market's facts and rules.
    #[must_use]
    pub fn get(&self, market: MarketId) -> Option<&Arc<MarketSpec>> {
        let at = index(market.0.checked_sub(1)?);
        let part = self.parts.get(self.parts.partition_point(|part| part.end() <= at))?;
        part.all.get(at - part.before)
    }

    /// All markets in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (MarketId, &Arc<MarketSpec>)> {
        ids_after(0).zip(self.parts.iter().flat_map(|part| &part.all))
    }

    /// The market with a condition id or ticker.
    #[must_use]
    pub fn by_condition(&self, id: &str) -> Option<MarketId> {
        self.find(|part| part.names.conditions.get(id).copied())
    }

    /// The market and outcome with a token id.
    #[must_use]
    pub fn by_token(&self, id: &str) -> Option<(MarketId, Outcome)> {
        self.find(|part| part.names.tokens.get(id).copied())
    }

    /// The market with one of Gamma's numbers.
    #[must_use]
    pub fn by_gamma_id(&self, id: &str) -> Option<MarketId> {
        self.find(|part| part.names.gamma_ids.get(id).copied())
    }

    /// The market with a slug.
    #[must_use]
    pub fn by_slug(&self, slug: &str) -> Option<MarketId> {
        self.find(|part| part.names.slugs.get(slug).copied())
    }

    /// How often the world had been reset.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{FeeSchedule, MarketFacts, Settlement};
    use crate::types::{Shares, Venue};

    fn spec(number: usize) -> Arc<MarketSpec> {
        let facts = MarketFacts {
            condition_id: format!("0x{number}"),
            slug: format!("slug-{number}"),
            token_ids: [format!("{number}1"), format!("{number}2")],
            ..MarketFacts::default()
        };
        Arc::new(MarketSpec {
            venue: Venue::Polymarket,
            facts,
            ticks: Vec::new(),
            lot: Shares::from_micros(100),
            minimum: Shares::from_whole(5),
            fees: FeeSchedule::FREE,
            settlement: Settlement::Auto,
            ends_at: None,
            reference: None,
            resolved: None,
            group: None,
        })
    }

    #[test]
    fn a_market_is_found_under_every_name_however_it_came_to_be_listed() {
        let mut catalog = Catalog::default();
        let mut listed = 0;
        // One by one, some at once, more at once than a part holds, and one by one again.
        for some in [1; 40].into_iter().chain([300, 5, PART_MAX * 2 + 7]).chain([1; 40]) {
            catalog = catalog.with((listed..listed + some).map(spec).collect());
            listed += some;
            for number in [0, listed / 2, listed - 1] {
                let market = MarketId(u32::try_from(number + 1).expect("few"));
                assert_eq!(catalog.get(market), Some(&spec(number)), "{number} of {listed}");
                assert_eq!(catalog.by_condition(&format!("0x{number}")), Some(market));
                assert_eq!(catalog.by_slug(&format!("slug-{number}")), Some(market));
                assert_eq!(catalog.by_token(&format!("{number}2")), Some((market, Outcome::No)));
            }
            assert_eq!(catalog.get(MarketId(u32::try_from(listed + 1).expect("few"))), None);
            assert!(catalog.parts.len() < 20, "{} parts of {listed}", catalog.parts.len());
        }
        assert_eq!((catalog.iter().count(), catalog.get(MarketId(0))), (listed, None));
        let slugs = catalog.iter().map(|(market, spec)| (market, spec.facts.slug.clone()));
        let expected = (0..listed).map(|number| format!("slug-{number}"));
        assert!(slugs.eq(ids_after(0).zip(expected)));
        let newer = catalog.with(vec![spec(3)]);
        let newest = Some(MarketId(u32::try_from(listed + 1).expect("few")));
        assert_eq!(newer.by_slug("slug-3"), newest, "of two with one name, the newer is meant");
    }
}
