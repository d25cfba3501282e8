//! Workload PM1: a prediction market's book at a tick of 0.001, prices 1 to 999, and the plain engine that
//! every figure is a ratio to.
//!
//! - Randomness is `SplitMix64` from `SEED`; `below(n)` is the upper half of a draw, scaled.
//! - `PREFILL` adds come first and are not timed; then `OPS` operations: 45 % adds, 40 % cancels of any live
//!   order, 15 % takes. A cancel is an add while fewer than `MIN_LIVE` orders live, a take is one while
//!   there is nothing to take.
//! - A fair value begins at 500 and steps by one, before every 64th operation or so, between 300 and 700.
//! - An add lies up to 449 below or 450 above the fair value, never crosses, and is of 1 to 100.
//! - A take reaches 1 to 5 levels (85, 8, 4, 2, 1 %), takes all but the last and some of the order in front
//!   there. It always fills.
//! - Ids are dense over adds and takes.
//!
//! Over the timed operations any right engine has the fills, the quantity and the digest of [`EXPECTED`].

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_arithmetic,
    reason = "the workload is defined in these conversions, and no money is in it"
)]

pub(crate) const OPS: usize = 1_000_000;
pub(crate) const PREFILL: usize = 100_000;
pub(crate) const EXPECTED: Tally =
    Tally { fills: 245_926, quantity: 6_280_954, digest: 15_837_360_591_821_078_394, cancels: 399_953 };

const SEED: u64 = 0x5EED_0001;
const MIN_LIVE: usize = 1_000;
const TICKS: usize = 1_024;
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Add,
    Cancel,
    Take,
}

/// A price in thousandths, a quantity in units. A cancel has only its id and its half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) id: u64,
    pub(crate) quantity: u32,
    pub(crate) price: u16,
    pub(crate) is_bid: bool,
    pub(crate) kind: Kind,
}

/// What happened, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) fills: u64,
    pub(crate) quantity: u64,
    pub(crate) digest: u64,
    pub(crate) cancels: u64,
}

impl Tally {
    #[inline]
    pub(crate) fn fill(&mut self, maker: u64, price: u64, quantity: u64) {
        self.fills += 1;
        self.quantity += quantity;
        self.digest = (self.digest.rotate_left(7) ^ (maker << 32 | price << 20 | quantity))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Something that trades.
pub(crate) trait Engine {
    fn step(&mut self, op: &Op, tally: &mut Tally);
}

struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }
}

#[derive(Clone, Copy)]
struct Node {
    next: u32,
    prev: u32,
    quantity: u32,
    id: u32,
    price: u16,
    is_bid: bool,
}

#[derive(Clone, Copy)]
struct Level {
    head: u32,
    tail: u32,
    quantity: u64,
}

/// One half of the book.
struct Side {
    levels: Box<[Level; TICKS]>,
    bits: [u64; TICKS / 64],
    /// One bit for each word of `bits` that is not zero.
    summary: u64,
}

impl Side {
    fn new() -> Self {
        let empty = Level { head: NIL, tail: NIL, quantity: 0 };
        Self { levels: Box::new([empty; TICKS]), bits: [0; TICKS / 64], summary: 0 }
    }

    #[inline]
    fn set(&mut self, price: u16) {
        let (word, bit) = (usize::from(price) / 64, price % 64);
        self.bits[word] |= 1 << bit;
        self.summary |= 1 << word;
    }

    #[inline]
    fn clear(&mut self, price: u16) {
        let (word, bit) = (usize::from(price) / 64, price % 64);
        self.bits[word] &= !(1 << bit);
        if self.bits[word] == 0 {
            self.summary &= !(1 << word);
        }
    }

    fn has(&self, price: u16) -> bool {
        self.bits[usize::from(price) / 64] >> (price % 64) & 1 == 1
    }
}

/// The reference: tick array, bitmap, slab, dense ids; no accounts, no markets, no checks.
pub(crate) struct Flat {
    nodes: Vec<Node>,
    free: u32,
    bids: Side,
    asks: Side,
    slots: Vec<u32>,
}

