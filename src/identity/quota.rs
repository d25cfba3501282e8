//! How much a caller may ask: fixed windows of one clock second and one clock minute (polysimulator.md §6.2), and
//! buckets that fill again by and by (parsec.md §3.2).

use super::tier::TierRules;
use crate::types::Timestamp;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;

/// The windows of one key. A double burst at the turn of a window is the service's own behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    second: Window,
    minute: Window,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    /// Which second, or minute, since the epoch.
    number: i64,
    used: u32,
}

/// What a key may ask for and what is left of it, after one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests in a second.
    pub per_second: u32,
    /// Left in this clock second.
    pub left_second: u32,
    /// Requests in a minute.
    pub per_minute: u32,
    /// Left in this clock minute.
    pub left_minute: u32,
    /// When this clock minute ends, in unix seconds.
    pub resets_at: i64,
    /// In how many whole seconds to ask again, if this request was one too many.
    pub retry_after: Option<u32>,
}

impl Window {
    /// Turns to the window of a moment. Clocks read by two threads may differ by a little: no window comes back.
    fn turn(&mut self, at: Timestamp, length_ms: i64) {
        let number = at.millis().div_euclid(length_ms);
        if number > self.number {
            *self = Self { number, used: 0 };
        }
    }
}

impl Windows {
    /// Counts a request, if both windows have room for it. One that was refused is not counted.
    pub fn charge(&mut self, at: Timestamp, rules: &TierRules) -> Standing {
        self.second.turn(at, SECOND_MS);
        self.minute.turn(at, MINUTE_MS);
        let (per_second, per_minute) = (rules.requests_per_second, rules.requests_per_minute);
        let next_minute = (self.minute.number + 1).saturating_mul(MINUTE_MS / SECOND_MS);
        let wait = next_minute.saturating_sub(at.seconds()).max(1);
        let retry_after = if self.minute.used >= per_minute {
            Some(u32::try_from(wait).unwrap_or(u32::MAX))
        } else if self.second.used >= per_second {
            Some(1)
        } else {
            self.second.used += 1;
            self.minute.used += 1;
            None
        };
        Standing {
            left_second: per_second.saturating_sub(self.second.used),
            left_minute: per_minute.saturating_sub(self.minute.used),
            retry_after,
            ..Standing::untouched(at, rules)
        }
    }
}

impl Standing {
    /// Where a key stands that nothing is counted of.
    #[must_use]
    pub fn untouched(at: Timestamp, rules: &TierRules) -> Self {
        let (per_second, per_minute) = (rules.requests_per_second, rules.requests_per_minute);
        let minute = at.millis().div_euclid(MINUTE_MS);
        Self {
            per_second,
            left_second: per_second,
            per_minute,
            left_minute: per_minute,
            resets_at: (minute + 1).saturating_mul(MINUTE_MS / SECOND_MS),
            retry_after: None,
        }
    }
}

/// Tokens that are taken one a request and come back at a rate. It begins full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Thousandths of tokens taken and not come back yet.
    taken: u64,
    /// Until when that is reckoned.
    at: Timestamp,
}

/// Thousandths of a token in a whole one: as many as milliseconds in a second, so that a rate needs no division.
const TOKEN: u64 = 1_000;

impl Bucket {
    /// Lets tokens come back, `per_second` of them in a second. No clock that was read late takes any away.
    fn refill(&mut self, at: Timestamp, per_second: u32) {
        let passed = u64::try_from(at.millis().saturating_sub(self.at.millis())).unwrap_or_default();
        self.taken = self.taken.saturating_sub(passed.saturating_mul(u64::from(per_second)));
        self.at = self.at.max(at);
    }

    /// Takes a token out of `most`, if one is there, and says how many whole ones are left; else none.
    pub fn take(&mut self, at: Timestamp, per_second: u32, most: u32) -> Option<u32> {
        self.refill(at, per_second);
        let room = u64::from(most) * TOKEN;
        if self.taken + TOKEN > room {
            return None;
        }
        self.taken += TOKEN;
        Some(u32::try_from((room - self.taken) / TOKEN).unwrap_or(u32::MAX))
    }

