//! Parsec's customers: builders, the end users they made, and the tiers of all (parsec.md §§2, 3, 9).
//!
//! A builder's end user is a user without accounts of its own: what it trades on, the credentials that it is onboarded
//! with denote.

use super::Identity;
use super::command::{Event, Print};
use super::decide::fresh;
use super::key::{Key, Permissions, Scheme};
use super::tier::Tier;
use super::user::User;
use crate::types::{Address, KeyId, Reject, Timestamp, Usd, UserId};
use serde::{Deserialize, Serialize};

/// End users one builder may ever make.
const END_USERS_MAX: usize = 10_000;
/// The longest id of its own that a builder may give an end user, in bytes.
pub const EXTERNAL_ID_MAX: usize = 256;

/// A customer's id on the wire: the bytes of a UUID.
pub type CustomerId = [u8; 16];

/// What makes a user a builder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Requests a second that all its end users share, and it with them.
    pub qps_pool: u32,
    /// How it collects fees on its end users' orders, if it does.
    pub escrow: Option<Escrow>,
}

/// How a builder's fees are collected (§9.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrow {
    /// What an order costs, in hundredths of a percent of its notional.
    pub fee_bps: u32,
    /// What an order costs at least, in micro-dollars.
    pub fee_min: Usd,
    /// The part of a fee that is the builder's, in hundredths of a percent of it.
    pub affiliate_bps: u32,
    /// The address that gets it.
    pub affiliate: Option<Address>,
}

/// What makes a user a builder's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndUser {
    /// Its builder.
    pub builder: UserId,
    /// Its id on the wire.
    pub customer: CustomerId,
    /// Its builder's own id for it.
    pub external_id: String,
    /// Requests a second.
    pub qps_limit: u32,
    /// How often its key was made anew: what the key follows from.
    pub generation: u32,
    /// Whether it is in use. One that was deactivated is there, but has nothing.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The limits of one tier of customers (§3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerRules {
    /// Requests in a second.
    pub requests_per_second: u32,
    /// Requests at once.
    pub burst: u32,
    /// Requests in a calendar month; 0 for as many as one likes.
    pub requests_per_month: u64,
    /// How far back history goes, in days; 0 for all of it.
    pub history_days: u32,
    /// Books that all sockets of a customer follow at once.
    pub subscriptions_max: u32,
    /// Levels a side of such a book.
    pub depth_max: u32,
}

/// The limits of every tier, and what builders and end users begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerTiers {
    /// Of `free`.
    pub free: CustomerRules,
    /// Of `pro`.
    pub pro: CustomerRules,
    /// Of `scale`, and of `admin`.
    pub scale: CustomerRules,
    /// What an end user may ask in a second, unless its builder says otherwise.
    pub qps_limit: u32,
}

impl CustomerTiers {
    /// The limits of a plan.
    #[must_use]
    pub const fn of(&self, plan: Tier) -> &CustomerRules {
        match plan {
            Tier::Free => &self.free,
            Tier::Pro | Tier::ProPlus => &self.pro,
            Tier::Enterprise => &self.scale,
        }
    }
}

/// An end user that a builder asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEndUser {
    /// Its builder's own id for it, not empty and at most [`EXTERNAL_ID_MAX`] bytes.
    pub external_id: String,
    /// Requests a second, at least 1; as the tiers have it if none is given.
    pub qps_limit: Option<u32>,
    /// Its id on the wire.
    pub customer: CustomerId,
    /// How often its key was made anew.
    pub generation: u32,
    /// What is kept of that key.
    pub print: Print,
}

impl Identity {
    /// The end user that a builder has under an id of its own.
    #[must_use]
    pub fn end_user(&self, builder: UserId, external_id: &str) -> Option<(UserId, &EndUser)> {
        let user = *self.by_external.get(&(builder, external_id.to_owned()))?;
        Some((user, self.user(user)?.end_user.as_deref()?))
    }

    /// The end user with an id on the wire.
    #[must_use]
    pub fn customer(&self, customer: &CustomerId) -> Option<UserId> {
        self.by_customer.get(customer).copied()
    }