impl Flat {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::with_capacity(1 << 17),
            free: NIL,
            bids: Side::new(),
            asks: Side::new(),
            slots: Vec::with_capacity(1 << 20),
        }
    }

    #[inline]
    fn side(&mut self, bids: bool) -> &mut Side {
        if bids { &mut self.bids } else { &mut self.asks }
    }

    #[inline]
    fn best(&self, bids: bool) -> Option<u16> {
        let side = if bids { &self.bids } else { &self.asks };
        if side.summary == 0 {
            return None;
        }
        let at = if bids {
            let word = 63 - side.summary.leading_zeros() as usize;
            word * 64 + 63 - side.bits[word].leading_zeros() as usize
        } else {
            let word = side.summary.trailing_zeros() as usize;
            word * 64 + side.bits[word].trailing_zeros() as usize
        };
        Some(at as u16)
    }

    #[inline]
    fn take_slot(&mut self, id: u64) -> u32 {
        self.slots.get_mut(id as usize).map_or(NIL, |slot| std::mem::replace(slot, NIL))
    }

    #[inline]
    fn limit(&mut self, op: &Op, tally: &mut Tally) {
        let mut wanted = op.quantity;
        while let Some(price) = self.best(!op.is_bid) {
            if if op.is_bid { price > op.price } else { price < op.price } {
                break;
            }
            wanted = self.take_level(!op.is_bid, price, wanted, tally);
            if wanted == 0 {
                return;
            }
        }
        self.rest(op, wanted);
    }

    #[inline]
    fn take_level(&mut self, bids: bool, price: u16, mut wanted: u32, tally: &mut Tally) -> u32 {
        let mut level = self.side(bids).levels[usize::from(price)];
        while wanted > 0 && level.head != NIL {
            let node = &mut self.nodes[level.head as usize];
            let quantity = node.quantity.min(wanted);
            tally.fill(u64::from(node.id), u64::from(price), u64::from(quantity));
            wanted -= quantity;
            level.quantity -= u64::from(quantity);
            node.quantity -= quantity;
            if node.quantity > 0 {
                break;
            }
            let (next, id) = (node.next, node.id);
            node.next = self.free;
            self.free = level.head;
            level.head = next;
            self.take_slot(u64::from(id));
        }
        if level.head == NIL {
            level.tail = NIL;
            self.side(bids).clear(price);
        } else {
            self.nodes[level.head as usize].prev = NIL;
        }
        self.side(bids).levels[usize::from(price)] = level;
        wanted
    }

    #[inline]
    fn rest(&mut self, op: &Op, quantity: u32) {
        let tail = self.side(op.is_bid).levels[usize::from(op.price)].tail;
        let node =
            Node { next: NIL, prev: tail, quantity, id: op.id as u32, price: op.price, is_bid: op.is_bid };
        let slot = if self.free == NIL {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            let slot = self.free;
            self.free = self.nodes[slot as usize].next;
            self.nodes[slot as usize] = node;
            slot
        };
        if tail != NIL {
            self.nodes[tail as usize].next = slot;
        }
        let side = self.side(op.is_bid);
        let level = &mut side.levels[usize::from(op.price)];
        if tail == NIL {
            level.head = slot;
        }
        level.tail = slot;
        level.quantity += u64::from(quantity);
        side.set(op.price);
        if op.id as usize >= self.slots.len() {
            self.slots.resize(op.id as usize + 1, NIL);
        }
        self.slots[op.id as usize] = slot;
    }

    #[inline]
    fn cancel(&mut self, id: u64) -> bool {
        let slot = self.take_slot(id);
        if slot == NIL {
            return false;
        }
        let node = self.nodes[slot as usize];
        if node.prev != NIL {
            self.nodes[node.prev as usize].next = node.next;
        }
        if node.next != NIL {
            self.nodes[node.next as usize].prev = node.prev;
        }
        self.nodes[slot as usize].next = self.free;
        self.free = slot;
        let side = self.side(node.is_bid);
        let level = &mut side.levels[usize::from(node.price)];
        if node.prev == NIL {
            level.head = node.next;
        }
        if node.next == NIL {
            level.tail = node.prev;
        }
        level.quantity -= u64::from(node.quantity);
        if level.head == NIL {
            side.clear(node.price);
        }
        true
    }

    /// The next level of a half behind a price, away from the touch.
    fn behind(&self, bids: bool, price: u16) -> Option<u16> {
        if bids {
            (1..price).rev().find(|at| self.bids.has(*at))
        } else {
            (price + 1..TICKS as u16).find(|at| self.asks.has(*at))
        }
    }

    /// The ids a take of so many would use up.
    fn used_up(&self, bids: bool, mut wanted: u64) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut next = self.best(bids);
        while let Some(price) = next {
            let side = if bids { &self.bids } else { &self.asks };
            let mut slot = side.levels[usize::from(price)].head;
            while slot != NIL {
                let node = self.nodes[slot as usize];
                if u64::from(node.quantity) > wanted {
                    return ids;
                }
                wanted -= u64::from(node.quantity);
                ids.push(node.id);
                slot = node.next;
            }
            next = self.behind(bids, price);
        }
        ids
    }
}

impl Engine for Flat {
    #[inline]
    fn step(&mut self, op: &Op, tally: &mut Tally) {
        match op.kind {
            Kind::Cancel => tally.cancels += u64::from(self.cancel(op.id)),
            Kind::Add | Kind::Take => self.limit(op, tally),
        }
    }
}

