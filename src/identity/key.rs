//! API keys: what is kept of them, and what they may do.

use super::tier::Tier;
use super::wallet::WalletKey;
use crate::types::{KeyFailure, KeyId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is kept of a secret: enough to know it again, not enough to use it.
#[must_use]
pub fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Which surface's grammar a key has. A key of one works on no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scheme {
    /// `ps_live_…`
    Polysim,
    /// `pk_live_…`
    Parsec,
    /// `papi_sk_live_…`
    Papi,
    /// A wallet's: a UUID, with a secret that follows from it.
    Clob,
}

/// One thing a key may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// See markets and one's own account.
    Read,
    /// Place and cancel orders.
    Trade,
}

impl Permission {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Trade => "trade",
        }
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    read: bool,
    trade: bool,
}

impl Permissions {
    /// See, but not touch.
    pub const READ: Self = Self { read: true, trade: false };
    /// See and trade.
    pub const TRADE: Self = Self { read: true, trade: true };

    /// These and no others.
    #[must_use]
    pub fn of(permissions: &[Permission]) -> Self {
        let has = |one| permissions.contains(&one);
        Self { read: has(Permission::Read), trade: has(Permission::Trade) }
    }

    /// Whether a permission is among them.
    #[must_use]
    pub const fn include(self, permission: Permission) -> bool {
        match permission {
            Permission::Read => self.read,
            Permission::Trade => self.trade,
        }
    }

    /// The words for them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [Permission::Read, Permission::Trade]
            .into_iter()
            .filter(|one| self.include(*one))
            .map(Permission::name)
            .collect()
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Whose.
    pub user: UserId,
    /// Which surface's.
    pub scheme: Scheme,
    /// SHA-256 of the full text.
    pub hash: [u8; 32],
    /// The first 16 characters, the only part ever shown again; of a wallet's key, all of its id, which is no secret.
    pub prefix: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Its limits.
    pub tier: Tier,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether an administrator left it on.
    pub active: bool,
    /// Whether its owner ended it.
    pub revoked: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// A beta key's cut-off: from then on it reads, at the free tier's limits.
    pub beta_until: Option<Timestamp>,
    /// The key that it was rotated into. Until it expires both work.
    pub successor: Option<KeyId>,
    /// What it follows from, if it is a wallet's.
    pub wallet: Option<WalletKey>,
}

impl Key {
    /// Whether the key itself still works. A beta key does not expire (it is cut off instead, §3.4, 4) unless it
    /// was rotated (§23, Q23).
    ///
    /// # Errors
    /// [`KeyFailure`], of the key alone.
    pub fn usable(&self, at: Timestamp) -> Result<(), KeyFailure> {
        if self.revoked {
            return Err(KeyFailure::Unknown);
        }
        if !self.active {
            return Err(KeyFailure::Deactivated);
        }
        let may_expire = self.beta_until.is_none() || self.successor.is_some();
        if may_expire && self.expires_at.is_some_and(|expires| expires <= at) {
            return Err(KeyFailure::Expired);
        }
        Ok(())
    }

    /// Whether a beta key's cut-off has passed.
    #[must_use]
    pub fn is_cut_off(&self, at: Timestamp) -> bool {
        self.beta_until.is_some_and(|until| until <= at)
    }
}

/// Who asks, proved by a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key, unless a session vouches for the caller.
    pub key: Option<KeyId>,
    /// The user.
    pub user: UserId,
    /// How often the world had been reset: ids begin again with it, and the proof ends.
    pub epoch: u32,
    /// The limits in force.
    pub tier: Tier,
    /// What the credential may do.
    pub permissions: Permissions,
    /// Whether it was downgraded by its beta cut-off.
    pub cut_off: bool,
}

/// A key that does not let its holder in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: KeyFailure,
    /// Whom it would speak for, if the key is known at all: its windows are charged all the same.
    pub known: Option<Caller>,
}
