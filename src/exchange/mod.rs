//! The venue: markets, books, matching, accounts, fees, settlement. A deterministic state machine.
//!
//! The same commands at the same times give the same events on any machine, in any year. There is no
//! clock, file, socket, thread or random number in here, and no credential: who may send a command is
//! decided elsewhere, from what a command may do to money is decided only here.
//!
//! Every step first finds every reason to refuse, in the order of [`Reject`], then does what cannot fail.

mod account;
mod book;
mod close;
mod command;
mod edge;
mod escrow;
mod event;
mod fees;
mod groups;
mod lifecycle;
mod market;
mod place;
mod ratio;
mod shape;
mod snapshot;
#[cfg(test)]
mod tests;
mod walk;

pub use account::{Account, Holding, Position, Role};
pub use book::{Grid, GridError, Half, Ladder, Open, Orders, Slot, TickRange};
pub use command::{Command, OpenAccount};
pub use event::{Event, Moved, Party, Placed, Receipt, Touch, Trade};
pub use fees::FeeSchedule;
pub use market::{Depth, Market, MarketFacts, MarketSpec, Settlement, Status, Window};
pub use ratio::{Slack, limit_of_ratio};
pub use snapshot::Snapshot;

use crate::types::{AccountId, GroupId, MarketId, OrderId, Reject, Side, Timestamp, TradeId, Usd, index};
use account::Positions;
use std::collections::{BTreeMap, BTreeSet};
use walk::Match;

/// Limits of one exchange. They bound its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// How many accounts there may be.
    pub accounts_max: u32,
    /// How many orders one account may have open.
    pub open_orders_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { accounts_max: 100_000, open_orders_max: 200_000 }
    }
}

/// A whole venue. One writer owns it.
#[derive(Debug)]
pub struct Exchange {
    markets: Vec<Market>,
    accounts: Vec<Account>,
    positions: Positions,
    orders: Orders,
    /// The markets of each group, in the order of their ids.
    groups: BTreeMap<GroupId, Vec<MarketId>>,
    /// Orders that end by themselves, by moment.
    expiring: BTreeSet<(Timestamp, OrderId)>,
    expiries: BTreeMap<OrderId, Timestamp>,
    next_order: OrderId,
    next_trade: TradeId,
    granted: Usd,
    withdrawn: Usd,
    fees: Usd,
    limits: Limits,
    /// When the command that is carried out came.
    now: Timestamp,
    /// What the walk of one order found, kept to be filled again without allocating.
    matches: Vec<Match>,
}

