//! What the ledger promises.

mod book;
mod random;

use super::codes::{Code, int};
use super::query::{self, FillFilter, OrderFilter, SettlementFilter, Whose};
use super::{Ledger, LedgerError, OrderStatus, Source, Writer, audit, catch_up, rebuild, run};
use crate::exchange::{Market, Receipt};
use crate::types::{AccountId, OrderId, Outcome, Reject, Sequence, Shares, Size, Timestamp, Usd};
use crate::world::meters::Meters;
use crate::world::record::{Command, Record, RecordRef};
use crate::world::state::State;
use crate::world::tape::{Append, Batch, Disk, Durability, MemoryDisk, Tape, Watermark};
use crate::world::{Clock, ClockMode};
use random::World;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A directory that goes with the test.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.sqlite");
    (directory, path)
}

fn written(path: &Path, records: &[Record]) -> Writer {
    let mut writer = Writer::open(path).expect("a ledger");
    writer.project(records).expect("rows");
    writer.commit().expect("a commit");
    writer
}

/// Every row of every table.
fn dump(db: &Connection) -> BTreeMap<String, Vec<String>> {
    let mut tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").expect("the schema");
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).expect("names").map(|name| name.expect("a name")).collect();
    let rows = |name: &str| {
        let mut all = db.prepare(&format!("SELECT * FROM {name}")).expect("a table");
        let columns = all.column_count();
        let mut rows: Vec<String> = all
            .query_map([], |row| {
                (0..columns)
                    .map(|at| row.get_ref(at).map(|value| format!("{value:?}")))
                    .collect::<rusqlite::Result<String>>()
            })
            .expect("rows")
            .map(|row| row.expect("a row"))
            .collect();
        rows.sort_unstable();
        rows
    };
    names.iter().map(|name| (name.clone(), rows(name))).collect()
}

