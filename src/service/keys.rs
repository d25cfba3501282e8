//! The life of a key: issued, renamed, rotated, revoked. Who may have one, identity decides.

use super::callers::MayManage;
use super::{Caller, Service};
use crate::identity::{self, Key, NewKey, OwnKey, Permissions, Print, Scheme, Tier, hash_secret};
use crate::types::{KeyFailure, KeyId, Reject, Timestamp, UserId};
use crate::world::{Authority, Command, Receipt};

/// A fresh key's whole text. It never prints: whoever shows it once must say so.
pub struct RawKey(String);

impl RawKey {
    /// A text that was derived.
    pub(super) fn of(text: String) -> Self {
        Self(text)
    }

    /// The text, for its owner's eyes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(super) fn print(&self) -> Print {
        Print { hash: hash_secret(&self.0), prefix: self.0.chars().take(PREFIX_CHARACTERS).collect() }
    }
}

/// So much of a key is shown after its first time (polysimulator.md §3.3).
const PREFIX_CHARACTERS: usize = 16;

/// A key that was just made.
pub struct FreshKey {
    /// Its id.
    pub id: KeyId,
    /// Its text, which nobody can see again.
    pub raw: RawKey,
    /// What is kept of it.
    pub key: Key,
}

/// What somebody wishes of a new key.
#[derive(Clone, Debug)]
pub struct KeyWish {
    /// What it is to be called, at most 100 characters.
    pub name: Option<String>,
    /// Its limits; the plan's if none is asked for.
    pub tier: Option<Tier>,
    /// What it may do; what is usual for the tier if nothing is asked for.
    pub permissions: Option<Permissions>,
}

impl Service {
    /// Whether a first key is to be had at all: to be asked before what is wished of it is looked at.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub fn may_have_first_key(&self, owner: &MayManage) -> Result<(), Reject> {
        self.directory_in(owner.epoch())?.identity.may_have_first_key(owner.user(), Scheme::Polysim)
    }

    /// As [`Service::may_have_first_key`], of one more.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub fn may_have_key(&self, owner: &MayManage) -> Result<(), Reject> {
        self.directory_in(owner.epoch())?.identity.may_have_key(owner.user())
    }

    /// A key for a user who never had one of PolySimulator's.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn issue_first_key(&self, owner: &MayManage, wish: KeyWish) -> Result<FreshKey, Reject> {
        self.issue(owner, wish, identity::Command::IssueFirstKey).await
    }

    /// One more key.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn issue_key(&self, owner: &MayManage, wish: KeyWish) -> Result<FreshKey, Reject> {
        self.issue(owner, wish, identity::Command::IssueKey).await
    }

    async fn issue(
        &self,
        owner: &MayManage,
        wish: KeyWish,
        command: fn(UserId, NewKey) -> identity::Command,
    ) -> Result<FreshKey, Reject> {
        let raw = fresh_key()?;
        let KeyWish { name, tier, permissions } = wish;
        let wanted = NewKey { scheme: Scheme::Polysim, print: raw.print(), name, tier, permissions };
        self.made(Some(owner), raw, command(owner.user(), wanted)).await
    }

    /// A replacement for a key, which works on for a day. Gives the new key and when the old one ends.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn rotate_key(&self, owner: &MayManage, key: KeyId) -> Result<(FreshKey, Timestamp), Reject> {
        let raw = fresh_key()?;
        let command = identity::Command::RotateKey(own(owner, key), raw.print());
        let fresh = self.made(Some(owner), raw, command).await?;
        let old = self.directory_in(owner.epoch())?.identity.key(key).and_then(|old| old.expires_at);
        Ok((fresh, old.ok_or(Reject::Internal)?))
    }

    /// Another name for a key, or none. Gives the key as it is then.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn rename_key(
        &self,
        owner: &MayManage,
        key: KeyId,
        name: Option<String>,
    ) -> Result<Key, Reject> {
        self.change(Some(owner), identity::Command::RenameKey(own(owner, key), name)).await?;
        self.directory_in(owner.epoch())?.identity.key(key).cloned().ok_or(Reject::KeyNotFound)
    }

    /// The end of a key, at once and for good.
    ///
    /// # Errors
    /// Identity's [`Reject`].
    pub async fn revoke_key(&self, owner: &MayManage, key: KeyId) -> Result<(), Reject> {
        self.change(Some(owner), identity::Command::RevokeKey(own(owner, key))).await.map(drop)
    }

    /// One's own keys, the oldest first.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn own_keys(&self, owner: &MayManage) -> Result<Vec<(KeyId, Key)>, Reject> {
        let directory = self.directory_in(owner.epoch())?;
        let keys = directory.identity.keys_of(owner.user()).filter(|(_, key)| key.scheme == Scheme::Polysim);
        Ok(keys.map(|(id, key)| (id, key.clone())).collect())
    }

    /// When a key was last used, to within the second that is not written down yet after a crash.
    #[must_use]
    pub fn last_used(&self, key: KeyId) -> Option<Timestamp> {
        self.world.meters().last_used((self.catalog().epoch(), key))
    }

    /// Notes that a key was used.
    pub(super) fn note_use(&self, caller: &Caller, at: Timestamp) {
        if let Some(key) = caller.key {
            self.world.meters().used((caller.epoch, key), at);
        }
    }

    /// Changes people at their owner's wish, or else at the system's.
    pub(super) async fn change(
        &self,
        owner: Option<&MayManage>,
        command: identity::Command,
    ) -> Result<Receipt, Reject> {
        let by = owner.map_or(Authority::System, MayManage::by);
        let command = Command::Identity { by, command };
        match owner {
            Some(owner) => self.world.command_in(owner.epoch(), command).await,
            None => self.world.command(command).await,
        }
    }

    /// The key that a command makes. Readers see it before its maker hears of it.
    pub(super) async fn made(
        &self,
        owner: Option<&MayManage>,
        raw: RawKey,
        command: identity::Command,
    ) -> Result<FreshKey, Reject> {
        let Receipt::Issued(id) = self.change(owner, command).await? else { return Err(Reject::Internal) };
        let directory = match owner {
            Some(owner) => self.directory_in(owner.epoch())?,
            None => self.world.directory(),
        };
        // Only a reset in between leaves another key under this id, which has another text.
        let key = directory.identity.key(id).filter(|key| key.hash == hash_secret(raw.expose()));
        let key = key.cloned().ok_or(Reject::NotLetIn(KeyFailure::Unknown))?;
        Ok(FreshKey { id, raw, key })
    }
}

fn own(owner: &MayManage, key: KeyId) -> OwnKey {
    OwnKey { user: owner.user(), scheme: Scheme::Polysim, key }
}

/// `ps_live_` and 64 hexadecimal digits of chance (polysimulator.md §3.3).
pub(super) fn fresh_key() -> Result<RawKey, Reject> {
    Ok(RawKey(format!("ps_live_{}", crate::world::state::hex(&chance::<32>()?))))
}

/// Bytes that nobody can guess.
pub(super) fn chance<const BYTES: usize>() -> Result<[u8; BYTES], Reject> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bytes");
        Reject::Internal
    })?;
    Ok(bytes)
}

impl Service {
    /// `pk_live_` and 32 hexadecimal digits that follow from the server's secret: told again at any time, and stored
    /// nowhere (design §7).
    pub(super) fn derived_key(&self, label: &str, parts: &[&[u8]]) -> RawKey {
        let bytes = self.world.vault().derive(label, parts);
        RawKey(format!("pk_live_{}", crate::world::state::hex(&bytes[..16])))
    }
}
