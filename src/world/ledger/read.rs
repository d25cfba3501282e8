//! Single rows out of the tables.

use super::codes::{Code, Columns};
use super::project::AccountNow;
use super::row::{FillRow, OrderRow, Placement, PositionRow, Progress, SettlementRow};
use crate::types::{
    AccountId, KeyId, MarketId, OrderId, Outcome, Sequence, Shares, Size, TimeInForce, Timestamp, TradeId,
    Usd, UserId,
};
use crate::world::record::Claim;
use rusqlite::{Connection, OptionalExtension, Result};

/// An account's row, which is there.
pub(super) fn load_account(db: &Connection, epoch: u32, account: AccountId) -> Result<AccountNow> {
    let mut statement = db.prepare_cached(
        "SELECT user, venue, is_house, opened_at, granted, withdrawn, cash, reserved, fills, orders_filled \
         FROM accounts WHERE epoch = ? AND id = ?",
    )?;
    statement.query_row([epoch, account.0], |row| {
        let mut row = Columns::of(row);
        Ok(AccountNow {
            user: UserId(row.take()?),
            venue: row.word()?,
            is_house: row.word()?,
            opened_at: Timestamp::from_millis(row.take()?),
            granted: Usd::from_micros(row.take()?),
            withdrawn: Usd::from_micros(row.take()?),
            cash: Usd::from_micros(row.take()?),
            reserved: Usd::from_micros(row.take()?),
            fills: row.take()?,
            orders_filled: row.take()?,
        })
    })
}

/// The columns of a position, in the order of [`read_position`].
pub(super) const POSITION: &str = "id, account, market, outcome, shares, cost, realized, bought, paid, sold, \
                                   received, fees, opened_at, closed_at, closed_by";

pub(super) fn read_position(row: &rusqlite::Row<'_>) -> Result<PositionRow> {
    let mut row = Columns::of(row);
    Ok(PositionRow {
        id: row.take()?,
        account: AccountId(row.take()?),
        market: MarketId(row.take()?),
        outcome: row.word()?,
        shares: Shares::from_micros(row.take()?),
        cost: Usd::from_micros(row.take()?),
        realized: Usd::from_micros(row.take()?),
        bought: Shares::from_micros(row.take()?),
        paid: Usd::from_micros(row.take()?),
        sold: Shares::from_micros(row.take()?),
        received: Usd::from_micros(row.take()?),
        fees: Usd::from_micros(row.take()?),
        opened_at: Timestamp::from_millis(row.take()?),
        closed: row.take::<Option<i64>>()?.map(Timestamp::from_millis).zip(row.maybe()?),
    })
}

/// A position's row. One that was never held has the id 0.
pub(super) fn load_position(
    db: &Connection,
    epoch: u32,
    (account, market, outcome): (AccountId, MarketId, Outcome),
) -> Result<PositionRow> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {POSITION} FROM positions WHERE epoch = ? AND account = ? AND market = ? AND outcome = ?"
    ))?;
    let found = statement
        .query_row(
            [i64::from(epoch), i64::from(account.0), i64::from(market.0), outcome.code()],
            read_position,
        )
        .optional()?;
    Ok(found.unwrap_or(PositionRow {
        id: 0,
        account,
        market,
        outcome,
        shares: Shares::ZERO,
        cost: Usd::ZERO,
        realized: Usd::ZERO,
        bought: Shares::ZERO,
        paid: Usd::ZERO,
        sold: Shares::ZERO,
        received: Usd::ZERO,
        fees: Usd::ZERO,
        opened_at: Timestamp::default(),
        closed: None,
    }))
}

/// The columns of an order, in the order of [`read_order`].
pub(super) const ORDER: &str = "id, sequence, account, market, outcome, side, kind, size, in_dollars, \
     price_limit, tif, expires_at, post_only, created_at, key, client_order_id, claim_key, claim_body, \
     claim_client, status, reason, filled, notional, fee, closed_at, first_trade, last_trade, \
     placed_status, placed_reason, \
     placed_filled, placed_notional, placed_fee, placed_available, placed_shares, placed_cost";

