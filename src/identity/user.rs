//! Users, the switches that gate them, and the groups they are admitted in.

use super::customer::{Builder, EndUser};
use super::tier::Tier;
use crate::types::{Address, Timestamp};
use serde::{Deserialize, Serialize};

/// A person or program, the same through every surface.
#[expect(clippy::struct_excessive_bools, reason = "four switches that different people throw")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The persona's name, or what the user is called.
    pub name: String,
    /// The subject of its access tokens: a UUID. Empty until somebody comes with one.
    pub subject: String,
    /// Its address.
    pub email: String,
    /// The address of the wallet it signs with, if it has one.
    pub wallet: Option<Address>,
    /// The credential of an exchange that this user is, if it is nothing else: what it denotes, and no secret.
    pub credential: Option<[u8; 32]>,
    /// Its plan.
    pub plan: Tier,
    /// Whether the runtime gate lets it in.
    pub allowlisted: bool,
    /// Whether it is under review, which shuts the gate.
    pub flagged: bool,
    /// Whether it may administer.
    pub admin: bool,
    /// Whether it is gone.
    pub deleted: bool,
    /// The cohorts it was admitted to.
    pub cohorts: Vec<String>,
    /// What makes it a builder, if it is one.
    pub builder: Option<Builder>,
    /// What makes it a builder's, if it is one's.
    pub end_user: Option<Box<EndUser>>,
}

impl User {
    /// A user of a plan, with nothing else.
    #[must_use]
    pub fn named(name: &str, plan: Tier) -> Self {
        Self { name: name.to_owned(), plan, ..Self::default() }
    }

    /// Whether the runtime gate is shut to it (polysimulator.md §5.4). Who is under review stays out, whether the
    /// allowlist is enforced or not.
    #[must_use]
    pub fn is_restricted(&self, gates: &Gates) -> bool {
        self.flagged || (gates.allowlist && !self.allowlisted)
    }
}

/// The switches of polysimulator.md §5.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    /// New keys are issued only to admins and admitted cohorts.
    pub closed_beta: bool,
    /// The closed beta's second phase: free users may help themselves to a key that reads.
    pub self_serve: bool,
    /// Whether the runtime allowlist is enforced.
    pub allowlist: bool,
}

/// Other switches; those that are none stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateChange {
    /// See [`Gates::closed_beta`].
    pub closed_beta: Option<bool>,
    /// See [`Gates::self_serve`].
    pub self_serve: Option<bool>,
    /// See [`Gates::allowlist`].
    pub allowlist: Option<bool>,
}

impl GateChange {
    /// What it makes of some switches.
    #[must_use]
    pub fn over(self, gates: Gates) -> Gates {
        Gates {
            closed_beta: self.closed_beta.unwrap_or(gates.closed_beta),
            self_serve: self.self_serve.unwrap_or(gates.self_serve),
            allowlist: self.allowlist.unwrap_or(gates.allowlist),
        }
    }
}

/// A group of users who are admitted together. A label without rules has no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    /// What it is called.
    pub label: String,
    /// How many may be in it.
    pub cap: u32,
    /// When its keys are cut off.
    pub cutoff: Option<Timestamp>,
}
