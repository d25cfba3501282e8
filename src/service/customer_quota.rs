//! How much customers may ask (parsec.md §3): a bucket each, one that all of a builder's end users share, and so many
//! requests a calendar month.

use super::Service;
use super::customers::Customer;
use crate::identity::{Bucket, CustomerRules};
use crate::types::{Reject, Timestamp, UserId, index};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// So many locks, each for the customers of one remainder: two seldom wait for each other.
const SHARDS: usize = 16;

/// Accounts that somebody's credentials may open in a second, and at once.
const OPENED: (u32, u32) = (1, 1_000);

/// Everything that is counted of customers. A reset of the world empties it.
#[derive(Debug)]
pub struct CustomerQuotas {
    // Std mutexes: held for one count, never across an await.
    own: [Mutex<Shard>; SHARDS],
    pools: [Mutex<Shard>; SHARDS],
    /// Accounts that credentials opened which nobody had come with before, by whose key asked.
    opened: [Mutex<Shard>; SHARDS],
    is_on: bool,
}

#[derive(Debug, Default)]
struct Shard {
    epoch: u32,
    buckets: BTreeMap<UserId, Bucket>,
}

/// Which limit a request was beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// The customer's own, in a second.
    Second {
        /// Requests a second.
        limit: u32,
    },
    /// That of all of a builder's end users together, in a second.
    Pool {
        /// Requests a second.
        limit: u32,
    },
    /// The month's.
    Month,
}

/// What of a limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests a second.
    pub limit: u32,
    /// Whole requests left now.
    pub remaining: u32,
}

/// Where a customer stands after a request.
#[derive(Clone, Copy, Debug)]
pub struct CustomerStanding {
    /// Its tier's name.
    pub tier: &'static str,
    /// Requests in a month; 0 for as many as one likes.
    pub monthly_limit: u64,
    /// What is left of them, if they are limited.
    pub monthly_remaining: Option<u64>,
    /// When the month ends, in unix seconds.
    pub month_ends: i64,
    /// The end user's own limit, if its builder asks for it.
    pub user: Option<Left>,
    /// What the builder's end users share, in that case.
    pub pool: Option<Left>,
    /// Why the request goes no further, if it does not.
    pub over: Option<OverLimit>,
}

/// How much a customer asked, and may ask (§6.10).
#[derive(Clone, Copy, Debug)]
pub struct CustomerUsage {
    /// Its tier's name.
    pub tier: &'static str,
    /// When the month began, in unix seconds.
    pub month_began: i64,
    /// When it ends.
    pub month_ends: i64,
    /// Its limits: an end user's rate and burst are its builder's word.
    pub rules: CustomerRules,
    /// Requests of this month.
    pub requests: u64,
}

/// Which buckets a request takes from.
#[derive(Clone, Copy, Debug)]
struct Draws {
    /// Whose own, at which rate, and how many at once.
    own: Option<(UserId, u32, u32)>,
    /// Which builder's, at which rate.
    pool: Option<(UserId, u32)>,
}

impl CustomerQuotas {
    /// Quotas that count nothing yet; without `is_on` they never do.
    #[must_use]
    pub fn new(is_on: bool) -> Self {
        Self { own: Default::default(), pools: Default::default(), opened: Default::default(), is_on }
    }

    /// Whether somebody may open one more account with credentials that nobody had come with before. Each is there until
    /// a reset, and there is room for so many only.
    ///
    /// # Errors
    /// [`Reject::LimitReached`] if that was done too often.
    pub(super) fn may_open(&self, customer: &Customer, at: Timestamp) -> Result<(), Reject> {
        let (rate, most) = OPENED;
        let take = |bucket: &mut Bucket| bucket.take(at, rate, most);
        if self.is_on && with(&self.opened, customer.epoch(), customer.caller().user, take).is_none() {
            return Err(Reject::LimitReached(format!("{most} new accounts at once, and {rate} a second")));
        }
        Ok(())
    }

    /// Takes a token out of every bucket that is drawn on, or out of none: first the customer's own, then the pool.
    fn take(&self, epoch: u32, draws: Draws, at: Timestamp) -> Result<[Option<Left>; 2], OverLimit> {
        let own = match draws.own {
            Some((user, rate, burst)) => {
                let left = with(&self.own, epoch, user, |bucket| bucket.take(at, rate, burst));
                Some(Left { limit: rate, remaining: left.ok_or(OverLimit::Second { limit: rate })? })
            }
            None => None,
        };
        let Some((builder, rate)) = draws.pool else { return Ok([own, None]) };
        if let Some(remaining) = with(&self.pools, epoch, builder, |bucket| bucket.take(at, rate, rate)) {
            return Ok([own, Some(Left { limit: rate, remaining })]);
        }
        self.give_back(epoch, Draws { pool: None, ..draws });
        Err(OverLimit::Pool { limit: rate })
    }

