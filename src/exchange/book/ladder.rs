//! One market's open orders, strung together by price and time.

use super::grid::Grid;
use super::orders::{Half, NIL, Orders, Slot};
use crate::types::{Shares, index};

#[derive(Clone, Copy, Debug)]
struct Level {
    head: u32,
    tail: u32,
    shares: i64,
}

impl Level {
    fn add(&mut self, shares: i64) {
        self.shares = self.shares.checked_add(shares).expect("BUG: more shares at a level than a sum holds");
    }
}

const EMPTY: Level = Level { head: NIL, tail: NIL, shares: 0 };

/// Levels in a flat array by the market's own grid. The book is never crossed, so a level belongs to one
/// half at a time and one array serves both.
#[derive(Debug)]
pub struct Ladder {
    levels: Box<[Level]>,
    /// The highest bid and the lowest ask, looked at far more often than they move.
    best_bid: u16,
    best_ask: u16,
    bids: Occupied,
    asks: Occupied,
}

/// Below and above every level.
const NO_BID: u16 = 0;
const NO_ASK: u16 = u16::MAX;

impl Ladder {
    /// An empty ladder over a grid.
    #[must_use]
    pub fn new(grid: &Grid) -> Self {
        let slots = grid.slots();
        Self {
            levels: vec![EMPTY; slots].into_boxed_slice(),
            best_bid: NO_BID,
            best_ask: NO_ASK,
            bids: Occupied::new(slots),
            asks: Occupied::new(slots),
        }
    }

    /// The best level of a half: the highest bid, the lowest ask.
    #[must_use]
    #[inline]
    pub fn best(&self, half: Half) -> Option<u16> {
        match half {
            Half::Bid => (self.best_bid != NO_BID).then_some(self.best_bid),
            Half::Ask => (self.best_ask != NO_ASK).then_some(self.best_ask),
        }
    }

    /// The next level of the half behind `level`, away from the touch.
    #[must_use]
    pub fn behind(&self, half: Half, level: u16) -> Option<u16> {
        let (found, none) = match half {
            Half::Bid => (self.bids.below(level), NO_BID),
            Half::Ask => (self.asks.above(level), NO_ASK),
        };
        (found != none).then_some(found)
    }

    /// The levels of a half, the best first.
    pub fn levels(&self, half: Half) -> impl Iterator<Item = (u16, Shares)> {
        std::iter::successors(self.best(half), move |level| self.behind(half, *level))
            .map(|level| (level, self.shares(level)))
    }

    /// What rests at a level.
    #[must_use]
    pub fn shares(&self, level: u16) -> Shares {
        Shares::from_micros(self.levels[at(level)].shares)
    }

    /// The order that came first to a level.
    #[must_use]
    #[inline]
    pub fn front(&self, level: u16) -> Option<Slot> {
        some(self.levels[at(level)].head)
    }

    /// The order that came to the same level next.
    #[must_use]
    #[inline]
    pub fn after(orders: &Orders, slot: Slot) -> Option<Slot> {
        some(orders.queued(slot.0).next)
    }

    /// The same book over another grid, which has every price of its own one.
    #[must_use]
    pub fn on(&self, orders: &mut Orders, own: &Grid, other: &Grid) -> Self {
        let mut moved = Self::new(other);
        for half in [Half::Bid, Half::Ask] {
            for (from, _) in self.levels(half) {
                let to = other.level(own.price(from)).expect("BUG: the other grid lacks a price");
                moved.levels[at(to)] = self.levels[at(from)];
                moved.occupy(half, to);
                let mut next = self.front(from);
                while let Some(slot) = next {
                    orders.queued_mut(slot.0).level = to;
                    next = Self::after(orders, slot);
                }
            }
        }
        moved
    }

    /// Puts an order at the end of its level.
    #[inline]
    pub fn rest(&mut self, orders: &mut Orders, slot: Slot) {
        let order = orders.queued_mut(slot.0);
        let (number, half) = (order.level, order.half());
        let level = &mut self.levels[at(number)];
        level.add(order.remaining.micros());
        let tail = std::mem::replace(&mut level.tail, slot.0);
        (order.next, order.prev) = (NIL, tail);
        if tail == NIL {
            level.head = slot.0;
            self.occupy(half, number);
        } else {
            orders.queued_mut(tail).next = slot.0;
        }
    }

