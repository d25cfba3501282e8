//! How much may be asked: the windows of keys, the rates of addresses, and requests under way (design §7).
//!
//! Keys have the fixed windows of `identity::quota`; addresses have plain rates, which `governor` counts on the
//! world's clock. The rules are the scenario's.

use super::{Caller, Service};
use crate::identity::{AddressRules, Standing, Windows};
use crate::types::{KeyId, Timestamp, index};
use crate::world::Clock;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many locks, each for the keys of one remainder: two keys seldom wait for each other.
const SHARDS: usize = 16;
/// After so many requests of addresses, those that have been quiet long enough are forgotten.
const SWEEP_EVERY: u32 = 4_096;

/// Everything that is counted. It lives as long as the service, and a reset of the world does not empty it.
#[derive(Debug)]
pub struct Quotas {
    // Std mutexes: held for one count, never across an await.
    keys: [Mutex<BTreeMap<KeyId, Use>>; SHARDS],
    addresses: [Rate; 2],
    bootstraps: [Rate; 2],
    /// Whether requests are counted at all. The cap on requests under way is no quota and stays.
    is_on: bool,
}

/// What one key does at the moment.
#[derive(Debug, Default)]
struct Use {
    windows: Windows,
    under_way: u32,
}

/// A request of a key that was let in. Dropping it makes room for another.
#[derive(Debug)]
pub struct UnderWay {
    quotas: Arc<Quotas>,
    key: KeyId,
}

/// What a key may ask for, after one request of it.
#[derive(Debug)]
pub struct Admission {
    /// What is left of its windows; `retry_after` says that the request was one too many.
    pub standing: Standing,
    /// Its place among the requests under way; none if there are as many as there may be, or it was one too many.
    pub under_way: Option<UnderWay>,
    /// How many may be under way at once.
    pub under_way_max: u32,
}

impl Quotas {
    /// Quotas on a world's clock.
    #[must_use]
    pub fn new(rules: &AddressRules, clock: &Arc<Clock>, is_on: bool) -> Self {
        let rate = |per_hour, quota: fn(NonZeroU32) -> Quota| Rate::new(per_hour, quota, clock);
        Self {
            keys: Default::default(),
            addresses: [
                rate(rules.requests_per_second, Quota::per_second),
                rate(rules.requests_per_minute, Quota::per_minute),
            ],
            bootstraps: [
                rate(rules.bootstraps_per_minute, Quota::per_minute),
                rate(rules.bootstraps_per_hour, Quota::per_hour),
            ],
            is_on,
        }
    }

    fn of(&self, key: KeyId) -> MutexGuard<'_, BTreeMap<KeyId, Use>> {
        self.keys[index(key.0) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn charge(&self, rates: &[Rate; 2], address: IpAddr) -> Result<(), u32> {
        if !self.is_on {
            return Ok(());
        }
        rates.iter().try_for_each(|rate| rate.charge(address))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(usage) = self.quotas.of(self.key).get_mut(&self.key) {
            usage.under_way -= 1;
        }
    }
}

impl Service {
    /// Counts a request of a key, and keeps its place among those under way.
    #[must_use]
    pub fn admit(&self, key: KeyId, caller: &Caller, at: Timestamp) -> Admission {
        let rules = *self.world.directory().identity.tiers().of(caller.tier);
        let under_way_max = rules.in_flight_max;
        let mut keys = self.quotas.of(key);
        let usage = keys.entry(key).or_default();
        let standing = if self.quotas.is_on {
            usage.windows.charge(at, &rules)
        } else {
            Standing::untouched(at, &rules)
        };
        let is_let_in = standing.retry_after.is_none() && usage.under_way < under_way_max;
        usage.under_way += u32::from(is_let_in);
        let under_way = is_let_in.then(|| UnderWay { quotas: Arc::clone(&self.quotas), key });
        Admission { standing, under_way, under_way_max }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// In how many whole seconds to ask again, if it was one too many.
    pub fn charge_address(&self, address: IpAddr) -> Result<(), u32> {
        self.quotas.charge(&self.quotas.addresses, address)
    }

    /// Counts a call for a first key (polysimulator.md §4.1).
    ///
    /// # Errors
    /// In how many whole seconds to ask again, if it was one too many.
    pub fn charge_bootstrap(&self, address: IpAddr) -> Result<(), u32> {
        self.quotas.charge(&self.quotas.bootstraps, address)
    }
}

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, WorldTime, NoOpMiddleware<Nanos>>;

/// A plain rate of each address: so many at once, and as many again in a stretch of time.
#[derive(Debug)]
struct Rate {
    /// None if nothing is allowed.
    limiter: Option<Limiter>,
    clock: WorldTime,
    since_sweep: AtomicU32,
}

impl Rate {
    fn new(count: u32, quota: fn(NonZeroU32) -> Quota, clock: &Arc<Clock>) -> Self {
        let clock = WorldTime(Arc::clone(clock));
        let limiter = NonZeroU32::new(count)
            .map(|count| RateLimiter::new(quota(count), HashMapStateStore::default(), clock.clone()));
        Self { limiter, clock, since_sweep: AtomicU32::new(0) }
    }

