//! Sets of markets of which at most one comes true: their conversion and their resolution (polymarket-clob.md §7.7).
//!
//! One share of the second outcome of a market is worth what one share of the first outcome of every other market of its
//! group is worth, because at most one of them wins. The adapter's account stands between the two: it takes the second
//! outcomes, makes a pair in every other market, gives the first halves away and keeps the second ones. What it keeps
//! is bound to bring what it paid: of as many second outcomes, one for each market, at most one loses.

use super::account::Role;
use super::event::{Event, Moved, Receipt};
use super::market::Status;
use super::{Exchange, index};
use crate::types::{AccountId, GroupId, MarketId, Outcome, Payout, Reject, Shares, Usd};

/// How many halves of a dollar a first outcome may be paid in a whole group.
const HALVES_MAX: u32 = 2;

/// How many halves of a dollar a payout gives to the first outcome.
fn halves(payout: Payout) -> u32 {
    match payout {
        Payout::Winner(Outcome::Yes) => 2,
        Payout::Split => 1,
        Payout::Winner(Outcome::No) => 0,
    }
}

impl Exchange {
    /// The open markets of a group that lose when one of it is resolved so: once a whole answer has come true, no
    /// other can.
    ///
    /// # Errors
    /// [`Reject::GroupDecided`] if more than one answer of the group would come true.
    pub(super) fn excluded_by(&self, market: MarketId, payout: Payout) -> Result<Vec<MarketId>, Reject> {
        let Some(group) = self.market(market).and_then(|market| market.spec.group) else {
            return Ok(Vec::new());
        };
        let won: u32 = self.members(group).map(|member| self.halves_won(member)).sum();
        if halves(payout) == 0 || won + halves(payout) < HALVES_MAX {
            return Ok(Vec::new());
        }
        if won + halves(payout) > HALVES_MAX {
            return Err(Reject::GroupDecided);
        }
        Ok(self.open_members(group).filter(|member| *member != market).collect())
    }

    fn members(&self, group: GroupId) -> impl Iterator<Item = MarketId> {
        self.groups.get(&group).into_iter().flatten().copied()
    }

    fn open_members(&self, group: GroupId) -> impl Iterator<Item = MarketId> {
        let is_open = |member: &MarketId| self.market(*member).is_some_and(|market| !market.is_resolved());
        self.members(group).filter(is_open)
    }

    fn halves_won(&self, market: MarketId) -> u32 {
        match self.market(market).map(|market| market.status) {
            Some(Status::Resolved(payout)) => halves(payout),
            Some(Status::Open | Status::Halted) | None => 0,
        }
    }

    pub(super) fn convert(
        &mut self,
        account: AccountId,
        (given, shares): (&[MarketId], Shares),
        adapter: AccountId,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        let others = self.convertible(account, (given, shares), adapter)?;

        // Nothing below can fail.
        let paid = dollars(shares, given.len() - 1).expect("BUG: looked at before");
        let of = |market: &MarketId| (account, *market, Outcome::No);
        let costs: Vec<Usd> =
            given.iter().map(|market| self.holding(account, *market, Outcome::No).cost_of(shares)).collect();
        let cost: Usd = costs.iter().copied().sum();
        // What the given shares cost stays with the shares that come for them, less the dollars paid.
        let kept = if others.is_empty() { Usd::ZERO } else { (cost - paid).max(Usd::ZERO) };
        let mut left = paid + kept;
        for (number, (market, cost)) in given.iter().zip(costs).enumerate() {
            let proceeds = if number + 1 == given.len() { left } else { left.min(cost) };
            left -= proceeds;
            let cash = if number == 0 { Usd::ZERO } else { shares.face_value() };
            let from = Moved { cash, ..self.give(of(market), shares, proceeds) };
            let to = self.take((adapter, *market, Outcome::No), shares, cash);
            self.pay_between(adapter, account, cash);
            events.push(Event::Pooled { from, to });
        }
        self.pair_up((account, adapter), &others, (shares, kept), events);
        Ok(Receipt::Paid(paid))
    }