    /// Takes shares off an order that stays where it is. Its place in time is kept.
    #[inline]
    pub fn reduce(&mut self, orders: &mut Orders, slot: Slot, by: Shares) {
        let order = orders.queued_mut(slot.0);
        order.remaining -= by;
        self.levels[at(order.level)].shares -= by.micros();
    }

    /// Takes an order out of its level, wherever it stands, and forgets it.
    #[inline]
    pub fn remove(&mut self, orders: &mut Orders, slot: Slot) {
        let order = orders.queued(slot.0);
        let (number, half, next, prev) = (order.level, order.half(), order.next, order.prev);
        let level = &mut self.levels[at(number)];
        level.shares -= order.remaining.micros();
        if prev == NIL {
            level.head = next;
        } else {
            orders.queued_mut(prev).next = next;
        }
        if next == NIL {
            level.tail = prev;
        } else {
            orders.queued_mut(next).prev = prev;
        }
        if level.head == NIL {
            self.vacate(half, number);
        }
        orders.remove(slot);
    }

    fn occupy(&mut self, half: Half, level: u16) {
        match half {
            Half::Bid => {
                self.bids.set(level);
                self.best_bid = self.best_bid.max(level);
            }
            Half::Ask => {
                self.asks.set(level);
                self.best_ask = self.best_ask.min(level);
            }
        }
    }

    fn vacate(&mut self, half: Half, level: u16) {
        match half {
            Half::Bid => {
                self.bids.clear(level);
                if self.best_bid == level {
                    self.best_bid = self.bids.below(level);
                }
            }
            Half::Ask => {
                self.asks.clear(level);
                if self.best_ask == level {
                    self.best_ask = self.asks.above(level);
                }
            }
        }
    }
}

fn at(level: u16) -> usize {
    index(u32::from(level))
}

fn some(slot: u32) -> Option<Slot> {
    (slot != NIL).then_some(Slot(slot))
}

/// Which levels hold orders: a bit a level, and a bit a word that is not zero.
#[derive(Debug)]
struct Occupied {
    words: Box<[u64]>,
    summary: [u64; SUMMARY],
}

/// Enough for 10,001 levels: 157 words.
const SUMMARY: usize = 3;

impl Occupied {
    fn new(slots: usize) -> Self {
        Self { words: vec![0; slots.div_ceil(64)].into_boxed_slice(), summary: [0; SUMMARY] }
    }

    fn set(&mut self, level: u16) {
        let word = level >> 6;
        self.words[at(word)] |= 1 << (level & 63);
        self.summary[at(word >> 6)] |= 1 << (word & 63);
    }

    fn clear(&mut self, level: u16) {
        let word = level >> 6;
        self.words[at(word)] &= !(1 << (level & 63));
        if self.words[at(word)] == 0 {
            self.summary[at(word >> 6)] &= !(1 << (word & 63));
        }
    }

    /// The nearest level above, or [`NO_ASK`].
    fn above(&self, level: u16) -> u16 {
        let word = level >> 6;
        let rest = self.words[at(word)] & higher(level & 63);
        if rest != 0 {
            return word << 6 | low(rest);
        }
        let part = word >> 6;
        let parts = std::iter::once(self.summary[at(part)] & higher(word & 63))
            .chain(self.summary[at(part) + 1..].iter().copied());
        let found = (part..).zip(parts).find(|(_, words)| *words != 0);
        found.map_or(NO_ASK, |(part, words)| {
            let word = part << 6 | low(words);
            word << 6 | low(self.words[at(word)])
        })
    }

    /// The nearest level below, or [`NO_BID`].
    fn below(&self, level: u16) -> u16 {
        let word = level >> 6;
        let rest = self.words[at(word)] & lower(level & 63);
        if rest != 0 {
            return word << 6 | high(rest);
        }
        let mut part = word >> 6;
        let mut words = self.summary[at(part)] & lower(word & 63);
        while words == 0 {
            if part == 0 {
                return NO_BID;
            }
            part -= 1;
            words = self.summary[at(part)];
        }
        let word = part << 6 | high(words);
        word << 6 | high(self.words[at(word)])
    }
}

/// The bits above one of 0 to 63.
const fn higher(bit: u16) -> u64 {
    !1 << bit
}

/// The bits below one of 0 to 63.
const fn lower(bit: u16) -> u64 {
    !(!0 << bit)
}

fn low(bits: u64) -> u16 {
    u16::try_from(bits.trailing_zeros()).expect("BUG: at most 64")
}

fn high(bits: u64) -> u16 {
    u16::try_from(bits.ilog2()).expect("BUG: at most 63")
}
