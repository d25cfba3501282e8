//! The obviously right book, and the judgement of the fast one by it.
//!
//! One list of orders, sorted whenever someone looks. No levels, no links, no bits, no pages.

use super::{Grid, Half, Ladder, Open, Orders, Slot, TickRange};
use crate::types::{AccountId, MarketId, OrderId, Outcome, Price, Shares, Side};
use proptest::prelude::*;

/// An order: its id, its half, its level and what has not traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plain {
    id: u64,
    half: Half,
    level: u16,
    remaining: i64,
}

#[derive(Debug, Default)]
struct PlainBook {
    orders: Vec<Plain>,
}

impl PlainBook {
    /// The orders of a half, the best price first, the oldest of a price first.
    fn queue(&self, half: Half) -> Vec<Plain> {
        let mut queue: Vec<_> = self.orders.iter().copied().filter(|order| order.half == half).collect();
        queue.sort_by_key(|order| match half {
            Half::Bid => (i32::from(u16::MAX) - i32::from(order.level), order.id),
            Half::Ask => (i32::from(order.level), order.id),
        });
        queue
    }

    fn levels(&self, half: Half) -> Vec<(u16, i64)> {
        let mut levels: Vec<(u16, i64)> = Vec::new();
        for order in self.queue(half) {
            match levels.last_mut() {
                Some((level, sum)) if *level == order.level => *sum += order.remaining,
                Some(_) | None => levels.push((order.level, order.remaining)),
            }
        }
        levels
    }

    fn reduce(&mut self, id: u64, by: i64) {
        let order = self.orders.iter_mut().find(|order| order.id == id).expect("open");
        order.remaining -= by;
        self.orders.retain(|order| order.remaining > 0);
    }

    /// Takes up to so much from the half, down to a level, and says from whom.
    fn take(&mut self, half: Half, limit: u16, mut wanted: i64) -> Vec<(u64, u16, i64)> {
        let mut fills = Vec::new();
        for order in self.queue(half) {
            let reaches = match half {
                Half::Bid => order.level >= limit,
                Half::Ask => order.level <= limit,
            };
            let shares = order.remaining.min(wanted);
            if reaches && shares > 0 {
                fills.push((order.id, order.level, shares));
                wanted -= shares;
                self.reduce(order.id, shares);
            }
        }
        fills
    }
}

/// The fast book, driven as the exchange drives it.
#[derive(Debug)]
struct FastBook {
    orders: Orders,
    ladder: Ladder,
}

impl FastBook {
    fn rest(&mut self, plain: Plain) {
        let owner = match plain.half {
            Half::Bid => (Side::Buy, Outcome::Yes),
            Half::Ask => (Side::Buy, Outcome::No),
        };
        let shares = Shares::from_micros(plain.remaining);
        let (id, account, market) = (OrderId(plain.id), AccountId(1), MarketId(1));
        let open = Open::new(id, account, market, 0, owner, plain.level, (shares, shares), false);
        let slot = self.orders.insert(open);
        self.ladder.rest(&mut self.orders, slot);
    }

    fn reduce(&mut self, slot: Slot, by: i64) {
        self.ladder.reduce(&mut self.orders, slot, Shares::from_micros(by));
        if self.orders.get(slot).remaining.is_zero() {
            self.ladder.remove(&mut self.orders, slot);
        }
    }

    fn take(&mut self, half: Half, limit: u16, mut wanted: i64) -> Vec<(u64, u16, i64)> {
        let mut fills = Vec::new();
        while let Some(level) = self.ladder.best(half) {
            let reaches = match half {
                Half::Bid => level >= limit,
                Half::Ask => level <= limit,
            };
            if !reaches || wanted == 0 {
                break;
            }
            let slot = self.ladder.front(level).expect("an occupied level has a front");
            let open = self.orders.get(slot);
            let shares = open.remaining.micros().min(wanted);
            fills.push((open.id.0, level, shares));
            wanted -= shares;
            self.reduce(slot, shares);
        }
        fills
    }

