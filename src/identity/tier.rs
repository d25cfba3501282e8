//! Plans and their limits.

use super::key::Permissions;
use crate::types::Usd;
use serde::{Deserialize, Serialize};

/// A plan. The names are PolySimulator's; other surfaces print theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Reads.
    #[default]
    Free,
    /// Trades.
    Pro,
    /// Trades more.
    ProPlus,
    /// Trades most.
    Enterprise,
}

impl Tier {
    /// All, the smallest first.
    pub const ALL: [Self; 4] = [Self::Free, Self::Pro, Self::ProPlus, Self::Enterprise];

    /// PolySimulator's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::ProPlus => "pro_plus",
            Self::Enterprise => "enterprise",
        }
    }

    /// The tier that a word names.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == word)
    }
}

/// The limits of one plan (polysimulator.md §6.1, §14). They come from the scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRules {
    /// Requests in one second.
    pub requests_per_second: u32,
    /// Requests in one minute.
    pub requests_per_minute: u32,
    /// Sockets open at once, per user.
    pub ws_connections_max: u32,
    /// Orders in one native batch.
    pub batch_size_max: u32,
    /// Requests under way at once, per key.
    pub in_flight_max: u32,
    /// The API wallet's opening cash, in micro-dollars.
    pub baseline: Usd,
    /// Sandbox wallets that are not archived, per user.
    pub sandboxes_max: u32,
    /// A sandbox wallet's opening cash, in micro-dollars.
    pub sandbox_baseline: Usd,
    /// How often the MAIN wallet may be reset in 30 days; none for as often as one likes.
    pub main_resets_max: Option<u32>,
    /// Whether its keys trade unless less is asked for (polysimulator.md §4.9).
    pub trades: bool,
    /// Whether it may take its history home as a file (§15).
    pub exports: bool,
    /// Orders of one user in one UTC day, over all its keys (§6.6); none for as many as one likes.
    pub orders_per_day_max: Option<u32>,
}

/// Requests of one address without a key: a plain rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRules {
    /// In one second.
    pub requests_per_second: u32,
    /// In one minute.
    pub requests_per_minute: u32,
    /// Calls for a first key in one minute (polysimulator.md §4.1).
    pub bootstraps_per_minute: u32,
    /// Calls for a first key in one hour.
    pub bootstraps_per_hour: u32,
}

/// The limits of every plan, and of those who have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tiers {
    /// Of an address.
    pub anonymous: AddressRules,
    /// Of [`Tier::Free`].
    pub free: TierRules,
    /// Of [`Tier::Pro`].
    pub pro: TierRules,
    /// Of [`Tier::ProPlus`].
    pub pro_plus: TierRules,
    /// Of [`Tier::Enterprise`].
    pub enterprise: TierRules,
}

impl Tiers {
    /// What a key of a plan may do unless less is asked for.
    #[must_use]
    pub const fn usual(&self, tier: Tier) -> Permissions {
        if self.of(tier).trades { Permissions::TRADE } else { Permissions::READ }
    }

    /// The limits of one plan.
    #[must_use]
    pub const fn of(&self, tier: Tier) -> &TierRules {
        match tier {
            Tier::Free => &self.free,
            Tier::Pro => &self.pro,
            Tier::ProPlus => &self.pro_plus,
            Tier::Enterprise => &self.enterprise,
        }
    }
}
