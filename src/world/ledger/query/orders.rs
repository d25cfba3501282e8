//! Orders and fills.

use super::{Where, epoch, id_at, page};
use crate::types::{
    AccountId, CloseReason, KeyId, MarketId, OrderId, OrderKind, Outcome, Side, Timestamp, TradeId,
};
use crate::world::ledger::codes::{Code, Columns, OrderStatus, int};
use crate::world::ledger::flush::claim_digest;
use crate::world::ledger::read::{FILL, ORDER, read_fill, read_order};
use crate::world::ledger::row::{FillRow, OrderRow};
use rusqlite::{Connection, OptionalExtension, Result, params_from_iter};

/// Whose rows are meant. The default is nobody's, so that a forgotten filter shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everyone's: public rows only.
    Everyone,
    /// These accounts'; none of them, no rows.
    Accounts(Vec<AccountId>),
}

impl Default for Whose {
    fn default() -> Self {
        Self::Accounts(Vec::new())
    }
}

impl Whose {
    /// An account's rows come out of its index. Everyone's are all rows: the plus keeps `SQLite` from going
    /// through them in the order of an index that only narrows the epoch.
    fn epoch(&self) -> &'static str {
        match self {
            Self::Everyone => "+epoch = ?",
            Self::Accounts(_) => "epoch = ?",
        }
    }
}

impl From<AccountId> for Whose {
    fn from(account: AccountId) -> Self {
        Self::Accounts(vec![account])
    }
}

/// Which orders are wanted. An empty list or a none leaves that open, but for `whose`.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Whose.
    pub whose: Whose,
    /// Only these.
    pub ids: Vec<OrderId>,
    /// Only on these markets.
    pub markets: Vec<MarketId>,
    /// Only for this answer.
    pub outcome: Option<Outcome>,
    /// Only buys, or only sales.
    pub side: Option<Side>,
    /// Only limit, or only market orders.
    pub kind: Option<OrderKind>,
    /// Only with one of these statuses.
    pub statuses: Vec<OrderStatus>,
    /// Only ended for one of these reasons.
    pub reasons: Vec<CloseReason>,
    /// Only created at this moment or later.
    pub from: Option<Timestamp>,
    /// Only created earlier.
    pub before: Option<Timestamp>,
    /// Only with a smaller id: the cursor that skips nothing.
    pub before_id: Option<OrderId>,
    /// At most so many.
    pub limit: u32,
    /// So many of the newest left out.
    pub offset: u32,
}

/// Which fills are wanted. An empty list or a none leaves that open, but for `whose`.
#[derive(Clone, Debug, Default)]
pub struct FillFilter {
    /// Whose. Of everyone's, only the takers' rows: one a trade.
    pub whose: Whose,
    /// Only on these markets.
    pub markets: Vec<MarketId>,
    /// Only for this answer.
    pub outcome: Option<Outcome>,
    /// Only buys, or only sales.
    pub side: Option<Side>,
    /// Only of this order.
    pub order: Option<OrderId>,
    /// Only of this trade.
    pub trade: Option<TradeId>,
    /// Only at this moment or later.
    pub from: Option<Timestamp>,
    /// Only earlier.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
    /// So many of the newest left out.
    pub offset: u32,
}

/// An earlier order that a digest belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The order.
    pub order: OrderId,
    /// The digest of its request. None: the digest asked for is its client's order id, to which no body was
    /// bound.
    pub body: Option<[u8; 16]>,
}

impl OrderFilter {
    fn conditions(&self, db: &Connection) -> Result<Where> {
        let mut wanted = Where::default();
        wanted.and(self.whose.epoch(), [epoch(db)?]);
        wanted.any("id", self.ids.iter().map(|id| int(id.0)));
        wanted.any("market", self.markets.iter().map(|market| i64::from(market.0)));
        wanted.if_some("outcome = ?", self.outcome.map(Code::code));
        wanted.if_some("side = ?", self.side.map(Code::code));
        wanted.if_some("kind = ?", self.kind.map(Code::code));
        wanted.any("status", self.statuses.iter().map(|status| status.code()));
        wanted.any("reason", self.reasons.iter().map(|reason| reason.code()));
        if let Some(at) = self.from {
            wanted.and("id >= ?", [id_at(db, "orders", "created_at", at)?]);
        }
        if let Some(at) = self.before {
            wanted.and("id < ?", [id_at(db, "orders", "created_at", at)?]);
        }
        wanted.if_some("id < ?", self.before_id.map(|id| int(id.0)));
        Ok(wanted)
    }
}