    /// How many whole tokens of `most` are there.
    #[must_use]
    pub fn left(mut self, at: Timestamp, per_second: u32, most: u32) -> u32 {
        self.refill(at, per_second);
        let left = (u64::from(most) * TOKEN).saturating_sub(self.taken);
        u32::try_from(left / TOKEN).unwrap_or(u32::MAX)
    }

    /// Gives a token back that was taken and not used.
    pub fn give_back(&mut self) {
        self.taken = self.taken.saturating_sub(TOKEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_capacity_through_at_once_and_its_rate_after_that() {
        let mut bucket = Bucket::default();
        let at = Timestamp::from_millis;
        let mut taken = |millis: i64| bucket.take(at(millis), 2, 3);
        assert_eq!([0, 0, 0, 0].map(&mut taken), [Some(2), Some(1), Some(0), None]);
        // Half a second brings one of two a second back, and no clock that is read late takes it away again.
        assert_eq!([499, 500, 400, 999, 1_000].map(&mut taken), [None, Some(0), None, None, Some(0)]);
        assert_eq!(taken(1_000_000), Some(2), "it never holds more than its capacity");
        bucket.give_back();
        assert_eq!((bucket.left(at(1_000_000), 2, 3), bucket.left(at(0), 1, 1)), (3, 1));
        assert_eq!(Bucket::default().take(at(0), 0, 0), None);
    }

    #[test]
    fn a_smaller_capacity_holds_at_once() {
        let mut bucket = Bucket::default();
        for _ in 0..5 {
            bucket.take(Timestamp::default(), 10, 10);
        }
        assert_eq!(bucket.take(Timestamp::default(), 3, 3), None);
        assert_eq!(bucket.take(Timestamp::from_seconds(1), 3, 3), Some(0));
    }

    fn rules(requests_per_second: u32, requests_per_minute: u32) -> TierRules {
        TierRules { requests_per_second, requests_per_minute, ..TierRules::default() }
    }

    /// Requests at these milliseconds; for each the seconds to wait, or what is left of the second and the minute.
    fn run(rules: &TierRules, at: &[i64]) -> Vec<Result<(u32, u32), u32>> {
        let mut windows = Windows::default();
        let charge = |at: &i64| {
            let standing = windows.charge(Timestamp::from_millis(*at), rules);
            standing.retry_after.map_or(Ok((standing.left_second, standing.left_minute)), Err)
        };
        at.iter().map(charge).collect()
    }

    #[test]
    fn both_windows_must_have_room_and_turn_with_the_clock() {
        // A second's limit is over with the second, not a second later.
        assert_eq!(
            run(&rules(2, 120), &[0, 1, 999, 1_000, 1_999, 1_999]),
            [Ok((1, 119)), Ok((0, 118)), Err(1), Ok((1, 117)), Ok((0, 116)), Err(1)]
        );
        // The minute's limit waits for the clock's next minute.
        assert_eq!(
            run(&rules(9, 2), &[30_000, 31_000, 32_500, 59_999, 60_000]),
            [Ok((8, 1)), Ok((8, 0)), Err(28), Err(1), Ok((8, 1))]
        );
        // Twice the limit around the turn of a second is accepted behaviour.
        assert_eq!(run(&rules(1, 9), &[999, 1_000]), [Ok((0, 8)), Ok((0, 7))]);
        // No window comes back when a clock was read a little late.
        assert_eq!(run(&rules(1, 9), &[1_000, 999]), [Ok((0, 8)), Err(1)]);
        assert_eq!(run(&rules(0, 9), &[5]), [Err(1)]);
    }

    #[test]
    fn a_key_that_was_cut_off_counts_on_under_the_smaller_limits() {
        let mut windows = Windows::default();
        for _ in 0..5 {
            windows.charge(Timestamp::default(), &rules(100, 6_000));
        }
        let standing = windows.charge(Timestamp::default(), &rules(2, 120));
        assert_eq!((standing.retry_after, standing.left_second, standing.left_minute), (Some(1), 0, 115));
        assert_eq!(standing.resets_at, 60);
    }
}
