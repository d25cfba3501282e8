//! What an order would take from a book, and what that would cost. Changes nothing.

use super::account::Account;
use super::book::{Half, Ladder, Open, Orders, Slot};
use super::fees::FeeSchedule;
use super::market::Market;
use crate::types::{Outcome, Price, Shares, Side, Size, Usd, UserId, index};

/// One resting order an order would take from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) maker: Slot,
    pub(super) shares: Shares,
    /// What the maker pays or receives.
    pub(super) maker_amount: Usd,
    /// What the taker pays or receives, fee not included.
    pub(super) taker_amount: Usd,
    pub(super) fee: Usd,
}

/// Who walks, how far, and for how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walker {
    /// Who must not trade with their own orders.
    pub(super) user: UserId,
    pub(super) side: Side,
    pub(super) outcome: Outcome,
    /// The last level it may take from.
    pub(super) limit: u16,
    pub(super) size: Size,
}

/// The sum of a walk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walked {
    pub(super) shares: Shares,
    pub(super) notional: Usd,
    pub(super) fee: Usd,
    pub(super) levels: u16,
    /// Nothing of what was wanted is left.
    pub(super) is_full: bool,
    /// It ended at an order of the same user.
    pub(super) met_self: bool,
}

impl Walker {
    /// Walks the opposite half, best price first, oldest order first.
    pub(super) fn walk(
        &self,
        market: &Market,
        orders: &Orders,
        accounts: &[Account],
        matches: &mut Vec<Match>,
    ) -> Walked {
        matches.clear();
        let mut walked = Walked::default();
        let Some(ladder) = &market.ladder else { return walked };
        let half = Half::of(self.side, self.outcome).opposite();
        let mut level = ladder.best(half);
        while let Some(at) = level.filter(|at| self.reaches(half, *at)) {
            let price = market.grid.price(at);
            let mut next = ladder.front(at);
            let before = walked.shares;
            while let Some(maker) = next {
                let order = orders.get(maker);
                let wanted = self.wanted(&walked, price, market.spec.lot);
                if wanted.is_zero() {
                    walked.is_full = true;
                } else if accounts[index(order.account.0 - 1)].user == self.user {
                    walked.met_self = true;
                } else {
                    let shares = wanted.min(order.remaining);
                    let found = self.meet((maker, &order), price, shares, market.spec.fees);
                    walked.shares += found.shares;
                    walked.notional += found.taker_amount;
                    walked.fee += found.fee;
                    matches.push(found);
                    next = Ladder::after(orders, maker);
                    continue;
                }
                walked.levels += u16::from(walked.shares > before);
                return walked;
            }
            walked.levels += 1;
            if self.wanted(&walked, price, market.spec.lot).is_zero() {
                walked.is_full = true;
                return walked;
            }
            level = ladder.behind(half, at);
        }
        walked
    }

    fn reaches(&self, half: Half, level: u16) -> bool {
        match half {
            Half::Ask => level <= self.limit,
            Half::Bid => level >= self.limit,
        }
    }

    /// What is still wanted at a price of the first outcome.
    fn wanted(&self, walked: &Walked, price: Price, lot: Shares) -> Shares {
        match self.size {
            Size::Shares(shares) => shares - walked.shares,
            Size::Dollars(dollars) => {
                let price = Market::in_terms_of(self.outcome, price);
                affordable(dollars - walked.notional, price, lot)
            }
        }
    }

    /// The maker trades at its own price, rounded down to the micro-dollar; the taker has the rest, so that
    /// both sides of a transfer, and a pair minted or merged, add up exactly (design §3).
    fn meet(&self, (maker, order): (Slot, &Open), price: Price, shares: Shares, fees: FeeSchedule) -> Match {
        let maker_amount = shares.notional(Market::in_terms_of(order.outcome, price));
        let taker_amount =
            if order.side == self.side { shares.face_value() - maker_amount } else { maker_amount };
        // p × (1 − p) is the same for both outcomes.
        let fee = fees.on(shares, price);
        Match { maker, shares, maker_amount, taker_amount, fee }
    }
}

/// The most whole lots that so many dollars buy at a price. The taker's cost is rounded up to the
/// micro-dollar, which never passes a whole number of them.
fn affordable(dollars: Usd, price: Price, lot: Shares) -> Shares {
    if !dollars.is_positive() {
        return Shares::ZERO;
    }
    let micros =
        i128::from(dollars.micros()) * i128::from(Price::DOLLAR) / i128::from(price.ten_thousandths());
    Shares::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)).truncated_to(lot)
}
