//! Every reason to refuse, with no transport in it.

use super::{OrderId, Price, Shares, Timestamp, Usd};
use serde::{Deserialize, Serialize};

/// Why a command or a question was refused. Each surface answers all of these in its own words, without a
/// wildcard. The order is the order of precedence within a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Reject {
    /// The mailbox is full. Nothing happened; ask again.
    #[error("the exchange is busy; nothing was done")]
    Overloaded,
    /// The world does not accept commands at present. Nothing happened.
    #[error("the exchange is not accepting orders: {0}")]
    Stopped(String),
    /// The command may or may not be on the tape: its write failed or its result is unknown.
    #[error("the outcome is not known; check before trying again")]
    OutcomeUnknown,
    /// History can't be read at present.
    #[error("history is not available at present")]
    HistoryUnavailable,
    /// The key that authorised the command is no longer valid.
    #[error("the key is not valid any more")]
    KeyNoLongerValid,
    /// No such account, or not the caller's.
    #[error("account not found")]
    AccountNotFound,
    /// The world holds as many accounts as it may.
    #[error("this exchange holds as many accounts as it may")]
    AccountsFull,
    /// The same idempotency key came with another body.
    #[error("this idempotency key was used with a different body")]
    IdempotencyKeyReused,
    /// The client's order id names another order.
    #[error("this client order id already belongs to order {0}")]
    DuplicateClientOrderId(OrderId),
    /// No such market.
    #[error("market not found")]
    MarketNotFound,
    /// The market is resolved, closed or past its end.
    #[error("market is closed")]
    MarketClosed,
    /// The market is halted for now.
    #[error("market is halted")]
    MarketHalted,
    /// The account belongs to another venue than the market.
    #[error("this account cannot trade on this venue")]
    WrongVenue,
    /// This kind of order exists nowhere here: for instance dollars for a sale.
    #[error("this combination of order options is not supported")]
    Unsupported,
    /// A limit off the market's tick.
    #[error("price {price} breaks the minimum tick size {tick}", price = price.plain(), tick = tick.plain())]
    OffTick {
        /// The price asked for.
        price: Price,
        /// The tick at that price.
        tick: Price,
    },
    /// Not a positive number of lots.
    #[error("quantity must be positive")]
    InvalidQuantity,
    /// Fewer shares than the market's minimum.
    #[error("size is below the minimum of {minimum}", minimum = minimum.plain())]
    BelowMinimumSize {
        /// The market's minimum size.
        minimum: Shares,
    },
    /// Fewer dollars than the service's minimum.
    #[error("amount is below the minimum of ${minimum}", minimum = minimum.plain())]
    BelowMinimumNotional {
        /// The service's minimum.
        minimum: Usd,
    },
    /// A GTD moment that is past or too near.
    #[error("expiration must be later")]
    InvalidExpiration {
        /// The earliest moment that would do.
        earliest: Timestamp,
    },
    /// Post-only together with an order that must not rest.
    #[error("post-only orders must be able to rest")]
    PostOnlyMustRest,
    /// A post-only order would take.
    #[error("post-only order would cross the book")]
    PostOnlyWouldCross,
    /// Available cash does not cover it.
    #[error("not enough cash: {needed} needed, {available} available", needed = needed.plain(), available = available.plain())]
    InsufficientFunds {
        /// What the order needs at worst.
        needed: Usd,
        /// What is not reserved.
        available: Usd,
    },
    /// Unreserved shares do not cover it.
    #[error("not enough shares: {needed} needed, {available} available", needed = needed.plain(), available = available.plain())]
    InsufficientPosition {
        /// What the order sells.
        needed: Shares,
        /// What is held and not reserved.
        available: Shares,
    },
    /// The whole side of the book is smaller than the order.
    #[error("not enough liquidity in the book")]
    InsufficientLiquidity,
    /// A market order could not be filled at its worst price as its time in force demands.
    #[error("the order could not be filled at its price")]
    NotFillable,
    /// No such order, or not the caller's.
    #[error("order not found")]
    OrderNotFound,
    /// The order is not open any more, or never rested.
    #[error("order is not open")]
    OrderNotOpen,
    /// The market was not resolved yet.
    #[error("market is not resolved")]
    MarketNotResolved,
    /// A limit of the exchange itself was reached.
    #[error("the limit of {0} was reached")]
    LimitReached(String),
    /// A fault of ours; its cause is in the log.
    #[error("internal error")]
    Internal,
}
