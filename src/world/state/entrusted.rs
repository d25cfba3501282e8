//! The open orders of builders' end users. They end with whoever placed them (parsec.md §9.5), and nobody else's on the
//! same account do.

use crate::exchange::Event;
use crate::types::{OrderId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who placed which open orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entrusted {
    by_order: BTreeMap<OrderId, UserId>,
    by_user: BTreeMap<UserId, BTreeSet<OrderId>>,
}

impl Entrusted {
    /// Remembers an order that rests.
    pub(super) fn add(&mut self, user: UserId, order: OrderId) {
        self.by_order.insert(order, user);
        self.by_user.entry(user).or_default().insert(order);
    }

    /// Forgets the orders that are over.
    pub(super) fn forget_closed(&mut self, events: &[Event]) {
        if self.by_order.is_empty() {
            return;
        }
        for event in events {
            let Event::Closed { order, .. } = event else { continue };
            let Some(user) = self.by_order.remove(order) else { continue };
            if let Some(own) = self.by_user.get_mut(&user) {
                own.remove(order);
                if own.is_empty() {
                    self.by_user.remove(&user);
                }
            }
        }
    }

    /// Somebody's open orders.
    pub(super) fn of(&self, user: UserId) -> Vec<OrderId> {
        self.by_user.get(&user).into_iter().flatten().copied().collect()
    }

    /// Every open order of theirs.
    pub(super) fn orders(&self) -> impl Iterator<Item = OrderId> {
        self.by_order.keys().copied()
    }
}
