//! Builders' fees on orders (parsec.md §9.8): set aside when an order is placed, paid as it fills, given back when it
//! ends.

use super::State;
use crate::exchange::{self, Event};
use crate::types::{AccountId, Address, FeeFailure, NewOrder, OrderId, Reject, Shares, Size, Timestamp, Usd};
use crate::world::scenario::Purse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Ids of fees that are remembered: none may be used twice before its moment is over.
const USED_MAX: usize = 100_000;

/// What is set aside for a builder's fee on an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeHold {
    /// Its id, which its payer signed.
    pub id: [u8; 32],
    /// How much, in micro-dollars.
    pub amount: Usd,
    /// Until when its payer lets it be taken.
    pub until: Timestamp,
    /// The wallet that gets a share of it.
    pub payee: Option<Address>,
    /// That share, in hundredths of a percent.
    pub share_bps: u32,
}

/// What is set aside for one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    account: AccountId,
    total: Usd,
    paid: Usd,
    size: Shares,
    filled: Shares,
    /// Who gets a share of what is paid, and which.
    share: Option<(AccountId, u32)>,
}

/// What is set aside for all orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fees {
    held: BTreeMap<OrderId, Held>,
    used: BTreeMap<[u8; 32], Timestamp>,
}

impl Fees {
    /// Whether nothing is set aside.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a fee may be taken at all.
    pub(super) fn may_take(&self, fee: &FeeHold, at: Timestamp) -> Result<(), Reject> {
        if fee.until <= at {
            return Err(Reject::BadFee(FeeFailure::Late));
        }
        if self.used.contains_key(&fee.id) {
            return Err(Reject::BadFee(FeeFailure::Used));
        }
        let is_over = |until: &&Timestamp| **until <= at;
        if self.used.len() >= USED_MAX && !self.used.values().any(|until| is_over(&until)) {
            return Err(Reject::LimitReached(format!("{USED_MAX} fees at once")));
        }
        Ok(())
    }

    /// Binds a fee to the order that it was taken for.
    pub(super) fn bind(
        &mut self,
        fee: &FeeHold,
        (order, account, size): (OrderId, AccountId, Shares),
        payee: Option<AccountId>,
        at: Timestamp,
    ) {
        if self.used.len() >= USED_MAX {
            self.used.retain(|_, until| *until > at);
        }
        self.used.insert(fee.id, fee.until);
        let share = payee.map(|payee| (payee, fee.share_bps));
        let (paid, filled) = (Usd::ZERO, Shares::ZERO);
        self.held.insert(order, Held { account, total: fee.amount, paid, size, filled, share });
    }

    /// What some events make due, in their order.
    pub(super) fn due(&mut self, events: &[Event]) -> Vec<exchange::Command> {
        let mut due = Vec::new();
        for event in events {
            match event {
                Event::Traded(trade) => {
                    for party in [&trade.taker, &trade.maker] {
                        due.extend(self.held.get_mut(&party.order).and_then(|held| held.fill(trade.shares)));
                    }
                }
                Event::Closed { order, .. } => {
                    due.extend(self.held.remove(order).and_then(Held::release));
                }
                Event::Placed(_)
                | Event::Rested { .. }
                | Event::AccountOpened { .. }
                | Event::Granted { .. }
                | Event::MarketListed { .. }
                | Event::MarketHalted { .. }
                | Event::MarketResolved { .. }
                | Event::Settled(_)
                | Event::Converted { .. }
                | Event::Pooled { .. }
                | Event::Surrendered { .. }
                | Event::TicksRefined { .. }
                | Event::Held { .. }
                | Event::HeldPaid { .. } => {}
            }
        }
        due
    }
}

