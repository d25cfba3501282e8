//! A world that does random things, and the records of it.

use crate::exchange::{self, OpenAccount, Role, Status};
use crate::types::{
    AccountId, MarketId, NewOrder, OrderKind, Outcome, Payout, Price, Shares, Side, Size, Terms, TimeInForce,
    Timestamp, Usd, UserId, Venue, index,
};
use crate::world::record::{Authority, Claim, Command, Receipt, Record};
use crate::world::scenario::{Scenario, Secrets, resolve};
use crate::world::state::State;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// On how many markets it trades: few, so that orders meet.
const MARKETS: u32 = 6;

/// A running state with its tape.
pub(super) struct World {
    pub(super) state: State,
    pub(super) records: Vec<Record>,
    pub(super) receipts: Vec<exchange::Receipt>,
    seed: u64,
    draw: ChaCha8Rng,
    at: Timestamp,
}

impl World {
    /// A world that has just begun.
    pub(super) fn new(seed: u64) -> Self {
        let mut world = Self {
            state: State::new(),
            records: Vec::new(),
            receipts: Vec::new(),
            seed,
            draw: ChaCha8Rng::seed_from_u64(seed),
            at: Timestamp::from_seconds(1_800_000_000),
        };
        world.begin();
        world
    }

    /// Begins again.
    pub(super) fn begin(&mut self) {
        let secrets = Secrets::new(self.seed, None);
        let genesis = resolve(&Scenario::builtin(), self.seed, self.at, true, &secrets);
        let genesis = genesis.expect("the builtin scenario");
        assert!(self.apply(Command::Begin(Box::new(genesis))), "a beginning was refused");
    }

    /// Does so many random things; some are refused.
    pub(super) fn run(&mut self, commands: usize) {
        for _ in 0..commands {
            let command = self.draw_command();
            self.carry_out(command);
        }
        self.state.check().expect("the state itself is sound");
    }

    /// Does one thing after a while.
    fn carry_out(&mut self, command: Command) {
        let pause = [0, 0, 1, 40, 9_000, 400_000][self.below_index(6)];
        self.at = self.at.plus_millis(pause);
        self.apply(command);
    }

    /// Does one thing, and writes it down unless it was refused.
    pub(super) fn apply(&mut self, command: Command) -> bool {
        let (mut events, mut notes) = (Vec::new(), Vec::new());
        let outcome = self.state.apply(self.at, &command, &mut events, &mut notes);
        let Ok(receipt) = outcome else { return false };
        if let Receipt::Exchange(receipt) = receipt {
            self.receipts.push(receipt);
        }
        if matches!(receipt, Receipt::Replayed(_)) {
            return false;
        }
        let sequence = self.state.sequence().map_or_else(Default::default, crate::types::Sequence::next);
        self.state.advance(sequence);
        self.records.push(Record { sequence, at: self.at, command, events, notes });
        true
    }

    /// An account that trades and has cash.
    pub(super) fn trader(&self, number: u32) -> AccountId {
        let traders: Vec<_> = self
            .state
            .exchange()
            .accounts()
            .iter()
            .filter(|account| {
                account.venue == Venue::Polymarket
                    && account.role == Role::Trader
                    && account.cash > Usd::ZERO
                    && self.state.wallets().must_trade(account.id).is_ok()
            })
            .map(|account| account.id)
            .collect();
        traders[index(number) % traders.len()]
    }

    /// A market that trades, of the few.
    pub(super) fn market(&self, number: u32) -> MarketId {
        let open: Vec<_> = self
            .state
            .exchange()
            .markets()
            .iter()
            .filter(|market| market.spec.venue == Venue::Polymarket && market.status == Status::Open)
            .map(|market| market.id)
            .take(index(MARKETS))
            .collect();
        open[index(number) % open.len()]
    }

    fn below(&mut self, end: u32) -> u32 {
        self.draw.next_u32() % end
    }

