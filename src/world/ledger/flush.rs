//! Gathered rows on their way into the tables.

use super::codes::{Binder, Code, MarketStatus, OrderStatus, int};
use super::project::{Change, FeePayment, Posting, Projector, Rare};
use super::row::{ConversionRow, FillRow, OrderRow, Progress, SettlementRow};
use crate::exchange::MarketSpec;
use crate::identity::Permission;
use crate::types::{MarketId, OrderId, Size, TimeInForce, Timestamp};
use crate::world::record::Signed;
use rusqlite::{Connection, Result, params};

/// Inserts rows in the order of their table's columns. Several rows a statement were tried: no faster.
fn insert<R>(
    db: &Connection,
    table: &str,
    columns: usize,
    rows: &[R],
    bind: impl Fn(&R, &mut Binder<'_, '_>) -> Result<()>,
) -> Result<()> {
    let marks = vec!["?"; columns].join(",");
    let mut statement = db.prepare_cached(&format!("INSERT INTO {table} VALUES ({marks})"))?;
    for row in rows {
        bind(row, &mut Binder { statement: &mut statement, bound: 0 })?;
        statement.raw_execute()?;
    }
    Ok(())
}

impl Projector {
    /// Writes everything gathered since the last time. Belongs into a transaction.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<()> {
        let epoch = i64::from(self.epoch);
        for rare in self.rare.drain(..) {
            write_rare(db, epoch, &rare)?;
        }
        insert(db, "orders", 36, &self.orders, |row, to| bind_order(row, epoch, to))?;
        self.write_claims(db)?;
        self.orders.clear();
        self.write_signed(db)?;
        self.write_changes(db)?;
        insert(db, "fills", 13, &self.fills, |row, to| bind_fill(row, epoch, to))?;
        self.fills.clear();
        insert(db, "postings", 9, &self.postings, |row, to| bind_posting(row, epoch, to))?;
        self.postings.clear();
        self.write_accounts(db, epoch)?;
        self.write_positions(db, epoch)?;
        insert(db, "settlements", 11, &self.settlements, |row, to| bind_settlement(row, epoch, to))?;
        self.settlements.clear();
        insert(db, "conversions", 8, &self.conversions, |row, to| bind_conversion(row, epoch, to))?;
        self.conversions.clear();
        self.write_candles(db, epoch)?;
        self.write_hours(db, epoch)?;
        db.prepare_cached("UPDATE meta SET next_sequence = ?, epoch = ?")?
            .execute([int(self.next.0), epoch])?;
        self.records = 0;
        Ok(())
    }

    fn write_claims(&mut self, db: &Connection) -> Result<()> {
        let mut rows = Vec::new();
        for row in &self.orders {
            let Some(claim) = &row.claim else { continue };
            rows.push(claim_row(row.order, &claim.key));
            rows.extend(
                claim.client_order_id.filter(|id| *id != claim.key).map(|id| claim_row(row.order, &id)),
            );
        }
        // In the order of the tree, so that one page after the other is written.
        rows.sort_unstable();
        insert(db, "claims", 3, &rows, |row, to| to.ints(*row))
    }

    fn write_signed(&mut self, db: &Connection) -> Result<()> {
        let mut statement = db.prepare_cached("INSERT INTO signed_orders VALUES (?, ?, ?, ?, ?)")?;
        for (order, signed) in self.signed.drain(..) {
            let Signed { digest, maker, builder, shares } = *signed;
            statement.execute(params![int(order.0), digest, maker.as_slice(), builder, shares.micros()])?;
        }
        Ok(())
    }

    fn write_changes(&mut self, db: &Connection) -> Result<()> {
        let mut statement = db.prepare_cached(
            "UPDATE orders SET filled = filled + ?, notional = notional + ?, fee = fee + ?, \
             status = coalesce(?, status), reason = coalesce(?, reason), closed_at = coalesce(?, closed_at), \
             first_trade = coalesce(first_trade, ?), last_trade = coalesce(?, last_trade) WHERE id = ?",
        )?;
        for (order, change) in std::mem::take(&mut self.changes) {
            let Change { filled, notional, fee, trades, closed } = change;
            let reason = closed.map(|(reason, _)| reason);
            let mut to = Binder { statement: &mut statement, bound: 0 };
            to.ints([filled.micros(), notional.micros(), fee.micros()])?;
            // Only the end of a placement can cut an order, so what traded before does not matter here.
            to.maybe(reason.map(|reason| OrderStatus::closed(reason, false)))?;
            to.maybe(reason)?;
            to.put(closed.map(|(_, at)| at.millis()))?;
            to.put(trades.map(|(first, _)| int(first.0)))?;
            to.put(trades.map(|(_, last)| int(last.0)))?;
            to.put(int(order.0))?;
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn write_accounts(&mut self, db: &Connection, epoch: i64) -> Result<()> {
        let mut statement = db.prepare_cached(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET granted = excluded.granted, withdrawn = excluded.withdrawn, \
             cash = excluded.cash, reserved = excluded.reserved, fills = excluded.fills, \
             orders_filled = excluded.orders_filled",
        )?;
        self.accounts.drain(|id, row| {
            let mut to = Binder { statement: &mut statement, bound: 0 };
            to.ints([epoch, i64::from(id.0), i64::from(row.user.0), row.venue.code(), row.is_house.code()])?;
            to.ints([row.opened_at.millis(), row.granted.micros(), row.withdrawn.micros()])?;
            to.ints([row.cash.micros(), row.reserved.micros(), row.fills, row.orders_filled])?;
            statement.raw_execute().map(drop)
        })
    }

    fn write_positions(&mut self, db: &Connection, epoch: i64) -> Result<()> {
        let mut statement = db.prepare_cached(
            "INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (id) DO UPDATE SET shares = excluded.shares, cost = excluded.cost, \
             realized = excluded.realized, bought = excluded.bought, paid = excluded.paid, \
             sold = excluded.sold, received = excluded.received, fees = excluded.fees, \
             closed_at = excluded.closed_at, closed_by = excluded.closed_by",
        )?;
        self.positions.drain(|(account, market, outcome), row| {
            let mut to = Binder { statement: &mut statement, bound: 0 };
            to.ints([row.id, epoch, i64::from(account.0), i64::from(market.0), outcome.code()])?;
            to.ints([row.shares.micros(), row.cost.micros(), row.realized.micros()])?;
            to.ints([row.bought.micros(), row.paid.micros(), row.sold.micros(), row.received.micros()])?;
            to.ints([row.fees.micros(), row.opened_at.millis()])?;
            to.put(row.closed.map(|(at, _)| at.millis()))?;
            to.maybe(row.closed.map(|(_, how)| how))?;
            statement.raw_execute().map(drop)
        })
    }

    fn write_candles(&mut self, db: &Connection, epoch: i64) -> Result<()> {
        let mut statement = db.prepare_cached(
            "INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET high = max(high, excluded.high), low = min(low, excluded.low), \
             close = excluded.close, shares = shares + excluded.shares, \
             dollars = dollars + excluded.dollars, trades = trades + excluded.trades",
        )?;
        for ((market, span, _), row) in std::mem::take(&mut self.candles) {
            let mut to = Binder { statement: &mut statement, bound: 0 };
            to.ints([epoch, i64::from(market.0), span, row.start.millis()])?;
            to.ints([row.open.code(), row.high.code(), row.low.code(), row.close.code()])?;
            to.ints([row.shares.micros(), row.dollars.micros(), row.trades])?;
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn write_hours(&mut self, db: &Connection, epoch: i64) -> Result<()> {
        let mut statement = db.prepare_cached("INSERT OR REPLACE INTO purse_hours VALUES (?, ?, ?, ?)")?;
        for ((account, hour), cash) in std::mem::take(&mut self.purse_hours) {
            statement.execute([epoch, i64::from(account.0), hour, cash.micros()])?;
        }
        let mut statement = db.prepare_cached("INSERT OR REPLACE INTO position_hours VALUES (?, ?, ?)")?;
        for ((position, hour), shares) in std::mem::take(&mut self.position_hours) {
            statement.execute([position, hour, shares.micros()])?;
        }
        Ok(())
    }
}

/// The orders with whose ids this one shares all but so many bits have their claims side by side.
const GROUP_BITS: u32 = 18;

fn claim_row(order: OrderId, digest: &[u8; 16]) -> [i64; 3] {
    [claim_group(order), claim_digest(digest), int(order.0)]
}

/// Which group of claims an order's are in.
pub(super) fn claim_group(order: OrderId) -> i64 {
    int(order.0 >> GROUP_BITS)
}

/// What of a digest is looked up.
pub(super) fn claim_digest(digest: &[u8; 16]) -> i64 {
    i64::from(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
}

fn bind_order(row: &OrderRow, epoch: i64, to: &mut Binder<'_, '_>) -> Result<()> {
    let (size, in_dollars) = match row.size {
        Size::Shares(shares) => (shares.micros(), false),
        Size::Dollars(dollars) => (dollars.micros(), true),
    };
    let (tif, expires_at) = match row.tif {
        TimeInForce::Gtc => (0, None),
        TimeInForce::Gtd(expires_at) => (1, Some(expires_at.millis())),
        TimeInForce::Ioc => (2, None),
        TimeInForce::Fok => (3, None),
    };
    to.ints([int(row.order.0), epoch, int(row.sequence.0), i64::from(row.account.0)])?;
    to.ints([i64::from(row.market.0), row.outcome.code(), row.side.code(), row.kind.code()])?;
    to.ints([size, in_dollars.code(), row.limit.code(), tif])?;
    to.put(expires_at)?;
    to.ints([row.post_only.code(), row.created_at.millis()])?;
    to.put(row.key.map(|key| key.0))?;
    to.put(row.client_order_id.as_deref())?;
    to.put(row.claim.as_ref().map(|claim| &claim.key[..]))?;
    to.put(row.claim.as_ref().map(|claim| &claim.body[..]))?;
    let client = row.claim.as_ref().and_then(|claim| claim.client_order_id.as_ref());
    to.put(client.map(|id| &id[..]))?;
    to.put(row.now.status.code())?;
    to.maybe(row.now.reason)?;
    to.put(row.closed_at.map(Timestamp::millis))?;
    to.ints([row.now.filled.micros(), row.now.notional.micros(), row.now.fee.micros()])?;
    to.put(row.trades.map(|(first, _)| int(first.0)))?;
    to.put(row.trades.map(|(_, last)| int(last.0)))?;
    let Progress { status, reason, filled, notional, fee } = row.placed.progress;
    to.put(status.code())?;
    to.maybe(reason)?;
    to.ints([filled.micros(), notional.micros(), fee.micros(), row.placed.available.micros()])?;
    to.ints([row.placed.holding.0.micros(), row.placed.holding.1.micros()])
}

fn bind_fill(row: &FillRow, epoch: i64, to: &mut Binder<'_, '_>) -> Result<()> {
    to.ints([int(row.trade.0) * 2 + row.is_taker.code(), epoch, int(row.sequence.0), row.at.millis()])?;
    to.ints([int(row.order.0), i64::from(row.account.0), i64::from(row.market.0), row.outcome.code()])?;
    to.ints([row.side.code(), row.price.code(), row.shares.micros(), row.notional.micros()])?;
    to.put(row.fee.micros())
}

fn bind_posting(row: &Posting, epoch: i64, to: &mut Binder<'_, '_>) -> Result<()> {
    to.ints([row.id, epoch, int(row.step.sequence.0), row.step.at.millis(), row.cause.code()])?;
    to.ints([row.subject, row.book.code(), i64::from(row.owner), row.amount.micros()])
}

fn bind_settlement(row: &SettlementRow, epoch: i64, to: &mut Binder<'_, '_>) -> Result<()> {
    to.ints([row.position, int(row.sequence.0), epoch, i64::from(row.account.0)])?;
    to.ints([i64::from(row.market.0), row.outcome.code(), row.shares.micros(), row.cost.micros()])?;
    to.ints([row.payout.micros(), row.realized.micros(), row.at.millis()])
}

fn bind_conversion(row: &ConversionRow, epoch: i64, to: &mut Binder<'_, '_>) -> Result<()> {
    to.ints([epoch, i64::from(row.account.0), int(row.sequence.0), i64::from(row.market.0)])?;
    to.ints([row.kind.code(), row.shares.micros(), row.dollars.micros(), row.at.millis()])
}

fn write_rare(db: &Connection, epoch: i64, rare: &Rare) -> Result<()> {
    match rare {
        Rare::Epoch(step) => db.prepare_cached("INSERT INTO epochs VALUES (?, ?, ?)")?.execute([
            epoch,
            int(step.sequence.0),
            step.at.millis(),
        ]),
        Rare::User(id, user) => db
            .prepare_cached("INSERT INTO users VALUES (?, ?, ?, ?, ?, NULL)")?
            .execute(params![epoch, id.0, user.name, user.subject, user.plan.code()]),
        Rare::Key(id, key) => {
            db.prepare_cached("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)")?.execute(params![
                epoch,
                id.0,
                key.user.0,
                key.scheme.code(),
                key.prefix,
                key.name,
                key.permissions.include(Permission::Trade),
                key.created_at.millis(),
                key.expires_at.map(Timestamp::millis),
            ])
        }
        Rare::Subject(user, subject) => {
            set(db, "UPDATE users SET subject = ? WHERE epoch = ? AND id = ?", (subject, epoch, user.0))
        }
        Rare::UserDeleted(user, at) => set(
            db,
            "UPDATE users SET deleted_at = ? WHERE epoch = ? AND id = ?",
            (at.millis(), epoch, user.0),
        ),
        Rare::KeyName(key, name) => {
            set(db, "UPDATE keys SET name = ? WHERE epoch = ? AND id = ?", (name, epoch, key.0))
        }
        Rare::KeyExpires(key, at) => {
            set(db, "UPDATE keys SET expires_at = ? WHERE epoch = ? AND id = ?", (at.millis(), epoch, key.0))
        }
        Rare::KeyEnded(key, at) => {
            set(db, "UPDATE keys SET ended_at = ? WHERE epoch = ? AND id = ?", (at.millis(), epoch, key.0))
        }
        Rare::Market(id, at, spec) => write_market(db, epoch, *id, *at, spec),
        Rare::MarketStatus(market, status) => db
            .prepare_cached("UPDATE markets SET status = ? WHERE epoch = ? AND id = ?")?
            .execute([status.code(), epoch, i64::from(market.0)]),
        Rare::FeePaid(paid) => write_fee_payment(db, epoch, paid),
        Rare::Resolved(market, at, payout, dust) => db
            .prepare_cached(
                "UPDATE markets SET status = ?, payout = ?, resolved_at = ?, dust = dust + ? \
                 WHERE epoch = ? AND id = ?",
            )?
            .execute([
                MarketStatus::Resolved.code(),
                payout.code(),
                at.millis(),
                dust.micros(),
                epoch,
                i64::from(market.0),
            ]),
    }
    .map(drop)
}

fn write_fee_payment(db: &Connection, epoch: i64, paid: &FeePayment) -> Result<usize> {
    let FeePayment { step, number, account, amount, share } = *paid;
    db.prepare_cached("INSERT INTO fee_payments VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        epoch,
        int(step.sequence.0),
        number,
        account.0,
        amount.micros(),
        share.map(|(to, _)| to.0),
        share.map_or(0, |(_, part)| part.micros()),
        step.at.millis(),
    ])
}

/// One column of one row.
fn set(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<usize> {
    db.prepare_cached(sql)?.execute(values)
}

fn write_market(
    db: &Connection,
    epoch: i64,
    id: MarketId,
    at: Timestamp,
    spec: &MarketSpec,
) -> Result<usize> {
    let status = if spec.resolved.is_some() { MarketStatus::Resolved } else { MarketStatus::Open };
    db.prepare_cached("INSERT INTO markets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)")?.execute(
        params![
            epoch,
            id.0,
            spec.venue.code(),
            spec.facts.condition_id,
            spec.facts.slug,
            spec.facts.question,
            spec.facts.category,
            spec.facts.labels[0],
            spec.facts.labels[1],
            spec.reference.map(Code::code),
            at.millis(),
            status.code(),
            spec.resolved.map(Code::code),
            spec.resolved.map(|_| at.millis()),
        ],
    )
}
