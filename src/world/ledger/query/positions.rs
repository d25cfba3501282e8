//! Positions, settlements and what they say about an account.

use super::{Where, epoch};
use crate::types::{AccountId, MarketId, Outcome, Timestamp};
use crate::world::ledger::codes::{ClosedBy, Code};
use crate::world::ledger::read::{POSITION, SETTLEMENT, read_position, read_settlement};
use crate::world::ledger::row::{PositionRow, SettlementRow};
use rusqlite::{Connection, Result};
use std::collections::BTreeMap;

/// Every position that these accounts ever held, the oldest first.
///
/// # Errors
/// The database's.
pub fn positions(db: &Connection, accounts: &[AccountId]) -> Result<Vec<PositionRow>> {
    chosen(db, accounts, |_| {})
}

/// Positions of which no share is held any more, the oldest first.
///
/// # Errors
/// The database's.
pub fn closed_positions(db: &Connection, accounts: &[AccountId]) -> Result<Vec<PositionRow>> {
    chosen(db, accounts, |wanted| wanted.and("closed_at IS NOT NULL", []))
}

/// The numbers of these accounts' positions.
///
/// # Errors
/// The database's.
pub fn position_ids(
    db: &Connection,
    accounts: &[AccountId],
) -> Result<BTreeMap<(AccountId, MarketId, Outcome), i64>> {
    let all = positions(db, accounts)?;
    Ok(all.into_iter().map(|row| ((row.account, row.market, row.outcome), row.id)).collect())
}

fn chosen(
    db: &Connection,
    accounts: &[AccountId],
    also: impl FnOnce(&mut Where),
) -> Result<Vec<PositionRow>> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted = Where::default();
    wanted.and("epoch = ?", [epoch(db)?]);
    wanted.any("account", accounts.iter().map(|account| i64::from(account.0)));
    also(&mut wanted);
    wanted.rows(db, &format!("SELECT {POSITION} FROM positions"), " ORDER BY id", read_position)
}

/// Which settlements are wanted. A none leaves that open.
#[derive(Clone, Debug, Default)]
pub struct SettlementFilter {
    /// Of these accounts; none of them, no rows.
    pub accounts: Vec<AccountId>,
    /// Only of this market.
    pub market: Option<MarketId>,
    /// Only at this moment or later.
    pub from: Option<Timestamp>,
    /// Only at this moment or earlier.
    pub to: Option<Timestamp>,
    /// Only of positions with a smaller number: the cursor.
    pub before_position: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Settlements, the largest number of a position first.
///
/// # Errors
/// The database's.
pub fn settlements(db: &Connection, filter: &SettlementFilter) -> Result<Vec<SettlementRow>> {
    if filter.accounts.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted = Where::default();
    wanted.and("epoch = ?", [epoch(db)?]);
    wanted.any("account", filter.accounts.iter().map(|account| i64::from(account.0)));
    wanted.if_some("market = ?", filter.market.map(|market| i64::from(market.0)));
    wanted.if_some("at >= ?", filter.from.map(Timestamp::millis));
    wanted.if_some("at <= ?", filter.to.map(Timestamp::millis));
    wanted.if_some("position < ?", filter.before_position);
    wanted.values.push(i64::from(filter.limit).into());
    let select = format!("SELECT {SETTLEMENT} FROM settlements");
    wanted.rows(db, &select, " ORDER BY position DESC, sequence DESC LIMIT ?", read_settlement)
}

/// What accounts did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeStats {
    /// Fills: each match counts once for each side.
    pub fills: i64,
    /// Orders of which all traded.
    pub orders_filled: i64,
    /// Closed positions, but for those a reset closed, that won.
    pub wins: i64,
    /// And those that lost.
    pub losses: i64,
    /// And those that did neither.
    pub draws: i64,
}

/// What these accounts did since the epoch began.
///
/// # Errors
/// The database's.
pub fn trade_stats(db: &Connection, accounts: &[AccountId]) -> Result<TradeStats> {
    let mut stats = TradeStats::default();
    if accounts.is_empty() {
        return Ok(stats);
    }
    let mut wanted = Where::default();
    wanted.and("epoch = ?", [epoch(db)?]);
    wanted.any("id", accounts.iter().map(|account| i64::from(account.0)));
    let totals = wanted.rows(db, "SELECT fills, orders_filled FROM accounts", "", |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    for (fills, orders_filled) in totals {
        stats.fills += fills;
        stats.orders_filled += orders_filled;
    }
    let mut wanted = Where::default();
    wanted.and("epoch = ?", [epoch(db)?]);
    wanted.any("account", accounts.iter().map(|account| i64::from(account.0)));
    wanted.and("closed_by <> ?", [ClosedBy::Reset.code()]);
    let select = "SELECT coalesce(sum(realized > 0), 0), coalesce(sum(realized < 0), 0), \
                  coalesce(sum(realized = 0), 0) FROM positions";
    let rows = wanted.rows(db, select, "", |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for (wins, losses, draws) in rows {
        stats = TradeStats { wins, losses, draws, ..stats };
    }
    Ok(stats)
}
