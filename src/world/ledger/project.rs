//! From records to rows. Everything is gathered in memory first, so that what changes often in one
//! transaction (a position, a candle, an order that is placed and filled at once) is written once.
//!
//! Nothing is decided here: amounts come from the events, and sums of them are asserted.

use super::cache::Cache;
use super::codes::{Book, Cause, ClosedBy, Columns, MarketStatus, OrderStatus};
use super::command::{Vouched, changed, listed, role, vouched};
use super::read::{load_account, load_position};
use super::row::{
    Candle, ConversionKind, ConversionRow, FillRow, OrderRow, Placement, PositionRow, Progress, SettlementRow,
};
use crate::exchange::{Event, Market, MarketSpec, Moved, Party, Placed, Role, Trade};
use crate::identity::{Key, User};
use crate::types::{
    AccountId, CloseReason, HOUR_MS, KeyId, MarketId, OrderId, Outcome, Payout, Price, Sequence, Shares,
    Side, Timestamp, TradeId, Usd, UserId, Venue,
};
use crate::world::record::{Command, Note, Record, Signed};
use rusqlite::{Connection, Result};
use std::collections::BTreeMap;

/// The lengths of candles that are kept, in milliseconds.
pub(super) const SPANS: [i64; 2] = [60_000, HOUR_MS];

/// Where an event stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) sequence: Sequence,
    pub(super) at: Timestamp,
}

impl Step {
    fn hour(self) -> i64 {
        self.at.millis().div_euclid(HOUR_MS)
    }
}

/// An account as its row has it.
#[derive(Clone, Debug)]
pub(super) struct AccountNow {
    pub(super) user: UserId,
    pub(super) venue: Venue,
    pub(super) is_house: bool,
    pub(super) opened_at: Timestamp,
    pub(super) granted: Usd,
    pub(super) withdrawn: Usd,
    pub(super) cash: Usd,
    pub(super) reserved: Usd,
    pub(super) fills: i64,
    pub(super) orders_filled: i64,
}

/// What happened to an order that an earlier transaction wrote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) filled: Shares,
    pub(super) notional: Usd,
    pub(super) fee: Usd,
    pub(super) trades: Option<(TradeId, TradeId)>,
    pub(super) closed: Option<(CloseReason, Timestamp)>,
}

/// One line of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting {
    pub(super) id: i64,
    pub(super) step: Step,
    pub(super) cause: Cause,
    pub(super) subject: i64,
    pub(super) book: Book,
    pub(super) owner: u32,
    pub(super) amount: Usd,
}

/// A row of a table that seldom changes. Written in order.
#[derive(Debug)]
pub(super) enum Rare {
    Epoch(Step),
    User(UserId, User),
    Key(KeyId, Key),
    Subject(UserId, String),
    UserDeleted(UserId, Timestamp),
    KeyName(KeyId, Option<String>),
    KeyExpires(KeyId, Timestamp),
    KeyEnded(KeyId, Timestamp),
    Market(MarketId, Timestamp, Box<MarketSpec>),
    MarketStatus(MarketId, MarketStatus),
    Resolved(MarketId, Timestamp, Payout, Usd),
    FeePaid(FeePayment),
}

/// A payment out of what was set aside for others' fees.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeePayment {
    pub(super) step: Step,
    /// Its number in its record, from 0.
    pub(super) number: u32,
    pub(super) account: AccountId,
    pub(super) amount: Usd,
    pub(super) share: Option<(AccountId, Usd)>,
}

