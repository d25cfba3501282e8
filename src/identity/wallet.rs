//! Users known by the wallet they sign with, and the keys a wallet gets (polymarket-clob.md §3.3).
//!
//! A wallet's credentials follow from its address, a nonce it chooses and how often a key of that nonce was deleted:
//! whoever signs for the same pair again gets the same ones, and a deleted one never works again.

use super::Identity;
use super::command::{Event, Print};
use super::decide::fresh;
use super::ethereum::derived;
use super::key::{Key, Permissions, Scheme};
use super::tier::Tier;
use super::user::User;
use crate::types::{Address, KeyFailure, KeyId, Reject, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// Keys of a wallet that may work at once: every nonce has one, and every builder's and reader's key counts too.
const WALLET_KEYS_MAX: u32 = 100;

/// What a wallet's key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WalletKeyKind {
    /// It trades.
    Trading,
    /// It only proves that its wallet gave it out.
    ReadOnly,
    /// It attributes others' orders to its wallet.
    Builder,
}

/// What a wallet's key follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletKey {
    /// What it is for.
    pub kind: WalletKeyKind,
    /// The nonce that its wallet chose; of a kind without nonces, how many came before.
    pub nonce: u64,
    /// How many keys of the same nonce were deleted before.
    pub generation: u32,
}

impl Identity {
    /// The user of a wallet: of the address that signs, or of one that is derived from it (§6.7).
    #[must_use]
    pub fn by_wallet(&self, address: Address) -> Option<UserId> {
        self.by_wallet.get(&address).copied().filter(|user| self.user(*user).is_some())
    }

    /// Notes which wallets are a user's.
    pub(super) fn learn_wallet(&mut self, user: UserId, address: Address) {
        let own = derived(address);
        for address in [address, own.proxy, own.safe, own.deposit, own.deposit_beacon] {
            self.by_wallet.insert(address, user);
        }
    }

    /// The wallet that trades with a key, if it is one of a wallet's.
    #[must_use]
    pub fn wallet_of(&self, key: KeyId) -> Option<Address> {
        let key = self.key(key).filter(|key| key.wallet.is_some())?;
        self.user(key.user)?.wallet
    }

    /// The keys of a kind that work, the oldest first.
    pub fn wallet_keys(&self, user: UserId, kind: WalletKeyKind) -> impl Iterator<Item = (KeyId, &Key)> {
        let is_meant = move |key: &Key| !key.revoked && key.wallet.is_some_and(|wallet| wallet.kind == kind);
        self.keys_of(user).filter(move |(_, key)| is_meant(key))
    }

    /// What the next key of a nonce, or of a kind without nonces, follows from.
    #[must_use]
    pub fn next_wallet_key(&self, user: UserId, kind: WalletKeyKind, nonce: Option<u64>) -> WalletKey {
        let same = self.keys_of(user).filter_map(|(_, key)| key.wallet).filter(|wallet| wallet.kind == kind);
        match nonce {
            Some(nonce) => {
                let before = same.filter(|wallet| wallet.nonce == nonce).count();
                WalletKey { kind, nonce, generation: u32::try_from(before).unwrap_or(u32::MAX) }
            }
            None => WalletKey { kind, nonce: u64::try_from(same.count()).unwrap_or(u64::MAX), generation: 0 },
        }
    }

    /// Whether a key of a service without an allowlist still lets its holder in: PolySimulator's is not asked.
    ///
    /// # Errors
    /// [`KeyFailure`].
    pub fn vouch_unlisted(&self, user: UserId) -> Result<(), KeyFailure> {
        let user = self.user(user).ok_or(KeyFailure::OwnerNotFound)?;
        if user.flagged { Err(KeyFailure::Restricted) } else { Ok(()) }
    }

    /// A wallet makes a user, unless it has one already.
    pub(super) fn join_wallet(&self, address: Address) -> Result<Vec<Event>, Reject> {
        match self.by_wallet.get(&address) {
            Some(user) if self.user(*user).is_none() => Err(Reject::UserNotFound),
            // An address derived from somebody's is a contract: it signs nothing itself.
            Some(user) if self.user(*user).and_then(|user| user.wallet) != Some(address) => {
                Err(Reject::BadSignature)
            }
            Some(_) => Ok(Vec::new()),
            None => {
                let name = address.to_checksum(None);
                let user = User { wallet: Some(address), ..User::named(&name, Tier::Free) };
                Ok(vec![Event::UserJoined(self.next_user(), Box::new(user))])
            }
        }
    }

    /// A credential of an exchange makes a user, unless it has one already.
    pub(super) fn join_credential(&self, credential: [u8; 32], name: &str) -> Vec<Event> {
        if self.by_credential(&credential).is_some() {
            return Vec::new();
        }
        let user = User { credential: Some(credential), ..User::named(name, Tier::Free) };
        vec![Event::UserJoined(self.next_user(), Box::new(user))]
    }

    /// A key for a wallet. Asked for twice, it is given out once.
    pub(super) fn issue_wallet_key(
        &self,
        at: Timestamp,
        id: UserId,
        (wallet, print): (WalletKey, &Print),
    ) -> Result<Vec<Event>, Reject> {
        let user = self.user(id).ok_or(Reject::UserNotFound)?;
        user.wallet.ok_or(Reject::NotEntitled)?;
        self.vouch_unlisted(id).map_err(Reject::NotLetIn)?;
        let has_nonce = wallet.kind == WalletKeyKind::Trading;
        if has_nonce && self.trading_key(id, wallet.nonce).is_some() {
            return Ok(Vec::new());
        }
        if self.next_wallet_key(id, wallet.kind, has_nonce.then_some(wallet.nonce)) != wallet {
            return Err(Reject::KeyEnded);
        }
        self.must_have_room(at, id, Scheme::Clob, WALLET_KEYS_MAX)?;
        let trades = wallet.kind == WalletKeyKind::Trading;
        let permissions = if trades { Permissions::TRADE } else { Permissions::READ };
        let key =
            Key { permissions, tier: user.plan, wallet: Some(wallet), ..fresh(id, Scheme::Clob, print, at) };
        Ok(vec![Event::KeyIssued(self.next_key(), Box::new(key))])
    }

    /// The key of a nonce that works.
    #[must_use]
    pub fn trading_key(&self, user: UserId, nonce: u64) -> Option<(KeyId, &Key)> {
        let is_same = |key: &Key| key.wallet.is_some_and(|wallet| wallet.nonce == nonce);
        self.wallet_keys(user, WalletKeyKind::Trading).find(|(_, key)| is_same(key))
    }
}
