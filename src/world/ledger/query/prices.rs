//! Prices and volumes, in terms of a market's first outcome.

use super::epoch;
use crate::types::{HOUR_MS, MarketId, Price, Shares, Timestamp, Usd};
use crate::world::ledger::codes::{Code, Columns};
use crate::world::ledger::project::SPANS;
use crate::world::ledger::row::Candle;
use rusqlite::{Connection, OptionalExtension, Result};
use std::collections::BTreeMap;

/// What was traded on a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Shares.
    pub shares: Shares,
    /// What takers paid or received for them.
    pub dollars: Usd,
    /// In how many trades.
    pub trades: i64,
}

/// The candles of a market from one moment until before another, the oldest first, without empty ones.
/// `bucket_ms` is their length, a multiple of a minute; they begin at its multiples since 1970, the first
/// one at or before `from`.
///
/// # Errors
/// The database's.
pub fn candles(
    db: &Connection,
    market: MarketId,
    bucket_ms: i64,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Candle>> {
    let bucket_ms = bucket_ms.max(SPANS[0]);
    let span = if bucket_ms % HOUR_MS == 0 { HOUR_MS } else { SPANS[0] };
    let mut statement = db.prepare_cached(
        "SELECT start, open, high, low, close, shares, dollars, trades FROM candles \
         WHERE epoch = ? AND market = ? AND span = ? AND start >= ? AND start < ? ORDER BY start",
    )?;
    let first = from.millis().div_euclid(bucket_ms) * bucket_ms;
    let mut rows = statement.query([epoch(db)?, i64::from(market.0), span, first, to.millis()])?;
    let mut all: Vec<Candle> = Vec::new();
    while let Some(row) = rows.next()? {
        let mut candle = read_candle(row)?;
        let start = candle.start.millis().div_euclid(bucket_ms) * bucket_ms;
        candle.start = Timestamp::from_millis(start);
        match all.last_mut().filter(|last| last.start == candle.start) {
            Some(last) => last.extend(&candle),
            None => all.push(candle),
        }
    }
    Ok(all)
}

/// The price at the end of every step in which something traded, the oldest first, from one moment until
/// before another. Between two of them the earlier one holds; [`price_before`] says what held at the start.
///
/// # Errors
/// The database's.
pub fn price_points(
    db: &Connection,
    market: MarketId,
    from: Timestamp,
    to: Timestamp,
    step_ms: i64,
) -> Result<Vec<(Timestamp, Price)>> {
    let candles = candles(db, market, step_ms, from, to)?;
    Ok(candles.into_iter().map(|candle| (candle.start, candle.close)).collect())
}

/// The price of the last trade before a moment, to the minute; before the first trade, the recorded one the
/// market was listed with.
///
/// # Errors
/// The database's.
pub fn price_before(db: &Connection, market: MarketId, at: Timestamp) -> Result<Option<Price>> {
    let epoch = epoch(db)?;
    let mut statement = db.prepare_cached(
        "SELECT close FROM candles WHERE epoch = ? AND market = ? AND span = ? AND start + span <= ? \
         AND start < ? ORDER BY start DESC LIMIT 1",
    )?;
    let (id, at) = (i64::from(market.0), at.millis());
    let last = statement.query_row([epoch, id, SPANS[0], at, at], |row| row.get(0)).optional()?;
    let last: Option<i64> = match last {
        Some(close) => Some(close),
        None => db
            .prepare_cached("SELECT reference FROM markets WHERE epoch = ? AND id = ?")?
            .query_row([epoch, id], |row| row.get(0))
            .optional()?
            .flatten(),
    };
    Ok(last.and_then(Price::of))
}

/// Dollars traded on every market since a moment, to the minute. Markets without a trade are absent.
///
/// # Errors
/// The database's.
pub fn volume_since(db: &Connection, at: Timestamp) -> Result<BTreeMap<MarketId, Usd>> {
    // Whole hours from the hours' candles, what comes before them from the minutes'.
    let first_hour = -(-at.millis()).div_euclid(HOUR_MS) * HOUR_MS;
    let first_minute = at.millis().div_euclid(SPANS[0]) * SPANS[0];
    let mut statement = db.prepare_cached(
        "SELECT market, sum(dollars) FROM ( \
           SELECT c.market, c.dollars FROM markets m CROSS JOIN candles c \
             ON c.epoch = m.epoch AND c.market = m.id AND c.span = ?2 AND c.start >= ?3 WHERE m.epoch = ?1 \
           UNION ALL SELECT c.market, c.dollars FROM markets m CROSS JOIN candles c \
             ON c.epoch = m.epoch AND c.market = m.id AND c.span = ?4 AND c.start >= ?5 AND c.start < ?3 \
             WHERE m.epoch = ?1) \
         GROUP BY market",
    )?;
    let rows = statement.query_map([epoch(db)?, HOUR_MS, first_hour, SPANS[0], first_minute], |row| {
        Ok((MarketId(row.get(0)?), Usd::from_micros(row.get(1)?)))
    })?;
    rows.collect()
}

/// What was traded on a market since the epoch began.
///
/// # Errors
/// The database's.
pub fn traded(db: &Connection, market: MarketId) -> Result<Traded> {
    let mut statement = db.prepare_cached(
        "SELECT coalesce(sum(shares), 0), coalesce(sum(dollars), 0), coalesce(sum(trades), 0) FROM candles \
         WHERE epoch = ? AND market = ? AND span = ?",
    )?;
    statement.query_row([epoch(db)?, i64::from(market.0), HOUR_MS], |row| {
        Ok(Traded {
            shares: Shares::from_micros(row.get(0)?),
            dollars: Usd::from_micros(row.get(1)?),
            trades: row.get(2)?,
        })
    })
}

fn read_candle(row: &rusqlite::Row<'_>) -> Result<Candle> {
    let mut row = Columns::of(row);
    Ok(Candle {
        start: Timestamp::from_millis(row.take()?),
        open: row.word()?,
        high: row.word()?,
        low: row.word()?,
        close: row.word()?,
        shares: Shares::from_micros(row.take()?),
        dollars: Usd::from_micros(row.take()?),
        trades: row.take()?,
    })
}