    /// Every end user of a builder, in the order of the builder's own ids, from after one of those on.
    pub fn end_users(
        &self,
        builder: UserId,
        after: Option<&str>,
    ) -> impl Iterator<Item = (UserId, &EndUser)> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let from =
            after.map_or(Included((builder, String::new())), |after| Excluded((builder, after.to_owned())));
        let own = self.by_external.range((from, Unbounded)).take_while(move |((of, _), _)| *of == builder);
        own.filter_map(|(_, user)| Some((*user, self.user(*user)?.end_user.as_deref()?)))
    }

    /// The end user that a user is, if it is this builder's.
    pub(super) fn own_end_user(&self, builder: UserId, user: UserId) -> Result<&EndUser, Reject> {
        let found = self.user(user).and_then(|user| user.end_user.as_deref());
        found.filter(|end_user| end_user.builder == builder).ok_or(Reject::UserNotFound)
    }

    pub(super) fn learn_end_user(&mut self, user: UserId, end_user: &EndUser) {
        self.by_external.insert((end_user.builder, end_user.external_id.clone()), user);
        self.by_customer.insert(end_user.customer, user);
    }

    /// Makes an end user, or one that was deactivated anew. One that is in use stays as it is (§2.7).
    pub(super) fn create_end_user(
        &self,
        at: Timestamp,
        builder: UserId,
        new: &NewEndUser,
    ) -> Result<Vec<Event>, Reject> {
        self.user(builder).and_then(|user| user.builder.as_ref()).ok_or(Reject::NotEntitled)?;
        if new.external_id.is_empty() || new.qps_limit == Some(0) {
            return Err(Reject::InvalidQuantity);
        }
        if new.external_id.len() > EXTERNAL_ID_MAX {
            return Err(Reject::LimitReached(format!("{EXTERNAL_ID_MAX} bytes of external_id")));
        }
        let known = self.end_user(builder, &new.external_id);
        let generation = known.map_or(0, |(_, known)| known.generation + 1);
        if known.is_some_and(|(_, known)| known.active) {
            return Ok(Vec::new());
        }
        if new.generation != generation {
            return Err(Reject::KeyEnded);
        }
        if known.is_none() && self.end_users(builder, None).count() >= END_USERS_MAX {
            return Err(Reject::LimitReached(format!("{END_USERS_MAX} end users of a builder")));
        }
        let id = known.map_or_else(|| self.next_user(), |(id, _)| id);
        let key = self.next_key();
        let change = if known.is_some() {
            Event::EndUserRevived(id, generation)
        } else {
            let end_user = EndUser {
                builder,
                customer: new.customer,
                external_id: new.external_id.clone(),
                qps_limit: new.qps_limit.unwrap_or(self.customer_tiers.qps_limit),
                generation,
                active: true,
                created_at: at,
            };
            let user =
                User { end_user: Some(Box::new(end_user)), ..User::named(&new.external_id, Tier::Free) };
            Event::UserJoined(id, Box::new(user))
        };
        let own = Key { permissions: Permissions::TRADE, ..fresh(id, Scheme::Parsec, &new.print, at) };
        Ok(vec![change, Event::KeyIssued(key, Box::new(own))])
    }

    /// A key for whoever signed in with a wallet, the first time (§10.4).
    pub(super) fn sign_in(
        &self,
        at: Timestamp,
        address: Address,
        print: &Print,
    ) -> Result<Vec<Event>, Reject> {
        let mut events = self.join_wallet(address)?;
        let user = self.by_wallet(address).unwrap_or_else(|| self.next_user());
        if self.keys_of(user).any(|(_, key)| key.scheme == Scheme::Parsec) {
            return Err(Reject::NotFirstKey);
        }
        let key = Key { permissions: Permissions::TRADE, ..fresh(user, Scheme::Parsec, print, at) };
        events.push(Event::KeyIssued(self.next_key(), Box::new(key)));
        Ok(events)
    }

    /// How much an end user may ask.
    pub(super) fn limit_end_user(
        &self,
        builder: UserId,
        user: UserId,
        qps_limit: u32,
    ) -> Result<Vec<Event>, Reject> {
        let known = self.own_end_user(builder, user)?;
        if qps_limit == 0 {
            return Err(Reject::InvalidQuantity);
        }
        let is_news = known.qps_limit != qps_limit;
        Ok(if is_news { vec![Event::EndUserLimited(user, qps_limit)] } else { Vec::new() })
    }

    /// The end of an end user's key, and of its use until it is made or onboarded anew. Ended twice is ended.
    pub(super) fn deactivate(&self, builder: UserId, user: UserId) -> Result<Vec<Event>, Reject> {
        if !self.own_end_user(builder, user)?.active {
            return Ok(Vec::new());
        }
        let keys = self.keys_of(user).filter(|(_, key)| !key.revoked).map(|(id, _)| Event::KeyRevoked(id));
        Ok(std::iter::once(Event::EndUserDeactivated(user)).chain(keys).collect())
    }

    /// The end of a user. A builder's end user is only deactivated: were it gone, its id would be made anew with the very
    /// key that it had.
    pub(super) fn delete(&self, user: UserId) -> Result<Vec<Event>, Reject> {
        let found = self.user(user).ok_or(Reject::UserNotFound)?;
        match found.end_user.as_deref() {
            Some(end_user) => self.deactivate(end_user.builder, user),
            None => Ok(vec![Event::UserDeleted(user)]),
        }
    }

    /// Whether an end user may be acted for with a key: a builder's own, which still works.
    #[must_use]
    pub fn acts_for(&self, key: KeyId, user: UserId) -> bool {
        let Some(key) = self.key(key).filter(|key| key.scheme == Scheme::Parsec) else { return false };
        key.user == user || self.own_end_user(key.user, user).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Command, hash_secret};

    const AT: Timestamp = Timestamp::from_seconds(1);
    const ANN: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    /// Two builders and somebody who is none.
    fn world() -> Identity {
        let mut identity = Identity {
            customer_tiers: CustomerTiers { qps_limit: 10, ..Default::default() },
            ..Identity::default()
        };
        for builder in [true, true, false] {
            let builder = builder.then_some(Builder { qps_pool: 500, escrow: None });
            identity.add_user(User { builder, ..User::named("b", Tier::Pro) });
        }
        identity
    }

    fn wanted(external_id: &str, generation: u32, customer: u8) -> NewEndUser {
        let text = format!("pk_live_{customer}_{generation}");
        NewEndUser {
            external_id: external_id.to_owned(),
            qps_limit: None,
            customer: [customer; 16],
            generation,
            print: Print { hash: hash_secret(&text), prefix: text },
        }
    }

    fn run(identity: &mut Identity, command: Command) -> Result<usize, Reject> {
        let events = identity.decide(AT, &command)?;
        for event in &events {
            identity.take_in(event);
        }
        Ok(events.len())
    }

    fn create(identity: &mut Identity, builder: UserId, new: NewEndUser) -> Result<usize, Reject> {
        run(identity, Command::CreateEndUser(builder, new))
    }

    #[test]
    fn asked_for_twice_an_end_user_is_made_once_and_two_builders_may_use_the_same_id() {
        let mut identity = world();
        assert_eq!(create(&mut identity, ANN, wanted("user_001", 0, 1)), Ok(2));
        assert_eq!(create(&mut identity, ANN, wanted("user_001", 0, 1)), Ok(0));
        assert_eq!(create(&mut identity, BOB, wanted("user_001", 0, 2)), Ok(2));
        let ids = [ANN, BOB].map(|builder| identity.end_user(builder, "user_001").expect("made").0);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(identity.customer(&[2; 16]), Some(ids[1]));
        assert_eq!(create(&mut identity, UserId(3), wanted("user_001", 0, 3)), Err(Reject::NotEntitled));
        assert_eq!(create(&mut identity, ids[0], wanted("user_001", 0, 3)), Err(Reject::NotEntitled));
    }

    #[test]
    fn what_an_administrator_deletes_comes_back_with_another_key() {
        let mut identity = world();
        create(&mut identity, ANN, wanted("user_001", 0, 1)).expect("made");
        let (user, _) = identity.end_user(ANN, "user_001").expect("made");
        run(&mut identity, Command::DeleteUser(user)).expect("deleted");
        let known = identity.end_user(ANN, "user_001").map(|(_, known)| (known.active, known.generation));
        assert_eq!(known, Some((false, 0)));
        assert_eq!(create(&mut identity, ANN, wanted("user_001", 0, 1)), Err(Reject::KeyEnded));
        assert_eq!(create(&mut identity, ANN, wanted("user_001", 1, 1)), Ok(2));
    }

    #[test]
    fn an_end_user_has_an_id_and_may_ask_something() {
        let mut identity = world();
        let long = "x".repeat(EXTERNAL_ID_MAX + 1);
        assert_eq!(create(&mut identity, ANN, wanted("", 0, 1)), Err(Reject::InvalidQuantity));
        assert!(matches!(create(&mut identity, ANN, wanted(&long, 0, 1)), Err(Reject::LimitReached(_))));
        let mute = NewEndUser { qps_limit: Some(0), ..wanted("user_001", 0, 1) };
        assert_eq!(create(&mut identity, ANN, mute), Err(Reject::InvalidQuantity));
    }

    #[test]
    fn who_signs_in_with_a_wallet_gets_one_key_and_no_second() {
        let mut identity = world();
        let address = Address::repeat_byte(7);
        let print = || wanted("", 0, 9).print;
        let sign_in = || Command::SignIn(address, print());
        assert_eq!(run(&mut identity, sign_in()), Ok(2), "a user and its key");
        let user = identity.by_wallet(address).expect("it joined");
        assert_eq!(run(&mut identity, sign_in()), Err(Reject::NotFirstKey));
        let key = identity.keys_of(user).next().expect("it has one").0;
        run(&mut identity, Command::DisableKey(key)).expect("it is there");
        assert_eq!(run(&mut identity, sign_in()), Err(Reject::NotFirstKey), "what was revoked stays so");
    }

    #[test]
    fn nothing_is_done_to_another_builders_end_user() {
        let mut identity = world();
        create(&mut identity, ANN, wanted("user_001", 0, 1)).expect("made");
        let (user, _) = identity.end_user(ANN, "user_001").expect("made");
        for command in [Command::LimitEndUser(BOB, user, 5), Command::DeactivateEndUser(BOB, user)] {
            assert_eq!(run(&mut identity, command), Err(Reject::UserNotFound));
        }
        assert_eq!(run(&mut identity, Command::LimitEndUser(ANN, BOB, 5)), Err(Reject::UserNotFound));
        assert_eq!(run(&mut identity, Command::LimitEndUser(ANN, user, 0)), Err(Reject::InvalidQuantity));
        assert_eq!(run(&mut identity, Command::LimitEndUser(ANN, user, 5)), Ok(1));
        assert_eq!(identity.end_user(ANN, "user_001").expect("there").1.qps_limit, 5);
    }

    #[test]
    fn a_deactivated_end_user_comes_back_under_its_id_with_another_key() {
        let mut identity = world();
        create(&mut identity, ANN, wanted("user_001", 0, 1)).expect("made");
        let (user, _) = identity.end_user(ANN, "user_001").expect("made");
        let works = |identity: &Identity, text: &str| {
            identity.authenticate(Scheme::Parsec, &hash_secret(text), AT).is_ok()
        };
        assert!(works(&identity, "pk_live_1_0"));
        assert_eq!(run(&mut identity, Command::DeactivateEndUser(ANN, user)), Ok(2));
        assert_eq!(run(&mut identity, Command::DeactivateEndUser(ANN, user)), Ok(0), "ended twice is ended");
        assert!(!works(&identity, "pk_live_1_0"));
        assert_eq!(create(&mut identity, ANN, wanted("user_001", 0, 1)), Err(Reject::KeyEnded));
        assert_eq!(create(&mut identity, ANN, wanted("user_001", 1, 1)), Ok(2));
        assert_eq!(
            identity.end_user(ANN, "user_001").map(|(id, end_user)| (id, end_user.active)),
            Some((user, true))
        );
        assert!(works(&identity, "pk_live_1_1") && !works(&identity, "pk_live_1_0"));
    }

    #[test]
    fn end_users_are_listed_in_the_order_of_their_builders_ids() {
        let mut identity = world();
        for (number, external_id) in [(1, "b"), (2, "a"), (3, "c")] {
            create(&mut identity, ANN, wanted(external_id, 0, number)).expect("made");
        }
        create(&mut identity, BOB, wanted("bb", 0, 4)).expect("made");
        let listed = |after| {
            let all = identity.end_users(ANN, after);
            all.map(|(_, end_user)| end_user.external_id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((listed(None), listed(Some("a"))), (vec!["a", "b", "c"], vec!["b", "c"]));
    }
}