/// The ledger says what the state says.
fn check_against(state: &State, db: &Connection) {
    let exchange = state.exchange();
    for account in exchange.accounts() {
        let (cash, reserved): (i64, i64) = db
            .query_row(
                "SELECT cash, reserved FROM accounts WHERE epoch = ? AND id = ?",
                [state.epoch(), account.id.0],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("its row");
        assert_eq!(
            (cash, reserved),
            (account.cash.micros(), account.reserved.micros()),
            "account {}",
            account.id
        );
        let rows = query::positions(db, &[account.id]).expect("positions");
        let mut rows: BTreeMap<_, _> = rows.into_iter().map(|row| ((row.market, row.outcome), row)).collect();
        for (position, outcome) in exchange
            .positions(account.id)
            .flat_map(|position| Outcome::BOTH.map(|outcome| (position, outcome)))
        {
            let held = position.of(outcome);
            let row = rows.remove(&(position.market, outcome));
            let row = row.map_or((Shares::ZERO, Usd::ZERO, Usd::ZERO), |row| {
                assert_eq!(row.closed.is_none(), row.shares.is_positive(), "{row:?}");
                assert_eq!(row.bought - row.sold, row.shares, "{row:?}");
                assert_eq!(row.received - row.paid, row.realized - row.cost, "{row:?}");
                (row.shares, row.cost, row.realized)
            });
            assert_eq!(row, (held.shares, held.cost, held.realized), "{position:?} {outcome:?}");
        }
        assert!(rows.is_empty(), "positions that nobody has: {rows:?}");
        let open: Vec<_> = exchange.open_orders(account.id).map(|open| (open.id, open.remaining)).collect();
        let filter = OrderFilter {
            whose: account.id.into(),
            statuses: vec![OrderStatus::Open],
            limit: u32::MAX,
            ..OrderFilter::default()
        };
        let mut listed: Vec<_> = query::orders(db, &filter)
            .expect("orders")
            .into_iter()
            .map(|row| match row.size {
                Size::Shares(shares) => (row.order, shares - row.now.filled),
                Size::Dollars(_) => panic!("dollars rest: {row:?}"),
            })
            .collect();
        listed.reverse();
        assert_eq!(listed, open, "account {}", account.id);
    }
}

fn check_history(state: &State, ledger: &Ledger) {
    let read = ledger.read(|db| {
        check_against(state, db);
        Ok(())
    });
    read.expect("a read");
}

/// Of keys that nobody uses.
fn meters() -> Meters {
    Meters::new(Arc::new(Clock::new(ClockMode::Real)), crate::world::meters::Reading::default())
}

#[test]
fn the_ledger_says_what_the_state_says() {
    for seed in 0..3 {
        let mut world = World::new(seed);
        let (_directory, path) = directory();
        let mut writer = Writer::open(&path).expect("a ledger");
        let mut done = 0;
        for round in 0..4 {
            world.run(400);
            if round == 2 {
                world.begin();
                world.run(300);
            }
            writer.project(&world.records[done..]).expect("rows");
            writer.commit().expect("a commit");
            done = world.records.len();
            check_against(&world.state, writer.connection());
            let report = audit(writer.connection()).expect("an audit");
            assert!(report.passes(), "seed {seed}: {report}");
        }
    }
}

#[test]
fn the_first_answer_can_be_given_again() {
    let mut world = World::new(11);
    world.run(800);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let all: Vec<AccountId> = world.state.exchange().accounts().iter().map(|account| account.id).collect();
    let mut checked = 0;
    for receipt in &world.receipts {
        let Receipt::Placed { order, filled, notional, fee, closed, available, holding, at, .. } = *receipt
        else {
            continue;
        };
        let row = query::order(writer.connection(), order, &all).expect("a query").expect("an order");
        let placed = row.placed;
        assert_eq!(
            (placed.progress.filled, placed.progress.notional, placed.progress.fee, placed.progress.reason),
            (filled, notional, fee, closed),
            "{row:?}"
        );
        assert_eq!(
            (placed.available, placed.holding),
            (available, (holding.shares, holding.cost)),
            "{row:?}"
        );
        assert_eq!(row.created_at, at);
        checked += 1;
    }
    assert!(checked > 200, "only {checked} orders");
}

#[test]
fn a_claim_finds_its_order_and_nobody_elses() {
    let mut world = World::new(12);
    world.run(300);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let db = writer.connection();
    let mut found = 0;
    for record in &world.records {
        let Command::Place { order, claim: Some(claim), .. } = &record.command else { continue };
        let (own, other) = (order.account, AccountId(order.account.0 + 1));
        let by_key = query::claimed(db, &[other, own], &claim.key).expect("a query").expect("an order");
        assert_eq!(by_key.body, Some(claim.body));
        assert_eq!(query::claimed(db, &[other], &claim.key).expect("a query"), None);
        if let Some(id) = claim.client_order_id {
            let by_id = query::claimed(db, &[own], &id).expect("a query").expect("an order");
            assert_eq!((by_id.order, by_id.body), (by_key.order, None));
        }
        let row = query::order(db, by_key.order, &[own]).expect("a query").expect("an order");
        assert_eq!((row.claim, row.sequence), (Some(*claim), record.sequence));
        assert_eq!(query::order(db, by_key.order, &[other]).expect("a query"), None);
        found += 1;
    }
    assert!(found > 20, "only {found} claims");
}

#[test]
fn a_ledger_closed_after_any_record_goes_on_with_the_same_rows() {
    let mut world = World::new(13);
    world.run(300);
    world.begin();
    world.run(300);
    let (_directory, path) = directory();
    let whole = dump(written(&path, &world.records).connection());
    for step in [1, 7, 64] {
        let (_directory, path) = directory();
        for records in world.records.chunks(step) {
            let writer = Writer::open(&path).expect("a ledger");
            assert_eq!(writer.next(), records[0].sequence);
            drop(writer);
            written(&path, records);
        }
        let pieces = dump(Writer::open(&path).expect("a ledger").connection());
        for (table, rows) in &whole {
            assert_eq!(rows, &pieces[table], "{table} in steps of {step}");
        }
    }
}

#[test]
fn an_audit_names_the_row_that_breaks_a_law() {
    let mut world = World::new(14);
    world.run(900);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let db = writer.connection();
    for (tampered, law) in [
        (
            "UPDATE postings SET amount = amount + 1 WHERE id = (SELECT min(id) FROM postings WHERE cause = 1)",
            "sum to zero",
        ),
        ("DELETE FROM postings WHERE id = (SELECT max(id) FROM postings WHERE book = 2)", "sum to zero"),
        ("UPDATE accounts SET cash = cash + 1 WHERE id = 3", "granted - withdrawn"),
        ("UPDATE accounts SET cash = cash + iif(id = 3, 5, -5) WHERE id IN (3, 4)", "its purse's postings"),
        ("UPDATE accounts SET granted = granted + 1 WHERE id = 3", "given by the world"),
        ("UPDATE accounts SET cash = reserved - 1 WHERE id = 3", "no purse is below zero"),
        (
            "UPDATE positions SET shares = shares + 1 WHERE id = (SELECT min(id) FROM positions WHERE market NOT IN (SELECT id FROM markets WHERE payout IS NOT NULL))",
            "YES outstanding = NO",
        ),
        (
            "UPDATE positions SET shares = shares + 1 WHERE market = (SELECT min(market) FROM positions WHERE market NOT IN (SELECT id FROM markets WHERE payout IS NOT NULL)) AND account = 1",
            "what its shares are backed by",
        ),
        (
            "UPDATE fills SET fee = fee + 1 WHERE id = (SELECT max(id) FROM fills WHERE fee > 0)",
            "fees posted",
        ),
        ("UPDATE markets SET dust = dust + 1 WHERE id = 2", "fees posted"),
        ("DELETE FROM fills WHERE id = (SELECT max(id) FROM fills)", "takers' shares"),
        (
            "UPDATE orders SET filled = filled + 1 WHERE id = (SELECT min(order_id) FROM fills)",
            "filled of every order",
        ),
        (
            "UPDATE orders SET notional = notional + 1 WHERE id = (SELECT min(order_id) FROM fills)",
            "notional of every order",
        ),
        (
            "UPDATE orders SET fee = fee + 1 WHERE id = (SELECT min(order_id) FROM fills)",
            "fee of every order",
        ),
    ] {
        let transaction = db.unchecked_transaction().expect("a transaction");
        assert!(transaction.execute(tampered, []).expect("a change") > 0, "nothing changed: {tampered}");
        let report = super::audit::report(&transaction).expect("an audit");
        assert!(report.failures().any(|failed| failed.says.contains(law)), "{tampered}\n{report}");
        assert!(report.to_string().contains("FAIL"), "{report}");
        transaction.rollback().expect("a way back");
    }
    assert!(audit(db).expect("an audit").passes());
}

#[test]
fn a_newer_ledger_is_refused_and_left_as_it_is() {
    let (_directory, path) = directory();
    drop(Writer::open(&path).expect("a ledger"));
    let newer = Connection::open(&path).expect("a file");
    newer.pragma_update(None, "user_version", 99).expect("a pragma");
    drop(newer);
    let before = std::fs::read(&path).expect("bytes");
    let refused = Writer::open(&path);
    assert!(matches!(refused, Err(LedgerError::Newer { found: 99, known: 5 })), "{refused:?}");
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
}

/// A tape in memory, and what a ledger reads it through.
fn tape(world: &World) -> (Tape, Source) {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let mut tape = Tape::open(Arc::clone(&disk), Durability::Memory).expect("a tape");
    let watermark = Arc::new(Watermark::new(Sequence(0)));
    let source = Source { disk, watermark };
    append(&mut tape, &source, &world.records);
    (tape, source)
}

fn append(tape: &mut Tape, source: &Source, records: &[Record]) {
    for records in records.chunks(37) {
        let mut batch = Batch::default();
        for Record { sequence, at, command, events, notes } in records {
            batch.push(&RecordRef { sequence: *sequence, at: *at, command, events, notes });
        }
        assert!(matches!(tape.append(tape.next(), &batch.as_ref()), Append::Durable));
    }
    source.watermark.raise(tape.next());
}

fn wait(ledger: &Ledger, sequence: Sequence) -> Result<(), Reject> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(ledger.wait_for(sequence))
}