    fn queue(&self, half: Half) -> Vec<Plain> {
        let mut queue = Vec::new();
        for (level, _) in self.ladder.levels(half) {
            let mut next = self.ladder.front(level);
            while let Some(slot) = next {
                let open = self.orders.get(slot);
                let remaining = open.remaining.micros();
                queue.push(Plain { id: open.id.0, half: open.half(), level: open.level, remaining });
                next = Ladder::after(&self.orders, slot);
            }
        }
        queue
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Match, then rest what is left. The level is a share of the grid in thousandths.
    Place {
        bid: bool,
        at: u16,
        shares: i64,
    },
    Cancel {
        pick: usize,
    },
    Reduce {
        pick: usize,
        by: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Orders crowd around the middle, so that queues form and books cross.
    let at = prop_oneof![3 => 400_u16..600, 1 => 0_u16..1_000];
    prop_oneof![
        6 => (any::<bool>(), at, 1_i64..50).prop_map(|(bid, at, shares)| Step::Place { bid, at, shares }),
        3 => any::<usize>().prop_map(|pick| Step::Cancel { pick }),
        1 => (any::<usize>(), 1_i64..50).prop_map(|(pick, by)| Step::Reduce { pick, by }),
    ]
}

fn grids() -> Vec<Grid> {
    let tapered = [
        TickRange { from: 0, to: 1_000, step: 10 },
        TickRange { from: 1_000, to: 9_000, step: 100 },
        TickRange { from: 9_000, to: 10_000, step: 10 },
    ];
    let mut grids: Vec<_> = [1, 10, 100, 2_500].map(|step| Grid::uniform(step).expect("divides")).into();
    grids.push(Grid::new(&tapered).expect("covers the dollar"));
    grids
}

fn agree(fast: &FastBook, plain: &PlainBook) -> Result<(), TestCaseError> {
    for half in [Half::Bid, Half::Ask] {
        let levels: Vec<_> =
            fast.ladder.levels(half).map(|(level, shares)| (level, shares.micros())).collect();
        prop_assert_eq!(&levels, &plain.levels(half));
        prop_assert_eq!(fast.ladder.best(half), levels.first().map(|(level, _)| *level));
        for (level, shares) in levels {
            prop_assert_eq!(fast.ladder.shares(level).micros(), shares);
        }
        prop_assert_eq!(fast.queue(half), plain.queue(half));
    }
    prop_assert_eq!(fast.orders.len(), plain.orders.len());
    for order in &plain.orders {
        let found = fast.orders.find(OrderId(order.id)).map(|slot| fast.orders.get(slot).id.0);
        prop_assert_eq!(found, Some(order.id));
    }
    Ok(())
}

fn judge(grid: &Grid, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut plain = PlainBook::default();
    let mut fast = FastBook { orders: Orders::default(), ladder: Ladder::new(grid) };
    for (id, step) in (1_u64..).zip(steps) {
        let open = |pick: usize| plain.orders.get(pick.checked_rem(plain.orders.len())?).copied();
        match *step {
            Step::Place { bid, at, shares } => {
                let price = Price::clamped(i64::from(at) * 10);
                let level = grid.at_or_below(price).clamp(1, grid.levels() - 1);
                let half = if bid { Half::Bid } else { Half::Ask };
                let fills = plain.take(half.opposite(), level, shares);
                prop_assert_eq!(fast.take(half.opposite(), level, shares), fills.clone());
                let remaining = shares - fills.iter().map(|(_, _, shares)| shares).sum::<i64>();
                if remaining > 0 {
                    let order = Plain { id, half, level, remaining };
                    plain.orders.push(order);
                    fast.rest(order);
                }
            }
            Step::Cancel { pick } => {
                let Some(order) = open(pick) else { continue };
                plain.orders.retain(|open| open.id != order.id);
                let slot = fast.orders.find(OrderId(order.id)).expect("open in both");
                fast.ladder.remove(&mut fast.orders, slot);
                prop_assert_eq!(fast.orders.find(OrderId(order.id)), None);
            }
            Step::Reduce { pick, by } => {
                let Some(order) = open(pick) else { continue };
                let by = by.min(order.remaining);
                plain.reduce(order.id, by);
                let slot = fast.orders.find(OrderId(order.id)).expect("open in both");
                fast.reduce(slot, by);
            }
        }
        agree(&fast, &plain)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_book_agrees_with_the_plain_book(
        grid in prop::sample::select(grids()),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        judge(&grid, &steps)?;
    }
}

#[test]
fn one_price_is_served_in_order_of_arrival_and_a_reduced_order_keeps_its_place() {
    let grid = Grid::uniform(100).expect("divides");
    let mut book = FastBook { orders: Orders::default(), ladder: Ladder::new(&grid) };
    for id in 1..=3 {
        book.rest(Plain { id, half: Half::Ask, level: 60, remaining: 10 });
    }
    let first = book.orders.find(OrderId(1)).expect("open");
    book.reduce(first, 4);
    assert_eq!(book.take(Half::Ask, 65, 18), [(1, 60, 6), (2, 60, 10), (3, 60, 2)]);
    assert_eq!(book.ladder.levels(Half::Ask).collect::<Vec<_>>(), [(60, Shares::from_micros(8))]);
}
