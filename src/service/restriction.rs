//! What trading is restricted to for everyone who asks from outside, as production does around a restart of its engine
//! (polymarket-clob.md §2.2). A fault to be tried out: it is the running server's, and no part of the world.

use super::Service;
use crate::types::{NewOrder, Reject, Restriction, Timestamp};
use std::sync::{PoisonError, RwLock};

/// What holds now, and until when, if anything was said.
#[derive(Debug, Default)]
pub(super) struct Switch(RwLock<Option<(Restriction, Timestamp)>>);

impl Service {
    pub(super) fn restrict(&self, to: Option<(Restriction, u32)>) {
        let now = self.now();
        let until = to.map(|(to, seconds)| (to, now.plus_millis(i64::from(seconds) * 1_000)));
        *self.restriction.0.write().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// What trading is restricted to, and until when.
    #[must_use]
    pub fn restriction(&self) -> Option<(Restriction, Timestamp)> {
        let said = *self.restriction.0.read().unwrap_or_else(PoisonError::into_inner);
        said.filter(|(_, until)| *until > self.now())
    }

    /// Whether orders may be placed at all. Placing asks too; who must look at orders before asks here first.
    ///
    /// # Errors
    /// [`Reject::Restricted`].
    pub fn may_place_any(&self) -> Result<(), Reject> {
        self.unless(|to| to != Restriction::PostOnly)
    }

    /// Whether an order may be placed, where some may.
    pub(super) fn may_place(&self, order: &NewOrder) -> Result<(), Reject> {
        self.unless(|_| !order.post_only)
    }

    /// Whether orders may be taken back.
    pub(super) fn may_cancel(&self) -> Result<(), Reject> {
        self.unless(|to| matches!(to, Restriction::Restarting | Restriction::Disabled))
    }

    fn unless(&self, refuses: impl Fn(Restriction) -> bool) -> Result<(), Reject> {
        match self.restriction() {
            Some((to, until)) if refuses(to) => {
                let left = u64::try_from(until.millis() - self.now().millis()).unwrap_or_default();
                let seconds = u32::try_from(left.div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
                Err(Reject::Restricted { to, seconds })
            }
            Some(_) | None => Ok(()),
        }
    }
}