#[test]
fn history_follows_the_tape_until_it_is_stopped() {
    let mut world = World::new(15);
    world.run(200);
    let (mut tape, source) = tape(&world);
    let (_directory, path) = directory();
    let (ledger, writer) = Ledger::start(&path, source.clone()).expect("a ledger");
    assert_eq!(ledger.reached(), None);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| run(writer, &ledger, &meters(), &stop));
        let last = world.records.last().expect("records").sequence;
        wait(&ledger, last).expect("history");
        check_history(&world.state, &ledger);
        let done = world.records.len();
        world.run(500);
        append(&mut tape, &source, &world.records[done..]);
        // Told to stop at once, it still takes in all that is durable.
        stop.store(true, Ordering::Release);
    });
    assert_eq!(ledger.reached(), world.state.sequence());
    assert_eq!(ledger.lag(), 0);
    check_history(&world.state, &ledger);
}

#[test]
fn a_ledger_that_cannot_be_written_says_so_and_goes_on_later() {
    let mut world = World::new(16);
    world.run(50);
    let (mut tape, source) = tape(&world);
    let (_directory, path) = directory();
    let (ledger, writer) = Ledger::start(&path, source.clone()).expect("a ledger");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| run(writer, &ledger, &meters(), &stop));
        wait(&ledger, world.records.last().expect("records").sequence).expect("history");
        let hindrance = Connection::open(&path).expect("a connection");
        hindrance.execute_batch("BEGIN IMMEDIATE").expect("the only right to write");
        let done = world.records.len();
        world.run(50);
        append(&mut tape, &source, &world.records[done..]);
        let last = world.records.last().expect("records").sequence;
        assert_eq!(wait(&ledger, last), Err(Reject::HistoryUnavailable));
        assert_eq!(ledger.read(|_| Ok(())), Err(Reject::HistoryUnavailable));
        assert!(ledger.lag() > 0);
        hindrance.execute_batch("ROLLBACK").expect("a way back");
        drop(hindrance);
        let mut progress = ledger.0.progress.subscribe();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime
            .block_on(progress.wait_for(|reached| reached.works && reached.next > last))
            .map(drop)
            .expect("history");
        check_history(&world.state, &ledger);
        stop.store(true, Ordering::Release);
    });
}

