//! Users and the switches that gate them.

use super::tier::Tier;
use serde::{Deserialize, Serialize};

/// A person or program, the same through every surface.
#[expect(clippy::struct_excessive_bools, reason = "four switches that different people throw")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The persona's name, or what the user is called.
    pub name: String,
    /// The subject of its access tokens: a UUID.
    pub subject: String,
    /// Its address.
    pub email: String,
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
}

impl User {
    /// A user of a plan, with nothing else.
    #[must_use]
    pub fn named(name: &str, plan: Tier) -> Self {
        Self { name: name.to_owned(), plan, ..Self::default() }
    }
}

/// The switches of polysimulator.md §5.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// New keys are issued only to admins and admitted cohorts.
    pub closed_beta: bool,
    /// The closed beta's second phase: free users may help themselves to a key that reads.
    pub self_serve: bool,
    /// Whether the runtime allowlist is enforced.
    pub allowlist: bool,
}
