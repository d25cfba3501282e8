//! How many orders a user placed today, where the plan allows only so many (polysimulator.md §6.6).

use super::State;
use crate::identity::Tier;
use crate::types::{DAY_MS, Reject, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Orders by user, with the UTC day on which they were placed. Only users with such a plan are here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DailyOrders {
    placed: BTreeMap<UserId, (i64, u32)>,
}

impl DailyOrders {
    fn today(&self, user: UserId, at: Timestamp) -> u32 {
        self.placed.get(&user).filter(|(day, _)| *day == day_of(at)).map_or(0, |(_, count)| *count)
    }

    /// One more.
    pub(super) fn count(&mut self, user: UserId, at: Timestamp) {
        let count = self.today(user, at) + 1;
        self.placed.insert(user, (day_of(at), count));
    }
}

fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY_MS)
}

impl State {
    /// Whether an order is to be counted: only where the plan of the key that vouches has a limit, over all keys of
    /// the user.
    ///
    /// # Errors
    /// [`Reject::DailyOrdersUsed`] if the limit is reached.
    pub(super) fn has_an_order_left(
        &self,
        tier: Option<Tier>,
        user: UserId,
        at: Timestamp,
    ) -> Result<bool, Reject> {
        let most = tier.and_then(|tier| self.identity.tiers().of(tier).orders_per_day_max);
        let Some(most) = most else { return Ok(false) };
        if self.about.daily.today(user, at) < most {
            return Ok(true);
        }
        let left = (day_of(at) + 1) * DAY_MS - at.millis();
        let resets_in = u32::try_from((left + 999) / 1_000).unwrap_or(u32::MAX);
        Err(Reject::DailyOrdersUsed { resets_in })
    }
}
