//! What a caller may ask, one file per subject, shared by every surface.
//!
//! The service turns questions and wishes into queries and commands, and holds the proofs of who may do
//! what. It knows no wire: surfaces translate to and from it.

pub mod accounts;
pub mod callers;
pub mod history;
pub mod markets;
pub mod orders;
pub mod streams;

mod steering;

use crate::world::World;
use std::sync::Arc;

pub use crate::exchange::{
    Command as ExchangeCommand, Depth, Half, Holding, Market, MarketFacts, MarketSpec,
    Receipt as ExchangeReceipt, Status, Touch, Trade, Window,
};
pub use crate::identity::{
    Caller, Gates, Key, KeyFailure, Permission, Permissions, Scheme, Tier, TierRules, Tiers, User,
};
pub use crate::world::catalog::Catalog;
pub use crate::world::hub::{Fill, MarketUpdate, Notice};
pub use crate::world::scenario::{Persona, Purse, Series, Spot, interval_ms};

pub use steering::Steering;

/// The one thing a surface talks to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    world: Arc<World>,
    books: Arc<markets::BookCache>,
    sockets: Arc<streams::SocketCounter>,
    volumes: Arc<history::VolumeCache>,
}

impl Service {
    /// The service of a world.
    #[must_use]
    pub fn new(world: Arc<World>) -> Self {
        Self { world, books: Arc::default(), sockets: Arc::default(), volumes: Arc::default() }
    }

    /// World time.
    #[must_use]
    pub fn now(&self) -> crate::types::Timestamp {
        self.world.clock().now()
    }

    /// How long the world has been running, on the wall's time.
    #[must_use]
    pub fn uptime(&self) -> std::time::Duration {
        self.world.clock().uptime()
    }

    /// The first record that is not durable yet.
    #[must_use]
    pub fn durable(&self) -> crate::types::Sequence {
        self.world.durable()
    }

    /// The markets there are.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.world.directory().catalog)
    }
}
