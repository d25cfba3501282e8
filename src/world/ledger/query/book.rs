//! Books as they once stood. Nobody wrote them down: what rests in a book and what is taken from it was, and that is all
//! that changes one.
//!
//! An order rests from its placement until it is closed, with what its placement left of it less what others took of
//! it since. Moments are milliseconds: of several changes in one, only what all of them made of the book is known.

use super::{epoch, id_at};
use crate::exchange::{Depth, Market};
use crate::types::{MarketId, Outcome, Price, Shares, Side, Timestamp, index};
use crate::world::ledger::codes::Columns;
use rusqlite::{Connection, OptionalExtension, Result};
use std::collections::BTreeMap;

/// Which moments of a market's book are wanted.
#[derive(Clone, Copy, Debug)]
pub struct BookSpan {
    /// Which market.
    pub market: MarketId,
    /// Changes after this moment.
    pub from: Timestamp,
    /// Whether the book as it stood then comes first, unless it was empty.
    pub with_first: bool,
    /// Changes until this moment, itself included.
    pub to: Timestamp,
    /// At most so many moments.
    pub limit: u32,
    /// So many levels of each half, the best ones. What changes behind them is no change.
    pub levels: usize,
}

/// A book after everything that happened in a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookMoment {
    /// When.
    pub at: Timestamp,
    /// The book then, in terms of the first outcome.
    pub depth: Depth,
}

/// How a book changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookMoments {
    /// Moments in which it did, the oldest first.
    pub moments: Vec<BookMoment>,
    /// From where on there may be more.
    pub next: Option<Timestamp>,
}

impl BookMoment {
    /// The levels of one outcome: bids and asks, the best first.
    #[must_use]
    pub fn levels(&self, outcome: Outcome) -> [Vec<(Price, Shares)>; 2] {
        let own = |levels: &[(Price, Shares)]| -> Vec<_> {
            levels.iter().map(|(price, shares)| (Market::in_terms_of(outcome, *price), *shares)).collect()
        };
        let Depth { bids, asks } = &self.depth;
        match outcome {
            Outcome::Yes => [own(bids), own(asks)],
            // Who sells the first outcome at a price bids for the second at its complement.
            Outcome::No => [own(asks), own(bids)],
        }
    }
}

/// An order that rested.
struct Rested {
    is_bid: bool,
    /// In terms of the first outcome.
    price: Price,
    /// What is left of it.
    left: Shares,
    /// The first fill that is not taken off that already.
    next_fill: i64,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Rests { order: i64 },
    Taken { order: i64, shares: Shares },
    Ends { order: i64 },
}

/// Everything that happened, by moment. What happened before the first one is counted to it.
struct Story {
    rested: BTreeMap<i64, Rested>,
    changes: BTreeMap<Timestamp, Vec<Change>>,
}

/// How a market's book changed.
///
/// # Errors
/// The database's.
pub fn book_moments(db: &Connection, span: &BookSpan) -> Result<BookMoments> {
    if span.from > span.to {
        return Ok(BookMoments::default());
    }
    let epoch = epoch(db)?;
    let until = until(db, epoch, span)?;
    let story = story(db, epoch, span, until)?;
    let mut moments = story.told(span);
    let limit = index(span.limit);
    let is_cut = moments.len() > limit;
    moments.truncate(limit);
    let next = match moments.last() {
        Some(last) if is_cut => Some(last.at),
        Some(_) | None => (until < span.to).then_some(until),
    };
    Ok(BookMoments { moments, next })
}

/// Until when the book is made again: as far as wanted, but not much beyond as many changes as are wanted.
fn until(db: &Connection, epoch: i64, span: &BookSpan) -> Result<Timestamp> {
    let market = i64::from(span.market.0);
    let ended: Option<i64> = db
        .prepare_cached(
            "SELECT closed_at FROM orders INDEXED BY orders_rested \
             WHERE epoch = ? AND market = ? AND placed_status = 0 AND closed_at > ? \
             ORDER BY closed_at LIMIT 1 OFFSET ?",
        )?
        .query_row([epoch, market, span.from.millis(), i64::from(span.limit)], |row| row.get(0))
        .optional()?;
    let first = id_at(db, "fills", "at", span.from.plus_millis(1))?;
    let traded: Option<i64> = db
        .prepare_cached(
            "SELECT at FROM fills INDEXED BY fills_of_market \
             WHERE epoch = ? AND market = ? AND id & 1 AND id >= ? ORDER BY id LIMIT 1 OFFSET ?",
        )?
        .query_row([epoch, market, first, i64::from(span.limit)], |row| row.get(0))
        .optional()?;
    let bounds = ended.into_iter().chain(traded).map(Timestamp::from_millis);
    Ok(bounds.fold(span.to, Timestamp::min))
}

