//! What an order says, in the field's own words.

use super::{AccountId, MarketId, Price, Shares, Timestamp, Usd};
use serde::{Deserialize, Serialize};

/// Whose market it is. Accounts and positions never mix venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Venue {
    /// Polymarket: lots of 0.0001 share, fees truncated to 0.00001 dollar.
    Polymarket,
    /// Kalshi: lots of 0.01 share, fees rounded up to the cent.
    Kalshi,
}

impl Venue {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Polymarket, Self::Kalshi];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polymarket => "polymarket",
            Self::Kalshi => "kalshi",
        }
    }

    /// The venue that a word names.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|venue| venue.name() == word)
    }
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Pays dollars for shares.
    Buy,
    /// Gives shares for dollars.
    Sell,
}

/// One of a market's two answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The first outcome, usually labelled "Yes" or "Up"; the book is kept in its terms.
    Yes,
    /// The second outcome, usually labelled "No" or "Down".
    No,
}

impl Outcome {
    /// Both, in the market's order.
    pub const BOTH: [Self; 2] = [Self::Yes, Self::No];

    /// The other answer.
    #[must_use]
    pub const fn complement(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
        }
    }

    /// 0 for the first outcome, 1 for the second.
    #[must_use]
    pub const fn position(self) -> usize {
        match self {
            Self::Yes => 0,
            Self::No => 1,
        }
    }
}

/// How long an order may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Until filled or canceled.
    Gtc,
    /// Until filled, canceled or the moment given.
    Gtd(Timestamp),
    /// What is there now; the rest is canceled. Polymarket says FAK.
    Ioc,
    /// All of it now, or nothing.
    Fok,
}

impl TimeInForce {
    /// Whether what does not fill at once may rest.
    #[must_use]
    pub const fn may_rest(self) -> bool {
        matches!(self, Self::Gtc | Self::Gtd(_))
    }
}

/// Whether the price is one to rest at or only the worst to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderKind {
    /// Has a price of its own, on the tick.
    Limit,
    /// Takes what is there up to a worst price, which may lie off the tick.
    Market,
}

/// How much is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Size {
    /// So many shares.
    Shares(Shares),
    /// Shares for at most so many dollars, fee not included. Market buys only.
    Dollars(Usd),
}

/// How a limit that is not on the tick is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitRule {
    /// It must be on the tick.
    OnTick,
    /// A worst price: put on the tick, downwards for a buy and upwards for a sell.
    Worst,
}

/// What differs between services, from a constant table of the surface (design §4). The core enforces it.
#[expect(clippy::struct_excessive_bools, reason = "each is a term of its own, and any may go with any")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The smallest dollar size of a market buy, in micro-dollars.
    pub notional_min: Usd,
    /// What a limit buy that takes something at once must be worth at its limit, in micro-dollars.
    pub taking_min: Usd,
    /// How far ahead a GTD expiry must lie, in milliseconds.
    pub gtd_lead_ms: i64,
    /// Whether a sale of everything that is left may be below the market's minimum size.
    pub may_sell_dust: bool,
    /// Whether a market order may be below the market's minimum size.
    pub may_take_less: bool,
    /// Whether an order that meets one of its own user before anything else is refused, and not placed and ended.
    pub refuses_own: bool,
    /// Whether a size that is no whole number of lots is refused, and not cut to one.
    pub whole_lots: bool,
    /// What its account sets aside with it for a fee of somebody else's, in micro-dollars; 0 for none.
    pub set_aside: Usd,
}

impl Terms {
    /// No terms besides the market's own rules, but that dust may be sold.
    pub const PLAIN: Self = Self {
        notional_min: Usd::ZERO,
        taking_min: Usd::ZERO,
        gtd_lead_ms: 0,
        may_sell_dust: true,
        may_take_less: false,
        refuses_own: false,
        whole_lots: false,
        set_aside: Usd::ZERO,
    };
}

/// A wish to trade, complete and parsed. Whether it is accepted is the core's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Whose cash and shares are meant.
    pub account: AccountId,
    /// On which market.
    pub market: MarketId,
    /// Which answer.
    pub outcome: Outcome,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// Shares, or dollars for a market buy.
    pub size: Size,
    /// The limit, or the worst price of a market order.
    pub limit: Price,
    /// How long it may wait.
    pub tif: TimeInForce,
    /// Refuse to take.
    pub post_only: bool,
    /// The service's own terms.
    pub terms: Terms,
}

/// Why an order is no longer open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseReason {
    /// All of it traded.
    Filled,
    /// Its owner asked.
    Canceled,
    /// It could not fill at once and was not allowed to wait.
    Unfilled,
    /// It met an order of the same user; what was left was canceled.
    SelfTrade,
    /// Its GTD moment came.
    GtdExpired,
    /// The dead-man switch of its account fired.
    HeartbeatMissed,
    /// Its market was resolved.
    MarketResolved,
    /// Its account was reset.
    AccountReset,
}

/// What each outcome pays at resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payout {
    /// One dollar a share to one outcome, nothing to the other.
    Winner(Outcome),
    /// Half a dollar a share to both, rounded down to the micro-dollar; the dust goes to fees.
    Split,
}

impl Payout {
    /// What `shares` of `outcome` pay.
    #[must_use]
    pub fn pays(self, outcome: Outcome, shares: Shares) -> Usd {
        match self {
            Self::Winner(winner) if winner == outcome => shares.face_value(),
            Self::Winner(_) => Usd::ZERO,
            Self::Split => Usd::from_micros(shares.micros() / 2),
        }
    }
}
