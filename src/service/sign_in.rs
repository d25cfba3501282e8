//! Signing in with a wallet (parsec.md §10.4): a nonce that is good once and soon, and the same key for the same wallet.

use super::Service;
use super::customers::customer_id;
use super::keys::{RawKey, chance};
use crate::identity::ethereum::{SignIn, signed_message};
use crate::identity::{self, Scheme, hash_secret};
use crate::types::{Address, Reject, Timestamp};
use crate::world::{Authority, Command};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How long a nonce is good, and how old what was signed may be, in milliseconds.
const GOOD_MS: i64 = 300_000;
/// How far ahead a caller's clock may be, in milliseconds.
const AHEAD_MS: i64 = 60_000;
/// Nonces that are remembered. Beyond that the oldest goes.
const NONCES_MAX: usize = 10_000;

/// The nonces that nobody has used yet.
#[derive(Debug, Default)]
pub struct Nonces {
    // A std mutex: held for one look-up, never across an await.
    good: Mutex<Good>,
}

#[derive(Debug, Default)]
struct Good {
    until: BTreeMap<String, Timestamp>,
    /// The oldest first.
    ages: VecDeque<String>,
}

impl Nonces {
    fn add(&self, nonce: String, until: Timestamp) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.until.insert(nonce.clone(), until);
        good.ages.push_back(nonce);
        if good.ages.len() > NONCES_MAX
            && let Some(oldest) = good.ages.pop_front()
        {
            good.until.remove(&oldest);
        }
    }

    /// Uses a nonce up; says whether it was good.
    fn take(&self, nonce: &str, at: Timestamp) -> bool {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.until.remove(nonce).is_some_and(|until| at < until)
    }
}

/// Who signed in.
pub struct SignedIn {
    /// Its key. It follows from the wallet, and is stored nowhere.
    pub key: RawKey,
    /// Its id on the wire.
    pub customer_id: String,
    /// The wallet.
    pub address: Address,
    /// Whether it got its key just now.
    pub is_new: bool,
}

/// Why somebody was not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSignedIn {
    /// What was signed is no such text.
    Malformed,
    /// Its nonce was never given out, or is used up or too old.
    Nonce,
    /// It was written too long ago, or is not good now.
    Stale,
    /// The wallet that it names did not sign it.
    Unsigned,
    /// The world's word.
    Refused(Reject),
}

impl From<Reject> for NotSignedIn {
    fn from(reject: Reject) -> Self {
        Self::Refused(reject)
    }
}

impl Service {
    /// A nonce to be signed: 32 hexadecimal digits, good once within five minutes.
    ///
    /// # Errors
    /// [`Reject::Internal`] if the system has no random bytes.
    pub fn sign_in_nonce(&self) -> Result<String, Reject> {
        let nonce = crate::world::state::hex(&chance::<16>()?);
        self.nonces.add(nonce.clone(), self.wall().plus_millis(GOOD_MS));
        Ok(nonce)
    }

    /// Lets in whoever signed a text with its wallet. The first time it becomes a customer.
    ///
    /// # Errors
    /// [`NotSignedIn`]. Its nonce is used up all the same.
    pub async fn sign_in(&self, message: &str, signature: &str) -> Result<SignedIn, NotSignedIn> {
        let signed = SignIn::parse(message).ok_or(NotSignedIn::Malformed)?;
        if !self.nonces.take(signed.nonce, self.wall()) {
            return Err(NotSignedIn::Nonce);
        }
        // Clients stamp with the wall's time, tests with the world's.
        if ![self.wall(), self.now()].into_iter().any(|now| is_good(&signed, now)) {
            return Err(NotSignedIn::Stale);
        }
        if !signed_message(signed.address, message, signature) {
            return Err(NotSignedIn::Unsigned);
        }
        Ok(self.key_of_wallet(signed.address).await?)
    }

    async fn key_of_wallet(&self, address: Address) -> Result<SignedIn, Reject> {
        let epoch = self.world.directory().identity.epoch();
        if let Some(known) = self.known_key_of(address, epoch)? {
            return Ok(known);
        }
        let print = self.derived_wallet_key(address, epoch).print();
        let command = identity::Command::SignIn(address, print);
        let command = Command::Identity { by: Authority::System, command };
        self.world.command_in(epoch, command).await?;
        let made = self.known_key_of(address, epoch)?.ok_or(Reject::KeyNotFound)?;
        Ok(SignedIn { is_new: true, ..made })
    }