/// Gathers the rows of many records. One that failed to write them is thrown away with its memory: the tape
/// still has the records.
#[derive(Debug)]
pub struct Projector {
    pub(super) next: Sequence,
    pub(super) epoch: u32,
    pub(super) records: usize,
    next_entry: i64,
    next_position: i64,
    pub(super) rare: Vec<Rare>,
    pub(super) orders: Vec<OrderRow>,
    pub(super) signed: Vec<(OrderId, Box<Signed>)>,
    pub(super) changes: BTreeMap<OrderId, Change>,
    pub(super) fills: Vec<FillRow>,
    pub(super) postings: Vec<Posting>,
    pub(super) accounts: Cache<AccountId, AccountNow>,
    pub(super) positions: Cache<(AccountId, MarketId, Outcome), PositionRow>,
    pub(super) settlements: Vec<SettlementRow>,
    pub(super) conversions: Vec<ConversionRow>,
    pub(super) candles: BTreeMap<(MarketId, i64, i64), Candle>,
    pub(super) purse_hours: BTreeMap<(AccountId, i64), Usd>,
    pub(super) position_hours: BTreeMap<(i64, i64), Shares>,
    /// The order whose placement is under way, by its place in `orders`.
    placing: Option<usize>,
    /// How many payments of the record that is taken in came already.
    fee_payments: u32,
}

impl Projector {
    /// Goes on where a ledger ends.
    ///
    /// # Errors
    /// The database's.
    pub fn resume(connection: &Connection) -> Result<Self> {
        let (next, epoch) = connection.query_row("SELECT next_sequence, epoch FROM meta", [], |row| {
            let mut row = Columns::of(row);
            Ok((Sequence(row.number()?), row.take()?))
        })?;
        let largest = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let posting = largest("SELECT coalesce(max(id), -1) FROM postings")?;
        let position = largest("SELECT coalesce(max(id), 0) FROM positions")?;
        Ok(Self {
            next,
            epoch,
            records: 0,
            next_entry: posting.div_euclid(4) + 1,
            next_position: position + 1,
            rare: Vec::new(),
            orders: Vec::new(),
            signed: Vec::new(),
            changes: BTreeMap::new(),
            fills: Vec::new(),
            postings: Vec::new(),
            accounts: Cache::new(),
            positions: Cache::new(),
            settlements: Vec::new(),
            conversions: Vec::new(),
            candles: BTreeMap::new(),
            purse_hours: BTreeMap::new(),
            position_hours: BTreeMap::new(),
            placing: None,
            fee_payments: 0,
        })
    }

    /// Takes one record in, which must be the next one. A [`Command::Begin`] must be the first since the last
    /// flush: its accounts have the ids of the ones before.
    ///
    /// # Errors
    /// The database's, if a row that is not in memory can't be read.
    ///
    /// # Panics
    /// If the record is not the next one, or its events make or lose money.
    pub fn apply(&mut self, connection: &Connection, record: &Record) -> Result<()> {
        assert_eq!(record.sequence, self.next, "BUG: a record out of order");
        let step = Step { sequence: record.sequence, at: record.at };
        self.begin(step, record);
        self.fee_payments = 0;
        for event in &record.events {
            self.event(connection, step, record, event)?;
        }
        self.end_placement(connection)?;
        self.next = record.sequence.next();
        self.records += 1;
        Ok(())
    }

    fn begin(&mut self, step: Step, record: &Record) {
        let Command::Begin(genesis) = &record.command else {
            self.rare.extend(record.notes.iter().filter_map(|note| changed(note, step.at)));
            return;
        };
        assert!(self.records == 0, "BUG: a reset within a transaction");
        let epoch = record
            .notes
            .iter()
            .find_map(|note| if let Note::Began { epoch } = note { Some(*epoch) } else { None });
        self.epoch = epoch.expect("BUG: a beginning without its number");
        self.accounts = Cache::new();
        self.positions = Cache::new();
        self.rare.push(Rare::Epoch(step));
        let users = (1..).map(UserId).map_while(|id| Some((id, genesis.identity.user(id)?.clone())));
        self.rare.extend(users.map(|(id, user)| Rare::User(id, user)));
        let keys = (1..).map(KeyId).map_while(|id| Some((id, genesis.identity.key(id)?.clone())));
        self.rare.extend(keys.map(|(id, key)| Rare::Key(id, key)));
    }