    fn below_index(&mut self, end: u32) -> usize {
        index(self.below(end))
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn outcome(&mut self) -> Outcome {
        Outcome::BOTH[self.below_index(2)]
    }

    fn draw_command(&mut self) -> Command {
        let by = Authority::System;
        let (account, market) = (self.below(7), self.below(MARKETS));
        let (account, market) = (self.trader(account), self.market(market));
        let shares = Shares::from_whole(i64::from(self.below(60) + 5));
        let command = match self.below(100) {
            70..=75 => exchange::Command::Split { account, market, shares },
            76..=79 => exchange::Command::Merge { account, market, shares },
            80..=86 => {
                let open = self.state.exchange().open_orders(account).next().map(|open| open.id);
                let Some(order) = open else { return self.draw_order(account, market) };
                exchange::Command::Cancel { account, order }
            }
            87..=88 => exchange::Command::CancelAll { account, market: Some(market), outcome: None },
            89 => exchange::Command::Grant {
                account,
                amount: Usd::from_dollars(i64::from(self.below(200)) - 100),
            },
            90 => exchange::Command::OpenAccount(OpenAccount {
                user: UserId(1 + self.below(5)),
                venue: Venue::Polymarket,
                role: Role::Trader,
                cash: Usd::from_dollars(500),
            }),
            91 => exchange::Command::Resume { market },
            92 => {
                let cash = Usd::from_dollars(10_000);
                exchange::Command::ResetAccount { account, cash, house: self.state.system().house }
            }
            93 => {
                // A winner would end its whole group at once, and with it most of what trades here.
                let is_grouped =
                    self.state.exchange().market(market).is_some_and(|market| market.spec.group.is_some());
                let payout = match (is_grouped, self.flip()) {
                    (true, _) => Payout::Winner(Outcome::No),
                    (false, true) => Payout::Split,
                    (false, false) => Payout::Winner(self.outcome()),
                };
                exchange::Command::Resolve { market, payout }
            }
            94 => {
                let spec = self.state.exchange().market(market).expect("it trades").spec.clone();
                exchange::Command::ListMarket(Box::new((*spec).clone()))
            }
            95 => return Command::Heartbeat { by, account, until: self.at.plus_millis(5_000), after: None },
            96..=97 => return Command::SwitchFired { account },
            98 => {
                let due = self.state.exchange().next_expiry();
                let Some((at, order)) = due else { return self.draw_order(account, market) };
                self.at = self.at.max(at);
                exchange::Command::Expire { order }
            }
            99 => {
                let adapter = self.state.system().adapter;
                exchange::Command::Convert { account, markets: vec![market], shares, adapter }
            }
            _ => return self.draw_order(account, market),
        };
        Command::Exchange { by, command }
    }

    fn draw_order(&mut self, account: AccountId, market: MarketId) -> Command {
        let (outcome, is_buy, is_market) = (self.outcome(), self.flip(), self.below(4) == 0);
        // Odd lots, so that rounding shows; now and then more than the best levels hold.
        let lots = i64::from(50_000 + self.below(600_000)) * if self.below(5) == 0 { 25 } else { 1 };
        let shares = Shares::from_micros(lots * 100);
        let tif = match self.below(if is_market { 2 } else { 6 }) {
            0 => TimeInForce::Ioc,
            1 => TimeInForce::Fok,
            2 => TimeInForce::Gtd(self.at.plus_millis(i64::from(self.below(600_000)) + 1_000)),
            _ => TimeInForce::Gtc,
        };
        let size = if is_market && is_buy {
            Size::Dollars(Usd::from_micros(i64::from(1_000_000 + self.below(50_000_000))))
        } else {
            Size::Shares(shares)
        };
        let claim = (self.below(3) == 0).then(|| {
            let mut digest = [[0; 16]; 3];
            for part in &mut digest {
                self.draw.fill_bytes(part);
            }
            let client_order_id = self.flip().then_some(digest[2]);
            Claim { key: digest[0], body: digest[1], client_order_id }
        });
        let order = NewOrder {
            account,
            market,
            outcome,
            side: if is_buy { Side::Buy } else { Side::Sell },
            kind: if is_market { OrderKind::Market } else { OrderKind::Limit },
            size,
            limit: Price::clamped(i64::from(self.below(99) + 1) * 100),
            tif,
            post_only: !is_market && self.below(8) == 0,
            terms: Terms::PLAIN,
        };
        let client_order_id = claim.and_then(|claim| claim.client_order_id).map(|_| "mine".into());
        Command::Place { by: Authority::System, order, claim, client_order_id, signed: None, fee: None }
    }
}