    /// Gives back what a request took that goes no further.
    fn give_back(&self, epoch: u32, draws: Draws) {
        if let Some((user, _, _)) = draws.own {
            with(&self.own, epoch, user, Bucket::give_back);
        }
        if let Some((builder, _)) = draws.pool {
            with(&self.pools, epoch, builder, Bucket::give_back);
        }
    }

    /// What is left in the buckets, without taking anything.
    fn left(&self, epoch: u32, draws: Draws, at: Timestamp) -> [Option<Left>; 2] {
        let own = draws.own.map(|(user, limit, burst)| {
            let remaining = with(&self.own, epoch, user, |bucket| bucket.left(at, limit, burst));
            Left { limit, remaining }
        });
        let pool = draws.pool.map(|(builder, limit)| {
            let remaining = with(&self.pools, epoch, builder, |bucket| bucket.left(at, limit, limit));
            Left { limit, remaining }
        });
        [own, pool]
    }
}

/// Does something to one bucket.
fn with<T>(shards: &[Mutex<Shard>; SHARDS], epoch: u32, of: UserId, act: impl FnOnce(&mut Bucket) -> T) -> T {
    let mut shard = shards[index(of.0) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
    if shard.epoch < epoch {
        *shard = Shard { epoch, buckets: BTreeMap::new() };
    }
    act(shard.buckets.entry(of).or_default())
}

/// The calendar month of a moment, in UTC: since January of year 0, and from when until when in unix seconds.
fn month_of(at: Timestamp) -> (i64, i64, i64) {
    let moment = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    let first = moment.to_zoned(TimeZone::UTC).date().first_of_month();
    let start = |date: Date| date.to_zoned(TimeZone::UTC).map_or(0, |start| start.timestamp().as_second());
    let next = first.last_of_month().tomorrow().unwrap_or(first);
    let number = i64::from(first.year()) * 12 + i64::from(first.month()) - 1;
    (number, start(first), start(next))
}

impl Service {
    /// Counts a request of a customer.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn admit_customer(&self, customer: &Customer) -> Result<CustomerStanding, Reject> {
        let (at, epoch) = (self.now(), customer.epoch());
        let profile = self.profile(customer)?;
        let draws = self.draws(customer)?;
        let (number, _, month_ends) = month_of(at);
        let quotas = &self.customer_quotas;
        let taken =
            if quotas.is_on { quotas.take(epoch, draws, at) } else { Ok(quotas.left(epoch, draws, at)) };
        let limit = profile.rules.requests_per_month;
        let most = if limit == 0 || !quotas.is_on { u64::MAX } else { limit };
        let (of, meters) = ((epoch, customer.user()), self.world.meters());
        let over = match taken {
            Err(over) => Some(over),
            Ok(_) if meters.count(of, number, most).is_none() => {
                if quotas.is_on {
                    quotas.give_back(epoch, draws);
                }
                Some(OverLimit::Month)
            }
            Ok(_) => None,
        };
        let [user, pool] = taken.unwrap_or_else(|_| quotas.left(epoch, draws, at));
        let is_shown = customer.is_acting();
        Ok(CustomerStanding {
            tier: profile.tier,
            monthly_limit: limit,
            monthly_remaining: (limit > 0).then(|| limit.saturating_sub(meters.counted(of, number))),
            month_ends,
            user: user.filter(|_| is_shown),
            pool: pool.filter(|_| is_shown),
            over,
        })
    }

    /// Whose buckets a request takes from (§3.2): an end user's own and, if its builder asks, the builder's pool; of a
    /// builder's own requests the pool alone.
    fn draws(&self, customer: &Customer) -> Result<Draws, Reject> {
        let directory = self.directory_in(customer.epoch())?;
        let user = directory.identity.user(customer.user()).ok_or(Reject::UserNotFound)?;
        let pool = |builder: UserId| {
            let rules = directory.identity.user(builder).and_then(|user| user.builder.as_ref());
            rules.map(|rules| (builder, rules.qps_pool))
        };
        if let Some(end_user) = user.end_user.as_deref() {
            let own = Some((customer.user(), end_user.qps_limit, end_user.qps_limit));
            let pool = customer.is_acting().then(|| pool(end_user.builder)).flatten();
            return Ok(Draws { own, pool });
        }
        if let Some(own) = pool(customer.user()) {
            return Ok(Draws { own: None, pool: Some(own) });
        }
        let rules = directory.identity.customer_tiers().of(user.plan);
        Ok(Draws { own: Some((customer.user(), rules.requests_per_second, rules.burst)), pool: None })
    }

    /// How much a customer asked this month, and may ask.
    ///
    /// # Errors
    /// [`Reject::NotLetIn`] after a reset.
    pub fn customer_usage(&self, customer: &Customer) -> Result<CustomerUsage, Reject> {
        let profile = self.profile(customer)?;
        let (number, month_began, month_ends) = month_of(self.now());
        let mut rules = profile.rules;
        if let Some(end_user) = &profile.end_user {
            (rules.requests_per_second, rules.burst) = (end_user.qps_limit, end_user.qps_limit);
        }
        let requests = self.world.meters().counted((customer.epoch(), customer.user()), number);
        Ok(CustomerUsage { tier: profile.tier, month_began, month_ends, rules, requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILDER: UserId = UserId(1);

    /// How many requests of some end users pass in ten seconds, one of each every millisecond.
    fn passed(limits: &[u32], pool: u32, asks: impl Fn(usize, i64) -> bool) -> Vec<u32> {
        let quotas = CustomerQuotas::new(true);
        let mut passed = vec![0; limits.len()];
        for millis in 0..10_000 {
            for (number, limit) in limits.iter().enumerate() {
                let user = UserId(u32::try_from(number + 2).expect("few"));
                let draws = Draws { own: Some((user, *limit, *limit)), pool: Some((BUILDER, pool)) };
                let at = Timestamp::from_millis(millis);
                if asks(number, millis) && quotas.take(0, draws, at).is_ok() {
                    passed[number] += 1;
                }
            }
        }
        passed
    }

    #[test]
    fn eight_end_users_keep_to_their_own_limits_and_together_to_the_pool() {
        let limits = [20; 8];
        let all = passed(&limits, 100, |_, _| true);
        // A bucket begins full: so much at once, and as much again every second of the ten.
        assert!(all.iter().all(|passed| *passed <= 20 * 11), "{all:?}");
        let sum: u32 = all.iter().sum();
        assert!((1_090..=1_100).contains(&sum), "{sum}: the pool's capacity, and ten seconds of its rate");
    }

    #[test]
    fn what_one_does_not_use_is_there_for_the_others() {
        // Three quarters of the pool are allocated to four who ask nothing.
        let limits = [75, 75, 75, 75, 50, 50];
        let all = passed(&limits, 100, |number, _| number >= 4);
        assert_eq!(all[..4], [0; 4]);
        assert!(all[4..].iter().all(|passed| (540..=550).contains(passed)), "{all:?}");
    }

    #[test]
    fn a_pool_that_is_empty_costs_the_end_user_nothing() {
        let quotas = CustomerQuotas::new(true);
        let draws = Draws { own: Some((UserId(2), 5, 5)), pool: Some((BUILDER, 1)) };
        let at = Timestamp::default();
        assert!(quotas.take(0, draws, at).is_ok());
        assert_eq!(quotas.take(0, draws, at), Err(OverLimit::Pool { limit: 1 }));
        let [own, pool] = quotas.left(0, draws, at);
        assert_eq!((own.map(|left| left.remaining), pool.map(|left| left.remaining)), (Some(4), Some(0)));
        assert!(quotas.take(1, draws, at).is_ok(), "a reset of the world empties the buckets' memory");
    }

    #[test]
    fn a_month_is_the_calendars() {
        let at = |text: &str| {
            let moment: jiff::Timestamp = text.parse().expect("a moment");
            month_of(Timestamp::from_millis(moment.as_millisecond()))
        };
        assert_eq!(at("2026-03-31T23:59:59.999Z"), (2_026 * 12 + 2, 1_772_323_200, 1_775_001_600));
        assert_eq!(at("2026-04-01T00:00:00Z").1, 1_775_001_600);
        assert_eq!(at("2026-12-31T00:00:00Z").0 + 1, at("2027-01-01T00:00:00Z").0);
    }
}
