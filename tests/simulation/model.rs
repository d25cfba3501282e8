//! What the world told others: the records it acknowledged, and the state they make.

use papertape::exchange::Event;
use papertape::types::{OrderId, TradeId, UserId};
use papertape::world::{Command, Receipt, Record, State, replay};
use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The world as everyone outside must believe it to be.
#[derive(Debug)]
pub(crate) struct Model {
    /// Acknowledged, from record 0 on.
    pub(crate) records: Vec<Record>,
    /// Sent to the tape, and not answered yet.
    pub(crate) in_flight: Vec<Record>,
    /// How many were acknowledged last, at once.
    pub(crate) last_batch: usize,
    /// What the acknowledged records make.
    pub(crate) state: State,
    last_order: OrderId,
    last_trade: TradeId,
    claims: BTreeMap<(UserId, [u8; 16]), (OrderId, i64)>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            records: Vec::new(),
            in_flight: Vec::new(),
            last_batch: 0,
            state: State::new(),
            last_order: OrderId(0),
            last_trade: TradeId(0),
            claims: BTreeMap::new(),
        }
    }

    /// What was in flight is durable, and answered.
    pub(crate) fn acknowledge(&mut self) {
        if !self.in_flight.is_empty() {
            self.last_batch = self.in_flight.len();
        }
        for record in std::mem::take(&mut self.in_flight) {
            self.claim(&record);
            replay(&mut self.state, &record).expect("live and replayed are the same");
            for event in &record.events {
                self.check_ids(event);
            }
            self.records.push(record);
        }
    }

    /// No id is ever used twice, not over a crash and not over a reset.
    fn check_ids(&mut self, event: &Event) {
        if let Event::Placed(placed) = event {
            assert!(placed.order > self.last_order, "order {} was used before", placed.order);
            self.last_order = placed.order;
        }
        if let Event::Traded(trade) = event {
            assert!(trade.trade > self.last_trade, "trade {} was used before", trade.trade);
            self.last_trade = trade.trade;
        }
    }

    /// A request that made an order makes no second one for a day.
    fn claim(&mut self, record: &Record) {
        if matches!(record.command, Command::Begin(_)) {
            self.claims.clear();
        }
        let Command::Place { order, claim: Some(claim), .. } = &record.command else { return };
        let Some(Event::Placed(placed)) = record.events.first() else { return };
        let user = self.state.exchange().account(order.account).expect("it placed an order").user;
        let at = record.at.millis();
        let earlier = self.claims.insert((user, claim.key), (placed.order, at));
        assert!(earlier.is_none_or(|(_, then)| then + DAY_MS <= at), "a retry placed a second order");
    }

    /// A retry must find the order that the same request made.
    pub(crate) fn check_retry(&self, command: &Command, receipt: Receipt) {
        let (Command::Place { order, claim: Some(claim), .. }, Receipt::Replayed(found)) = (command, receipt)
        else {
            return;
        };
        let owner = |account| self.state.exchange().account(account).expect("it placed an order").user;
        let user = owner(order.account);
        let known = self.claims.get(&(user, claim.key)).map(|(order, _)| *order);
        let placed = self.in_flight.iter().rev().find_map(|record| {
            let Command::Place { order, claim: Some(other), .. } = &record.command else { return None };
            match record.events.first() {
                Some(Event::Placed(placed)) if other.key == claim.key && owner(order.account) == user => {
                    Some(placed.order)
                }
                _ => None,
            }
        });
        assert_eq!(placed.or(known), Some(found), "a retry found another order");
    }

    /// Without syncs a loss of power may take the last records away; the others must be there.
    pub(crate) fn forget_from(&mut self, end: usize) {
        let mut records = std::mem::take(&mut self.records);
        records.truncate(end);
        *self = Self { in_flight: records, ..Self::new() };
        self.acknowledge();
    }
}
