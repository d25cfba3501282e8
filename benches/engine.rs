//! How fast the book and the whole exchange core are, as a ratio to the plain `flat` engine in the same run.
//!
//! `cargo bench --bench engine` prints, for each engine on workload PM1, the median over interleaved rounds
//! of nanoseconds per operation and of the ratio to `flat`, the same of each engine's best round (which a
//! busy machine disturbs least), allocations per operation once the book has its size, and the 50th and
//! 99.9th percentile of one operation. `ROUNDS` says how many rounds. It fails if any engine trades otherwise than PM1 says.

#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    reason = "ratios for a reader, of times read from a clock; no money is in them"
)]

mod workload;

use papertape::exchange::{
    Command, Event, Exchange, FeeSchedule, Grid, Half, Ladder, Limits, MarketFacts, MarketSpec, Open,
    OpenAccount, Orders, Role, Settlement, TickRange,
};
use papertape::types::{
    AccountId, MarketId, NewOrder, OrderId, OrderKind, Outcome, Price, Shares, Side, Size, Terms,
    TimeInForce, Timestamp, Usd, UserId, Venue,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::time::Instant;
use workload::{EXPECTED, Engine, Flat, Kind, OPS, Op, PREFILL, Tally, Workload, generate};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The book without accounts: what the exchange keeps orders in, matched as it matches them.
struct Book {
    grid: Grid,
    orders: Orders,
    ladder: Ladder,
}

impl Book {
    fn new() -> Self {
        let grid = Grid::uniform(10).expect("divides a dollar");
        let mut orders = Orders::default();
        orders.reserve(PREFILL + OPS);
        let ladder = Ladder::new(&grid);
        Self { grid, orders, ladder }
    }

    fn limit(&mut self, op: &Op, tally: &mut Tally) {
        let half = if op.is_bid { Half::Bid } else { Half::Ask };
        let level = self.grid.level(price(op.price)).expect("on the tick");
        let mut wanted = i64::from(op.quantity);
        while let Some(best) = self.ladder.best(half.opposite()) {
            if if op.is_bid { best > level } else { best < level } {
                break;
            }
            while let Some(slot) = self.ladder.front(best) {
                let maker = self.orders.get(slot);
                let (id, left) = (maker.id.0, maker.remaining.micros());
                let shares = left.min(wanted);
                tally.fill(id, u64::from(best), shares.unsigned_abs());
                wanted -= shares;
                if shares < left {
                    self.ladder.reduce(&mut self.orders, slot, Shares::from_micros(shares));
                } else {
                    self.ladder.remove(&mut self.orders, slot);
                }
                if wanted == 0 {
                    return;
                }
            }
        }
        let shares = Shares::from_micros(wanted);
        let outcome = if op.is_bid { Outcome::Yes } else { Outcome::No };
        let (account, market, owner) = (AccountId(1), MarketId(1), (Side::Buy, outcome));
        let open = Open::new(OrderId(op.id), account, market, 0, owner, level, (shares, shares), false);
        let slot = self.orders.insert(open);
        self.ladder.rest(&mut self.orders, slot);
    }
}

impl Engine for Book {
    #[inline]
    fn step(&mut self, op: &Op, tally: &mut Tally) {
        if op.kind != Kind::Cancel {
            return self.limit(op, tally);
        }
        if let Some(slot) = self.orders.find(OrderId(op.id)) {
            self.ladder.remove(&mut self.orders, slot);
            tally.cancels += 1;
        }
    }
}

/// The whole core: every check, reservation, balance, position, fee and event.
struct Core {
    exchange: Exchange,
    events: Vec<Event>,
}

impl Core {
    fn new() -> Self {
        let mut core =
            Self { exchange: Exchange::new(Limits::default()), events: Vec::with_capacity(1 << 14) };
        core.must(&Command::ListMarket(Box::new(MarketSpec {
            venue: Venue::Polymarket,
            facts: MarketFacts::default(),
            ticks: vec![TickRange { from: 0, to: Price::DOLLAR, step: 10 }],
            lot: Shares::from_micros(100),
            minimum: Shares::from_whole(1),
            fees: FeeSchedule { rate_bps: 500, up_to_cent: false },
            settlement: Settlement::Auto,
            ends_at: None,
            reference: None,
            resolved: None,
            group: None,
        })));
        for user in [1, 2] {
            core.must(&Command::OpenAccount(OpenAccount {
                user: UserId(user),
                venue: Venue::Polymarket,
                role: Role::Trader,
                cash: Usd::from_dollars(1_000_000_000),
            }));
        }
        core.exchange.reserve(PREFILL + OPS);
        core
    }

    fn must(&mut self, command: &Command) {
        self.exchange.apply(Timestamp::from_millis(0), command, &mut self.events).expect("nothing is wrong");
        self.events.clear();
    }
}

impl Engine for Core {
    #[inline]
    fn step(&mut self, op: &Op, tally: &mut Tally) {
        let command = command(op);
        let at = Timestamp::from_millis(0);
        self.exchange.apply(at, &command, &mut self.events).expect("PM1 is never refused");
        for event in &self.events {
            if let Event::Traded(trade) = event {
                let shares = trade.shares.micros().unsigned_abs() / 1_000_000;
                tally.fill(trade.maker.order.0, u64::from(trade.price.ten_thousandths() / 10), shares);
            }
        }
        self.events.clear();
        tally.cancels += u64::from(op.kind == Kind::Cancel);
    }
}

/// Bids are buys of the first outcome by one account, asks buys of the second by another.
#[inline]
fn command(op: &Op) -> Command {
    let account = AccountId(if op.is_bid { 1 } else { 2 });
    if op.kind == Kind::Cancel {
        return Command::Cancel { account, order: OrderId(op.id) };
    }
    let price = price(op.price);
    let (outcome, limit) = if op.is_bid { (Outcome::Yes, price) } else { (Outcome::No, price.complement()) };
    Command::Place(NewOrder {
        account,
        market: MarketId(1),
        outcome,
        side: Side::Buy,
        kind: OrderKind::Limit,
        size: Size::Shares(Shares::from_whole(i64::from(op.quantity))),
        limit,
        tif: TimeInForce::Gtc,
        post_only: false,
        terms: Terms::PLAIN,
    })
}

fn price(thousandths: u16) -> Price {
    Price::new(thousandths * 10).expect("PM1's prices lie inside")
}

/// What one round of one engine showed.
struct Round {
    ns_per_op: f64,
    allocations: usize,
}

fn prefilled<E: Engine>(mut engine: E, workload: &Workload) -> E {
    let mut tally = Tally::default();
    for op in &workload.prefill {
        engine.step(op, &mut tally);
    }
    assert_eq!(tally, Tally::default(), "nothing trades before the clock starts");
    engine
}

fn round<E: Engine>(name: &str, engine: E, workload: &Workload) -> Round {
    let mut engine = prefilled(engine, workload);
    let mut tally = Tally::default();
    let region = Region::new(ALLOCATOR);
    let start = Instant::now();
    for op in &workload.timed {
        engine.step(op, &mut tally);
    }
    let elapsed = start.elapsed();
    let change = region.change();
    assert_eq!(tally, EXPECTED, "{name} does not trade as PM1 says");
    Round {
        ns_per_op: elapsed.as_nanos() as f64 / workload.timed.len() as f64,
        allocations: change.allocations + change.reallocations,
    }
}

/// The 50th and 99.9th percentile of single operations, the reading of the clock included.
fn single<E: Engine>(engine: E, workload: &Workload) -> [u32; 2] {
    let mut engine = prefilled(engine, workload);
    let mut tally = Tally::default();
    // Written once before, so that no fresh page of it is fetched on the clock.
    let mut times = vec![1_u32; workload.timed.len()];
    let mut last = Instant::now();
    for (op, time) in workload.timed.iter().zip(&mut times) {
        engine.step(op, &mut tally);
        let now = Instant::now();
        *time = (now - last).subsec_nanos();
        last = now;
    }
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() / 1_000 * 999]]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(name: &str, rounds: &[Round], flat: &[Round], single: [u32; 2]) {
    let ns = median(rounds.iter().map(|round| round.ns_per_op).collect());
    let best = |rounds: &[Round]| rounds.iter().map(|round| round.ns_per_op).fold(f64::INFINITY, f64::min);
    let (best, best_ratio) = (best(rounds), best(rounds) / best(flat));
    let ratios = rounds.iter().zip(flat).map(|(round, flat)| round.ns_per_op / flat.ns_per_op).collect();
    let allocations = rounds.iter().map(|round| round.allocations).max().unwrap_or(0) as f64 / OPS as f64;
    println!(
        "{name:<6} {ns:>8.1} {:>7.2} {best:>8.1} {best_ratio:>7.2} {allocations:>15.6} {:>8} {:>9}   {}",
        median(ratios),
        single[0],
        single[1],
        EXPECTED.digest
    );
}

fn main() {
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let workload = generate();
    let (mut flat, mut book, mut core) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        flat.push(round("flat", Flat::new(), &workload));
        book.push(round("book", Book::new(), &workload));
        core.push(round("core", Core::new(), &workload));
    }
    println!(
        "PM1, {OPS} operations, {rounds} rounds; fills {}, quantity {}",
        EXPECTED.fills, EXPECTED.quantity
    );
    println!("engine    ns/op  x flat     best  x flat  allocations/op   p50 ns  p99.9 ns   digest");
    report("flat", &flat, &flat, single(Flat::new(), &workload));
    report("book", &book, &flat, single(Book::new(), &workload));
    report("core", &core, &flat, single(Core::new(), &workload));
}
