//! What makes a retry find the first answer.

use crate::types::{DAY_MS, HOUR_MS, OrderId, Reject, Timestamp, UserId};
use crate::world::record::Claim;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// How long a claim is kept.
const KEPT_MS: i64 = DAY_MS;
/// How many of one user are kept.
const KEPT_MAX: usize = 10_000;
/// How many may come at once.
const ROOM: usize = 1_000;

/// The claims of every user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    users: BTreeMap<UserId, UserClaims>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct UserClaims {
    by_key: BTreeMap<[u8; 16], Claimed>,
    /// The oldest first.
    ages: VecDeque<(Timestamp, [u8; 16])>,
    /// Whether one was ever let go of.
    has_forgotten: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claimed {
    order: OrderId,
    /// None: the key is a client's order id, and no body was bound to it.
    body: Option<[u8; 16]>,
    at: Timestamp,
}

impl Claims {
    /// The order that the same request made before, if its claim is younger than a day at a moment; of whatever age if
    /// no moment is given, because it may never be made again.
    ///
    /// # Errors
    /// [`Reject::IdempotencyKeyReused`] if the key came with another body, and
    /// [`Reject::DuplicateClientOrderId`] if the client's id names another order.
    pub(super) fn find(
        &self,
        user: UserId,
        claim: &Claim,
        at: Option<Timestamp>,
    ) -> Result<Option<OrderId>, Reject> {
        let Some(claims) = self.users.get(&user) else { return Ok(None) };
        let live = |claimed: &&Claimed| at.is_none_or(|at| claimed.at.plus_millis(KEPT_MS) > at);
        if let Some(earlier) = claims.by_key.get(&claim.key).filter(live) {
            return match earlier.body {
                Some(body) if body == claim.body => Ok(Some(earlier.order)),
                Some(_) | None => Err(Reject::IdempotencyKeyReused),
            };
        }
        match claim.client_order_id.and_then(|id| claims.by_key.get(&id)).filter(live) {
            Some(earlier) => Err(Reject::DuplicateClientOrderId(earlier.order)),
            None => Ok(None),
        }
    }

    /// Whether every claim that a user ever made is still there, and will be for some time from a moment on: whoever
    /// relies on it comes a little later.
    pub(super) fn remembers_all(&self, user: UserId, at: Timestamp) -> bool {
        let stays = |own: &UserClaims| {
            let is_young = |(then, _): &(Timestamp, _)| then.plus_millis(KEPT_MS - HOUR_MS) > at;
            own.ages.len() + ROOM <= KEPT_MAX && own.ages.front().is_none_or(is_young)
        };
        self.users.get(&user).is_none_or(|own| !own.has_forgotten && stays(own))
    }

    /// Binds a claim to its order, and lets go of what is too old or too much.
    pub(super) fn remember(&mut self, user: UserId, claim: &Claim, order: OrderId, at: Timestamp) {
        let claims = self.users.entry(user).or_default();
        claims.add(claim.key, Claimed { order, body: Some(claim.body), at });
        if let Some(id) = claim.client_order_id
            && id != claim.key
        {
            claims.add(id, Claimed { order, body: None, at });
        }
        while claims.ages.len() > KEPT_MAX
            || claims.ages.front().is_some_and(|(then, _)| then.plus_millis(KEPT_MS) <= at)
        {
            claims.has_forgotten = true;
            if let Some((then, key)) = claims.ages.pop_front()
                // The key may have been used again since: then its newer claim stays.
                && claims.by_key.get(&key).is_some_and(|claimed| claimed.at <= then)
            {
                claims.by_key.remove(&key);
            }
        }
    }
}

impl UserClaims {
    fn add(&mut self, key: [u8; 16], claimed: Claimed) {
        self.by_key.insert(key, claimed);
        self.ages.push_back((claimed.at, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: UserId = UserId(1);

    fn claim(key: u8, client_order_id: Option<u8>) -> Claim {
        Claim { key: [key; 16], body: [key; 16], client_order_id: client_order_id.map(|id| [id; 16]) }
    }

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_seconds(hour * 3_600)
    }

    #[test]
    fn a_retry_finds_its_order_for_a_day() {
        let mut claims = Claims::default();
        claims.remember(USER, &claim(1, Some(2)), OrderId(7), hour(0));
        assert_eq!(claims.find(USER, &claim(1, Some(2)), Some(hour(23))), Ok(Some(OrderId(7))));
        assert_eq!(claims.find(USER, &claim(1, Some(2)), Some(hour(24))), Ok(None));
        assert_eq!(claims.find(UserId(2), &claim(1, Some(2)), Some(hour(1))), Ok(None));
        assert_eq!(claims.find(USER, &claim(1, Some(2)), None), Ok(Some(OrderId(7))), "one that is for good");
        let other_body = Claim { body: [9; 16], ..claim(1, None) };
        assert_eq!(claims.find(USER, &other_body, Some(hour(1))), Err(Reject::IdempotencyKeyReused));
        let other_key = claim(3, Some(2));
        assert_eq!(
            claims.find(USER, &other_key, Some(hour(1))),
            Err(Reject::DuplicateClientOrderId(OrderId(7)))
        );
    }

    #[test]
    fn a_key_used_again_after_a_day_is_claimed_for_another() {
        let mut claims = Claims::default();
        claims.remember(USER, &claim(1, Some(2)), OrderId(7), hour(0));
        claims.remember(USER, &claim(1, Some(2)), OrderId(8), hour(25));
        assert_eq!(claims.find(USER, &claim(1, Some(2)), Some(hour(26))), Ok(Some(OrderId(8))));
        assert_eq!(
            claims.find(USER, &claim(3, Some(2)), Some(hour(26))),
            Err(Reject::DuplicateClientOrderId(OrderId(8)))
        );
    }

    #[test]
    fn no_more_are_kept_than_the_limit_and_the_oldest_go_first() {
        let mut claims = Claims::default();
        let numbered = |number: u64| {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&number.to_le_bytes());
            Claim { key, body: key, client_order_id: None }
        };
        let most = u64::try_from(KEPT_MAX).expect("small");
        for number in 0..=most {
            claims.remember(USER, &numbered(number), OrderId(number), hour(0));
        }
        assert_eq!(claims.find(USER, &numbered(0), Some(hour(0))), Ok(None));
        assert_eq!(claims.find(USER, &numbered(1), Some(hour(0))), Ok(Some(OrderId(1))));
        assert_eq!(claims.users[&USER].by_key.len(), KEPT_MAX);
    }
}