    fn event(&mut self, db: &Connection, step: Step, record: &Record, event: &Event) -> Result<()> {
        match event {
            Event::Placed(placed) => {
                self.end_placement(db)?;
                self.placed(step, record, placed);
            }
            Event::Traded(trade) => self.traded(db, step, trade)?,
            Event::Rested { outcome, side: Side::Buy, price, remaining, .. } => {
                let account = self.orders[self.placing.expect("BUG: a rest without a placement")].account;
                self.account(db, account)?.reserved +=
                    remaining.notional(Market::in_terms_of(*outcome, *price));
            }
            // The tables hold no ticks.
            Event::Rested { side: Side::Sell, .. } | Event::TicksRefined { .. } => {}
            Event::Closed { order, account, price, outcome, side, unrested, reason, .. } => {
                self.closed(step, *order, *reason);
                let account = self.account(db, *account)?;
                account.orders_filled += i64::from(*reason == CloseReason::Filled);
                if *side == Side::Buy {
                    account.reserved -= unrested.notional(Market::in_terms_of(*outcome, *price));
                }
            }
            Event::AccountOpened { account, user, venue, cash } => {
                let opened = AccountNow {
                    user: *user,
                    venue: *venue,
                    is_house: role(&record.command, *account) != Role::Trader,
                    opened_at: step.at,
                    granted: Usd::ZERO,
                    withdrawn: Usd::ZERO,
                    cash: Usd::ZERO,
                    reserved: Usd::ZERO,
                    fills: 0,
                    orders_filled: 0,
                };
                self.accounts.change(*account, || Ok(opened))?;
                self.grant(db, step, *account, *cash)?;
            }
            Event::Granted { account, amount } => self.grant(db, step, *account, *amount)?,
            Event::MarketListed { market } => {
                let spec = listed(&record.command, *market).expect("BUG: a listing of nothing");
                self.rare.push(Rare::Market(*market, step.at, Box::new(spec.clone())));
            }
            Event::MarketHalted { market, halted } => {
                let status = if *halted { MarketStatus::Halted } else { MarketStatus::Open };
                self.rare.push(Rare::MarketStatus(*market, status));
            }
            Event::MarketResolved { market, payout, dust } => {
                self.rare.push(Rare::Resolved(*market, step.at, *payout, *dust));
                let lines = [(Book::Collateral, market.0, -*dust), (Book::Fees, 0, *dust)];
                self.post(step, Cause::Dust, i64::from(market.0), &lines);
            }
            Event::Settled(moved) => self.settled(db, step, moved)?,
            Event::Converted { yes, no } => self.converted(db, step, yes, no)?,
            Event::Pooled { from, to } => self.pooled(db, step, from, to)?,
            Event::Surrendered { from, to } => {
                self.moved(db, step, from, ClosedBy::Reset)?;
                self.moved(db, step, to, ClosedBy::Trade)?;
            }
            Event::Held { account, amount } => self.set_aside(db, step, *account, *amount)?,
            Event::Released { account, amount } => self.set_aside(db, step, *account, -*amount)?,
            Event::HeldPaid { account, amount, share } => {
                self.fee_paid(db, step, (*account, *amount), *share)?;
            }
        }
        Ok(())
    }

    fn placed(&mut self, step: Step, record: &Record, placed: &Placed) {
        // The opening books are placed by the beginning itself.
        let Vouched { key, claim, client_order_id, signed } = vouched(&record.command);
        let now = Progress {
            status: OrderStatus::Open,
            reason: None,
            filled: Shares::ZERO,
            notional: Usd::ZERO,
            fee: Usd::ZERO,
        };
        self.signed.extend(signed.map(|signed| (placed.order, signed)));
        self.placing = Some(self.orders.len());
        self.orders.push(OrderRow {
            order: placed.order,
            sequence: step.sequence,
            account: placed.account,
            market: placed.market,
            outcome: placed.outcome,
            side: placed.side,
            kind: placed.kind,
            size: placed.size,
            limit: placed.limit,
            tif: placed.tif,
            post_only: placed.post_only,
            created_at: step.at,
            key,
            client_order_id,
            claim,
            now,
            trades: None,
            closed_at: None,
            placed: Placement { progress: now, available: Usd::ZERO, holding: (Shares::ZERO, Usd::ZERO) },
        });
    }

