//! What is measured and kept off the tape (design §6): when each key was last used, and how much customers asked in a
//! month.
//!
//! Requests write into memory alone; the ledger's thread takes what is new once a second.

use super::clock::Clock;
use crate::types::{KeyId, Timestamp, UserId, index};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many locks, each for the keys of one remainder: two keys seldom wait for each other.
const SHARDS: usize = 16;
/// How often what is new is written down.
const EVERY: Duration = Duration::from_secs(1);

/// A key of one epoch: a reset begins their numbers again.
pub type Metered = (u32, KeyId);

/// A customer of one epoch.
pub type Counted = (u32, UserId);

/// Requests in a calendar month, which is given as months since January of year 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Month {
    /// Which.
    pub number: i64,
    /// How many.
    pub requests: u64,
}

/// What is to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When keys were last used.
    pub used: Vec<(Metered, Timestamp)>,
    /// How much customers asked.
    pub months: Vec<(Counted, Month)>,
}

/// The last use of every key, and the month of every customer.
#[derive(Debug)]
pub struct Meters {
    // Std mutexes: held for one look-up, never across an await.
    shards: [Mutex<BTreeMap<Metered, Used>>; SHARDS],
    months: Mutex<BTreeMap<Counted, (Month, IsNew)>>,
    clock: Arc<Clock>,
    /// On the clock's uptime.
    written_at: Mutex<Duration>,
}

/// Whether it is not written down yet.
type IsNew = bool;

#[derive(Clone, Copy, Debug)]
struct Used {
    at: Timestamp,
    is_new: bool,
}

impl Meters {
    /// Meters that go on from what was written down.
    #[must_use]
    pub fn new(clock: Arc<Clock>, written: Reading) -> Self {
        let months = written.months.into_iter().map(|(of, month)| (of, (month, false))).collect();
        let months = Mutex::new(months);
        let meters = Self { shards: Default::default(), months, clock, written_at: Mutex::default() };
        for (key, at) in written.used {
            meters.shard(key).insert(key, Used { at, is_new: false });
        }
        meters
    }

    /// Counts a request of a customer in a month, unless it would be one more than `most`. Gives how many there were,
    /// this one included; none if it was not counted.
    pub fn count(&self, of: Counted, number: i64, most: u64) -> Option<u64> {
        let mut months = lock(&self.months);
        let (month, is_new) = months.entry(of).or_default();
        // Clocks read by two threads may differ by a little: no month comes back.
        if number > month.number {
            *month = Month { number, requests: 0 };
        }
        if month.requests >= most {
            return None;
        }
        month.requests += 1;
        *is_new = true;
        Some(month.requests)
    }

    /// How much a customer asked in a month.
    #[must_use]
    pub fn counted(&self, of: Counted, number: i64) -> u64 {
        let months = lock(&self.months);
        months.get(&of).filter(|(month, _)| month.number == number).map_or(0, |(month, _)| month.requests)
    }

    /// A key was used.
    pub fn used(&self, key: Metered, at: Timestamp) {
        self.shard(key).insert(key, Used { at, is_new: true });
    }

    /// When a key was last used.
    #[must_use]
    pub fn last_used(&self, key: Metered) -> Option<Timestamp> {
        self.shard(key).get(&key).map(|used| used.at)
    }

    /// What is to be written down: nothing before its second is over, unless it is the last time. Of keys of earlier
    /// epochs nothing is kept, because nobody can ask for them.
    pub fn take_new(&self, is_last: bool) -> Reading {
        let now = self.clock.uptime();
        let mut written_at = self.written_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_last && now < *written_at + EVERY {
            return Reading::default();
        }
        *written_at = now;
        let newest =
            |shard: &Mutex<BTreeMap<Metered, Used>>| lock(shard).keys().map(|(epoch, _)| *epoch).max();
        let newest = self.shards.iter().filter_map(newest).max();
        let mut new = Reading::default();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|(epoch, _), _| Some(*epoch) >= newest);
            for (key, used) in shard.iter_mut().filter(|(_, used)| used.is_new) {
                used.is_new = false;
                new.used.push((*key, used.at));
            }
        }
        let mut months = lock(&self.months);
        months.retain(|(epoch, _), _| Some(*epoch) >= newest);
        for (of, (month, is_new)) in months.iter_mut().filter(|(_, (_, is_new))| *is_new) {
            *is_new = false;
            new.months.push((*of, *month));
        }
        new
    }

    /// Takes back what could not be written down, to be tried again. What was used since is newer.
    pub fn put_back(&self, unwritten: &Reading) {
        for (of, _) in &unwritten.months {
            if let Some((_, is_new)) = lock(&self.months).get_mut(of) {
                *is_new = true;
            }
        }
        for (key, _) in &unwritten.used {
            if let Some(used) = self.shard(*key).get_mut(key) {
                used.is_new = true;
            }
        }
    }

    fn shard(&self, (_, key): Metered) -> MutexGuard<'_, BTreeMap<Metered, Used>> {
        lock(&self.shards[index(key.0) % SHARDS])
    }
}

fn lock<Of>(shard: &Mutex<Of>) -> MutexGuard<'_, Of> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::ClockMode;

    #[test]
    fn each_use_is_written_down_once_and_the_newest_is_known() {
        let key = (0, KeyId(7));
        let at = Timestamp::from_seconds;
        let used = |key, second| Reading { used: vec![(key, at(second))], ..Reading::default() };
        let meters = Meters::new(Arc::new(Clock::new(ClockMode::Real)), used(key, 1));
        assert_eq!((meters.last_used(key), meters.take_new(true)), (Some(at(1)), Reading::default()));
        meters.used(key, at(2));
        meters.used(key, at(3));
        assert_eq!(meters.take_new(false), Reading::default(), "its second is not over");
        assert_eq!(meters.take_new(true), used(key, 3));
        assert_eq!((meters.take_new(true), meters.last_used(key)), (Reading::default(), Some(at(3))));
        meters.put_back(&used(key, 3));
        assert_eq!(meters.take_new(true), used(key, 3), "it could not be written the first time");
        let later = (1, KeyId(7));
        assert_eq!(meters.last_used(later), None, "another epoch's key is another");
        meters.used(later, at(4));
        assert_eq!(meters.take_new(true), used(later, 4));
        assert_eq!(meters.last_used(key), None, "earlier epochs are over");
    }

    #[test]
    fn a_month_counts_up_to_its_limit_and_goes_on_from_what_was_written_down() {
        let of = (0, UserId(3));
        let months = |number, requests| Reading {
            months: vec![(of, Month { number, requests })],
            ..Reading::default()
        };
        let meters = Meters::new(Arc::new(Clock::new(ClockMode::Real)), months(7, 1));
        assert_eq!(
            (meters.count(of, 7, 3), meters.count(of, 7, 3), meters.count(of, 7, 3)),
            (Some(2), Some(3), None)
        );
        assert_eq!(meters.take_new(true), months(7, 3));
        assert_eq!((meters.count(of, 8, 3), meters.counted(of, 8), meters.counted(of, 7)), (Some(1), 1, 0));
        assert_eq!(meters.count(of, 7, 3), Some(2), "no month comes back");
    }
}