/// Orders, the newest first.
///
/// # Errors
/// The database's.
pub fn orders(db: &Connection, filter: &OrderFilter) -> Result<Vec<OrderRow>> {
    let select = format!("SELECT {ORDER} FROM orders");
    let of = |account: Option<i64>, limit: u32, offset: u32| {
        let mut wanted = filter.conditions(db)?;
        wanted.if_some("account = ?", account);
        wanted.values.extend([i64::from(limit).into(), i64::from(offset).into()]);
        wanted.rows(db, &select, " ORDER BY id DESC LIMIT ? OFFSET ?", read_order)
    };
    match &filter.whose {
        Whose::Everyone => of(None, filter.limit, filter.offset),
        Whose::Accounts(accounts) => page(
            &ids(accounts),
            filter.limit,
            filter.offset,
            |account, limit, offset| of(Some(account), limit, offset),
            |row| int(row.order.0),
        ),
    }
}

/// How many orders a filter lets through, its limit and offset aside.
///
/// # Errors
/// The database's.
pub fn count_orders(db: &Connection, filter: &OrderFilter) -> Result<i64> {
    count(db, "orders", &filter.whose, || filter.conditions(db))
}

/// One order, if one of these accounts placed it.
///
/// # Errors
/// The database's.
pub fn order(db: &Connection, id: OrderId, accounts: &[AccountId]) -> Result<Option<OrderRow>> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {ORDER} FROM orders WHERE id = ? AND epoch = ?"))?;
    let found = statement.query_row([int(id.0), epoch(db)?], read_order).optional()?;
    Ok(found.filter(|order| accounts.contains(&order.account)))
}

/// What its client called an order, if it gave it a name.
///
/// # Errors
/// The database's.
pub fn client_order_id(db: &Connection, id: OrderId) -> Result<Option<Box<str>>> {
    let mut statement = db.prepare_cached("SELECT client_order_id FROM orders WHERE id = ?")?;
    let found = statement.query_row([int(id.0)], |row| row.get::<_, Option<String>>(0)).optional()?;
    Ok(found.flatten().map(String::into_boxed_str))
}

/// The newest order of these accounts whose idempotency key, or client's order id, has this digest.
///
/// # Errors
/// The database's.
pub fn claimed(db: &Connection, accounts: &[AccountId], digest: &[u8; 16]) -> Result<Option<Claimed>> {
    let epoch = epoch(db)?;
    let mut ends = db.prepare_cached(
        "SELECT coalesce((SELECT min(orders) FROM claims), 0), coalesce((SELECT max(orders) FROM claims), -1)",
    )?;
    let (first, last): (i64, i64) = ends.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut group = db.prepare_cached(
        "SELECT o.id, o.account, iif(o.claim_key = ?3, o.claim_body, NULL) FROM claims c \
         CROSS JOIN orders o ON o.id = c.order_id WHERE c.orders = ?1 AND c.digest = ?2 AND o.epoch = ?4 \
         AND (o.claim_key = ?3 OR o.claim_client = ?3) ORDER BY c.order_id DESC",
    )?;
    for orders in (first..=last).rev() {
        let mut rows = group.query((orders, claim_digest(digest), digest, epoch))?;
        while let Some(row) = rows.next()? {
            let mut row = Columns::of(row);
            let (order, account) = (OrderId(row.number()?), AccountId(row.take()?));
            if accounts.contains(&account) {
                return Ok(Some(Claimed { order, body: row.take()? }));
            }
        }
    }
    Ok(None)
}

impl FillFilter {
    fn conditions(&self, db: &Connection) -> Result<Where> {
        let mut wanted = Where::default();
        let by_market = self.whose == Whose::Everyone && !self.markets.is_empty();
        wanted.and(if by_market { "epoch = ?" } else { self.whose.epoch() }, [epoch(db)?]);
        if self.whose == Whose::Everyone {
            wanted.and("id & 1", []);
        }
        if !by_market {
            wanted.any("market", markets(&self.markets));
        }
        wanted.if_some("outcome = ?", self.outcome.map(Code::code));
        wanted.if_some("side = ?", self.side.map(Code::code));
        if let Some(order) = self.order {
            of_order(db, order, &mut wanted)?;
        }
        if let Some(trade) = self.trade {
            wanted.and("id BETWEEN ? AND ?", [int(trade.0) * 2, int(trade.0) * 2 + 1]);
        }
        if let Some(at) = self.from {
            wanted.and("id >= ?", [id_at(db, "fills", "at", at)?]);
        }
        if let Some(at) = self.before {
            wanted.and("id < ?", [id_at(db, "fills", "at", at)?]);
        }
        Ok(wanted)
    }
}