    /// Keeps what the one who placed an order is told.
    fn end_placement(&mut self, db: &Connection) -> Result<()> {
        let Some(place) = self.placing.take() else { return Ok(()) };
        let order = &mut self.orders[place];
        let epoch = self.epoch;
        let key = (order.account, order.market, order.outcome);
        let account = self.accounts.peek(order.account, || load_account(db, epoch, order.account))?;
        let position = self.positions.peek(key, || load_position(db, epoch, key))?;
        order.placed = Placement {
            progress: order.now,
            available: account.cash - account.reserved,
            holding: (position.shares, position.cost),
        };
        Ok(())
    }

    fn traded(&mut self, db: &Connection, step: Step, trade: &Trade) -> Result<()> {
        // The maker's row has the smaller id: rows in the order of ids are appended.
        self.filled(step, trade, &trade.maker, false);
        self.filled(step, trade, &trade.taker, true);
        for party in [&trade.taker, &trade.maker] {
            self.moved(db, step, &party.moved, ClosedBy::Trade)?;
            self.account(db, party.moved.account)?.fills += 1;
        }
        let (taker, maker) = (&trade.taker.moved, &trade.maker.moved);
        if trade.maker.side == Side::Buy {
            let own = Market::in_terms_of(maker.outcome, trade.price);
            let before = (trade.maker_remaining + trade.shares).notional(own);
            self.account(db, maker.account)?.reserved -= before - trade.maker_remaining.notional(own);
        }
        let lines = [
            (Book::Purse, taker.account.0, taker.cash - taker.fee),
            (Book::Purse, maker.account.0, maker.cash - maker.fee),
            // A pair was minted if both paid, and given back if both were paid.
            (Book::Collateral, trade.market.0, -(taker.cash + maker.cash)),
            (Book::Fees, 0, taker.fee + maker.fee),
        ];
        self.post(step, Cause::Trade, super::codes::int(trade.trade.0), &lines);
        for span in SPANS {
            let number = step.at.millis().div_euclid(span);
            let candle = Candle {
                start: Timestamp::from_millis(number * span),
                open: trade.price,
                high: trade.price,
                low: trade.price,
                close: trade.price,
                shares: trade.shares,
                dollars: unsigned(taker.cash),
                trades: 1,
            };
            self.candles
                .entry((trade.market, span, number))
                .and_modify(|known| known.extend(&candle))
                .or_insert(candle);
        }
        Ok(())
    }

    fn filled(&mut self, step: Step, trade: &Trade, party: &Party, is_taker: bool) {
        let moved = &party.moved;
        let notional = unsigned(moved.cash);
        self.fills.push(FillRow {
            trade: trade.trade,
            is_taker,
            sequence: step.sequence,
            at: step.at,
            order: party.order,
            account: moved.account,
            market: trade.market,
            outcome: moved.outcome,
            side: party.side,
            price: own_price(moved.outcome, trade.price),
            shares: trade.shares,
            notional,
            fee: moved.fee,
        });
        if let Some(order) = self.fresh(party.order) {
            order.now.filled += trade.shares;
            order.now.notional += notional;
            order.now.fee += moved.fee;
            extend(&mut order.trades, trade.trade);
        } else {
            let change = self.changes.entry(party.order).or_default();
            change.filled += trade.shares;
            change.notional += notional;
            change.fee += moved.fee;
            extend(&mut change.trades, trade.trade);
        }
    }

