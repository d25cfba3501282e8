//! What happened, and what the one who asked is told.

use super::account::Holding;
use crate::types::{
    AccountId, CloseReason, MarketId, OrderId, OrderKind, Outcome, Payout, Price, Shares, Side, Size,
    TimeInForce, Timestamp, TradeId, Usd, UserId, Venue,
};
use serde::{Deserialize, Serialize};

/// One change. The events of a command say everything that changed, so that a ledger or a stream needs
/// no rules of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An order was accepted. Its trades, if any, follow.
    Placed(Placed),
    /// Two orders met.
    Traded(Trade),
    /// What did not trade waits in the book.
    Rested {
        /// Which order.
        order: OrderId,
        /// Its market.
        market: MarketId,
        /// Its price in terms of the first outcome.
        price: Price,
        /// Which answer.
        outcome: Outcome,
        /// Buy or sell.
        side: Side,
        /// What waits.
        remaining: Shares,
    },
    /// An order ended.
    Closed {
        /// Which.
        order: OrderId,
        /// Its market.
        market: MarketId,
        /// Whose.
        account: AccountId,
        /// Its price in terms of the first outcome.
        price: Price,
        /// Which answer.
        outcome: Outcome,
        /// Buy or sell.
        side: Side,
        /// What had rested and was taken out of the book; zero if it never rested or all of it traded.
        unrested: Shares,
        /// Why.
        reason: CloseReason,
    },
    /// A purse was opened.
    AccountOpened {
        /// Its id.
        account: AccountId,
        /// Its user.
        user: UserId,
        /// Where it trades.
        venue: Venue,
        /// Its opening cash.
        cash: Usd,
    },
    /// Cash from nowhere, or back to it.
    Granted {
        /// To whom.
        account: AccountId,
        /// How much; negative if it was taken back.
        amount: Usd,
    },
    /// A market was listed.
    MarketListed {
        /// Its id.
        market: MarketId,
    },
    /// Trading was halted, or goes on.
    MarketHalted {
        /// Which market.
        market: MarketId,
        /// Whether it is halted now.
        halted: bool,
    },
    /// A market's answer became known. Payments, if any, follow.
    MarketResolved {
        /// Which market.
        market: MarketId,
        /// What each outcome pays.
        payout: Payout,
        /// What halving left over, booked as fees.
        dust: Usd,
    },
    /// A holding was paid.
    Settled(Moved),
    /// Dollars became pairs, or pairs dollars. Where a group's shares are converted, one account pays and keeps one half
    /// while another gets the other.
    Converted {
        /// Whose, and what it did to the first outcome's holding.
        yes: Moved,
        /// The same of the second.
        no: Moved,
    },
    /// A holding passed to the adapter, which may have paid for it.
    Pooled {
        /// What the account gave, and got for it.
        from: Moved,
        /// What the adapter got.
        to: Moved,
    },
    /// A holding passed to the house when its account was started over.
    Surrendered {
        /// What the account gave.
        from: Moved,
        /// What the house got.
        to: Moved,
    },
    /// A market got finer ticks. Orders stay where they are.
    TicksRefined {
        /// Which market.
        market: MarketId,
        /// Its tick before.
        from: Price,
        /// Its tick from now on, a part of that.
        to: Price,
    },
    /// An order set cash aside.
    Held {
        /// Whose.
        account: AccountId,
        /// How much.
        amount: Usd,
    },
    /// What had been taken aside was given back.
    Released {
        /// To whom.
        account: AccountId,
        /// How much.
        amount: Usd,
    },
    /// What had been taken aside was paid.
    HeldPaid {
        /// Whose it was.
        account: AccountId,
        /// How much.
        amount: Usd,
        /// Who got how much of it; the fees got the rest.
        share: Option<(AccountId, Usd)>,
    },
}

/// An accepted order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its id.
    pub order: OrderId,
    /// Whose.
    pub account: AccountId,
    /// On which market.
    pub market: MarketId,
    /// Which answer.
    pub outcome: Outcome,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// How much was wanted, after cutting to the lot.
    pub size: Size,
    /// Its limit in its own outcome's terms.
    pub limit: Price,
    /// How long it may wait.
    pub tif: TimeInForce,
    /// Whether it refuses to take.
    pub post_only: bool,
}

/// One side's view of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its order.
    pub order: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// What moved.
    pub moved: Moved,
}

/// What a match, a payment or a conversion did to one holding and its purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Whose.
    pub account: AccountId,
    /// On which market.
    pub market: MarketId,
    /// Which answer.
    pub outcome: Outcome,
    /// Shares gained, or lost if negative.
    pub shares: Shares,
    /// Cash gained, or paid if negative, fee not included.
    pub cash: Usd,
    /// The fee, paid from cash as well.
    pub fee: Usd,
    /// The holding afterwards.
    pub after: Holding,
}

/// One match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its id.
    pub trade: TradeId,
    /// On which market.
    pub market: MarketId,
    /// The maker's price in terms of the first outcome.
    pub price: Price,
    /// How many shares of each party's outcome.
    pub shares: Shares,
    /// Who came.
    pub taker: Party,
    /// Who was there.
    pub maker: Party,
    /// What the maker's order still has in the book.
    pub maker_remaining: Shares,
}

/// The top of a book and the mark, in terms of the first outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// The best bid.
    pub bid: Option<Price>,
    /// The best ask.
    pub ask: Option<Price>,
    /// What a share is valued at.
    pub mark: Option<Price>,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It was done; there is nothing more to say.
    Done,
    /// An order was accepted.
    Placed {
        /// Its id.
        order: OrderId,
        /// What traded at once.
        filled: Shares,
        /// What that cost or brought, fee not included.
        notional: Usd,
        /// The fee.
        fee: Usd,
        /// What rests.
        resting: Shares,
        /// Why it ended, if it did.
        closed: Option<CloseReason>,
        /// Cash that is not reserved, afterwards.
        available: Usd,
        /// The holding afterwards.
        holding: Holding,
        /// The book just before.
        before: Touch,
        /// How many levels it took from.
        levels: u16,
        /// Its first trade, if there was one; the others' numbers follow.
        first_trade: TradeId,
        /// How many trades there were.
        trades: u32,
        /// When.
        at: Timestamp,
    },
    /// An order was taken back.
    Canceled {
        /// What it was.
        order: OrderId,
        /// Its market.
        market: MarketId,
        /// Which answer.
        outcome: Outcome,
        /// Buy or sell.
        side: Side,
        /// Its limit in its own outcome's terms.
        limit: Price,
        /// What was asked for.
        quantity: Shares,
        /// What had not traded.
        remaining: Shares,
        /// Cash that is not reserved, afterwards.
        available: Usd,
    },
    /// Orders were taken back; their [`Event::Closed`] say which.
    CanceledMany {
        /// How many.
        orders: u32,
    },
    /// An account was opened.
    Opened(AccountId),
    /// A market was listed.
    Listed(MarketId),
    /// Cash was paid.
    Paid(Usd),
    /// An account was started over.
    Reset {
        /// Holdings given up.
        positions: u32,
        /// Orders ended.
        orders: u32,
        /// Its cash now.
        cash: Usd,
    },
}