    fn charge(&self, address: IpAddr) -> Result<(), u32> {
        let Some(limiter) = &self.limiter else { return Err(u32::MAX) };
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= SWEEP_EVERY {
            self.since_sweep.store(0, Ordering::Relaxed);
            limiter.retain_recent();
        }
        limiter.check_key(&address).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            u32::try_from(whole.max(1)).unwrap_or(u32::MAX)
        })
    }
}

/// The world's clock as `governor` reads it.
#[derive(Clone, Debug)]
struct WorldTime(Arc<Clock>);

impl GovernorClock for WorldTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let millis = u64::try_from(self.0.now().millis()).unwrap_or_default();
        Nanos::from(millis.saturating_mul(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::ClockMode;

    fn clock(millis: i64) -> Arc<Clock> {
        let clock = Arc::new(Clock::new(ClockMode::Virtual));
        show(&clock, millis);
        clock
    }

    fn show(clock: &Clock, millis: i64) {
        clock.set(ClockMode::Virtual, Timestamp::from_millis(millis), true);
    }

    #[test]
    fn a_first_key_is_asked_for_once_a_minute_and_five_times_an_hour() {
        let clock = clock(0);
        let rules = AddressRules { bootstraps_per_minute: 1, bootstraps_per_hour: 5, ..Default::default() };
        let quotas = Quotas::new(&rules, &clock, true);
        let ask = |seconds: i64, host: u8| {
            show(&clock, 1_000_000 + seconds * 1_000);
            quotas.charge(&quotas.bootstraps, IpAddr::from([127, 0, 0, host]))
        };
        assert_eq!((ask(0, 1), ask(0, 1), ask(30, 1)), (Ok(()), Err(60), Err(30)));
        assert_eq!(ask(0, 2), Ok(()), "another address has its own");
        assert_eq!((ask(60, 1), ask(120, 1), ask(180, 1), ask(240, 1)), (Ok(()), Ok(()), Ok(()), Ok(())));
        assert_eq!(ask(300, 1), Err(420), "the sixth within an hour waits for its turn");
        assert_eq!(ask(720, 1), Ok(()));
    }

    #[test]
    fn quotas_that_are_off_count_nothing() {
        let quotas = Quotas::new(&AddressRules::default(), &clock(0), false);
        assert_eq!(quotas.charge(&quotas.addresses, IpAddr::from([127, 0, 0, 1])), Ok(()));
        let nothing_allowed = Quotas::new(&AddressRules::default(), &clock(0), true);
        assert!(nothing_allowed.charge(&nothing_allowed.addresses, IpAddr::from([127, 0, 0, 1])).is_err());
    }
}