    fn closed(&mut self, step: Step, order: OrderId, reason: CloseReason) {
        if let Some(order) = self.fresh(order) {
            order.now.status = OrderStatus::closed(reason, order.now.filled.is_positive());
            order.now.reason = Some(reason);
            order.closed_at = Some(step.at);
        } else {
            self.changes.entry(order).or_default().closed = Some((reason, step.at));
        }
    }

    /// An order of this transaction.
    fn fresh(&mut self, order: OrderId) -> Option<&mut OrderRow> {
        let place = match self.orders.last()?.order.cmp(&order) {
            std::cmp::Ordering::Equal => self.orders.len() - 1,
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Greater => self.orders.binary_search_by_key(&order, |row| row.order).ok()?,
        };
        self.orders.get_mut(place)
    }

    fn grant(&mut self, db: &Connection, step: Step, account: AccountId, amount: Usd) -> Result<()> {
        let purse = self.account(db, account)?;
        if amount.is_negative() {
            purse.withdrawn -= amount;
        } else {
            purse.granted += amount;
        }
        self.cash(db, step, account, amount)?;
        self.post(step, Cause::Grant, 0, &[(Book::World, 0, -amount), (Book::Purse, account.0, amount)]);
        Ok(())
    }

    /// Cash that came to a purse, or left it if negative.
    fn cash(&mut self, db: &Connection, step: Step, account: AccountId, amount: Usd) -> Result<()> {
        let purse = self.account(db, account)?;
        purse.cash += amount;
        let cash = purse.cash;
        self.purse_hours.insert((account, step.hour()), cash);
        Ok(())
    }

    /// Cash was set aside, or given back if negative.
    fn set_aside(
        &mut self,
        db: &Connection,
        step: Step,
        account: AccountId,
        amount: Usd,
    ) -> rusqlite::Result<()> {
        self.cash(db, step, account, -amount)?;
        let lines = [(Book::Purse, account.0, -amount), (Book::Escrow, account.0, amount)];
        self.post(step, Cause::Escrow, 0, &lines);
        Ok(())
    }

    fn fee_paid(
        &mut self,
        db: &Connection,
        step: Step,
        (account, amount): (AccountId, Usd),
        share: Option<(AccountId, Usd)>,
    ) -> Result<()> {
        let (to, part) = share.unwrap_or_default();
        if share.is_some() {
            self.cash(db, step, to, part)?;
        }
        let lines =
            [(Book::Escrow, account.0, -amount), (Book::Purse, to.0, part), (Book::Fees, 0, amount - part)];
        self.post(step, Cause::Escrow, 0, &lines);
        let number = self.fee_payments;
        self.fee_payments += 1;
        self.rare.push(Rare::FeePaid(FeePayment { step, number, account, amount, share }));
        Ok(())
    }

    fn settled(&mut self, db: &Connection, step: Step, moved: &Moved) -> Result<()> {
        let before = self.moved(db, step, moved, ClosedBy::Settlement)?;
        let market = moved.market.0;
        let lines = [(Book::Collateral, market, -moved.cash), (Book::Purse, moved.account.0, moved.cash)];
        self.post(step, Cause::Settlement, i64::from(market), &lines);
        self.settlements.push(SettlementRow {
            position: before.id,
            sequence: step.sequence,
            account: moved.account,
            market: moved.market,
            outcome: moved.outcome,
            shares: -moved.shares,
            cost: before.cost - moved.after.cost,
            payout: moved.cash,
            realized: moved.after.realized - before.realized,
            at: step.at,
        });
        Ok(())
    }

