//! What a caller may ask, one file per subject, shared by every surface.
//!
//! The service turns questions and wishes into queries and commands, and holds the proofs of who may do
//! what. It knows no wire: surfaces translate to and from it.

pub mod accounts;
pub mod analysis;
pub mod builders;
pub mod callers;
pub mod conversions;
pub mod credentials;
pub mod customer_quota;
pub mod customer_sockets;
pub mod customers;
pub mod ear;
pub mod fee_auth;
pub mod history;
pub mod keys;
pub mod markets;
pub mod onboarding;
pub mod orders;
pub mod quota;
pub mod replica;
pub mod settlement;
pub mod sign_in;
pub mod signed_orders;
pub mod streams;
pub mod wallet_keys;
pub mod wallets;

mod restriction;
mod steering;
mod wire_ids;

use crate::world::World;
use std::sync::Arc;

pub use crate::exchange::{
    Command as ExchangeCommand, Depth, Half, Holding, Market, MarketFacts, MarketSpec, Placed,
    Receipt as ExchangeReceipt, Status, Touch, Trade, Window,
};
pub use crate::identity::ethereum;
pub use crate::identity::{
    Bucket, Caller, Cohort, CustomerRules, EndUser, Escrow, GateChange, Gates, Key, Permission, Permissions,
    Refused, Scheme, Standing, Tier, TierRules, Tiers, User, WalletKeyKind, Whom,
};
pub use crate::types::KeyFailure;
pub use crate::world::catalog::Catalog;
pub use crate::world::hub::{Accepted, Ended, Fill, MarketUpdate, Notice, Progress, UserNews};
pub use crate::world::scenario::{Persona, Purse, Series, Spot, interval_ms};
pub use crate::world::{Beat, ManagedWallet, Signed, Wallet, WalletKind};

pub use steering::{BetaWish, Steering};

/// The one thing a surface talks to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    world: Arc<World>,
    books: Arc<markets::BookCache>,
    sockets: Arc<streams::SocketCounter>,
    volumes: Arc<history::VolumeCache>,
    quotas: Arc<quota::Quotas>,
    customer_quotas: Arc<customer_quota::CustomerQuotas>,
    customer_sockets: Arc<customer_sockets::CustomerSockets>,
    nonces: Arc<sign_in::Nonces>,
    clob_mode: ClobMode,
    restriction: Arc<restriction::Switch>,
}

/// How like production the CLOB is where that makes a client's life harder (polymarket-clob.md §0.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClobMode {
    /// Lenient wherever that can't confuse a client.
    #[default]
    Friendly,
    /// Refuses what production refuses.
    Strict,
}

impl Service {
    /// The service of a world. Without `rate_limits` requests are not counted; every cap stays.
    #[must_use]
    pub fn new(world: Arc<World>, rate_limits: bool, clob_mode: ClobMode) -> Self {
        let anonymous = world.directory().identity.tiers().anonymous;
        let quotas = Arc::new(quota::Quotas::new(&anonymous, world.clock(), rate_limits));
        Self {
            world,
            books: Arc::default(),
            sockets: Arc::default(),
            volumes: Arc::default(),
            quotas,
            customer_quotas: Arc::new(customer_quota::CustomerQuotas::new(rate_limits)),
            customer_sockets: Arc::default(),
            nonces: Arc::default(),
            clob_mode,
            restriction: Arc::default(),
        }
    }

    /// How like production the CLOB is.
    #[must_use]
    pub fn clob_mode(&self) -> ClobMode {
        self.clob_mode
    }

    /// World time.
    #[must_use]
    pub fn now(&self) -> crate::types::Timestamp {
        self.world.clock().now()
    }

    /// The wall's time.
    #[must_use]
    pub fn wall(&self) -> crate::types::Timestamp {
        self.world.clock().wall()
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