/// Between an order's first and last trade there are few others of its account.
fn of_order(db: &Connection, order: OrderId, wanted: &mut Where) -> Result<()> {
    let mut known = db.prepare_cached("SELECT account, first_trade, last_trade FROM orders WHERE id = ?")?;
    let known: Option<[Option<i64>; 3]> =
        known.query_row([int(order.0)], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).optional()?;
    match known {
        Some([Some(account), Some(first), Some(last)]) => {
            wanted.and("account = ? AND id BETWEEN ? AND ?", [account, first * 2, last * 2 + 1]);
            wanted.and("order_id = ?", [int(order.0)]);
        }
        Some(_) | None => wanted.and("FALSE", []),
    }
    Ok(())
}

/// Fills, the newest first.
///
/// # Errors
/// The database's.
pub fn fills(db: &Connection, filter: &FillFilter) -> Result<Vec<FillRow>> {
    let select = format!("SELECT {FILL} FROM fills");
    let of = |stream: Option<(&str, i64)>, limit: u32, offset: u32| {
        let mut wanted = filter.conditions(db)?;
        if let Some((condition, value)) = stream {
            wanted.and(condition, [value]);
        }
        wanted.values.extend([i64::from(limit).into(), i64::from(offset).into()]);
        wanted.rows(db, &select, " ORDER BY id DESC LIMIT ? OFFSET ?", read_fill)
    };
    let (condition, streams) = match &filter.whose {
        Whose::Everyone if filter.markets.is_empty() => return of(None, filter.limit, filter.offset),
        Whose::Everyone => ("market = ?", markets(&filter.markets)),
        Whose::Accounts(accounts) => ("account = ?", ids(accounts)),
    };
    page(
        &streams,
        filter.limit,
        filter.offset,
        |stream, limit, offset| of(Some((condition, stream)), limit, offset),
        |row| int(row.trade.0) * 2 + row.is_taker.code(),
    )
}

/// One side of a trade.
///
/// # Errors
/// The database's, also if there is no such trade.
pub fn fill(db: &Connection, trade: TradeId, is_taker: bool) -> Result<FillRow> {
    let mut statement = db.prepare_cached(&format!("SELECT {FILL} FROM fills WHERE id = ?"))?;
    statement.query_row([int(trade.0) * 2 + is_taker.code()], read_fill)
}

/// When a trade was.
///
/// # Errors
/// The database's, also if there is no such trade.
pub fn traded_at(db: &Connection, trade: TradeId) -> Result<Timestamp> {
    let mut statement = db.prepare_cached("SELECT at FROM fills WHERE id = ?")?;
    statement.query_row([int(trade.0) * 2], |row| Ok(Timestamp::from_millis(row.get(0)?)))
}

/// The key that vouched for an order, if one did.
///
/// # Errors
/// The database's.
pub fn key_of(db: &Connection, order: OrderId) -> Result<Option<KeyId>> {
    let mut statement = db.prepare_cached("SELECT key FROM orders WHERE id = ?")?;
    let found = statement.query_row([int(order.0)], |row| row.get::<_, Option<u32>>(0)).optional()?;
    Ok(found.flatten().map(KeyId))
}

/// How many fills a filter lets through, its limit and offset aside.
///
/// # Errors
/// The database's.
pub fn count_fills(db: &Connection, filter: &FillFilter) -> Result<i64> {
    count(db, "fills", &filter.whose, || {
        let mut wanted = filter.conditions(db)?;
        if filter.whose == Whose::Everyone {
            wanted.any("market", markets(&filter.markets));
        }
        Ok(wanted)
    })
}

fn markets(markets: &[MarketId]) -> Vec<i64> {
    let mut ids: Vec<_> = markets.iter().map(|market| i64::from(market.0)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn ids(accounts: &[AccountId]) -> Vec<i64> {
    let mut ids: Vec<_> = accounts.iter().map(|account| i64::from(account.0)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn count(
    db: &Connection,
    table: &str,
    whose: &Whose,
    conditions: impl FnOnce() -> Result<Where>,
) -> Result<i64> {
    let mut wanted = conditions()?;
    if let Whose::Accounts(accounts) = whose {
        if accounts.is_empty() {
            return Ok(0);
        }
        wanted.any("account", ids(accounts));
    }
    let sql = format!("SELECT count(*) FROM {table}{}", wanted.text);
    db.prepare_cached(&sql)?.query_row(params_from_iter(&wanted.values), |row| row.get(0))
}
