//! What accounts were worth, hour by hour.

use super::{Where, epoch, positions};
use crate::exchange::Market;
use crate::types::{AccountId, HOUR_MS, MarketId, Outcome, Price, Shares, Timestamp, Usd};
use crate::world::ledger::codes::Code;
use rusqlite::{Connection, Result, params_from_iter};
use std::collections::BTreeMap;

/// The most hours of one answer: a year.
const HOURS_MAX: i64 = 24 * 366;

/// What accounts were worth at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EquityPoint {
    /// The end of an hour, or the moment asked about if that is earlier.
    pub at: Timestamp,
    /// Cash, that which is reserved included.
    pub cash: Usd,
    /// What was held, at the last price then.
    pub position_value: Usd,
}

/// What these accounts were worth together at the end of every hour from one moment to another, the oldest
/// first, beginning with the hour in which the first was opened. The price of an outcome is that of its
/// market's last trade, before the first trade the recorded one, and half a dollar if there is none.
///
/// # Errors
/// The database's.
pub fn equity(
    db: &Connection,
    accounts: &[AccountId],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<EquityPoint>> {
    let last = to.millis().div_euclid(HOUR_MS);
    let first = from.millis().div_euclid(HOUR_MS).max(last - HOURS_MAX + 1);
    let epoch = epoch(db)?;
    let mut hours: BTreeMap<i64, (Usd, Usd)> = BTreeMap::new();
    for account in accounts {
        let known = changes(
            db,
            "SELECT hour, cash FROM purse_hours WHERE epoch = ?3 AND account = ?4 AND hour <= ?2 AND hour >= \
             coalesce((SELECT max(hour) FROM purse_hours WHERE epoch = ?3 AND account = ?4 AND hour <= ?1), ?1)",
            [first, last, epoch, i64::from(account.0)],
        )?;
        each_hour(&known, first, last, |hour, cash| {
            hours.entry(hour).or_default().0 += Usd::from_micros(cash);
        });
    }
    let mut marks: BTreeMap<MarketId, BTreeMap<i64, i64>> = BTreeMap::new();
    for position in positions(db, accounts)? {
        let held = changes(
            db,
            "SELECT hour, shares FROM position_hours WHERE position = ?3 AND hour <= ?2 AND hour >= \
             coalesce((SELECT max(hour) FROM position_hours WHERE position = ?3 AND hour <= ?1), ?1)",
            [first, last, position.id],
        )?;
        if held.iter().all(|(_, shares)| *shares == 0) {
            continue;
        }
        let marks = match marks.entry(position.market) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(marks_of(db, epoch, position.market, first, last)?)
            }
        };
        each_hour(&held, first, last, |hour, shares| {
            let mark = marks.range(..=hour).next_back().and_then(|(_, mark)| Price::of(*mark));
            hours.entry(hour).or_default().1 += value(Shares::from_micros(shares), position.outcome, mark);
        });
    }
    Ok(hours
        .into_iter()
        .map(|(hour, (cash, position_value))| {
            let at = Timestamp::from_millis((hour + 1) * HOUR_MS).min(to);
            EquityPoint { at, cash, position_value }
        })
        .collect())
}

/// A market's price by the hour from which it holds.
fn marks_of(
    db: &Connection,
    epoch: i64,
    market: MarketId,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, i64>> {
    let mut wanted = Where::default();
    wanted.and("epoch = ? AND id = ? AND reference IS NOT NULL", [epoch, i64::from(market.0)]);
    let listed = wanted.rows(db, "SELECT reference FROM markets", "", |row| Ok((i64::MIN, row.get(0)?)))?;
    let traded = changes(
        db,
        "SELECT start / span, close FROM candles \
         WHERE epoch = ?3 AND market = ?4 AND span = ?5 AND start <= ?2 * ?5 AND start >= coalesce( \
           (SELECT max(start) FROM candles WHERE epoch = ?3 AND market = ?4 AND span = ?5 AND start <= ?1 * ?5), \
           ?1 * ?5)",
        [first, last, epoch, i64::from(market.0), HOUR_MS],
    )?;
    Ok(listed.into_iter().chain(traded).collect())
}

/// Hours with the value from each on.
fn changes<const N: usize>(db: &Connection, sql: &str, values: [i64; N]) -> Result<Vec<(i64, i64)>> {
    let mut statement = db.prepare_cached(&format!("{sql} ORDER BY 1"))?;
    statement.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Gives the value at the end of every hour from the first in which there is one.
fn each_hour(changes: &[(i64, i64)], first: i64, last: i64, mut give: impl FnMut(i64, i64)) {
    let untils = changes.iter().skip(1).map(|(hour, _)| *hour).chain([last + 1]);
    for ((hour, value), until) in changes.iter().zip(untils) {
        ((*hour).max(first)..until).for_each(|hour| give(hour, *value));
    }
}

fn value(shares: Shares, outcome: Outcome, mark: Option<Price>) -> Usd {
    match mark {
        Some(mark) => shares.notional(Market::in_terms_of(outcome, mark)),
        None => Usd::from_micros(shares.micros() / 2),
    }
}
