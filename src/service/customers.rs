//! Parsec's customers: who asks and for whom (parsec.md §2), proved by a key; and what that proof allows.
//!
//! A builder's key speaks for the builder, and for each of its end users where one is named. Which account is traded, the
//! customer's credentials say: those that are linked, or those that came with the request.

use super::callers::{MayRead, MayTrade};
use super::credentials::Given;
use super::{Caller, Service};
use crate::identity::{CustomerRules, EndUser, Identity, Scheme, Tier, User, hash_secret};
use crate::types::{AccountId, DAY_MS, KeyId, Reject, Timestamp, UserId, Venue};
use crate::world::Authority;
use jsonwebtoken::{EncodingKey, Header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long a terminal's token works, in seconds of world time (§10.3).
const TERMINAL_SECONDS: i64 = 3_600;

/// Who asks, and for whom. Made in one place only.
#[derive(Clone, Copy, Debug)]
pub struct Customer {
    caller: Caller,
    key: KeyId,
    /// Whom it is for: the key's own user, or an end user of that.
    user: UserId,
}

/// The proof that somebody is a builder. Made in one place only.
#[derive(Clone, Copy, Debug)]
pub struct MayBuild {
    customer: Customer,
}

/// Why nobody may be acted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotActing {
    /// The account is no builder's.
    NotBuilder,
    /// There is no such end user, or it is another builder's.
    NotOwned,
}

/// History is asked for that a tier does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOld {
    /// The tier's name.
    pub tier: &'static str,
    /// How many days it sees.
    pub days: u32,
}

/// What is known of a customer.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its id on the wire.
    pub customer_id: String,
    /// Its tier's name.
    pub tier: &'static str,
    /// Its tier's limits.
    pub rules: CustomerRules,
    /// What makes it a builder's, if it is one's.
    pub end_user: Option<EndUser>,
}

/// What a terminal's token says.
#[derive(Debug, Serialize, Deserialize)]
struct TerminalClaims {
    kid: u32,
    epoch: u32,
    exp: i64,
}

impl Customer {
    /// Whom it is for.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether a builder asks for one of its end users.
    #[must_use]
    pub fn is_acting(&self) -> bool {
        self.caller.user != self.user
    }

    /// In which epoch it holds.
    #[must_use]
    pub(super) fn epoch(&self) -> u32 {
        self.caller.epoch
    }

    /// What the sequencer checks once more.
    #[must_use]
    pub(super) fn by(&self, linked: Option<(Venue, AccountId)>) -> Authority {
        Authority::Customer { key: self.key, customer: self.user, linked }
    }
}

impl MayBuild {
    /// The builder.
    #[must_use]
    pub fn builder(&self) -> UserId {
        self.customer.user
    }

    /// The customer that the builder is.
    #[must_use]
    pub fn customer(&self) -> &Customer {
        &self.customer
    }
}

impl Service {
    /// Who a key speaks for. One that works is noted as used.
    #[must_use]
    pub fn authenticate_customer(&self, secret: &str) -> Option<Customer> {
        let now = self.now();
        let directory = self.world.directory();
        let caller = directory.identity.authenticate(Scheme::Parsec, &hash_secret(secret), now).ok()?;
        self.note_use(&caller, now);
        Some(Customer { caller, key: caller.key?, user: caller.user })
    }

    /// Who a terminal's token speaks for. It ends with the key that it was made with.
    #[must_use]
    pub fn authenticate_terminal(&self, token: &str) -> Option<Customer> {
        let secret = self.world.secrets().terminal_secret();
        let claims: TerminalClaims = self.decode(token, &secret, None).ok()?;
        let directory = self.world.directory();
        let key = KeyId(claims.kid);
        let is_alive = claims.epoch == directory.identity.epoch();
        directory.identity.vouch(key, self.now()).ok().filter(|()| is_alive)?;
        let caller = directory.identity.speaks_for(key, self.now())?;
        Some(Customer { caller, key, user: caller.user })
    }

