//! The recorded book of a rolling window, carried on level by level.

use super::place;
use super::view::{OpenWindow, View};
use crate::exchange::{self, Half};
use crate::types::{MarketId, NewOrder, Price, Shares, Side, Timestamp};
use crate::world::record::{Authority, Command};
use crate::world::scenario::{RECORDED_MS, Recordings, house_order};
use std::collections::BTreeMap;

/// One window's recording and how far it was played.
#[derive(Debug)]
pub(super) struct Replay {
    window: OpenWindow,
    recorded: Recordings,
    /// Steps that were played. The opening book came with the window.
    played: usize,
    /// When the book changes next.
    next_at: Timestamp,
}

impl Replay {
    pub(super) fn new(window: OpenWindow, recorded: Recordings) -> Self {
        let (series, number) = window.turn;
        let played = recorded.window(series, number).partition_point(|step| step.offset_ms <= 0);
        Self { window, recorded, played, next_at: Timestamp::default() }
    }

    /// Whether it is time for the next change; if it is, the one after that has its time.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        let is_due = self.next_at <= now;
        if is_due {
            self.next_at = now.plus_millis(i64::from(self.window.pace_ms));
        }
        is_due
    }

    pub(super) fn market(&self) -> MarketId {
        self.window.market
    }

    /// The commands that bring the house's quotes to where the recording is now.
    pub(super) fn advance(&mut self, now: Timestamp, view: &View) -> Vec<Command> {
        let since = now.millis() - self.window.starts_at.millis();
        let offset = since.saturating_mul(RECORDED_MS) / self.window.length_ms;
        let (series, number) = self.window.turn;
        let steps = self.recorded.window(series, number);
        let until = steps.partition_point(|step| step.offset_ms <= offset);
        let mut changed: BTreeMap<(bool, Price), Shares> = BTreeMap::new();
        for step in &steps[self.played.min(until)..until] {
            changed.insert((step.side == Side::Sell, step.price), step.shares);
        }
        self.played = until;
        let (mut cancels, mut places) = (Vec::new(), Vec::new());
        for ((is_ask, price), shares) in changed {
            let (half, side) = if is_ask { (Half::Ask, Side::Sell) } else { (Half::Bid, Side::Buy) };
            let level = view.grid.level(price);
            let there = view.quotes.iter().filter(|(_, at, on)| *at == half && Some(*on) == level);
            cancels.extend(there.map(|(order, _, _)| Command::Exchange {
                by: Authority::System,
                command: exchange::Command::Cancel { account: view.house, order: *order },
            }));
            if shares >= view.minimum {
                let order = house_order(view.market, view.house, side, price, shares);
                places.push(place(NewOrder { post_only: true, ..order }));
            }
        }
        // First make room, or a quote that moved would meet the one it replaces.
        cancels.append(&mut places);
        cancels
    }
}
