//! The rows of history, as they are written and as they are read.

use super::codes::{ClosedBy, OrderStatus};
use super::project::Step;
use crate::exchange::Moved;
use crate::types::{
    AccountId, CloseReason, KeyId, MarketId, OrderId, OrderKind, Outcome, Price, Sequence, Shares, Side,
    Size, TimeInForce, Timestamp, TradeId, Usd,
};
use crate::world::record::Claim;

/// An order's whole life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub order: OrderId,
    /// The record that placed it.
    pub sequence: Sequence,
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
    /// When it was placed, on the world's clock.
    pub created_at: Timestamp,
    /// The key that vouched for it; none if the world itself did.
    pub key: Option<KeyId>,
    /// The client's own id for it.
    pub client_order_id: Option<Box<str>>,
    /// What a retry brings again.
    pub claim: Option<Claim>,
    /// What became of it so far.
    pub now: Progress,
    /// Its first and its last trade, if there were any.
    pub trades: Option<(TradeId, TradeId)>,
    /// When it ended, if it did.
    pub closed_at: Option<Timestamp>,
    /// What was true when its placement had ended, so that a replayed answer is the first one.
    pub placed: Placement,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// In a word.
    pub status: OrderStatus,
    /// Why it ended; none while it is open.
    pub reason: Option<CloseReason>,
    /// What traded.
    pub filled: Shares,
    /// What that cost or brought, fee not included.
    pub notional: Usd,
    /// The fee.
    pub fee: Usd,
}

/// The end of a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// How far the order was.
    pub progress: Progress,
    /// The account's cash that was not reserved.
    pub available: Usd,
    /// The shares the account held of the outcome, and what they had cost.
    pub holding: (Shares, Usd),
}

/// One side's view of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRow {
    /// Which trade.
    pub trade: TradeId,
    /// Whether this side came, or was there.
    pub is_taker: bool,
    /// The record it is in.
    pub sequence: Sequence,
    /// When, on the world's clock.
    pub at: Timestamp,
    /// Its order.
    pub order: OrderId,
    /// Whose.
    pub account: AccountId,
    /// On which market.
    pub market: MarketId,
    /// Which answer.
    pub outcome: Outcome,
    /// Buy or sell.
    pub side: Side,
    /// The price in the outcome's own terms.
    pub price: Price,
    /// How many.
    pub shares: Shares,
    /// Cash paid or received, fee not included.
    pub notional: Usd,
    /// The fee, zero for a maker.
    pub fee: Usd,
}

/// What an account holds, or held, of one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionRow {
    /// A number that never changes.
    pub id: i64,
    /// Whose.
    pub account: AccountId,
    /// On which market.
    pub market: MarketId,
    /// Which answer.
    pub outcome: Outcome,
    /// Shares held now.
    pub shares: Shares,
    /// What they cost, fees not included.
    pub cost: Usd,
    /// What was won or lost on shares no longer held, fees not included.
    pub realized: Usd,
    /// Shares that ever came in. With `paid` they are the average entry price of a closed position.
    pub bought: Shares,
    /// What those cost, fees not included.
    pub paid: Usd,
    /// Shares that ever left.
    pub sold: Shares,
    /// What those brought, fees not included.
    pub received: Usd,
    /// Fees paid on it.
    pub fees: Usd,
    /// When it was first held.
    pub opened_at: Timestamp,
    /// When and how the last share left; none while shares are held.
    pub closed: Option<(Timestamp, ClosedBy)>,
}

/// One payment of a resolved market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementRow {
    /// The position that was paid: see [`PositionRow::id`].
    pub position: i64,
    /// The record it is in.
    pub sequence: Sequence,
    /// To whom.
    pub account: AccountId,
    /// From which market.
    pub market: MarketId,
    /// For which answer.
    pub outcome: Outcome,
    /// For how many shares.
    pub shares: Shares,
    /// What those had cost, fees not included.
    pub cost: Usd,
    /// How much was paid.
    pub payout: Usd,
    /// What was won or lost by it.
    pub realized: Usd,
    /// When.
    pub at: Timestamp,
}

/// What became of shares or dollars without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConversionKind {
    /// Dollars became pairs.
    Split,
    /// Pairs became dollars.
    Merge,
    /// Shares of one market's second outcome became shares of the first outcomes of its group's others.
    Convert,
}

/// A conversion on one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversionRow {
    /// The record it is in.
    pub sequence: Sequence,
    /// Whose.
    pub account: AccountId,
    /// Which way.
    pub kind: ConversionKind,
    /// On which market.
    pub market: MarketId,
    /// How many pairs, or shares.
    pub shares: Shares,
    /// Cash that came in, or went out if negative.
    pub dollars: Usd,
    /// When.
    pub at: Timestamp,
}

impl ConversionRow {
    pub(super) fn of(step: Step, kind: ConversionKind, moved: &Moved, dollars: Usd) -> Self {
        let shares = if moved.shares.is_negative() { -moved.shares } else { moved.shares };
        let (account, market) = (moved.account, moved.market);
        Self { sequence: step.sequence, account, kind, market, shares, dollars, at: step.at }
    }
}

/// The trades of one stretch of time, in terms of the first outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// When the stretch begins, a multiple of its length.
    pub start: Timestamp,
    /// The first price.
    pub open: Price,
    /// The highest.
    pub high: Price,
    /// The lowest.
    pub low: Price,
    /// The last.
    pub close: Price,
    /// How many shares were traded.
    pub shares: Shares,
    /// What takers paid or received for them.
    pub dollars: Usd,
    /// How many trades there were.
    pub trades: i64,
}

impl Candle {
    /// Adds what came later in the same stretch.
    pub fn extend(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.shares += later.shares;
        self.dollars += later.dollars;
        self.trades += later.trades;
    }
}