#[test]
fn a_ledger_can_be_made_again_and_one_ahead_of_its_tape_is() {
    let mut world = World::new(17);
    world.run(300);
    let (_tape, source) = tape(&world);
    let (_directory, path) = directory();
    let before = dump(written(&path, &world.records).connection());
    let again = rebuild(&path, &source).expect("a ledger");
    assert_eq!(dump(again.connection()), before);
    drop(again);
    // Another tape, of which less is durable.
    let half = world.records.len() / 2;
    source.watermark.raise(Sequence(u64::try_from(half / 37 * 37).expect("small")));
    let (ledger, mut writer) = Ledger::start(&path, source.clone()).expect("a ledger");
    assert_eq!(writer.next(), source.watermark.next());
    assert_eq!(ledger.lag(), 0);
    catch_up(&mut writer, &source).expect("nothing to do");
}

#[test]
fn a_panic_or_an_error_costs_no_reader_its_seat() {
    let world = World::new(18);
    let (_tape, source) = tape(&world);
    let (_directory, path) = directory();
    let (ledger, mut writer) = Ledger::start(&path, source.clone()).expect("a ledger");
    catch_up(&mut writer, &source).expect("rows");
    for _ in 0..5 {
        let wrong = ledger.read(|db| db.query_row("SELECT nothing", [], |_| Ok(())));
        assert_eq!(wrong, Err(Reject::HistoryUnavailable));
        let read = || ledger.read(|_| -> rusqlite::Result<()> { panic!("on purpose") });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).is_err());
    }
    let orders = ledger.read(|db| {
        query::count_orders(db, &OrderFilter { whose: Whose::Everyone, ..OrderFilter::default() })
    });
    assert!(orders.expect("a read") > 100);
    assert!(ledger.read(|db| db.execute("DELETE FROM orders", [])).is_err(), "readers only read");
}

