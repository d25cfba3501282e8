//! Who may do what: users, their keys, tiers and gates. Pure: time comes in, nothing secret is kept.
//!
//! A credential is looked up by the SHA-256 of its full text; the text itself never gets here.

mod key;
mod tier;
mod user;

pub use key::{Caller, Key, KeyFailure, Permission, Permissions, Scheme, hash_secret};
pub use tier::{Tier, TierRules, Tiers};
pub use user::{Gates, User};

use crate::types::{KeyId, Timestamp, UserId, index};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every user and key of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Identity {
    users: Vec<User>,
    keys: Vec<Key>,
    by_hash: BTreeMap<[u8; 32], KeyId>,
    by_subject: BTreeMap<String, UserId>,
    gates: Gates,
    tiers: Tiers,
}

/// What is written of it: the look-up tables follow from the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    users: Vec<User>,
    keys: Vec<Key>,
    gates: Gates,
    tiers: Tiers,
}

impl From<Identity> for Stored {
    fn from(identity: Identity) -> Self {
        let Identity { users, keys, gates, tiers, .. } = identity;
        Self { users, keys, gates, tiers }
    }
}

impl From<Stored> for Identity {
    fn from(stored: Stored) -> Self {
        let mut identity = Self::new(stored.gates, stored.tiers);
        for user in stored.users {
            identity.add_user(user);
        }
        for key in stored.keys {
            identity.add_key(key);
        }
        identity
    }
}

impl Identity {
    /// Nobody yet.
    #[must_use]
    pub fn new(gates: Gates, tiers: Tiers) -> Self {
        Self { gates, tiers, ..Self::default() }
    }

    /// Takes a user in and gives it the next id.
    pub fn add_user(&mut self, user: User) -> UserId {
        let id = UserId(u32::try_from(self.users.len() + 1).expect("BUG: four billion users"));
        self.by_subject.insert(user.subject.clone(), id);
        self.users.push(user);
        id
    }

    /// Takes a key in and gives it the next id. Its hash must be new.
    pub fn add_key(&mut self, key: Key) -> KeyId {
        let id = KeyId(u32::try_from(self.keys.len() + 1).expect("BUG: four billion keys"));
        self.by_hash.insert(key.hash, id);
        self.keys.push(key);
        id
    }

    /// A user, if it exists and was not deleted.
    #[must_use]
    pub fn user(&self, user: UserId) -> Option<&User> {
        user.0.checked_sub(1).and_then(|at| self.users.get(index(at))).filter(|user| !user.deleted)
    }

    /// A key, whatever its state.
    #[must_use]
    pub fn key(&self, key: KeyId) -> Option<&Key> {
        key.0.checked_sub(1).and_then(|at| self.keys.get(index(at)))
    }

    /// The user whom an access token's subject names.
    #[must_use]
    pub fn subject(&self, subject: &str) -> Option<UserId> {
        self.by_subject.get(subject).copied().filter(|user| self.user(*user).is_some())
    }

    /// The keys of a user, the oldest first.
    pub fn keys_of(&self, user: UserId) -> impl Iterator<Item = (KeyId, &Key)> {
        (1..).map(KeyId).zip(&self.keys).filter(move |(_, key)| key.user == user)
    }

    /// The switches in force.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// The tiers in force.
    #[must_use]
    pub fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    /// Who a key speaks for, in the order of polysimulator.md §3.4, steps 2 to 6.
    ///
    /// # Errors
    /// The first [`KeyFailure`].
    pub fn authenticate(&self, hash: &[u8; 32], at: Timestamp) -> Result<Caller, KeyFailure> {
        let id = *self.by_hash.get(hash).ok_or(KeyFailure::Unknown)?;
        let key = self.key(id).expect("BUG: a hash without its key");
        key.usable(at)?;
        let user = self.user(key.user).ok_or(KeyFailure::OwnerNotFound)?;
        let cut_off = key.is_cut_off(at);
        if self.gates.allowlist && (!user.allowlisted || user.flagged) {
            return Err(KeyFailure::Restricted);
        }
        Ok(Caller {
            key: Some(id),
            user: key.user,
            tier: if cut_off { Tier::Free } else { key.tier },
            permissions: if cut_off { Permissions::READ } else { key.permissions },
            cut_off,
        })
    }

    /// Whether a command that this key authorised may still be carried out.
    #[must_use]
    pub fn may_still_act(&self, key: KeyId, at: Timestamp) -> bool {
        self.key(key).is_some_and(|key| key.usable(at).is_ok() && self.user(key.user).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn world(key: Key, user: User) -> Identity {
        let mut identity = Identity::new(Gates { allowlist: true, ..Gates::default() }, Tiers::default());
        identity.add_user(user);
        identity.add_key(key);
        identity
    }

    fn key() -> Key {
        Key {
            user: UserId(1),
            scheme: Scheme::Polysim,
            hash: hash_secret("ps_live_a"),
            prefix: "ps_live_a".to_owned(),
            name: None,
            tier: Tier::Pro,
            permissions: Permissions::TRADE,
            active: true,
            revoked: false,
            created_at: Timestamp::default(),
            expires_at: None,
            beta_until: None,
        }
    }

    fn user() -> User {
        User { allowlisted: true, ..User::named("ann", Tier::Pro) }
    }

    #[test]
    fn a_key_is_checked_in_the_documented_order() {
        let past = Some(Timestamp::from_seconds(999));
        let cases = [
            ("works", key(), user(), Ok((Tier::Pro, false))),
            (
                "revoked",
                Key { revoked: true, active: false, expires_at: past, ..key() },
                user(),
                Err(KeyFailure::Unknown),
            ),
            (
                "deactivated",
                Key { active: false, expires_at: past, ..key() },
                user(),
                Err(KeyFailure::Deactivated),
            ),
            (
                "expired",
                Key { expires_at: past, ..key() },
                User { deleted: true, ..user() },
                Err(KeyFailure::Expired),
            ),
            ("no owner", key(), User { deleted: true, ..user() }, Err(KeyFailure::OwnerNotFound)),
            ("not allowed", key(), User { allowlisted: false, ..user() }, Err(KeyFailure::Restricted)),
            ("flagged", key(), User { flagged: true, ..user() }, Err(KeyFailure::Restricted)),
            ("cut off", Key { beta_until: past, expires_at: past, ..key() }, user(), Ok((Tier::Free, true))),
            (
                "not yet",
                Key { expires_at: Some(Timestamp::from_seconds(1_001)), ..key() },
                user(),
                Ok((Tier::Pro, false)),
            ),
        ];
        for (name, key, user, expected) in cases {
            let found = world(key, user).authenticate(&hash_secret("ps_live_a"), NOW);
            assert_eq!(found.map(|caller| (caller.tier, caller.cut_off)), expected, "{name}");
        }
        assert_eq!(
            world(key(), user()).authenticate(&hash_secret("ps_live_b"), NOW).err(),
            Some(KeyFailure::Unknown)
        );
    }

    #[test]
    fn a_cut_off_key_reads_and_no_more() {
        let identity = world(Key { beta_until: Some(NOW), ..key() }, user());
        let caller = identity.authenticate(&hash_secret("ps_live_a"), NOW).expect("still authenticates");
        assert!(caller.permissions.include(Permission::Read));
        assert!(!caller.permissions.include(Permission::Trade));
    }
}
