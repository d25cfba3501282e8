//! The house maker of one market: five levels a side around a price that wanders.

use super::view::View;
use super::{below, place};
use crate::exchange::{self, Grid, Half};
use crate::types::{MarketId, NewOrder, Price, Shares, Side};
use crate::world::record::{Authority, Command};
use crate::world::scenario::house_order;
use rand_chacha::ChaCha12Rng;

/// Whole shares from the touch outwards, before chance changes them by up to a half.
const LEVELS: [u32; 5] = [200, 400, 800, 1_600, 3_200];
/// How far the price may wander from where it began, in levels of the grid.
const WANDERS: u16 = 12;

/// A maker's memory.
#[derive(Debug)]
pub(super) struct Maker {
    market: MarketId,
    /// Where the best bid and ask belong and where the bid began; none before the first look.
    touch: Option<Memory>,
}

/// Prices, because the market's grid may become finer, and how many levels that had.
#[derive(Clone, Copy, Debug)]
struct Memory {
    bid: Price,
    ask: Price,
    from: Price,
    levels: u16,
}

/// The same as levels of the grid.
#[derive(Clone, Copy, Debug)]
struct Range {
    bid: u16,
    ask: u16,
    from: u16,
}

impl Range {
    fn of(memory: Memory, grid: &Grid) -> Self {
        // On another grid it begins anew: where it was may be far away in the levels of this one.
        let from = if memory.levels == grid.levels() { memory.from } else { memory.bid };
        Self {
            bid: grid.at_or_below(memory.bid),
            ask: grid.at_or_above(memory.ask),
            from: grid.at_or_below(from),
        }
    }

    fn remembered(self, grid: &Grid) -> Memory {
        let [bid, ask, from] = [self.bid, self.ask, self.from].map(|level| grid.price(level));
        Memory { bid, ask, from, levels: grid.levels() }
    }
}

impl Maker {
    pub(super) fn new(market: MarketId) -> Self {
        Self { market, touch: None }
    }

    pub(super) fn market(&self) -> MarketId {
        self.market
    }

    /// Moves the price by a tick or leaves it, takes back quotes that lie wrong and places those that miss.
    pub(super) fn quote(&mut self, rng: &mut ChaCha12Rng, view: &View) -> Vec<Command> {
        let Some(touch) = self.touch.or_else(|| first_touch(view)) else { return Vec::new() };
        let mut touch = Range::of(touch, &view.grid);
        let room = view.grid.levels();
        match below(rng, 4) {
            0 if touch.bid > 1 && touch.bid + WANDERS > touch.from => {
                (touch.bid, touch.ask) = (touch.bid - 1, touch.ask - 1);
            }
            1 if touch.ask + 1 < room && touch.bid < touch.from + WANDERS => {
                (touch.bid, touch.ask) = (touch.bid + 1, touch.ask + 1);
            }
            _ => {}
        }
        self.touch = Some(touch.remembered(&view.grid));
        let wanted = wanted(touch, room);
        let stale = view
            .quotes
            .iter()
            .filter(|(_, half, level)| !wanted.iter().any(|(_, at, on, _)| (at, on) == (half, level)));
        let account = view.house;
        let cancel = |order| Command::Exchange {
            by: Authority::System,
            command: exchange::Command::Cancel { account, order },
        };
        let mut commands: Vec<_> = stale.map(|(order, _, _)| cancel(*order)).collect();
        for (side, half, level, whole) in wanted {
            if !view.quotes.iter().any(|(_, at, on)| (*at, *on) == (half, level)) {
                let shares = Shares::from_whole(i64::from(whole / 2 + below(rng, whole)));
                let order = house_order(self.market, account, side, view.grid.price(level), shares);
                commands.push(place(NewOrder { post_only: true, ..order }));
            }
        }
        commands
    }
}

fn first_touch(view: &View) -> Option<Memory> {
    let bid = view.touch.bid?;
    Some(Memory { bid, ask: view.touch.ask?, from: bid, levels: view.grid.levels() })
}

/// Where quotes belong and how large they are.
fn wanted(touch: Range, room: u16) -> Vec<(Side, Half, u16, u32)> {
    let steps = || (0_u16..).zip(LEVELS);
    let bids =
        steps().filter_map(|(step, whole)| Some((Side::Buy, Half::Bid, touch.bid.checked_sub(step)?, whole)));
    let asks = steps().map(|(step, whole)| (Side::Sell, Half::Ask, touch.ask + step, whole));
    bids.chain(asks).filter(|(_, _, level, _)| (1..room).contains(level)).collect()
}
