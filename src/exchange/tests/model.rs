//! A plain exchange that only knows who trades with whom, at which price, and what that needs in cash.
//!
//! One list of open orders, scanned whole for every order; exact products in 128 bits, no levels, no
//! ticks. It shares the words of `types` with the real one and no rule.

use crate::exchange::{Event, FeeSchedule, Half};
use crate::types::{
    AccountId, CloseReason, MarketId, NewOrder, OrderId, OrderKind, Outcome, Side, Size, TimeInForce, UserId,
};

const DOLLAR: i128 = 10_000;

#[derive(Clone, Copy, Debug)]
struct Resting {
    order: OrderId,
    user: UserId,
    market: MarketId,
    outcome: Outcome,
    side: Side,
    /// In terms of the first outcome.
    price: i128,
    remaining: i128,
}

/// Who asks, and the rules of the market.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) order: &'a NewOrder,
    pub(super) user: UserId,
    pub(super) lot: i64,
    pub(super) fees: FeeSchedule,
}

/// What an order must do if it is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Foreseen {
    /// Maker, price of the first outcome, shares.
    pub(super) trades: Vec<(OrderId, i128, i128)>,
    /// What must rest.
    pub(super) rests: i128,
    /// Why it must end.
    pub(super) closed: Option<CloseReason>,
    /// What it needs in cash, negative if it brings some.
    pub(super) needs: i128,
    /// What it sells in all.
    pub(super) sells: i128,
    /// Whether it would meet any order at all.
    pub(super) crosses: bool,
    /// Whether a market order must be refused for want of orders.
    pub(super) unfillable: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    open: Vec<Resting>,
}

impl Model {
    /// The orders that an order may trade with, in the order in which it must.
    fn queue(&self, order: &NewOrder) -> Vec<Resting> {
        let half = Half::of(order.side, order.outcome);
        let limit = in_first(order.outcome, i128::from(order.limit.ten_thousandths()));
        let mut queue: Vec<_> = self
            .open
            .iter()
            .copied()
            .filter(|open| open.market == order.market && Half::of(open.side, open.outcome) != half)
            .filter(|open| if half == Half::Bid { open.price <= limit } else { open.price >= limit })
            .collect();
        queue.sort_by_key(|open| (if half == Half::Bid { open.price } else { -open.price }, open.order));
        queue
    }

    pub(super) fn foresee(&self, asked: Asked<'_>) -> Foreseen {
        let order = asked.order;
        let lot = i128::from(asked.lot);
        let (mut foreseen, mut paid, mut fees, mut met_self) = (Foreseen::default(), 0, 0, false);
        let (mut taken, mut last) = (0, None);
        let wanted = |taken: i128, paid: i128, own: i128| match order.size {
            Size::Shares(shares) => i128::from(shares.micros()) / lot * lot - taken,
            Size::Dollars(dollars) => (i128::from(dollars.micros()) - paid) * DOLLAR / own / lot * lot,
        };
        for maker in self.queue(order) {
            foreseen.crosses = true;
            let own = in_first(order.outcome, maker.price);
            let wanted = wanted(taken, paid, own);
            if wanted == 0 {
                break;
            }
            if maker.user == asked.user {
                met_self = true;
                break;
            }
            let shares = wanted.min(maker.remaining);
            let at_maker = shares * in_first(maker.outcome, maker.price) / DOLLAR;
            paid += if maker.side == order.side { shares - at_maker } else { at_maker };
            fees += fee(asked.fees, shares, own);
            taken += shares;
            last = Some(own);
            foreseen.trades.push((maker.order, maker.price, shares));
        }
        let full = match order.size {
            Size::Shares(_) => wanted(taken, paid, 1) == 0,
            Size::Dollars(_) => last.is_some_and(|own| wanted(taken, paid, own) == 0),
        };
        let may_rest = matches!(order.tif, TimeInForce::Gtc | TimeInForce::Gtd(_));
        foreseen.closed = if full {
            Some(CloseReason::Filled)
        } else if met_self {
            Some(CloseReason::SelfTrade)
        } else if may_rest {
            foreseen.rests = wanted(taken, paid, 1);
            None
        } else {
            Some(CloseReason::Unfilled)
        };
        let hold = foreseen.rests * i128::from(order.limit.ten_thousandths()) / DOLLAR;
        foreseen.needs = if order.side == Side::Buy { paid + fees + hold } else { fees - paid };
        let set_aside = i128::from(order.terms.set_aside.micros());
        if set_aside > 0 {
            // No sale pays for what is set aside with it.
            foreseen.needs = foreseen.needs.max(0) + set_aside;
        }
        foreseen.sells = if order.side == Side::Sell { taken + wanted(taken, paid, 1) } else { 0 };
        let fails = !full && order.tif == TimeInForce::Fok;
        let is_market = order.kind == OrderKind::Market;
        foreseen.unfillable = is_market && (fails || (taken == 0 && !met_self));
        if fails {
            foreseen.trades.clear();
        }
        foreseen
    }

