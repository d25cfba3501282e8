//! The whole exchange in canonical form: the same world gives the same bytes, however it came about.

use super::account::{Account, Holding, Position, Role};
use super::book::Open;
use super::market::{MarketSpec, Status};
use super::{Exchange, Limits};
use crate::types::{
    AccountId, MarketId, OrderId, Outcome, Price, Shares, Side, Timestamp, TradeId, Usd, UserId, Venue,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything an exchange is, without where it happens to keep it. Orders of one level come to a book in
/// the order of their ids, so ids are all that its queues need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    limits: Limits,
    next_order: OrderId,
    next_trade: TradeId,
    granted: Usd,
    withdrawn: Usd,
    fees: Usd,
    markets: Vec<MarketState>,
    accounts: Vec<AccountState>,
    /// By account, then market.
    positions: Vec<PositionState>,
    /// By id.
    orders: Vec<OrderState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MarketState {
    spec: Arc<MarketSpec>,
    status: Status,
    outstanding: Shares,
    last_trade: Option<Price>,
    version: u64,
    changed_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AccountState {
    user: UserId,
    venue: Venue,
    role: Role,
    cash: Usd,
    escrow: Usd,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PositionState {
    account: AccountId,
    market: MarketId,
    sides: [Holding; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OrderState {
    id: OrderId,
    account: AccountId,
    market: MarketId,
    outcome: Outcome,
    side: Side,
    level: u16,
    quantity: Shares,
    remaining: Shares,
    expires_at: Option<Timestamp>,
}

impl Exchange {
    /// The canonical form.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut orders: Vec<_> = self.orders.iter().map(|open| self.order_state(&open)).collect();
        orders.sort_unstable_by_key(|order| order.id);
        let mut positions: Vec<_> = self
            .positions
            .iter()
            .map(|found| PositionState { account: found.account, market: found.market, sides: found.sides })
            .collect();
        positions.sort_unstable_by_key(|position| (position.account, position.market));
        Snapshot {
            limits: self.limits,
            next_order: self.next_order,
            next_trade: self.next_trade,
            granted: self.granted,
            withdrawn: self.withdrawn,
            fees: self.fees,
            markets: self.markets.iter().map(MarketState::of).collect(),
            accounts: self.accounts.iter().map(AccountState::of).collect(),
            positions,
            orders,
        }
    }

    fn order_state(&self, open: &Open) -> OrderState {
        OrderState {
            id: open.id,
            account: open.account,
            market: open.market,
            outcome: open.outcome,
            side: open.side,
            level: open.level,
            quantity: open.quantity,
            remaining: open.remaining,
            expires_at: self.expiry(open.id),
        }
    }

    /// The exchange a snapshot was taken of.
    ///
    /// # Errors
    /// What does not fit together, if the snapshot was not taken by [`Self::snapshot`].
    pub fn restore(snapshot: &Snapshot) -> Result<Self, String> {
        let mut exchange = Self::new(snapshot.limits);
        for market in &snapshot.markets {
            let listed = exchange.list_market(&market.spec, &mut Vec::new());
            listed.map_err(|reject| format!("a market can't be listed: {reject}"))?;
            let at = exchange.markets.len() - 1;
            exchange.markets[at].status = market.status;
            exchange.markets[at].outstanding = market.outstanding;
            exchange.markets[at].last_trade = market.last_trade;
        }
        for (number, state) in (1..).zip(&snapshot.accounts) {
            let mut account =
                Account::new(AccountId(number), state.user, state.venue, state.role, state.cash);
            account.escrow = state.escrow;
            exchange.accounts.push(account);
        }
        for state in &snapshot.positions {
            exchange.restore_position(state)?;
        }
        if !snapshot.orders.is_sorted_by(|earlier, later| earlier.id < later.id) {
            return Err("orders out of order".to_owned());
        }
        for state in &snapshot.orders {
            exchange.restore_order(state, snapshot.next_order)?;
        }
        for (market, state) in exchange.markets.iter_mut().zip(&snapshot.markets) {
            market.version = state.version;
            market.changed_at = state.changed_at;
        }
        exchange.next_order = snapshot.next_order;
        exchange.next_trade = snapshot.next_trade;
        exchange.granted = snapshot.granted;
        exchange.withdrawn = snapshot.withdrawn;
        exchange.fees = snapshot.fees;
        exchange.check()?;
        Ok(exchange)
    }

    fn restore_position(&mut self, state: &PositionState) -> Result<(), String> {
        if self.account(state.account).is_none() || self.market(state.market).is_none() {
            return Err("a position of nobody or on nothing".to_owned());
        }
        let slot = self.position_slot(state.account, state.market);
        // Reservations come back with the orders that made them.
        for (outcome, holding) in Outcome::BOTH.into_iter().zip(state.sides) {
            *self.positions.holding_mut(slot, outcome) = Holding { reserved: Shares::ZERO, ..holding };
        }
        Ok(())
    }

    fn restore_order(&mut self, state: &OrderState, next: OrderId) -> Result<(), String> {
        let market = self.market(state.market).ok_or("an order on no market")?;
        if state.id.0 == 0 || state.id >= next || market.is_resolved() || !state.remaining.is_positive() {
            return Err("an order that can't be open".to_owned());
        }
        if self.account(state.account).is_none() || state.level == 0 || state.level >= market.grid.levels() {
            return Err("an order of nobody or at no price".to_owned());
        }
        let position = self.position_slot(state.account, state.market);
        let open = Open::new(
            state.id,
            state.account,
            state.market,
            position,
            (state.side, state.outcome),
            state.level,
            (state.quantity, state.remaining),
            state.expires_at.is_some(),
        );
        let hold = self.hold_of(&open);
        self.rest_open(open, hold);
        if let Some(expires_at) = state.expires_at {
            self.expiring.insert((expires_at, state.id));
            self.expiries.insert(state.id, expires_at);
        }
        Ok(())
    }
}

impl MarketState {
    fn of(market: &super::Market) -> Self {
        Self {
            spec: Arc::clone(&market.spec),
            status: market.status,
            outstanding: market.outstanding,
            last_trade: market.last_trade,
            version: market.version,
            changed_at: market.changed_at,
        }
    }
}

impl AccountState {
    fn of(account: &Account) -> Self {
        Self {
            user: account.user,
            venue: account.venue,
            role: account.role,
            cash: account.cash,
            escrow: account.escrow,
        }
    }
}

impl Snapshot {
    /// How many accounts it holds, for reports.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }
}

impl Position {
    /// Whether nothing is held of either outcome.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.shares.is_zero())
    }
}
