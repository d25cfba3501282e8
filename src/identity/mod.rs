//! Who may do what: users, their keys, tiers and gates. Pure: time comes in, nothing secret is kept.
//!
//! A credential is looked up by the SHA-256 of its full text; the text itself never gets here. What changes is
//! decided first (`decide`, an [`Event`] for each change or the first [`Reject`](crate::types::Reject)) and
//! then taken in, which cannot fail.

mod command;
mod customer;
mod decide;
pub mod ethereum;
mod key;
mod quota;
mod tier;
mod user;
mod wallet;

pub use command::{Command, Event, NewKey, OwnKey, Print, Whom};
pub use customer::{
    Builder, CustomerId, CustomerRules, CustomerTiers, EXTERNAL_ID_MAX, EndUser, Escrow, NewEndUser,
};
pub use decide::ACTIVE_KEYS_MAX;
pub use key::{Caller, Key, Permission, Permissions, Refused, Scheme, hash_secret};
pub use quota::{Bucket, Standing, Windows};
pub use tier::{AddressRules, Tier, TierRules, Tiers};
pub use user::{Cohort, GateChange, Gates, User};
pub use wallet::{WalletKey, WalletKeyKind};

use crate::types::{Address, KeyFailure, KeyId, Timestamp, UserId, index};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every user and key of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Identity {
    users: Vec<User>,
    keys: Vec<Key>,
    by_hash: BTreeMap<[u8; 32], KeyId>,
    by_user: BTreeMap<UserId, Vec<KeyId>>,
    by_subject: BTreeMap<String, UserId>,
    /// Of the wallet that signs and of those derived from it.
    by_wallet: BTreeMap<Address, UserId>,
    by_credential: BTreeMap<[u8; 32], UserId>,
    /// End users by their builder and its own id for them.
    by_external: BTreeMap<(UserId, String), UserId>,
    by_customer: BTreeMap<CustomerId, UserId>,
    epoch: u32,
    gates: Gates,
    tiers: Tiers,
    customer_tiers: CustomerTiers,
    cohorts: Vec<Cohort>,
}

/// What is written of it: the look-up tables follow from the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    users: Vec<User>,
    keys: Vec<Key>,
    epoch: u32,
    gates: Gates,
    tiers: Tiers,
    customer_tiers: CustomerTiers,
    cohorts: Vec<Cohort>,
}

impl From<Identity> for Stored {
    fn from(identity: Identity) -> Self {
        let Identity { users, keys, epoch, gates, tiers, customer_tiers, cohorts, .. } = identity;
        Self { users, keys, epoch, gates, tiers, customer_tiers, cohorts }
    }
}

