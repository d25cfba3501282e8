//! Purses and what they hold.

use crate::types::{
    AccountId, MarketId, OrderId, Outcome, Payout, Reject, Shares, Usd, UserId, Venue, index,
};
use serde::{Deserialize, Serialize};

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A user's. Nothing in it goes below zero.
    Trader,
    /// The house's: it keeps the books alive and takes what resets leave behind. Its cash may go below zero.
    House,
    /// The neg-risk adapter's: it pays for pairs with what the halves it keeps are bound to bring.
    Adapter,
}

/// How far below zero the house may go: far enough never to matter, and far from where sums of `i64` end.
const CREDIT_MAX: Usd = Usd::from_dollars(1_000_000_000_000);

/// A purse. Positions are in it, but only on markets of its venue.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its user.
    pub user: UserId,
    /// Where it trades.
    pub venue: Venue,
    /// What it is for.
    pub role: Role,
    /// Cash, that which is reserved for open orders included.
    pub cash: Usd,
    /// Cash reserved for open orders.
    pub reserved: Usd,
    /// Cash taken aside for fees of others. It is not part of `cash`.
    pub escrow: Usd,
    /// How many orders are open.
    pub open_orders: u32,
    /// Where its positions are kept, in the order of markets.
    pub(super) positions: Vec<(MarketId, u32)>,
    /// Its open orders in the order of ids, closed ones among them until there are too many.
    pub(super) orders: Vec<OrderId>,
}

impl Account {
    pub(super) fn new(id: AccountId, user: UserId, venue: Venue, role: Role, cash: Usd) -> Self {
        Self {
            id,
            user,
            venue,
            role,
            cash,
            reserved: Usd::ZERO,
            escrow: Usd::ZERO,
            open_orders: 0,
            positions: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// Cash that may be spent.
    #[must_use]
    pub fn available(&self) -> Usd {
        self.cash - self.reserved
    }

    /// Whether anything may be done in its name. An adapter only stands between others: whatever else it did could leave
    /// it with less than it is bound to pay.
    pub(super) fn may_act(&self) -> Result<(), Reject> {
        match self.role {
            Role::Trader | Role::House => Ok(()),
            Role::Adapter => Err(Reject::Unsupported),
        }
    }

    /// Whether the purse can pay so much, now.
    pub(super) fn covers(&self, needed: Usd) -> bool {
        let credit = match self.role {
            Role::House | Role::Adapter => CREDIT_MAX,
            Role::Trader => Usd::ZERO,
        };
        needed <= self.available() + credit
    }
}

/// What an account holds of one outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Shares, those reserved for open sales included.
    pub shares: Shares,
    /// Shares reserved for open sales.
    pub reserved: Shares,
    /// What the shares held now cost, fees not included. With `shares` it is the average price.
    pub cost: Usd,
    /// What was won or lost on shares no longer held, fees not included.
    pub realized: Usd,
}

impl Holding {
    /// Shares that may be sold.
    #[must_use]
    pub fn free(&self) -> Shares {
        self.shares - self.reserved
    }

    /// Shares come in at a cost.
    pub(super) fn gain(&mut self, shares: Shares, cost: Usd) {
        self.shares += shares;
        self.cost += cost;
    }

    /// What some of the shares have cost: in proportion, rounded down; all of them, all that is left.
    pub(super) fn cost_of(&self, shares: Shares) -> Usd {
        if shares == self.shares {
            return self.cost;
        }
        let part =
            i128::from(self.cost.micros()) * i128::from(shares.micros()) / i128::from(self.shares.micros());
        Usd::from_micros(i64::try_from(part).expect("BUG: a part beyond its whole"))
    }

    /// Shares leave for so much, and their cost with them.
    pub(super) fn lose(&mut self, shares: Shares, proceeds: Usd) {
        let cost = self.cost_of(shares);
        self.shares -= shares;
        self.cost -= cost;
        self.realized += proceeds - cost;
    }
}

/// What an account holds on one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Whose.
    pub account: AccountId,
    /// On which market.
    pub market: MarketId,
    /// The first outcome's holding, then the second's.
    pub sides: [Holding; 2],
}

impl Position {
    /// What it is owed once the answer is known.
    pub(super) fn pays(&self, payout: Payout) -> Usd {
        Outcome::BOTH.iter().map(|outcome| payout.pays(*outcome, self.of(*outcome).shares)).sum()
    }

    /// The holding of one outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> &Holding {
        &self.sides[outcome.position()]
    }
}

/// Every position, at a place that does not move: an open order remembers it.
#[derive(Debug, Default)]
pub(super) struct Positions {
    all: Vec<Position>,
}

impl Positions {
    pub(super) fn get(&self, slot: u32) -> &Position {
        &self.all[index(slot)]
    }

    pub(super) fn holding_mut(&mut self, slot: u32, outcome: Outcome) -> &mut Holding {
        &mut self.all[index(slot)].sides[outcome.position()]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Position> {
        self.all.iter()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, &Position)> {
        (0_u32..).zip(&self.all)
    }

    pub(super) fn add(&mut self, position: Position) -> u32 {
        self.all.push(position);
        u32::try_from(self.all.len() - 1).expect("BUG: four billion positions")
    }
}