    /// Takes note of what an accepted order did.
    pub(super) fn placed(&mut self, asked: Asked<'_>, id: OrderId, foreseen: &Foreseen) {
        let order = asked.order;
        for (maker, _, shares) in &foreseen.trades {
            let open = self.open.iter_mut().find(|open| open.order == *maker).expect("it was in the queue");
            open.remaining -= shares;
        }
        self.open.retain(|open| open.remaining > 0);
        if foreseen.rests > 0 {
            let price = in_first(order.outcome, i128::from(order.limit.ten_thousandths()));
            let (market, outcome, side) = (order.market, order.outcome, order.side);
            let remaining = foreseen.rests;
            self.open.push(Resting { order: id, user: asked.user, market, outcome, side, price, remaining });
        }
    }

    /// Takes note of orders that something else ended.
    pub(super) fn ended(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Closed { order, .. } = event {
                self.open.retain(|open| open.order != *order);
            }
        }
    }
}

fn in_first(outcome: Outcome, price: i128) -> i128 {
    if outcome == Outcome::Yes { price } else { DOLLAR - price }
}

fn fee(fees: FeeSchedule, shares: i128, price: i128) -> i128 {
    let exact = shares * i128::from(fees.rate_bps) * price * (DOLLAR - price);
    let scale = DOLLAR * DOLLAR * DOLLAR;
    if fees.up_to_cent {
        (exact + scale * 10_000 - 1) / (scale * 10_000) * 10_000
    } else {
        exact / (scale * 10) * 10
    }
}

/// The balances that events alone give.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Balances {
    pub(super) cash: std::collections::BTreeMap<AccountId, i64>,
    pub(super) shares: std::collections::BTreeMap<(AccountId, MarketId, bool), i64>,
    pub(super) open: std::collections::BTreeMap<OrderId, i64>,
    pub(super) fees: i64,
    pub(super) held: std::collections::BTreeMap<AccountId, i64>,
}

impl Balances {
    pub(super) fn post(&mut self, event: &Event) {
        match event {
            Event::AccountOpened { account, cash, .. } => {
                self.cash.insert(*account, cash.micros());
            }
            Event::Granted { account, amount } => {
                *self.cash.entry(*account).or_default() += amount.micros();
            }
            Event::Held { account, amount } => {
                *self.cash.entry(*account).or_default() -= amount.micros();
                *self.held.entry(*account).or_default() += amount.micros();
            }
            Event::Released { account, amount } => {
                *self.cash.entry(*account).or_default() += amount.micros();
                *self.held.entry(*account).or_default() -= amount.micros();
            }
            Event::HeldPaid { account, amount, share } => {
                *self.held.entry(*account).or_default() -= amount.micros();
                let mut kept = amount.micros();
                if let Some((to, part)) = share {
                    *self.cash.entry(*to).or_default() += part.micros();
                    kept -= part.micros();
                }
                self.fees += kept;
            }
            Event::MarketResolved { dust, .. } => self.fees += dust.micros(),
            Event::Traded(trade) => {
                self.moved(&trade.taker.moved);
                self.moved(&trade.maker.moved);
                self.open.insert(trade.maker.order, trade.maker_remaining.micros());
            }
            Event::Rested { order, remaining, .. } => {
                self.open.insert(*order, remaining.micros());
            }
            Event::Closed { order, unrested, .. } => {
                let left = self.open.remove(order).unwrap_or_default();
                assert_eq!(left, unrested.micros(), "what is taken out of the book is what was in it");
            }
            Event::Settled(moved) => self.moved(moved),
            Event::Converted { yes, no } => [yes, no].into_iter().for_each(|moved| self.moved(moved)),
            Event::Pooled { from, to } | Event::Surrendered { from, to } => {
                self.moved(from);
                self.moved(to);
            }
            Event::Placed(_)
            | Event::MarketListed { .. }
            | Event::MarketHalted { .. }
            | Event::TicksRefined { .. } => {}
        }
    }

    fn moved(&mut self, moved: &crate::exchange::Moved) {
        *self.cash.entry(moved.account).or_default() += (moved.cash - moved.fee).micros();
        self.fees += moved.fee.micros();
        let held =
            self.shares.entry((moved.account, moved.market, moved.outcome == Outcome::Yes)).or_default();
        *held += moved.shares.micros();
        assert_eq!(*held, moved.after.shares.micros(), "the holding afterwards is the sum of what moved");
    }
}
