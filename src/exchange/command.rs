//! What may be asked of an exchange.

use super::account::Role;
use super::market::MarketSpec;
use crate::types::{AccountId, MarketId, NewOrder, OrderId, Outcome, Payout, Shares, Usd, UserId, Venue};
use serde::{Deserialize, Serialize};

/// One thing to do. Commands carry everything they need; time comes beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Trade, or wait to.
    Place(NewOrder),
    /// Take one's own order back.
    Cancel {
        /// Whose it must be.
        account: AccountId,
        /// Which.
        order: OrderId,
    },
    /// Take all one's own orders back, or those on a market, or those on one outcome of it.
    CancelAll {
        /// Whose.
        account: AccountId,
        /// Only on this market.
        market: Option<MarketId>,
        /// Only for this outcome.
        outcome: Option<Outcome>,
    },
    /// The dead-man switch of an account fired: all its orders end.
    CancelDead {
        /// Whose.
        account: AccountId,
    },
    /// A GTD order's moment has come.
    Expire {
        /// Which.
        order: OrderId,
    },
    /// A new purse.
    OpenAccount(OpenAccount),
    /// Play money from nowhere (or back to it, if negative).
    Grant {
        /// To whom.
        account: AccountId,
        /// How much.
        amount: Usd,
    },
    /// A new market.
    ListMarket(Box<MarketSpec>),
    /// Stop trading on a market for now.
    Halt {
        /// Which.
        market: MarketId,
    },
    /// Go on after a halt.
    Resume {
        /// Which.
        market: MarketId,
    },
    /// The answer is known.
    Resolve {
        /// Of which market.
        market: MarketId,
        /// What each outcome pays.
        payout: Payout,
    },
    /// Take what a resolved market owes.
    Redeem {
        /// To whom.
        account: AccountId,
        /// From which market.
        market: MarketId,
    },
    /// Dollars into as many pairs of shares.
    Split {
        /// Whose.
        account: AccountId,
        /// On which market.
        market: MarketId,
        /// How many pairs.
        shares: Shares,
    },
    /// Pairs of shares into as many dollars.
    Merge {
        /// Whose.
        account: AccountId,
        /// On which market.
        market: MarketId,
        /// How many pairs.
        shares: Shares,
    },
    /// Shares of the second outcome of some markets of a group into shares of the first outcome of all its others, and
    /// dollars for all but one of the markets given (polymarket-clob.md §7.7).
    Convert {
        /// Whose.
        account: AccountId,
        /// The markets given, all of one group.
        markets: Vec<MarketId>,
        /// How many shares of each.
        shares: Shares,
        /// The adapter's account, which makes the pairs and keeps the other halves.
        adapter: AccountId,
    },
    /// Start an account over: no orders, no positions, so much cash.
    ResetAccount {
        /// Whose.
        account: AccountId,
        /// Its cash afterwards.
        cash: Usd,
        /// The house account, which takes the positions.
        house: AccountId,
    },
    /// Give back what an order set aside.
    Release {
        /// To whom.
        account: AccountId,
        /// How much.
        amount: Usd,
    },
    /// Pay out what was taken aside.
    PayHeld {
        /// Whose.
        account: AccountId,
        /// How much.
        amount: Usd,
        /// Who gets how much of it; the rest goes to the fees.
        share: Option<(AccountId, Usd)>,
    },
}

/// A purse to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAccount {
    /// Its user: two accounts of one user never trade with each other.
    pub user: UserId,
    /// Where it trades.
    pub venue: Venue,
    /// What it is for.
    pub role: Role,
    /// Its opening cash.
    pub cash: Usd,
}