fn story(db: &Connection, epoch: i64, span: &BookSpan, until: Timestamp) -> Result<Story> {
    let mut story = Story { rested: BTreeMap::new(), changes: BTreeMap::new() };
    let mut ends = Vec::new();
    let first_after = id_at(db, "fills", "at", span.from.plus_millis(1))?;
    let mut first_fill = first_after;
    let columns = "SELECT id, outcome, side, price_limit, size, placed_filled, filled, created_at, closed_at, \
                   first_trade, last_trade FROM orders INDEXED BY orders_rested \
                   WHERE epoch = ?1 AND market = ?2 AND placed_status = 0 AND id < ?4";
    let mut statement = db
        .prepare_cached(&format!("{columns} AND closed_at > ?3 UNION ALL {columns} AND closed_at IS NULL"))?;
    let orders_end = id_at(db, "orders", "created_at", until.plus_millis(1))?;
    let mut rows = statement.query([epoch, i64::from(span.market.0), span.from.millis(), orders_end])?;
    while let Some(row) = rows.next()? {
        let mut row = Columns::of(row);
        let (id, outcome, side) = (row.take()?, row.word()?, row.word()?);
        let price = Market::in_terms_of(outcome, row.word()?);
        let [size, placed_filled, filled] = [row.take()?, row.take()?, row.take()?].map(Shares::from_micros);
        let created_at = Timestamp::from_millis(row.take()?);
        let closed_at: Option<i64> = row.take()?;
        let [first_trade, last_trade]: [Option<i64>; 2] = [row.take()?, row.take()?];
        // What was taken off it before is in one number, unless something was taken off it afterwards too.
        let is_past = created_at <= span.from && last_trade.is_none_or(|trade| trade * 2 < first_after);
        let (left, next_fill) =
            if is_past { (size - filled, first_after) } else { (size - placed_filled, 0) };
        if !is_past && let Some(trade) = first_trade {
            first_fill = first_fill.min(trade * 2);
        }
        story.note(created_at.max(span.from), Change::Rests { order: id });
        let ended = closed_at.map(Timestamp::from_millis).filter(|ended| *ended <= until);
        ends.extend(ended.map(|ended| (ended, id)));
        story.rested.insert(id, Rested { is_bid: is_bid(outcome, side), price, left, next_fill });
    }
    story.take(db, (epoch, span), (first_fill, until))?;
    // Last, because what is filled whole is taken and ended in one moment.
    for (ended, order) in ends {
        story.note(ended, Change::Ends { order });
    }
    Ok(story)
}

/// Who buys one outcome or sells the other bids for the first.
fn is_bid(outcome: Outcome, side: Side) -> bool {
    match side {
        Side::Buy => outcome == Outcome::Yes,
        Side::Sell => outcome == Outcome::No,
    }
}

impl Story {
    fn note(&mut self, at: Timestamp, change: Change) {
        self.changes.entry(at).or_default().push(change);
    }

    /// Notes what was taken off orders while they rested: the makers' rows, which stand before the takers'.
    fn take(
        &mut self,
        db: &Connection,
        (epoch, span): (i64, &BookSpan),
        (first_fill, until): (i64, Timestamp),
    ) -> Result<()> {
        let mut statement = db.prepare_cached(
            "SELECT maker.id, maker.order_id, maker.at, maker.shares \
             FROM fills taker INDEXED BY fills_of_market CROSS JOIN fills maker ON maker.id = taker.id - 1 \
             WHERE taker.epoch = ? AND taker.market = ? AND taker.id & 1 AND taker.id >= ? AND taker.id < ? \
             ORDER BY taker.id",
        )?;
        let end = id_at(db, "fills", "at", until.plus_millis(1))?;
        let mut rows = statement.query([epoch, i64::from(span.market.0), first_fill, end])?;
        while let Some(row) = rows.next()? {
            let mut row = Columns::of(row);
            let (id, order): (i64, i64) = (row.take()?, row.take()?);
            let (at, shares) = (Timestamp::from_millis(row.take()?), Shares::from_micros(row.take()?));
            if self.rested.get(&order).is_some_and(|rested| rested.next_fill <= id) {
                self.note(at.max(span.from), Change::Taken { order, shares });
            }
        }
        Ok(())
    }

    /// The moments in which what is shown of the book changed; one more than wanted, if there are so many.
    fn told(mut self, span: &BookSpan) -> Vec<BookMoment> {
        let mut levels = Levels::default();
        let mut moments = Vec::new();
        let mut last = Depth::default();
        for (at, changes) in std::mem::take(&mut self.changes) {
            for change in changes {
                self.apply(change, &mut levels);
            }
            let depth = levels.depth(span.levels);
            let is_shown = depth != last && (at > span.from || span.with_first);
            last.clone_from(&depth);
            if is_shown {
                moments.push(BookMoment { at, depth });
            }
            if moments.len() > index(span.limit) {
                break;
            }
        }
        moments
    }

    fn apply(&mut self, change: Change, levels: &mut Levels) {
        let (Change::Rests { order } | Change::Taken { order, .. } | Change::Ends { order }) = change;
        let rested = self.rested.get_mut(&order).expect("BUG: a change of no order");
        let before = levels.half(rested.is_bid).entry(rested.price).or_default();
        match change {
            Change::Rests { .. } => *before += rested.left,
            Change::Taken { shares, .. } => {
                *before -= shares;
                rested.left -= shares;
            }
            Change::Ends { .. } => {
                *before -= rested.left;
                rested.left = Shares::ZERO;
            }
        }
        if !before.is_positive() {
            let price = rested.price;
            levels.half(rested.is_bid).remove(&price);
        }
    }
}

/// A book by price.
#[derive(Default)]
struct Levels {
    bids: BTreeMap<Price, Shares>,
    asks: BTreeMap<Price, Shares>,
}

impl Levels {
    fn half(&mut self, is_bid: bool) -> &mut BTreeMap<Price, Shares> {
        if is_bid { &mut self.bids } else { &mut self.asks }
    }

    fn depth(&self, most: usize) -> Depth {
        let pair = |(price, shares): (&Price, &Shares)| (*price, *shares);
        Depth {
            bids: self.bids.iter().rev().take(most).map(pair).collect(),
            asks: self.asks.iter().take(most).map(pair).collect(),
        }
    }
}
