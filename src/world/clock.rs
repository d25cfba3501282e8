//! What time it is: the wall's, or a virtual one that can be paused and advanced. The only place that asks the machine.

use crate::types::Timestamp;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// Which time a world lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClockMode {
    /// The wall's.
    #[default]
    Real,
    /// A time that starts at the wall's and can be moved.
    Virtual,
}

impl ClockMode {
    /// Virtual or real.
    #[must_use]
    pub const fn of(is_virtual: bool) -> Self {
        if is_virtual { Self::Virtual } else { Self::Real }
    }
}

/// The world's clock. Its sequencer sets it; everyone reads it.
#[derive(Debug)]
pub struct Clock {
    // A std mutex: held for a few instructions and never across an await.
    hands: Mutex<Hands>,
    born: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Hands {
    mode: ClockMode,
    /// What a virtual clock showed when it was set last.
    shown: Timestamp,
    set_at: Instant,
    is_paused: bool,
}

impl Clock {
    /// A clock on wall time.
    #[must_use]
    pub fn new(mode: ClockMode) -> Self {
        let born = instant();
        Self { hands: Mutex::new(Hands { mode, shown: wall(), set_at: born, is_paused: false }), born }
    }

    /// A clock that shows a time, and perhaps stands still.
    #[must_use]
    pub fn showing(mode: ClockMode, shown: Timestamp, is_paused: bool) -> Self {
        let clock = Self::new(mode);
        clock.set(mode, shown, is_paused);
        clock
    }

    /// World time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let hands = *self.lock();
        match hands.mode {
            ClockMode::Real => wall(),
            ClockMode::Virtual if hands.is_paused => hands.shown,
            ClockMode::Virtual => hands.shown.plus(hands.set_at.elapsed()),
        }
    }

    /// Wall time, whatever the world's.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        wall()
    }

    /// How long this clock has been there, on the wall's time.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.born.elapsed()
    }

    /// Sets the mode, the time a virtual clock shows, and whether it stands still.
    pub fn set(&self, mode: ClockMode, shown: Timestamp, is_paused: bool) {
        *self.lock() = Hands { mode, shown, set_at: instant(), is_paused };
    }

    /// How long to wait, on the wall, until world time reaches a moment; none if it never will by itself.
    #[must_use]
    pub fn until(&self, moment: Timestamp) -> Option<Duration> {
        let hands = *self.lock();
        if hands.mode == ClockMode::Virtual && hands.is_paused {
            return None;
        }
        let left = moment.millis().saturating_sub(self.now().millis());
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that asks")]
fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the place that asks")]
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since)
}