    /// A token for a terminal, and when it ends.
    ///
    /// # Panics
    /// Never: HS256 signs any claims.
    #[must_use]
    pub fn mint_terminal_token(&self, customer: &Customer) -> (String, Timestamp) {
        let exp = self.now().seconds() + TERMINAL_SECONDS;
        let claims = TerminalClaims { kid: customer.key.0, epoch: customer.epoch(), exp };
        let key = EncodingKey::from_secret(self.world.secrets().terminal_secret().as_bytes());
        let token = jsonwebtoken::encode(&Header::default(), &claims, &key);
        (token.expect("BUG: HS256 signs any claims"), Timestamp::from_seconds(exp))
    }

    /// Whether the key that a customer came with still lets it in: a socket outlives the moment it was asked.
    #[must_use]
    pub fn is_customer_still(&self, customer: &Customer) -> bool {
        let Ok(directory) = self.directory_in(customer.epoch()) else { return false };
        directory.identity.vouch(customer.key, self.now()).is_ok()
    }

    /// The same for one of its end users, named by its id on the wire.
    ///
    /// # Errors
    /// [`NotActing`]. Another builder's end user is as if it were not there.
    pub fn act_for(&self, customer: &Customer, customer_id: &str) -> Result<Customer, NotActing> {
        let builder = self.may_build(customer).ok_or(NotActing::NotBuilder)?;
        let user = self.own_end_user(&builder, customer_id).ok_or(NotActing::NotOwned)?;
        Ok(Customer { user, ..*customer })
    }

    /// The proof that a customer is a builder; none if it is not.
    #[must_use]
    pub fn may_build(&self, customer: &Customer) -> Option<MayBuild> {
        let directory = self.directory_in(customer.epoch()).ok()?;
        directory.identity.user(customer.caller.user)?.builder.as_ref()?;
        Some(MayBuild { customer: Customer { user: customer.caller.user, ..*customer } })
    }

    /// A builder's end user, by its id on the wire, which has one way to be written.
    pub(super) fn own_end_user(&self, builder: &MayBuild, customer_id: &str) -> Option<UserId> {
        let id = uuid::Uuid::try_parse(customer_id).ok().filter(|id| id.to_string() == customer_id)?;
        let directory = self.directory_in(builder.customer.epoch()).ok()?;
        let user = directory.identity.customer(id.as_bytes())?;
        let end_user = directory.identity.user(user)?.end_user.as_deref()?;
        (end_user.builder == builder.builder()).then_some(user)
    }