    fn derived_wallet_key(&self, address: Address, epoch: u32) -> RawKey {
        self.derived_key("parsec-wallet", &[address.as_slice(), &epoch.to_be_bytes()])
    }

    /// The key that a wallet's user has, if it has one: the one that follows from the wallet, or a ready user's.
    ///
    /// # Errors
    /// [`Reject::NotEntitled`] if it can't be told.
    fn known_key_of(&self, address: Address, epoch: u32) -> Result<Option<SignedIn>, Reject> {
        let directory = self.directory_in(epoch)?;
        let Some(id) = directory.identity.by_wallet(address) else { return Ok(None) };
        let user = directory.identity.user(id).ok_or(Reject::UserNotFound)?;
        let mut keys =
            directory.identity.keys_of(id).filter(|(_, key)| key.scheme == Scheme::Parsec).peekable();
        if keys.peek().is_none() {
            return Ok(None);
        }
        let usable: Vec<_> =
            keys.filter(|(_, key)| key.usable(self.now()).is_ok()).map(|(_, key)| key.hash).collect();
        let ready = RawKey::of(self.world.secrets().parsec_key(&user.name));
        let told = [self.derived_wallet_key(address, epoch), ready];
        let key = told.into_iter().find(|key| usable.contains(&hash_secret(key.expose())));
        let key = key.ok_or(Reject::NotEntitled)?;
        Ok(Some(SignedIn { key, customer_id: customer_id(user), address, is_new: false }))
    }
}

/// Whether what was signed is good at a moment.
fn is_good(signed: &SignIn<'_>, now: Timestamp) -> bool {
    let moment = |text: &str| {
        let moment: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp::from_millis(moment.as_millisecond()))
    };
    let is_fresh = moment(signed.issued_at)
        .is_some_and(|issued| issued <= now.plus_millis(AHEAD_MS) && now < issued.plus_millis(GOOD_MS));
    let holds = signed.expires_at.is_none_or(|text| moment(text).is_some_and(|until| now < until));
    let began = signed.not_before.is_none_or(|text| moment(text).is_some_and(|from| from <= now));
    is_fresh && holds && began
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_and_soon_and_the_oldest_makes_room() {
        let (nonces, at) = (Nonces::default(), Timestamp::from_seconds);
        nonces.add("a".to_owned(), at(300));
        assert!(!nonces.take("b", at(1)), "nobody gave it out");
        assert!(nonces.take("a", at(299)));
        assert!(!nonces.take("a", at(299)), "it is used up");
        nonces.add("c".to_owned(), at(300));
        assert!(!nonces.take("c", at(300)), "it is too old");
        nonces.add("first".to_owned(), at(300));
        for number in 0..NONCES_MAX {
            nonces.add(number.to_string(), at(300));
        }
        assert!(!nonces.take("first", at(1)));
        assert!(nonces.take("0", at(1)));
    }

    #[test]
    fn what_was_signed_is_good_for_five_minutes_and_no_longer_than_it_says() {
        let signed = |expires_at, not_before| SignIn {
            address: Address::ZERO,
            nonce: "a",
            issued_at: "2026-11-21T12:00:00.500Z",
            expires_at,
            not_before,
        };
        let noon = Timestamp::from_seconds(1_795_262_400);
        let good = |signed: SignIn<'_>, seconds: i64| is_good(&signed, noon.plus_millis(seconds * 1_000));
        for (seconds, expected) in [(-60, false), (-59, true), (0, true), (300, true), (301, false)] {
            assert_eq!(good(signed(None, None), seconds), expected, "{seconds}");
        }
        assert!(!good(signed(Some("2026-11-21T12:00:10Z"), None), 10));
        assert!(good(signed(Some("2026-11-21T12:00:10Z"), None), 9));
        assert!(!good(signed(None, Some("2026-11-21T12:00:10Z")), 9));
        assert!(!good(signed(Some("soon"), None), 9), "no moment is none that is to come");
    }
}