    /// Every reason to refuse a conversion; then the open markets of the group that are not given.
    fn convertible(
        &self,
        account: AccountId,
        (given, shares): (&[MarketId], Shares),
        adapter: AccountId,
    ) -> Result<Vec<MarketId>, Reject> {
        let first = given.first().ok_or(Reject::MarketNotFound)?;
        for (number, market) in given.iter().enumerate() {
            self.pairs_allowed(account, *market, shares)?;
            // Whole lots, so that halving what the adapter keeps leaves nothing over.
            let lot = self.market(*market).map_or(shares, |market| market.spec.lot);
            if shares.truncated_to(lot) != shares {
                return Err(Reject::InvalidQuantity);
            }
            if given[..number].contains(market) {
                return Err(Reject::Unsupported);
            }
        }
        let group_of = |market: MarketId| self.market(market).and_then(|market| market.spec.group);
        let group = group_of(*first).ok_or(Reject::Unsupported)?;
        if given.iter().any(|market| group_of(*market) != Some(group)) {
            return Err(Reject::Unsupported);
        }
        // What half an answer that is known already brings would be nobody's.
        if self.members(group).any(|member| self.halves_won(member) > 0) {
            return Err(Reject::GroupDecided);
        }
        let keeper = self.account(adapter).ok_or(Reject::AccountNotFound)?;
        let venue = self.account(account).map(|account| account.venue);
        if keeper.role != Role::Adapter || Some(keeper.venue) != venue || account == adapter {
            return Err(Reject::Unsupported);
        }
        for market in given {
            let available = self.holding(account, *market, Outcome::No).free();
            if available < shares {
                return Err(Reject::InsufficientPosition { needed: shares, available });
            }
        }
        let others: Vec<_> = self.open_members(group).filter(|member| !given.contains(member)).collect();
        if given.len() == 1 && others.is_empty() {
            // Nothing would come for it.
            return Err(Reject::Unsupported);
        }
        let needed = dollars(shares, others.len() + given.len() - 1);
        if needed.is_none_or(|needed| !keeper.covers(needed)) {
            return Err(Reject::LimitReached("shares in one conversion".to_owned()));
        }
        Ok(others)
    }

    fn pay_between(&mut self, from: AccountId, to: AccountId, cash: Usd) {
        self.accounts[index(from.0 - 1)].cash -= cash;
        self.accounts[index(to.0 - 1)].cash += cash;
    }

    /// Makes a pair in every one of some markets: the first half for an account, the second one kept and paid for by the
    /// adapter. `cost` is what the account's halves have cost together, in micro-dollars.
    fn pair_up(
        &mut self,
        (account, adapter): (AccountId, AccountId),
        markets: &[MarketId],
        (shares, cost): (Shares, Usd),
        events: &mut Vec<Event>,
    ) {
        let mut left = cost;
        for (number, market) in markets.iter().enumerate() {
            let remaining = i64::try_from(markets.len() - number).expect("BUG: few markets");
            let part = Usd::from_micros(left.micros() / remaining);
            left -= part;
            self.markets[index(market.0 - 1)].outstanding += shares;
            self.accounts[index(adapter.0 - 1)].cash -= shares.face_value();
            let yes = Moved { cash: Usd::ZERO, ..self.take((account, *market, Outcome::Yes), shares, part) };
            let no = self.take((adapter, *market, Outcome::No), shares, shares.face_value());
            events.push(Event::Converted { yes, no });
        }
    }

    /// What an adapter owes is never more than what it keeps must bring, whichever answer comes true.
    pub(super) fn check_groups(&self) -> Result<(), String> {
        for adapter in self.accounts.iter().filter(|account| account.role == Role::Adapter) {
            let keeps = |market| self.holding(adapter.id, market, Outcome::No).shares;
            let mut bound = adapter.cash;
            for group in self.groups.keys() {
                let won: u32 = self.members(*group).map(|member| self.halves_won(member)).sum();
                let mut most = Usd::ZERO;
                for member in self.members(*group) {
                    match self.markets[index(member.0 - 1)].status {
                        // It may not have asked for what it is owed yet.
                        Status::Resolved(payout) => bound += payout.pays(Outcome::No, keeps(member)),
                        Status::Open | Status::Halted => {
                            bound += keeps(member).face_value();
                            most = most.max(keeps(member).face_value());
                        }
                    }
                }
                // As much as may still be won of a whole answer is lost at worst.
                let left = i64::from(HALVES_MAX.saturating_sub(won));
                bound -= Usd::from_micros(most.micros() / i64::from(HALVES_MAX) * left);
            }
            if bound.is_negative() {
                return Err(format!(
                    "the adapter's account {} may end {} short",
                    adapter.id,
                    (-bound).plain()
                ));
            }
        }
        Ok(())
    }
}

/// A dollar a share, so many times; none if that is no number of ours.
fn dollars(shares: Shares, times: usize) -> Option<Usd> {
    let times = i64::try_from(times).ok()?;
    shares.micros().checked_mul(times).map(Usd::from_micros)
}