pub(super) fn read_order(row: &rusqlite::Row<'_>) -> Result<OrderRow> {
    let mut row = Columns::of(row);
    Ok(OrderRow {
        order: OrderId(row.number()?),
        sequence: Sequence(row.number()?),
        account: AccountId(row.take()?),
        market: MarketId(row.take()?),
        outcome: row.word()?,
        side: row.word()?,
        kind: row.word()?,
        size: {
            let micros = row.take()?;
            let in_dollars = row.word()?;
            if in_dollars {
                Size::Dollars(Usd::from_micros(micros))
            } else {
                Size::Shares(Shares::from_micros(micros))
            }
        },
        limit: row.word()?,
        tif: {
            let code: i64 = row.take()?;
            let expires_at: Option<i64> = row.take()?;
            match (code, expires_at) {
                (1, Some(expires_at)) => TimeInForce::Gtd(Timestamp::from_millis(expires_at)),
                (2, _) => TimeInForce::Ioc,
                (3, _) => TimeInForce::Fok,
                _ => TimeInForce::Gtc,
            }
        },
        post_only: row.word()?,
        created_at: Timestamp::from_millis(row.take()?),
        key: row.take::<Option<u32>>()?.map(KeyId),
        client_order_id: row.take::<Option<String>>()?.map(String::into_boxed_str),
        claim: {
            let key: Option<[u8; 16]> = row.take()?;
            let body: Option<[u8; 16]> = row.take()?;
            let client_order_id = row.take()?;
            key.zip(body).map(|(key, body)| Claim { key, body, client_order_id })
        },
        now: read_progress(&mut row)?,
        closed_at: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
        trades: {
            let trade = |id: Option<i64>| id.and_then(|id| u64::try_from(id).ok()).map(TradeId);
            let (first, last) = (row.take()?, row.take()?);
            trade(first).zip(trade(last))
        },
        placed: Placement {
            progress: read_progress(&mut row)?,
            available: Usd::from_micros(row.take()?),
            holding: (Shares::from_micros(row.take()?), Usd::from_micros(row.take()?)),
        },
    })
}

fn read_progress(row: &mut Columns<'_, '_>) -> Result<Progress> {
    Ok(Progress {
        status: row.word()?,
        reason: row.maybe()?,
        filled: Shares::from_micros(row.take()?),
        notional: Usd::from_micros(row.take()?),
        fee: Usd::from_micros(row.take()?),
    })
}

/// The columns of a fill, in the order of [`read_fill`].
pub(super) const FILL: &str =
    "id, sequence, at, order_id, account, market, outcome, side, price, shares, notional, fee";

pub(super) fn read_fill(row: &rusqlite::Row<'_>) -> Result<FillRow> {
    let mut row = Columns::of(row);
    let id = row.number()?;
    Ok(FillRow {
        trade: TradeId(id / 2),
        is_taker: id % 2 == 1,
        sequence: Sequence(row.number()?),
        at: Timestamp::from_millis(row.take()?),
        order: OrderId(row.number()?),
        account: AccountId(row.take()?),
        market: MarketId(row.take()?),
        outcome: row.word()?,
        side: row.word()?,
        price: row.word()?,
        shares: Shares::from_micros(row.take()?),
        notional: Usd::from_micros(row.take()?),
        fee: Usd::from_micros(row.take()?),
    })
}

/// The columns of a settlement, in the order of [`read_settlement`].
pub(super) const SETTLEMENT: &str =
    "position, sequence, account, market, outcome, shares, cost, payout, realized, at";

pub(super) fn read_settlement(row: &rusqlite::Row<'_>) -> Result<SettlementRow> {
    let mut row = Columns::of(row);
    Ok(SettlementRow {
        position: row.take()?,
        sequence: Sequence(row.number()?),
        account: AccountId(row.take()?),
        market: MarketId(row.take()?),
        outcome: row.word()?,
        shares: Shares::from_micros(row.take()?),
        cost: Usd::from_micros(row.take()?),
        payout: Usd::from_micros(row.take()?),
        realized: Usd::from_micros(row.take()?),
        at: Timestamp::from_millis(row.take()?),
    })
}
