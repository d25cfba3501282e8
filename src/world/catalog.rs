//! Which markets there are, under all their names. Replaced whole whenever one is listed.

use crate::exchange::{Exchange, MarketSpec};
use crate::identity::Identity;
use crate::types::{MarketId, Outcome, index};
use crate::world::state::{State, Wallets};
use std::collections::BTreeMap;
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
        let (identity, wallets) = (Arc::clone(state.identity()), Arc::clone(state.wallets()));
        Self { identity, catalog, wallets }
    }
}

/// Every market of a world by id, condition id, token id and slug.
#[derive(Debug, Default)]
pub struct Catalog {
    all: Vec<Arc<MarketSpec>>,
    by_condition: BTreeMap<String, MarketId>,
    by_token: BTreeMap<String, (MarketId, Outcome)>,
    by_slug: BTreeMap<String, MarketId>,
    epoch: u32,
}

impl Catalog {
    /// The catalog of an exchange.
    #[must_use]
    pub fn of(exchange: &Exchange, epoch: u32) -> Self {
        let mut catalog = Self { epoch, ..Self::default() };
        for market in exchange.markets() {
            let facts = &market.spec.facts;
            catalog.by_condition.insert(facts.condition_id.clone(), market.id);
            catalog.by_slug.insert(facts.slug.clone(), market.id);
            for (outcome, token) in
                Outcome::BOTH.into_iter().zip(&facts.token_ids).filter(|(_, token)| !token.is_empty())
            {
                catalog.by_token.insert(token.clone(), (market.id, outcome));
            }
            catalog.all.push(Arc::clone(&market.spec));
        }
        catalog
    }

    /// A market's facts and rules.
    #[must_use]
    pub fn get(&self, market: MarketId) -> Option<&Arc<MarketSpec>> {
        market.0.checked_sub(1).and_then(|at| self.all.get(index(at)))
    }

    /// All markets in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (MarketId, &Arc<MarketSpec>)> {
        (1..).map(MarketId).zip(&self.all)
    }

    /// The market with a condition id or ticker.
    #[must_use]
    pub fn by_condition(&self, id: &str) -> Option<MarketId> {
        self.by_condition.get(id).copied()
    }

    /// The market and outcome with a token id.
    #[must_use]
    pub fn by_token(&self, id: &str) -> Option<(MarketId, Outcome)> {
        self.by_token.get(id).copied()
    }

    /// The market with a slug.
    #[must_use]
    pub fn by_slug(&self, slug: &str) -> Option<MarketId> {
        self.by_slug.get(slug).copied()
    }

    /// How often the world had been reset.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
}