    fn converted(&mut self, db: &Connection, step: Step, yes: &Moved, no: &Moved) -> Result<()> {
        self.moved(db, step, yes, ClosedBy::Trade)?;
        self.moved(db, step, no, ClosedBy::Trade)?;
        let lines = [
            (Book::Purse, yes.account.0, yes.cash),
            (Book::Purse, no.account.0, no.cash),
            (Book::Collateral, yes.market.0, -(yes.cash + no.cash)),
        ];
        self.post(step, Cause::Conversion, i64::from(yes.market.0), &lines);
        if yes.account == no.account {
            let is_split = yes.shares.is_positive();
            let kind = if is_split { ConversionKind::Split } else { ConversionKind::Merge };
            self.conversions.push(ConversionRow::of(step, kind, yes, yes.cash + no.cash));
        }
        Ok(())
    }

    /// One market's part of a conversion.
    fn pooled(&mut self, db: &Connection, step: Step, from: &Moved, to: &Moved) -> Result<()> {
        self.moved(db, step, from, ClosedBy::Trade)?;
        self.moved(db, step, to, ClosedBy::Trade)?;
        let lines = [(Book::Purse, from.account.0, from.cash), (Book::Purse, to.account.0, to.cash)];
        self.post(step, Cause::Conversion, i64::from(from.market.0), &lines);
        self.conversions.push(ConversionRow::of(step, ConversionKind::Convert, from, from.cash));
        Ok(())
    }

    /// Books what an event did to a holding and its purse, and says what the position was before.
    fn moved(&mut self, db: &Connection, step: Step, moved: &Moved, how: ClosedBy) -> Result<PositionRow> {
        let epoch = self.epoch;
        let key = (moved.account, moved.market, moved.outcome);
        let position = self.positions.change(key, || load_position(db, epoch, key))?;
        if position.id == 0 {
            position.id = self.next_position;
            position.opened_at = step.at;
            self.next_position += 1;
        }
        let before = *position;
        // What shares cost and bring is seen from the holding: a conversion passes it on without cash.
        let cost = moved.after.cost - before.cost;
        if moved.shares.is_negative() {
            position.sold -= moved.shares;
            position.received += moved.after.realized - before.realized - cost;
        } else {
            position.bought += moved.shares;
            position.paid += cost;
        }
        position.fees += moved.fee;
        position.shares = moved.after.shares;
        position.cost = moved.after.cost;
        position.realized = moved.after.realized;
        position.closed = position.shares.is_zero().then_some((step.at, how));
        self.position_hours.insert((position.id, step.hour()), position.shares);
        let cash = moved.cash - moved.fee;
        if !cash.is_zero() {
            self.cash(db, step, moved.account, cash)?;
        }
        Ok(before)
    }

    fn account(&mut self, db: &Connection, account: AccountId) -> Result<&mut AccountNow> {
        let epoch = self.epoch;
        self.accounts.change(account, || load_account(db, epoch, account))
    }

    /// Writes one entry, unless it moves nothing.
    fn post(&mut self, step: Step, cause: Cause, subject: i64, lines: &[(Book, u32, Usd)]) {
        let sum: Usd = lines.iter().map(|(_, _, amount)| *amount).sum();
        assert!(sum.is_zero(), "BUG: record {} makes or loses {}", step.sequence, sum.plain());
        let moving = lines.iter().filter(|(_, _, amount)| !amount.is_zero());
        let entry = self.next_entry;
        let before = self.postings.len();
        self.postings.extend((entry * 4..entry * 4 + 4).zip(moving).map(|(id, (book, owner, amount))| {
            Posting { id, step, cause, subject, book: *book, owner: *owner, amount: *amount }
        }));
        self.next_entry += i64::from(self.postings.len() > before);
    }
}

fn extend(trades: &mut Option<(TradeId, TradeId)>, last: TradeId) {
    trades.get_or_insert((last, last)).1 = last;
}

fn own_price(outcome: Outcome, price: Price) -> Price {
    Market::in_terms_of(outcome, price)
}

fn unsigned(cash: Usd) -> Usd {
    if cash.is_negative() { -cash } else { cash }
}
