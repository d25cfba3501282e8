//! How much a caller may ask: fixed windows of one clock second and one clock minute (polysimulator.md §6.2).

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

#[cfg(test)]
mod tests {
    use super::*;

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