    /// What is known of a customer.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset, [`Reject::UserNotFound`] if it is gone.
    pub fn profile(&self, customer: &Customer) -> Result<Profile, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let user = directory.identity.user(customer.user).ok_or(Reject::UserNotFound)?;
        Ok(Profile {
            customer_id: customer_id(user),
            tier: tier_name(user),
            rules: *directory.identity.customer_tiers().of(user.plan),
            end_user: user.end_user.as_deref().cloned(),
        })
    }

    /// Since when a customer of its tier sees history (§5.6), asked for from a moment on: within a minute of the earliest,
    /// so that "five days ago" may be asked for by whoever reckons it first and asks then.
    ///
    /// # Errors
    /// [`TooOld`] if that is before what the tier sees.
    pub fn sees_since(&self, profile: &Profile, from: Option<Timestamp>) -> Result<Timestamp, TooOld> {
        let days = profile.rules.history_days;
        if days == 0 {
            return Ok(Timestamp::default());
        }
        let earliest = self.now().plus_millis(-i64::from(days) * DAY_MS);
        if from.is_some_and(|from| from < earliest.plus_millis(-60_000)) {
            return Err(TooOld { tier: profile.tier, days });
        }
        Ok(earliest)
    }

    /// Whether a venue knows a customer by what is linked: what only reads is authenticated too, and a wallet that nobody
    /// signs for any more is not.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn is_known_to(&self, customer: &Customer, venue: Venue) -> Result<bool, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let is_linked = directory.customers.link(customer.user, venue).is_some();
        let trades = directory.customers.trades(customer.user, venue, self.now());
        Ok(is_linked && trades != Err(Reject::SignerExpired))
    }

    /// The venues that a customer has credentials for.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn linked_venues(&self, customer: &Customer) -> Result<Vec<Venue>, Reject> {
        Ok(self.directory_in(customer.epoch())?.customers.venues(customer.user).collect())
    }

    /// Those of them whose credentials trade.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn traded_venues(&self, customer: &Customer) -> Result<Vec<Venue>, Reject> {
        let customers = Arc::clone(&self.directory_in(customer.epoch())?.customers);
        let trades = |venue: &Venue| customers.link(customer.user, *venue).is_some_and(|link| link.trades);
        Ok(Venue::ALL.into_iter().filter(trades).collect())
    }

    /// The proof that a customer may trade on the account that its credentials for a venue denote: those that came with
    /// the request, or else those that are linked (§2.6).
    ///
    /// # Errors
    /// [`Reject::NotLinked`] if there are none that trade, [`Reject::SignerExpired`], or why the venue refuses them.
    pub async fn may_trade_venue(
        &self,
        customer: &Customer,
        venue: Venue,
        given: Option<&Given>,
    ) -> Result<MayTrade, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let (account, linked) = if let Some(given) = given {
            let account = self.select(customer, given).await?;
            self.customer_sockets.prove(customer, account);
            (account, None)
        } else {
            let account = directory.customers.trades(customer.user, venue, self.now())?;
            (account, Some((venue, account)))
        };
        let user = self.owner_of(customer, account)?;
        Ok(MayTrade::proved((user, account), customer.by(linked), customer.epoch()))
    }

    /// The same to see it, for which credentials do that only read.
    ///
    /// # Errors
    /// [`Reject::NotLinked`] if there are none, or why the venue refuses them.
    pub async fn may_read_venue(
        &self,
        customer: &Customer,
        venue: Venue,
        given: Option<&Given>,
    ) -> Result<MayRead, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let account = if let Some(given) = given {
            self.select(customer, given).await?
        } else {
            let link = directory.customers.link(customer.user, venue);
            link.ok_or(Reject::NotLinked(venue))?.account
        };
        let user = self.owner_of(customer, account)?;
        Ok(MayRead::public(user, vec![account], customer.epoch()))
    }

    /// In whose name an account is.
    fn owner_of(&self, customer: &Customer, account: AccountId) -> Result<UserId, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        directory.wallets.whose(account).map(|(user, _)| user).ok_or(Reject::AccountNotFound)
    }

    /// The accounts whose fills a customer hears of, with those in whose name they are: the ones that it is linked to, and
    /// the ones that it last proved credentials of with a request.
    #[must_use]
    pub fn accounts_of(&self, customer: &Customer) -> BTreeSet<(UserId, AccountId)> {
        let Ok(directory) = self.directory_in(customer.epoch()) else { return BTreeSet::new() };
        let links = Venue::ALL.into_iter().filter_map(|venue| directory.customers.link(customer.user, venue));
        let proved = self.customer_sockets.proved(customer);
        let all = links.map(|link| link.account).chain(proved);
        all.filter_map(|account| Some((directory.wallets.whose(account)?.0, account))).collect()
    }
}

/// A customer's id on the wire: an end user's own, and everyone else's as their access tokens name them.
#[must_use]
pub fn customer_id(user: &User) -> String {
    match user.end_user.as_deref() {
        Some(end_user) => uuid::Uuid::from_bytes(end_user.customer).to_string(),
        None => user.subject.clone(),
    }
}

/// The name of a customer's tier (§2.1).
fn tier_name(user: &User) -> &'static str {
    match user.plan {
        _ if user.admin => "admin",
        Tier::Free => "free",
        Tier::Pro | Tier::ProPlus => "pro",
        Tier::Enterprise => "scale",
    }
}

/// Whether a customer may see what concerns everyone (§6.9).
#[must_use]
pub fn sees_all(identity: &Identity, user: UserId) -> bool {
    identity.user(user).is_some_and(|user| user.admin)
}
