//! What wallets signed, and what they converted.

use super::epoch;
use crate::types::{AccountId, Address, MarketId, OrderId, Sequence, Shares, Timestamp, Usd};
use crate::world::ledger::codes::{Columns, int};
use crate::world::ledger::row::ConversionRow;
use crate::world::record::Signed;
use rusqlite::{Connection, OptionalExtension, Result};
use std::collections::BTreeMap;

/// Those of some orders that came signed, with what was signed.
///
/// # Errors
/// The database's.
pub fn signed(
    db: &Connection,
    orders: impl IntoIterator<Item = OrderId>,
) -> Result<BTreeMap<OrderId, Signed>> {
    let mut statement =
        db.prepare_cached("SELECT digest, maker, builder, shares FROM signed_orders WHERE order_id = ?")?;
    let mut found = BTreeMap::new();
    for order in orders {
        let row = statement.query_row([int(order.0)], |row| {
            Ok(Signed {
                digest: row.get(0)?,
                maker: Address::from(row.get::<_, [u8; 20]>(1)?),
                builder: row.get(2)?,
                shares: Shares::from_micros(row.get(3)?),
            })
        });
        found.extend(row.optional()?.map(|signed| (order, signed)));
    }
    Ok(found)
}

/// What some accounts converted, the newest first, at most so many.
///
/// # Errors
/// The database's.
pub fn conversions(db: &Connection, accounts: &[AccountId], limit: u32) -> Result<Vec<ConversionRow>> {
    let mut statement = db.prepare_cached(
        "SELECT sequence, account, kind, market, shares, dollars, at FROM conversions \
         WHERE epoch = ? AND account = ? ORDER BY sequence DESC, market LIMIT ?",
    )?;
    let epoch = epoch(db)?;
    let mut all = Vec::new();
    for account in accounts {
        let rows = statement.query_map([epoch, i64::from(account.0), i64::from(limit)], |row| {
            let mut row = Columns::of(row);
            Ok(ConversionRow {
                sequence: Sequence(row.number()?),
                account: AccountId(row.take()?),
                kind: row.word()?,
                market: MarketId(row.take()?),
                shares: Shares::from_micros(row.take()?),
                dollars: Usd::from_micros(row.take()?),
                at: Timestamp::from_millis(row.take()?),
            })
        })?;
        all.extend(rows.collect::<Result<Vec<_>>>()?);
    }
    all.sort_unstable_by_key(|row| (std::cmp::Reverse(row.sequence), row.market));
    all.truncate(crate::types::index(limit));
    Ok(all)
}
