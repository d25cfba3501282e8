//! Builders' fees on orders (parsec.md §9.8): set aside when an order is placed, paid as it fills, given back when it
//! ends.

use super::State;
use crate::exchange::{self, Event, Exchange};
use crate::types::{AccountId, Address, FeeFailure, NewOrder, OrderId, Reject, Shares, Size, Timestamp, Usd};
use crate::world::scenario::Purse;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Ids of one account's fees that are remembered: none may be used twice before its moment is over.
const USED_MAX: usize = 10_000;

/// What a builder's fee on an order is for. How much is set aside, the order's terms say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeHold {
    /// Its id, which its payer signed.
    pub id: [u8; 32],
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
    used: BTreeSet<[u8; 32]>,
    /// The same with their moments, the first to be over first, of every account that used them.
    used_by: BTreeMap<AccountId, BTreeSet<(Timestamp, [u8; 32])>>,
}

impl Fees {
    /// Whether nothing is set aside.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// Proves that what is set aside is what open orders' fees still need.
    fn check(&self, exchange: &Exchange) -> Result<(), String> {
        let mut needed: BTreeMap<AccountId, Usd> = BTreeMap::new();
        for (order, held) in &self.held {
            if exchange.orders().find(*order).is_none() {
                return Err(format!("order {order} is over, its fee is not"));
            }
            *needed.entry(held.account).or_insert(Usd::ZERO) += held.total - held.paid;
        }
        let wrong = exchange
            .accounts()
            .iter()
            .find(|account| account.escrow != needed.get(&account.id).copied().unwrap_or(Usd::ZERO));
        wrong.map_or(Ok(()), |account| Err(format!("account {} has the wrong fees set aside", account.id)))
    }

    /// Whether a fee may be taken at all.
    pub(super) fn may_take(&self, fee: &FeeHold, account: AccountId, at: Timestamp) -> Result<(), Reject> {
        if fee.until <= at {
            return Err(Reject::BadFee(FeeFailure::Late));
        }
        if self.used.contains(&fee.id) {
            return Err(Reject::BadFee(FeeFailure::Used));
        }
        let is_full = self
            .used_by
            .get(&account)
            .is_some_and(|own| own.len() >= USED_MAX && own.first().is_some_and(|(until, _)| *until > at));
        if is_full { Err(Reject::LimitReached(format!("{USED_MAX} fees at once"))) } else { Ok(()) }
    }

    /// Binds a fee to the order that it was taken for.
    fn bind(&mut self, fee: &FeeHold, order: OrderId, held: Held, at: Timestamp) {
        let own = self.used_by.entry(held.account).or_default();
        while let Some((_, over)) = own.first().copied().filter(|(until, _)| *until <= at) {
            own.pop_first();
            self.used.remove(&over);
        }
        own.insert((fee.until, fee.id));
        self.used.insert(fee.id);
        self.held.insert(order, held);
    }

    /// What some events make due, in their order.
    pub(super) fn due(&mut self, events: &[Event]) -> Vec<exchange::Command> {
        let mut due = Vec::new();
        for event in events {
            if let Event::Traded(trade) = event {
                for party in [&trade.taker, &trade.maker] {
                    due.extend(self.held.get_mut(&party.order).and_then(|held| held.fill(trade.shares)));
                }
            } else if let Event::Closed { order, .. } = event {
                due.extend(self.held.remove(order).and_then(Held::release));
            }
        }
        due
    }
}

impl State {
    /// Proves that no money was made or lost ([`Exchange::check`]), that what is set aside for fees is what they still
    /// need, and that end users' open orders are open.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn check(&self) -> Result<(), String> {
        self.exchange.check()?;
        self.about.fees.check(&self.exchange)?;
        let is_over = |order: &OrderId| self.exchange.orders().find(*order).is_none();
        match self.about.entrusted.orders().find(is_over) {
            Some(order) => Err(format!("order {order} is over, but somebody's open one")),
            None => Ok(()),
        }
    }

    /// Places an order, and binds what it sets aside for a builder's fee to it.
    pub(super) fn place_with_fee(
        &mut self,
        at: Timestamp,
        order: &NewOrder,
        fee: Option<&FeeHold>,
        events: &mut Vec<Event>,
    ) -> Result<exchange::Receipt, Reject> {
        let place = exchange::Command::Place(*order);
        let fee = match (fee, order.terms.set_aside.is_zero()) {
            (None, true) => return self.exchange.apply(at, &place, events),
            (Some(fee), false) => fee,
            // Nobody would ever get it, or nothing is to be got.
            (None, false) | (Some(_), true) => return Err(Reject::InvalidQuantity),
        };
        // What part of an order has filled is known of shares alone.
        let Size::Shares(size) = order.size else { return Err(Reject::Unsupported) };
        self.about.fees.may_take(fee, order.account, at)?;
        let placed = self.exchange.apply(at, &place, events)?;
        let exchange::Receipt::Placed { order: id, .. } = placed else {
            unreachable!("BUG: an order was placed, which gave {placed:?}")
        };
        let payee = fee.payee.and_then(|address| self.identity.by_wallet(address));
        let payee = payee.and_then(|user| self.wallets.get(user, Purse::Polymarket)).map(|own| own.account);
        let held = Held {
            account: order.account,
            total: order.terms.set_aside,
            paid: Usd::ZERO,
            size,
            filled: Shares::ZERO,
            share: payee.map(|payee| (payee, fee.share_bps)),
        };
        self.about.fees.bind(fee, id, held, at);
        Ok(placed)
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
        let fee = FeeHold { id: [1; 32], until: at(10), payee: None, share_bps: 0 };
        assert_eq!(fees.may_take(&fee, AccountId(1), at(9)), Ok(()));
        assert_eq!(fees.may_take(&fee, AccountId(1), at(10)), Err(Reject::BadFee(FeeFailure::Late)));
        fees.bind(&fee, OrderId(1), held(9, None), at(9));
        for account in [AccountId(1), AccountId(2)] {
            assert_eq!(fees.may_take(&fee, account, at(9)), Err(Reject::BadFee(FeeFailure::Used)));
        }
    }

    #[test]
    fn who_uses_up_its_fees_takes_nobody_else_s() {
        let (mut fees, at) = (Fees::default(), Timestamp::from_seconds);
        let fee = |number: usize, until| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_le_bytes());
            FeeHold { id, until, payee: None, share_bps: 0 }
        };
        for number in 0..USED_MAX {
            let until = if number == 7 { at(10) } else { at(1_000_000) };
            fees.bind(&fee(number, until), OrderId(1), held(9, None), at(0));
        }
        let one_more = fee(USED_MAX, at(20));
        assert!(matches!(fees.may_take(&one_more, AccountId(1), at(9)), Err(Reject::LimitReached(_))));
        assert_eq!(fees.may_take(&one_more, AccountId(2), at(9)), Ok(()));
        assert_eq!(fees.may_take(&one_more, AccountId(1), at(10)), Ok(()), "one of them is over");
        fees.bind(&one_more, OrderId(2), held(9, None), at(10));
        assert!(matches!(fees.may_take(&fee(7, at(20)), AccountId(1), at(10)), Err(Reject::LimitReached(_))));
    }
}