#[test]
fn pages_of_orders_and_fills_join_up() {
    let mut world = World::new(19);
    world.run(900);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let db = writer.connection();
    let accounts: Vec<_> = (0..4).map(|number| world.trader(number)).collect();
    let everything =
        FillFilter { whose: Whose::Accounts(accounts.clone()), limit: u32::MAX, ..FillFilter::default() };
    let all = query::fills(db, &everything).expect("fills");
    assert!(all.windows(2).all(|pair| (pair[0].trade, pair[0].is_taker) > (pair[1].trade, pair[1].is_taker)));
    assert_eq!(
        query::count_fills(db, &everything).expect("a count"),
        i64::try_from(all.len()).expect("small")
    );
    let mut pages = Vec::new();
    while let Ok(page) = query::fills(
        db,
        &FillFilter { limit: 7, offset: u32::try_from(pages.len()).expect("small"), ..everything.clone() },
    ) && !page.is_empty()
    {
        pages.extend(page);
    }
    assert_eq!(pages, all);
    let middle = all[all.len() / 2].at;
    let late = query::fills(db, &FillFilter { from: Some(middle), ..everything.clone() }).expect("fills");
    let early = query::fills(db, &FillFilter { before: Some(middle), ..everything.clone() }).expect("fills");
    assert!(late.iter().all(|fill| fill.at >= middle) && early.iter().all(|fill| fill.at < middle));
    assert_eq!(late.len() + early.len(), all.len());
    let order = all[0].order;
    let own = query::fills(db, &FillFilter { order: Some(order), ..everything.clone() }).expect("fills");
    assert!(!own.is_empty());
    assert_eq!(own, all.iter().filter(|fill| fill.order == order).copied().collect::<Vec<_>>());

    let wanted = OrderFilter { whose: Whose::Accounts(accounts), limit: u32::MAX, ..OrderFilter::default() };
    let orders = query::orders(db, &wanted).expect("orders");
    let cursor = orders[orders.len() / 3].order;
    let rest = query::orders(db, &OrderFilter { before_id: Some(cursor), ..wanted.clone() }).expect("orders");
    assert_eq!(rest, orders[orders.len() / 3 + 1..]);
    for status in [
        OrderStatus::Open,
        OrderStatus::Filled,
        OrderStatus::Cut,
        OrderStatus::Canceled,
        OrderStatus::Expired,
    ] {
        let some =
            query::orders(db, &OrderFilter { statuses: vec![status], ..wanted.clone() }).expect("orders");
        assert!(some.iter().all(|row| row.now.status == status));
        assert!(!some.is_empty(), "no order is {status:?}");
    }
    assert_eq!(query::orders(db, &OrderFilter { limit: 9, ..OrderFilter::default() }).expect("orders"), []);
    assert_eq!(query::order(db, OrderId(1), &[]).expect("a query"), None);
}

#[test]
fn candles_volumes_and_prices_come_from_the_trades() {
    let mut world = World::new(20);
    world.run(900);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let db = writer.connection();
    let takers = FillFilter { whose: Whose::Everyone, limit: u32::MAX, ..FillFilter::default() };
    let mut fills = query::fills(db, &takers).expect("fills");
    fills.reverse();
    let market = fills[0].market;
    let of_market: Vec<_> = fills.iter().filter(|fill| fill.market == market).collect();
    let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    for bucket in [60_000, 300_000, 3_600_000, 86_400_000] {
        let candles = query::candles(db, market, bucket, from, to).expect("candles");
        for candle in &candles {
            let inside: Vec<_> = of_market
                .iter()
                .filter(|fill| fill.at.millis().div_euclid(bucket) * bucket == candle.start.millis())
                .collect();
            let prices: Vec<_> =
                inside.iter().map(|fill| Market::in_terms_of(fill.outcome, fill.price)).collect();
            assert_eq!(Some(&candle.open), prices.first());
            assert_eq!(Some(&candle.close), prices.last());
            assert_eq!((Some(&candle.low), Some(&candle.high)), (prices.iter().min(), prices.iter().max()));
            assert_eq!(candle.shares, inside.iter().map(|fill| fill.shares).sum());
            assert_eq!(candle.dollars, inside.iter().map(|fill| fill.notional).sum());
        }
        let trades: i64 = candles.iter().map(|candle| candle.trades).sum();
        assert_eq!(trades, i64::try_from(of_market.len()).expect("small"));
    }
    let last = world.state.exchange().market(market).expect("a market").last_trade;
    assert_eq!(query::price_before(db, market, world.state.at().plus_millis(60_000)).expect("a price"), last);
    let since = Timestamp::from_millis(of_market[of_market.len() / 2].at.millis() / 60_000 * 60_000);
    let volume: Usd = of_market.iter().filter(|fill| fill.at >= since).map(|fill| fill.notional).sum();
    assert_eq!(query::volume_since(db, since).expect("volumes")[&market], volume);
    let markets: Vec<_> = fills.iter().map(|fill| fill.market).take(9).collect();
    let public = FillFilter { markets: markets.clone(), limit: 30, ..takers };
    let some: Vec<_> =
        fills.iter().rev().filter(|fill| markets.contains(&fill.market)).take(30).copied().collect();
    assert_eq!(query::fills(db, &public).expect("fills"), some);
    let count = query::count_fills(db, &public).expect("a count");
    let all = fills.iter().filter(|fill| markets.contains(&fill.market)).count();
    assert_eq!(count, i64::try_from(all).expect("small"));
    let total = query::traded(db, market).expect("a total");
    assert_eq!(total.dollars, of_market.iter().map(|fill| fill.notional).sum());
}