/// The operations: those before the clock starts, and those on the clock.
pub(crate) struct Workload {
    pub(crate) prefill: Vec<Op>,
    pub(crate) timed: Vec<Op>,
}

/// Draws the operations while a book of its own follows them.
struct Generator {
    random: SplitMix64,
    book: Flat,
    live: Vec<u32>,
    /// Where in `live` an id stands.
    places: Vec<u32>,
    /// Whether an id is a bid.
    bids: Vec<bool>,
    fair: i32,
    tally: Tally,
}

impl Generator {
    fn forget(&mut self, id: u32) {
        let place = std::mem::replace(&mut self.places[id as usize], NIL);
        let last = self.live.pop().expect("somebody lives");
        if last != id {
            self.live[place as usize] = last;
            self.places[last as usize] = place;
        }
    }

    fn draw(&mut self, is_timed: bool) -> Op {
        if self.random.below(64) == 0 {
            let step = if self.random.below(2) == 0 { 1 } else { -1 };
            self.fair = (self.fair + step).clamp(300, 700);
        }
        let kind = if is_timed { self.kind() } else { Kind::Add };
        if kind == Kind::Cancel {
            return self.cancel();
        }
        let is_bid = self.random.below(2) == 0;
        if kind == Kind::Add || self.book.best(!is_bid).is_none() {
            self.add(is_bid)
        } else {
            self.take(is_bid)
        }
    }

    fn kind(&mut self) -> Kind {
        let draw = self.random.below(100);
        if draw >= 85 {
            Kind::Take
        } else if draw >= 45 && self.live.len() >= MIN_LIVE {
            Kind::Cancel
        } else {
            Kind::Add
        }
    }

    fn cancel(&mut self) -> Op {
        let pick = self.random.below(self.live.len() as u64);
        let id = self.live[pick as usize];
        self.forget(id);
        Op { id: u64::from(id), quantity: 0, price: 0, is_bid: self.bids[id as usize], kind: Kind::Cancel }
    }

    fn add(&mut self, is_bid: bool) -> Op {
        let fraction = self.random.below(1 << 20) as f64 / (1_u64 << 20) as f64;
        let distance = (450.0 * fraction) as i32;
        let aim = if is_bid { self.fair - 1 - distance } else { self.fair + 1 + distance }.clamp(1, 999);
        let price = match self.book.best(!is_bid).map(i32::from) {
            Some(ask) if is_bid => aim.min(ask - 1),
            Some(bid) => aim.max(bid + 1),
            None => aim,
        }
        .clamp(1, 999) as u16;
        let quantity = 1 + self.random.below(100) as u32;
        let id = self.places.len() as u64;
        self.places.push(self.live.len() as u32);
        self.bids.push(is_bid);
        self.live.push(id as u32);
        Op { id, quantity, price, is_bid, kind: Kind::Add }
    }

    fn take(&mut self, is_bid: bool) -> Op {
        let draw = self.random.below(100);
        let levels = [85, 93, 97, 99, 100].iter().position(|edge| draw < *edge).expect("below 100");
        let mut price = self.book.best(!is_bid).expect("looked before");
        let mut wanted = 0;
        for _ in 0..levels {
            let Some(next) = self.book.behind(!is_bid, price) else { break };
            wanted += self.book.side(!is_bid).levels[usize::from(price)].quantity;
            price = next;
        }
        let front = self.book.side(!is_bid).levels[usize::from(price)].head;
        wanted += 1 + self.random.below(u64::from(self.book.nodes[front as usize].quantity));
        let id = self.places.len() as u64;
        self.places.push(NIL);
        self.bids.push(is_bid);
        for gone in self.book.used_up(!is_bid, wanted) {
            self.forget(gone);
        }
        Op { id, quantity: wanted as u32, price, is_bid, kind: Kind::Take }
    }
}

/// The whole workload, the same every time.
pub(crate) fn generate() -> Workload {
    let mut generator = Generator {
        random: SplitMix64(SEED),
        book: Flat::new(),
        live: Vec::new(),
        places: vec![NIL],
        bids: vec![true],
        fair: 500,
        tally: Tally::default(),
    };
    let mut ops = Vec::with_capacity(PREFILL + OPS);
    for number in 0..PREFILL + OPS {
        let op = generator.draw(number >= PREFILL);
        let mut tally = generator.tally;
        generator.book.step(&op, &mut tally);
        generator.tally = tally;
        ops.push(op);
    }
    assert_eq!(generator.tally, EXPECTED, "the workload is not PM1");
    let timed = ops.split_off(PREFILL);
    Workload { prefill: ops, timed }
}