impl From<Stored> for Identity {
    fn from(stored: Stored) -> Self {
        let identity = Self::new(stored.gates, stored.tiers, stored.cohorts);
        let mut identity = identity.in_epoch(stored.epoch).with_customers(stored.customer_tiers);
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
    pub fn new(gates: Gates, tiers: Tiers, cohorts: Vec<Cohort>) -> Self {
        Self { gates, tiers, cohorts, ..Self::default() }
    }

    /// The same people in another epoch.
    #[must_use]
    pub fn in_epoch(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    /// The same people with other tiers of customers.
    #[must_use]
    pub fn with_customers(self, customer_tiers: CustomerTiers) -> Self {
        Self { customer_tiers, ..self }
    }

    /// How often the world had been reset when these people began: ids mean nothing in another epoch.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Takes a user in and gives it the next id.
    pub fn add_user(&mut self, user: User) -> UserId {
        let id = self.next_user();
        if !user.subject.is_empty() {
            self.by_subject.insert(user.subject.clone(), id);
        }
        if let Some(address) = user.wallet {
            self.learn_wallet(id, address);
        }
        if let Some(credential) = user.credential {
            self.by_credential.insert(credential, id);
        }
        if let Some(end_user) = user.end_user.as_deref() {
            self.learn_end_user(id, end_user);
        }
        self.users.push(user);
        id
    }

    /// Takes a key in and gives it the next id. Its hash must be new.
    pub fn add_key(&mut self, key: Key) -> KeyId {
        let id = self.next_key();
        self.by_hash.insert(key.hash, id);
        self.by_user.entry(key.user).or_default().push(id);
        self.keys.push(key);
        id
    }

    fn next_user(&self) -> UserId {
        UserId(u32::try_from(self.users.len() + 1).expect("BUG: four billion users"))
    }

    fn next_key(&self) -> KeyId {
        KeyId(u32::try_from(self.keys.len() + 1).expect("BUG: four billion keys"))
    }

    fn user_mut(&mut self, user: UserId) -> &mut User {
        self.users.get_mut(index(user.0 - 1)).expect("BUG: an event of a user who never was")
    }

    fn end_user_mut(&mut self, user: UserId) -> &mut EndUser {
        self.user_mut(user).end_user.as_deref_mut().expect("BUG: an event of an end user who is none")
    }

    fn key_mut(&mut self, key: KeyId) -> &mut Key {
        self.keys.get_mut(index(key.0 - 1)).expect("BUG: an event of a key that never was")
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

    /// Whether an access token's subject names a user who was deleted.
    #[must_use]
    pub fn was_deleted(&self, subject: &str) -> bool {
        self.by_subject.get(subject).is_some_and(|user| self.user(*user).is_none())
    }

    /// The user that a credential of an exchange is.
    #[must_use]
    pub fn by_credential(&self, credential: &[u8; 32]) -> Option<UserId> {
        self.by_credential.get(credential).copied().filter(|user| self.user(*user).is_some())
    }

    /// Every user who was not deleted, in the order of their ids.
    pub fn users(&self) -> impl Iterator<Item = (UserId, &User)> {
        (1..).map(UserId).zip(&self.users).filter(|(_, user)| !user.deleted)
    }

    /// The keys of a user, the oldest first.
    pub fn keys_of(&self, user: UserId) -> impl Iterator<Item = (KeyId, &Key)> {
        let ids = self.by_user.get(&user).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| Some((*id, self.key(*id)?)))
    }

    /// The groups users are admitted in.
    #[must_use]
    pub fn cohorts(&self) -> &[Cohort] {
        &self.cohorts
    }

    /// How many users a cohort has.
    #[must_use]
    pub fn members(&self, label: &str) -> u32 {
        let is_member = |(_, user): &(UserId, &User)| user.cohorts.iter().any(|cohort| cohort == label);
        u32::try_from(self.users().filter(is_member).count()).unwrap_or(u32::MAX)
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

    /// The tiers of customers in force.
    #[must_use]
    pub fn customer_tiers(&self) -> &CustomerTiers {
        &self.customer_tiers
    }

    /// Who a key of a grammar speaks for, in the order of polysimulator.md §3.4, steps 2 to 6.
    ///
    /// # Errors
    /// [`Refused`], for the first reason.
    pub fn authenticate(&self, scheme: Scheme, hash: &[u8; 32], at: Timestamp) -> Result<Caller, Refused> {
        let unknown = Refused { why: KeyFailure::Unknown, known: None };
        let id = self.by_hash.get(hash).ok_or(unknown)?;
        let key = self.key(*id).expect("BUG: a hash without its key");
        if key.scheme != scheme {
            return Err(unknown);
        }
        let caller = self.caller(*id, key, at);
        let known = Some(caller).filter(|_| !key.revoked);
        self.vouch(*id, at).map(|()| caller).map_err(|why| Refused { why, known })
    }

    /// Whether a key still vouches for a command.
    ///
    /// # Errors
    /// The first [`KeyFailure`].
    pub fn vouch(&self, key: KeyId, at: Timestamp) -> Result<(), KeyFailure> {
        let key = self.key(key).ok_or(KeyFailure::Unknown)?;
        key.usable(at)?;
        match key.scheme {
            Scheme::Polysim | Scheme::Papi => self.may_come_in(key.user),
            Scheme::Clob | Scheme::Parsec => self.vouch_unlisted(key.user),
        }
    }

    /// Whether a user is there and the runtime gate lets it in.
    ///
    /// # Errors
    /// [`KeyFailure::OwnerNotFound`] or [`KeyFailure::Restricted`].
    pub fn may_come_in(&self, user: UserId) -> Result<(), KeyFailure> {
        let user = self.user(user).ok_or(KeyFailure::OwnerNotFound)?;
        if user.is_restricted(&self.gates) { Err(KeyFailure::Restricted) } else { Ok(()) }
    }

    /// Whom a key speaks for and under which limits, wherever it works.
    #[must_use]
    pub fn speaks_for(&self, id: KeyId, at: Timestamp) -> Option<Caller> {
        self.key(id).filter(|key| key.usable(at).is_ok()).map(|key| self.caller(id, key, at))
    }

    /// A beta key past its cut-off reads, under the free tier's limits (polysimulator.md §5.6).
    fn caller(&self, id: KeyId, key: &Key, at: Timestamp) -> Caller {
        let cut_off = key.is_cut_off(at);
        Caller {
            key: Some(id),
            user: key.user,
            epoch: self.epoch,
            tier: if cut_off { Tier::Free } else { key.tier },
            permissions: if cut_off { Permissions::READ } else { key.permissions },
            cut_off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn world(key: Key, user: User) -> Identity {
        let mut identity =
            Identity::new(Gates { allowlist: true, ..Gates::default() }, Tiers::default(), Vec::new());
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
            successor: None,
            wallet: None,
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
                "a beta key that was rotated",
                Key { beta_until: past, expires_at: past, successor: Some(KeyId(2)), ..key() },
                user(),
                Err(KeyFailure::Expired),
            ),
            (
                "not yet",
                Key { expires_at: Some(Timestamp::from_seconds(1_001)), ..key() },
                user(),
                Ok((Tier::Pro, false)),
            ),
        ];
        for (name, key, user, expected) in cases {
            let found = world(key, user).authenticate(Scheme::Polysim, &hash_secret("ps_live_a"), NOW);
            let is_known = found.as_ref().is_ok_and(|_| true)
                || found.as_ref().is_err_and(|refused| refused.known.is_some());
            assert_eq!(is_known, name != "revoked", "{name}: a key that is known is counted as itself");
            let found = found.map_err(|refused| refused.why);
            assert_eq!(found.map(|caller| (caller.tier, caller.cut_off)), expected, "{name}");
        }
        let unknown = world(key(), user()).authenticate(Scheme::Polysim, &hash_secret("ps_live_b"), NOW);
        assert_eq!(unknown, Err(Refused { why: KeyFailure::Unknown, known: None }));
        let elsewhere = world(key(), user()).authenticate(Scheme::Papi, &hash_secret("ps_live_a"), NOW);
        assert_eq!(elsewhere, unknown, "a key of one grammar works on no other surface");
    }

    #[test]
    fn a_cut_off_key_reads_and_no_more() {
        let identity = world(Key { beta_until: Some(NOW), ..key() }, user());
        let caller = identity
            .authenticate(Scheme::Polysim, &hash_secret("ps_live_a"), NOW)
            .expect("still authenticates");
        assert!(caller.permissions.include(Permission::Read));
        assert!(!caller.permissions.include(Permission::Trade));
    }
}
