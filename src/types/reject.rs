//! Every reason to refuse, with no transport in it.

use super::{OrderId, Price, Shares, Timestamp, Usd, Venue};
use serde::{Deserialize, Serialize};

/// Why a key, or a session, does not let its holder in, in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum KeyFailure {
    /// No such key, or its owner ended it.
    #[error("invalid key")]
    Unknown,
    /// An administrator turned it off.
    #[error("key deactivated")]
    Deactivated,
    /// Past its end.
    #[error("key expired")]
    Expired,
    /// Its user is gone.
    #[error("key owner not found")]
    OwnerNotFound,
    /// Its user is not on the allowlist, or is flagged.
    #[error("access restricted")]
    Restricted,
}

/// What trading may be restricted to for everyone (polymarket-clob.md §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Restriction {
    /// The engine restarts: orders are neither placed nor taken back.
    #[error("the engine restarts")]
    Restarting,
    /// The same, for good.
    #[error("it is disabled")]
    Disabled,
    /// Orders are only taken back.
    #[error("it is cancel-only")]
    CancelOnly,
    /// Only orders that refuse to take are placed.
    #[error("it is post-only")]
    PostOnly,
}

/// What is wrong with what a builder's user signed for a fee (parsec.md §9.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum FeeFailure {
    /// There is none, and the builder collects fees.
    #[error("fee_auth is required")]
    Missing,
    /// The order names another payer.
    #[error("payer_address must equal fee_auth.payer")]
    OtherPayer,
    /// Its payer is no wallet of whoever signed, or of whoever trades.
    #[error("fee_auth.payer is not the wallet that trades")]
    NotTheirs,
    /// Its moment is over.
    #[error("fee_auth.deadline has passed")]
    Late,
    /// It is less than the least fee.
    #[error("fee_auth.fee_amount is below the minimum fee")]
    TooSmall,
    /// The same was used before.
    #[error("fee_auth.order_id was used before")]
    Used,
    /// It was not signed by the signer that the order names.
    #[error("fee_auth.signature is not valid")]
    Unsigned,
}

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
    /// The administrator restricted trading for everyone, for so many seconds more. Nothing happened.
    #[error("trading is restricted: {to}")]
    Restricted {
        /// To what.
        to: Restriction,
        /// How long it lasts, in seconds; at least one.
        seconds: u32,
    },
    /// The command may or may not be on the tape: its write failed or its result is unknown.
    #[error("the outcome is not known; check before trying again")]
    OutcomeUnknown,
    /// History can't be read at present.
    #[error("history is not available at present")]
    HistoryUnavailable,
    /// Whoever vouched for the command may not do so any more.
    #[error("{0}")]
    NotLetIn(KeyFailure),
    /// The key that vouched for the command may not trade, or not any more.
    #[error("this key may not trade")]
    TradeNotAllowed,
    /// No such user, or it was deleted.
    #[error("user not found")]
    UserNotFound,
    /// No such key, or not the caller's.
    #[error("key not found")]
    KeyNotFound,
    /// The key was revoked, turned off, is past its end, or has a successor already.
    #[error("this key has ended or was rotated before")]
    KeyEnded,
    /// A first key is for those who never had one.
    #[error("this user has a key already")]
    NotFirstKey,
    /// New keys go to admitted users only.
    #[error("new keys are issued to admitted users only")]
    IssuanceClosed,
    /// The plan includes keys, which are being handed out group by group.
    #[error("the plan includes keys, but they are not handed out to it yet")]
    IssuanceComingSoon,
    /// The tier or permission asked for comes with a higher plan.
    #[error("a higher plan is needed")]
    UpgradeNeeded,
    /// The tier or permission asked for comes with no plan one can take.
    #[error("this tier or permission is not open to this user")]
    NotEntitled,
    /// The user has as many active keys as it may.
    #[error("at most {most} active keys; revoke one first")]
    KeysFull {
        /// How many it may have.
        most: u32,
    },
    /// The cohort has as many members as it may.
    #[error("the cohort is full: {active} of {cap}")]
    CohortFull {
        /// Its members.
        active: u32,
        /// How many it may have.
        cap: u32,
    },
    /// The customer has no credentials for a venue, or none that trade.
    #[error("exchange credentials required: {venue}", venue = .0.name())]
    NotLinked(Venue),
    /// The venue does not know the credentials.
    #[error("exchange authentication failed: {venue}", venue = .0.name())]
    ExchangeRefused(Venue),
    /// What signs for a managed wallet has expired.
    #[error("session signer expired: onboard again")]
    SignerExpired,
    /// What was signed for a builder's fee will not do.
    #[error("{0}")]
    BadFee(FeeFailure),
    /// No such account, or not the caller's.
    #[error("account not found")]
    AccountNotFound,
    /// No such wallet, not the caller's, or archived.
    #[error("wallet not found")]
    WalletNotFound,
    /// What was asked cannot be done to a wallet of this kind.
    #[error("not possible with a wallet of this kind")]
    WrongWalletKind,
    /// The plan allows no more wallets, or no more resets of this one for now.
    #[error("the plan allows no more of this")]
    PlanExhausted,
    /// The world holds as many accounts as it may.
    #[error("this exchange holds as many accounts as it may")]
    AccountsFull,
    /// The same idempotency key came with another body.
    #[error("this idempotency key was used with a different body")]
    IdempotencyKeyReused,
    /// The client's order id names another order.
    #[error("this client order id already belongs to order {0}")]
    DuplicateClientOrderId(OrderId),
    /// The plan's orders of this UTC day are used up.
    #[error("no more orders today")]
    DailyOrdersUsed {
        /// Seconds until the next day begins.
        resets_in: u32,
    },
    /// The order's signature is not that of the wallet it names, or is for another market, chain or wallet.
    #[error("invalid signature")]
    BadSignature,
    /// The order names another key than the one that vouches for it.
    #[error("the order owner has to be the owner of the API KEY")]
    NotKeyOwner,
    /// The order's signer is not the wallet that the key belongs to.
    #[error("the order signer address has to be the address of the API KEY")]
    NotKeyAddress,
    /// Wallets of this kind trade only through another kind.
    #[error("maker address not allowed, please use the deposit wallet flow")]
    MakerNotAllowed,
    /// Orders of this generation are not taken.
    #[error("order_version_mismatch")]
    OrderVersion,
    /// The order's nonce is not its wallet's.
    #[error("invalid nonce")]
    WrongNonce,
    /// The order's fee rate is not its market's.
    #[error("invalid fee rate, expected {expected} basis points")]
    WrongFeeRate {
        /// The market's.
        expected: u32,
    },
    /// The same signed order was placed before.
    #[error("order {0} was placed before")]
    DuplicateOrder(OrderId),
    /// A heartbeat did not name the one before it.
    #[error("invalid heartbeat id")]
    WrongHeartbeat {
        /// What the one before it armed, if that has not fired.
        armed: Option<Timestamp>,
    },
    /// No such market.
    #[error("market not found")]
    MarketNotFound,
    /// The market is resolved, closed or past its end.
    #[error("market is closed")]
    MarketClosed,
    /// The market is halted for now.
    #[error("market is halted")]
    MarketHalted,
    /// Another answer of the same set won already, or would then win as well.
    #[error("only one market of this event can come true")]
    GroupDecided,
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
    /// The size is no whole number of the market's lots.
    #[error("the size is not a multiple of {}", lot.plain())]
    OffLot {
        /// The lot, in shares.
        lot: Shares,
    },
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
    /// The first order it would trade with is of the same user.
    #[error("it would trade with an order of the same user")]
    MeetsOwn,
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