#[test]
fn equity_ends_with_what_the_state_has_now() {
    let mut world = World::new(21);
    world.run(900);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let (exchange, now) = (world.state.exchange(), world.state.at());
    for account in (0..5).map(|number| world.trader(number)) {
        let from = now.plus_millis(-7 * 86_400_000);
        let points = query::equity(writer.connection(), &[account], from, now).expect("equity");
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
        let last = points.last().expect("a point");
        let worth: Usd = exchange
            .positions(account)
            .flat_map(|position| Outcome::BOTH.map(|outcome| (position, outcome)))
            .filter_map(|(position, outcome)| {
                let mark = exchange.market(position.market)?.touch().mark?;
                Some(position.of(outcome).shares.notional(Market::in_terms_of(outcome, mark)))
            })
            .sum();
        let cash = exchange.account(account).expect("an account").cash;
        assert_eq!((last.at, last.cash, last.position_value), (now, cash, worth), "account {account}");
    }
}

#[test]
fn settlements_and_resets_close_positions() {
    let mut world = World::new(22);
    world.run(1_500);
    let (_directory, path) = directory();
    let writer = written(&path, &world.records);
    let db = writer.connection();
    let accounts: Vec<_> = world.state.exchange().accounts().iter().map(|account| account.id).collect();
    let filter =
        SettlementFilter { accounts: accounts.clone(), limit: u32::MAX, ..SettlementFilter::default() };
    let all = query::settlements(db, &filter).expect("settlements");
    assert!(!all.is_empty());
    for row in &all {
        assert_eq!(row.realized, row.payout - row.cost, "{row:?}");
    }
    let cursor = SettlementFilter { before_position: Some(all[0].position), limit: 1, ..filter };
    assert_eq!(query::settlements(db, &cursor).expect("settlements"), all[1..2]);
    let closed = query::closed_positions(db, &accounts).expect("positions");
    let how = |by| closed.iter().filter(|row| row.closed.is_some_and(|(_, how)| how == by)).count();
    assert!(how(super::ClosedBy::Settlement) > 0 && how(super::ClosedBy::Reset) > 0);
    let ids = query::position_ids(db, &accounts).expect("numbers");
    assert!(closed.iter().all(|row| ids[&(row.account, row.market, row.outcome)] == row.id));
    let stats = query::trade_stats(db, &accounts).expect("numbers");
    assert_eq!(
        stats.fills,
        query::count_fills(db, &FillFilter { whose: Whose::Accounts(accounts), ..FillFilter::default() })
            .expect("a count")
    );
    let judged = usize::try_from(stats.wins + stats.losses + stats.draws).expect("small");
    assert_eq!(judged, closed.len() - how(super::ClosedBy::Reset));
}

#[test]
fn codes_are_pinned() {
    // Rows that are on someone's disk keep their meaning.
    assert_eq!(crate::types::CloseReason::AccountReset.code(), 7);
    assert_eq!(OrderStatus::of(4), Some(OrderStatus::Expired));
    assert_eq!(OrderStatus::of(5), None);
    assert_eq!(int(5), 5);
}
