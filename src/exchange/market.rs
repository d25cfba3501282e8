//! A market: its facts, its rules and its book.

use super::book::{Grid, Half, Ladder, TickRange};
use super::event::Touch;
use super::fees::FeeSchedule;
use crate::types::{GroupId, MarketId, Outcome, Payout, Price, Shares, Timestamp, Usd, Venue};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// When a resolved market pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// At resolution, to everyone.
    Auto,
    /// When a holder redeems.
    Manual,
}

/// A market as it is listed. What describes it goes through the exchange untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSpec {
    /// Whose market it is.
    pub venue: Venue,
    /// What describes it.
    pub facts: MarketFacts,
    /// Its ticks.
    pub ticks: Vec<TickRange>,
    /// The smallest step in shares.
    pub lot: Shares,
    /// The smallest order in shares.
    pub minimum: Shares,
    /// What a taker pays.
    pub fees: FeeSchedule,
    /// When it pays.
    pub settlement: Settlement,
    /// When trading ends. None: only by resolution.
    pub ends_at: Option<Timestamp>,
    /// The last price known before it was listed here, of the first outcome.
    pub reference: Option<Price>,
    /// Its answer, if that is known already.
    pub resolved: Option<Payout>,
    /// The set of markets of which at most one comes true that it is one of.
    pub group: Option<GroupId>,
}

/// A market's description. No rule reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketFacts {
    /// Polymarket's condition id: `0x` and 64 hex digits. Kalshi: the ticker.
    pub condition_id: String,
    /// Polymarket's question id.
    pub question_id: String,
    /// Polymarket's token ids, first outcome first, as decimal texts. Kalshi: empty.
    pub token_ids: [String; 2],
    /// What the outcomes are called.
    pub labels: [String; 2],
    /// The question.
    pub question: String,
    /// Its name in addresses.
    pub slug: String,
    /// The category, which decides the fee.
    pub category: String,
    /// Gamma's number of it. Kalshi: empty.
    pub gamma_id: String,
    /// Polymarket's id of the set of answers it is one of: `0x` and 64 hex digits, or empty.
    pub neg_risk_id: String,
    /// The event it belongs to: an id, a slug and a title.
    pub event: [String; 3],
    /// Its name within the event.
    pub group_title: String,
    /// Whether it is one answer of a set of which exactly one comes true.
    pub neg_risk: bool,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it is expected to end.
    pub ends_at: Option<Timestamp>,
    /// Dollars traded before it was listed here, in all.
    pub volume_total: Usd,
    /// Dollars traded in the day before it was listed here, if known.
    pub volume_day: Option<Usd>,
    /// What a rolling window is about; none for other markets.
    pub window: Option<Window>,
}

/// A rolling up/down window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The asset, such as `BTC`.
    pub asset: String,
    /// The interval, such as `15M`.
    pub interval: String,
    /// When the window begins.
    pub starts_at: Timestamp,
    /// Its number since the world began.
    pub number: u64,
    /// The asset's price when the window begins, in micro-dollars, once that is known.
    pub strike: Option<Usd>,
}

/// Whether a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It does.
    Open,
    /// Not now.
    Halted,
    /// Never again: the answer is known.
    Resolved(Payout),
}

/// A market with its book.
#[derive(Debug)]
pub struct Market {
    /// Its id.
    pub id: MarketId,
    /// How it was listed.
    pub spec: Arc<MarketSpec>,
    /// Whether it trades.
    pub status: Status,
    /// Its legal prices.
    pub grid: Grid,
    /// Pairs of shares in the world, each backed by a dollar.
    pub outstanding: Shares,
    /// The price of the last trade, in terms of the first outcome.
    pub last_trade: Option<Price>,
    /// Changes with every change of the book, the mark or the status.
    pub version: u64,
    /// When that was last.
    pub changed_at: Timestamp,
    /// Made with the first order and dropped at resolution.
    pub(super) ladder: Option<Ladder>,
    /// Where positions on it are kept.
    pub(super) positions: Vec<u32>,
}

/// A book at one moment, in terms of the first outcome, the best level first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// What is bid for the first outcome.
    pub bids: Vec<(Price, Shares)>,
    /// What is offered of it.
    pub asks: Vec<(Price, Shares)>,
}

impl Market {
    /// Notes that its book, mark or status changed.
    #[inline]
    pub(super) fn change(&mut self, at: Timestamp) {
        self.version += 1;
        self.changed_at = at;
    }

    /// The best level of a half.
    #[must_use]
    pub fn best(&self, half: Half) -> Option<u16> {
        self.ladder.as_ref().and_then(|ladder| ladder.best(half))
    }

    /// The best price of a half, in terms of the first outcome.
    #[must_use]
    pub fn best_price(&self, half: Half) -> Option<Price> {
        self.best(half).map(|level| self.grid.price(level))
    }

    /// The top of the book and the mark.
    #[must_use]
    #[inline]
    pub fn touch(&self) -> Touch {
        let (bid, ask) = (self.best_price(Half::Bid), self.best_price(Half::Ask));
        Touch::new(bid, ask, self.last_trade.or(self.spec.reference))
    }

    /// The whole book.
    #[must_use]
    pub fn depth(&self) -> Depth {
        let Some(ladder) = &self.ladder else { return Depth::default() };
        let side =
            |half| ladder.levels(half).map(|(level, shares)| (self.grid.price(level), shares)).collect();
        Depth { bids: side(Half::Bid), asks: side(Half::Ask) }
    }

    /// Whether the answer is known.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        matches!(self.status, Status::Resolved(_))
    }

    pub(super) fn ladder_mut(&mut self) -> &mut Ladder {
        let grid = &self.grid;
        self.ladder.get_or_insert_with(|| Ladder::new(grid))
    }

    /// A price of the first outcome in an outcome's own terms, and back.
    #[must_use]
    pub fn in_terms_of(outcome: Outcome, price: Price) -> Price {
        match outcome {
            Outcome::Yes => price,
            Outcome::No => price.complement(),
        }
    }
}

impl Touch {
    /// The top of a book with its mark: the last price, or the middle of the book while there is none.
    #[must_use]
    pub fn new(bid: Option<Price>, ask: Option<Price>, last: Option<Price>) -> Self {
        Self { bid, ask, mark: last.or_else(|| midpoint(bid?, ask?)) }
    }
}

fn midpoint(bid: Price, ask: Price) -> Option<Price> {
    Price::new(bid.ten_thousandths().midpoint(ask.ten_thousandths()))
}