impl Exchange {
    /// An exchange without markets or accounts.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            markets: Vec::new(),
            accounts: Vec::new(),
            positions: Positions::default(),
            orders: Orders::default(),
            groups: BTreeMap::new(),
            expiring: BTreeSet::new(),
            expiries: BTreeMap::new(),
            next_order: OrderId(1),
            next_trade: TradeId(1),
            granted: Usd::ZERO,
            withdrawn: Usd::ZERO,
            fees: Usd::ZERO,
            limits,
            now: Timestamp::default(),
            matches: Vec::with_capacity(1_024),
        }
    }

    /// An empty exchange whose ids go on where this one's end.
    #[must_use]
    pub fn successor(&self, limits: Limits) -> Self {
        Self { next_order: self.next_order, next_trade: self.next_trade, ..Self::new(limits) }
    }

    /// Does what a command asks, or refuses and changes nothing.
    ///
    /// # Errors
    /// The first [`Reject`], in order of precedence.
    pub fn apply(
        &mut self,
        at: Timestamp,
        command: &Command,
        events: &mut Vec<Event>,
    ) -> Result<Receipt, Reject> {
        self.now = at;
        match command {
            Command::Place(order) => self.place(at, order, events),
            Command::Cancel { account, order } => self.cancel(*account, *order, events),
            Command::CancelAll { account, market, outcome } => {
                self.cancel_all(*account, *market, *outcome, events)
            }
            Command::CancelDead { account } => self.cancel_dead(*account, events),
            Command::Expire { order } => self.expire(at, *order, events),
            Command::OpenAccount(account) => self.open_account(account, events),
            Command::Grant { account, amount } => self.grant(*account, *amount, events),
            Command::ListMarket(spec) => self.list_market(spec, events),
            Command::Halt { market } => self.set_status(*market, Status::Halted, events),
            Command::Resume { market } => self.set_status(*market, Status::Open, events),
            Command::Resolve { market, payout } => self.resolve(*market, *payout, events),
            Command::Redeem { account, market } => self.redeem(*account, *market, events),
            Command::Split { account, market, shares } => self.split(*account, *market, *shares, events),
            Command::Merge { account, market, shares } => self.merge(*account, *market, *shares, events),
            Command::Convert { account, markets, shares, adapter } => {
                self.convert(*account, (markets, *shares), *adapter, events)
            }
            Command::ResetAccount { account, cash, house } => self.reset(*account, *cash, *house, events),
            Command::Release { account, amount } => self.release(*account, *amount, events),
            Command::PayHeld { account, amount, share } => self.pay_held(*account, *amount, *share, events),
        }
    }

    /// The moment the next order expires by itself, and which.
    #[must_use]
    pub fn next_expiry(&self) -> Option<(Timestamp, OrderId)> {
        self.expiring.first().copied()
    }

    /// A market, if it exists.
    #[must_use]
    pub fn market(&self, market: MarketId) -> Option<&Market> {
        market.0.checked_sub(1).and_then(|at| self.markets.get(index(at)))
    }

    /// Every market, in the order of their ids.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// An account, if it exists.
    #[must_use]
    pub fn account(&self, account: AccountId) -> Option<&Account> {
        account.0.checked_sub(1).and_then(|at| self.accounts.get(index(at)))
    }

    /// Every account, in the order of their ids.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The positions of an account that were ever touched, in the order of markets.
    pub fn positions(&self, account: AccountId) -> impl Iterator<Item = &Position> {
        let slots = self.account(account).map(|account| account.positions.as_slice()).unwrap_or_default();
        slots.iter().map(|(_, slot)| self.positions.get(*slot))
    }

    /// The open orders.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The open orders of an account, the oldest first.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = Open> {
        let ids = self.account(account).map(|account| account.orders.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.orders.find(*id)).map(|slot| self.orders.get(slot))
    }

    /// When an open order ends by itself.
    #[must_use]
    pub fn expiry(&self, order: OrderId) -> Option<Timestamp> {
        self.expiries.get(&order).copied()
    }

    /// The id the next order will get.
    #[must_use]
    pub fn next_order(&self) -> OrderId {
        self.next_order
    }

    /// Makes room for so many more open orders, so that placing them allocates nothing.
    pub fn reserve(&mut self, orders: usize) {
        self.orders.reserve(orders);
        // No order has met more than a few thousand others yet; one that does may allocate once.
        self.matches.reserve(orders.min(16_384));
        for account in &mut self.accounts {
            account.orders.reserve(orders);
        }
    }

    /// Proves that no money was made or lost: cash, escrow, collateral and fees are what was granted less
    /// what was withdrawn; in every market the outcomes are outstanding in equal numbers, backed dollar for
    /// dollar; no book is crossed; what is reserved is what open orders need; and what is due is open.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn check(&self) -> Result<(), String> {
        self.check_money()?;
        self.check_pairs()?;
        self.check_books()?;
        self.check_holds()?;
        self.check_groups()?;
        self.check_expiries()
    }

    fn check_expiries(&self) -> Result<(), String> {
        let mut due: Vec<_> = self.expiring.iter().map(|(at, order)| (*order, *at)).collect();
        due.sort_unstable();
        let mut open: Vec<_> = self.orders.iter().filter(|open| open.expires).map(|open| open.id).collect();
        open.sort_unstable();
        let known = due.iter().map(|(order, _)| *order).eq(open);
        if known && due.into_iter().eq(self.expiries.iter().map(|(order, at)| (*order, *at))) {
            Ok(())
        } else {
            Err("the orders that end by themselves are not those that are due".to_owned())
        }
    }

    fn check_money(&self) -> Result<(), String> {
        let purses: Usd = self.accounts.iter().map(|account| account.cash + account.escrow).sum();
        let collateral: Usd = self.markets.iter().map(|market| market.outstanding.face_value()).sum();
        let (held, given) = (purses + collateral + self.fees, self.granted - self.withdrawn);
        if held != given {
            return Err(format!("{} dollars are held, {} were given", held.plain(), given.plain()));
        }
        let broke = self.accounts.iter().find(|account| {
            account.escrow.is_negative()
                || account.role == Role::Trader
                    && (account.cash.is_negative() || account.available().is_negative())
        });
        broke.map_or(Ok(()), |account| Err(format!("account {} went below zero", account.id)))
    }

    fn check_pairs(&self) -> Result<(), String> {
        let mut shares = vec![[0_i64; 2]; self.markets.len()];
        let mut owed = vec![Usd::ZERO; self.markets.len()];
        for position in self.positions.iter() {
            for (sum, holding) in shares[index(position.market.0 - 1)].iter_mut().zip(&position.sides) {
                if holding.shares.is_negative() || holding.free().is_negative() {
                    return Err(format!(
                        "account {} is short on market {}",
                        position.account, position.market
                    ));
                }
                *sum += holding.shares.micros();
            }
            let at = index(position.market.0 - 1);
            if let Status::Resolved(payout) = self.markets[at].status {
                owed[at] += position.pays(payout);
            }
        }
        for (market, owed) in self.markets.iter().zip(owed).filter(|(market, _)| market.is_resolved()) {
            if market.outstanding.face_value() != owed {
                return Err(format!("market {} keeps other than the {} it owes", market.id, owed.plain()));
            }
        }
        for (market, sides) in self.markets.iter().zip(shares) {
            if !market.is_resolved() && sides != [market.outstanding.micros(); 2] {
                return Err(format!(
                    "market {} has {} pairs but {sides:?} shares",
                    market.id,
                    market.outstanding.plain()
                ));
            }
        }
        Ok(())
    }

    fn check_books(&self) -> Result<(), String> {
        for market in &self.markets {
            if let (Some(bid), Some(ask)) = (market.best(Half::Bid), market.best(Half::Ask))
                && bid >= ask
            {
                return Err(format!("the book of market {} is crossed", market.id));
            }
        }
        Ok(())
    }

    fn check_holds(&self) -> Result<(), String> {
        let mut cash = vec![Usd::ZERO; self.accounts.len()];
        let mut shares: BTreeMap<(u32, usize), i64> = BTreeMap::new();
        let mut open = vec![0_u32; self.accounts.len()];
        for order in self.orders.iter() {
            let account = index(order.account.0 - 1);
            open[account] += 1;
            match order.side {
                Side::Buy => cash[account] += self.hold_of(&order),
                Side::Sell => {
                    *shares.entry((order.position, order.outcome.position())).or_default() +=
                        order.remaining.micros();
                }
            }
        }
        for ((account, held), count) in self.accounts.iter().zip(cash).zip(open) {
            if account.reserved != held || account.open_orders != count {
                return Err(format!(
                    "account {} reserves {} for {} orders; its {count} open orders need {}",
                    account.id,
                    account.reserved.plain(),
                    account.open_orders,
                    held.plain()
                ));
            }
        }
        for (slot, position) in self.positions.slots() {
            for (side, holding) in position.sides.iter().enumerate() {
                if holding.reserved.micros() != shares.get(&(slot, side)).copied().unwrap_or(0) {
                    return Err(format!(
                        "account {} reserves the wrong shares on market {}",
                        position.account, position.market
                    ));
                }
            }
        }
        Ok(())
    }

    fn market_mut(&mut self, market: MarketId) -> Option<&mut Market> {
        market.0.checked_sub(1).and_then(|at| self.markets.get_mut(index(at)))
    }
}