impl State {
    /// Places an order, with what is set aside for a builder's fee.
    pub(super) fn place(
        &mut self,
        at: Timestamp,
        order: &NewOrder,
        fee: Option<&FeeHold>,
        events: &mut Vec<Event>,
    ) -> Result<exchange::Receipt, Reject> {
        let place = exchange::Command::Place(*order);
        let Some(fee) = fee else { return self.exchange.apply(at, &place, events) };
        self.about.fees.may_take(fee, at)?;
        let (account, amount) = (order.account, fee.amount);
        self.exchange.apply(at, &exchange::Command::Hold { account, amount }, events)?;
        let placed = self.exchange.apply(at, &place, events);
        let (Ok(exchange::Receipt::Placed { order: id, .. }), Size::Shares(size)) =
            (placed.clone(), order.size)
        else {
            // As if it had never been held: what was told of it goes with the refusal.
            let release = exchange::Command::Release { account, amount };
            self.exchange.apply(at, &release, events).expect("BUG: what was just held is there");
            return placed;
        };
        let payee = fee.payee.and_then(|address| self.identity.by_wallet(address));
        let payee = payee.and_then(|user| self.wallets.get(user, Purse::Polymarket)).map(|own| own.account);
        self.about.fees.bind(fee, (id, account, size), payee, at);
        placed
    }

    /// Pays, or gives back, what the events of a command made due of builders' fees.
    pub(super) fn settle_fees(&mut self, at: Timestamp, from: usize, events: &mut Vec<Event>) {
        if self.about.fees.is_idle() {
            return;
        }
        for command in self.about.fees.due(&events[from..]) {
            self.exchange.apply(at, &command, events).expect("BUG: a fee beyond what was set aside");
        }
    }
}

impl Held {
    /// What is due when so much more has traded: of all of it the same part as of the order, rounded down.
    fn fill(&mut self, shares: Shares) -> Option<exchange::Command> {
        self.filled += shares;
        let part = |whole: Usd, of: i64, in_all: i64| {
            let part = i128::from(whole.micros()) * i128::from(of) / i128::from(in_all);
            Usd::from_micros(i64::try_from(part).expect("BUG: a part beyond its whole"))
        };
        let due = part(self.total, self.filled.micros(), self.size.micros()) - self.paid;
        self.paid += due;
        let share = self.share.map(|(to, bps)| (to, part(due, i64::from(bps.min(10_000)), 10_000)));
        let account = self.account;
        due.is_positive().then_some(exchange::Command::PayHeld { account, amount: due, share })
    }

    fn release(self) -> Option<exchange::Command> {
        let amount = self.total - self.paid;
        amount.is_positive().then_some(exchange::Command::Release { account: self.account, amount })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exchange::Command::{PayHeld, Release};

    fn held(total: i64, share: Option<(AccountId, u32)>) -> Held {
        Held {
            account: AccountId(1),
            total: Usd::from_micros(total),
            paid: Usd::ZERO,
            size: Shares::from_whole(3),
            filled: Shares::ZERO,
            share,
        }
    }

    #[test]
    fn a_fee_is_paid_as_its_order_fills_to_the_last_micro_dollar() {
        let mut fee = held(100, Some((AccountId(2), 2_000)));
        let mut pay = |shares| fee.fill(Shares::from_whole(shares));
        let paid = |amount, part| {
            let (amount, part) = (Usd::from_micros(amount), Usd::from_micros(part));
            Some(PayHeld { account: AccountId(1), amount, share: Some((AccountId(2), part)) })
        };
        assert_eq!([pay(1), pay(1), pay(1)], [paid(33, 6), paid(33, 6), paid(34, 6)]);
        assert_eq!(fee.release(), None);
    }

    #[test]
    fn what_an_order_did_not_fill_comes_back() {
        let mut fee = held(100, None);
        fee.fill(Shares::from_whole(1));
        assert_eq!(fee.release(), Some(Release { account: AccountId(1), amount: Usd::from_micros(67) }));
        assert_eq!(held(2, None).fill(Shares::from_micros(1)), None, "a part below a micro-dollar waits");
    }

    #[test]
    fn a_fee_is_taken_once_and_in_time() {
        let mut fees = Fees::default();
        let at = Timestamp::from_seconds;
        let fee =
            FeeHold { id: [1; 32], amount: Usd::from_micros(9), until: at(10), payee: None, share_bps: 0 };
        assert_eq!(fees.may_take(&fee, at(9)), Ok(()));
        assert_eq!(fees.may_take(&fee, at(10)), Err(Reject::BadFee(FeeFailure::Late)));
        fees.bind(&fee, (OrderId(1), AccountId(1), Shares::from_whole(1)), None, at(9));
        assert_eq!(fees.may_take(&fee, at(9)), Err(Reject::BadFee(FeeFailure::Used)));
    }
}
