//! What is measured of keys and kept off the tape: when each was last used (design §6).
//!
//! Requests write into memory alone; the ledger's thread takes what is new once a second.

use super::clock::Clock;
use crate::types::{KeyId, Timestamp, index};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many locks, each for the keys of one remainder: two keys seldom wait for each other.
const SHARDS: usize = 16;
/// How often what is new is written down.
const EVERY: Duration = Duration::from_secs(1);

/// A key of one epoch: a reset begins their numbers again.
pub type Metered = (u32, KeyId);

/// The last use of every key.
#[derive(Debug)]
pub struct Meters {
    // Std mutexes: held for one look-up, never across an await.
    shards: [Mutex<BTreeMap<Metered, Used>>; SHARDS],
    clock: Arc<Clock>,
    /// On the clock's uptime.
    written_at: Mutex<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Used {
    at: Timestamp,
    is_new: bool,
}

impl Meters {
    /// Meters that go on from what was written down.
    #[must_use]
    pub fn new(clock: Arc<Clock>, written: impl IntoIterator<Item = (Metered, Timestamp)>) -> Self {
        let meters = Self { shards: Default::default(), clock, written_at: Mutex::default() };
        for (key, at) in written {
            meters.shard(key).insert(key, Used { at, is_new: false });
        }
        meters
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
    pub fn take_new(&self, is_last: bool) -> Vec<(Metered, Timestamp)> {
        let now = self.clock.uptime();
        let mut written_at = self.written_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_last && now < *written_at + EVERY {
            return Vec::new();
        }
        *written_at = now;
        let newest =
            |shard: &Mutex<BTreeMap<Metered, Used>>| lock(shard).keys().map(|(epoch, _)| *epoch).max();
        let newest = self.shards.iter().filter_map(newest).max();
        let mut new = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain(|(epoch, _), _| Some(*epoch) >= newest);
            for (key, used) in shard.iter_mut().filter(|(_, used)| used.is_new) {
                used.is_new = false;
                new.push((*key, used.at));
            }
        }
        new
    }

    /// Takes back what could not be written down, to be tried again. What was used since is newer.
    pub fn put_back(&self, unwritten: &[(Metered, Timestamp)]) {
        for (key, _) in unwritten {
            if let Some(used) = self.shard(*key).get_mut(key) {
                used.is_new = true;
            }
        }
    }

    fn shard(&self, (_, key): Metered) -> MutexGuard<'_, BTreeMap<Metered, Used>> {
        lock(&self.shards[index(key.0) % SHARDS])
    }
}

fn lock(shard: &Mutex<BTreeMap<Metered, Used>>) -> MutexGuard<'_, BTreeMap<Metered, Used>> {
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
        let meters = Meters::new(Arc::new(Clock::new(ClockMode::Real)), [(key, at(1))]);
        assert_eq!((meters.last_used(key), meters.take_new(true)), (Some(at(1)), Vec::new()));
        meters.used(key, at(2));
        meters.used(key, at(3));
        assert_eq!(meters.take_new(false), Vec::new(), "its second is not over");
        assert_eq!(meters.take_new(true), [(key, at(3))]);
        assert_eq!((meters.take_new(true), meters.last_used(key)), (Vec::new(), Some(at(3))));
        meters.put_back(&[(key, at(3))]);
        assert_eq!(meters.take_new(true), [(key, at(3))], "it could not be written the first time");
        let later = (1, KeyId(7));
        assert_eq!(meters.last_used(later), None, "another epoch's key is another");
        meters.used(later, at(4));
        assert_eq!(meters.take_new(true), [(later, at(4))]);
        assert_eq!(meters.last_used(key), None, "earlier epochs are over");
    }
}
