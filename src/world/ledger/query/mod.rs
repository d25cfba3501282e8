//! What history answers. Everything is of the current epoch: a reset hides what was before it.
//!
//! Money and shares are millionths, prices ten-thousandths of a dollar, moments milliseconds of world time.

mod book;
mod equity;
mod orders;
mod positions;
mod prices;
mod signed;

pub use book::{BookMoment, BookMoments, BookSpan, book_moments};
pub use equity::{EquityPoint, equity};
pub use orders::{
    Claimed, FillFilter, OrderFilter, Whose, claimed, client_order_id, count_fills, count_orders, fill,
    fills, key_of, order, orders, traded_at,
};
pub use positions::{
    SettlementFilter, TradeStats, closed_positions, position_ids, positions, settlements, trade_stats,
};
pub use prices::{Traded, candles, price_before, price_points, traded, volume_since};
pub use signed::{conversions, signed};

use crate::types::{Timestamp, index};
// Whoever asks need not know what keeps history.
pub use rusqlite::{Connection as History, Result as Answer};

use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

/// The number of the current epoch.
///
/// # Errors
/// The database's.
pub fn epoch(db: &Connection) -> Result<i64> {
    db.prepare_cached("SELECT epoch FROM meta")?.query_row([], |row| row.get(0))
}

/// Conditions of a statement with their values.
#[derive(Debug, Default)]
struct Where {
    text: String,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = i64>) {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
        self.values.extend(values.into_iter().map(Value::Integer));
    }

    /// Only if there is a value.
    fn if_some(&mut self, condition: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.and(condition, [value]);
        }
    }

    /// The column is one of the values; no values mean no condition.
    fn any(&mut self, column: &str, values: impl IntoIterator<Item = i64>) {
        let before = self.values.len();
        self.values.extend(values.into_iter().map(Value::Integer));
        let count = self.values.len() - before;
        if count > 0 {
            let marks = vec!["?"; count].join(", ");
            self.and(&format!("{column} IN ({marks})"), []);
        }
    }

    fn rows<T>(
        &self,
        db: &Connection,
        select: &str,
        then: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = db.prepare_cached(&format!("{select}{}{then}", self.text))?;
        statement.query_map(params_from_iter(&self.values), read)?.collect()
    }
}

/// The ids of a table grow with time, so a moment is a place among them: the first id at or after it.
fn id_at(db: &Connection, table: &str, time: &str, at: Timestamp) -> Result<i64> {
    // Two questions: a single one with both would go through the whole table.
    let ends = format!(
        "SELECT coalesce((SELECT min(id) FROM {table}), 0), coalesce((SELECT max(id) + 1 FROM {table}), 0)"
    );
    let (mut low, mut high): (i64, i64) =
        db.prepare_cached(&ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let probe = format!("SELECT id, {time} FROM {table} WHERE id >= ? ORDER BY id LIMIT 1");
    let mut probe = db.prepare_cached(&probe)?;
    while low < high {
        let middle = low.midpoint(high);
        let (id, then): (i64, i64) = probe.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if then < at.millis() {
            low = id + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// One page of what several accounts, or markets, have, newest first. Each one's own rows come out of an
/// index in order; together they do not, so that each gives a page and the pages are merged.
fn page<T>(
    owners: &[i64],
    limit: u32,
    offset: u32,
    mut of: impl FnMut(i64, u32, u32) -> Result<Vec<T>>,
    id: impl Fn(&T) -> i64,
) -> Result<Vec<T>> {
    if let [owner] = owners {
        return of(*owner, limit, offset);
    }
    let mut all = Vec::new();
    for owner in owners {
        all.extend(of(*owner, limit.saturating_add(offset), 0)?);
    }
    all.sort_unstable_by_key(|row| std::cmp::Reverse(id(row)));
    Ok(all.into_iter().skip(index(offset)).take(index(limit)).collect())
}
