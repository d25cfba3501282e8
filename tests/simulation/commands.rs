//! Random commands: mostly sensible ones, so that books fill and trade, and some that must be refused.

use super::disk::Random;
use papertape::exchange::{self, Half, Market};
use papertape::types::{
    AccountId, KeyId, MarketId, NewOrder, OrderId, OrderKind, Outcome, Payout, Price, Shares, Side, Size,
    Terms, TimeInForce, Timestamp, Usd, Venue,
};
use papertape::world::{Authority, Claim, Command, State};

/// Few markets, so that orders meet.
const MARKETS: usize = 5;

pub(crate) struct Chooser<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
}

impl Chooser<'_> {
    /// Anything but a reset.
    pub(crate) fn command(&mut self) -> Command {
        match self.random.below(1_000) {
            0..600 => self.place(),
            600..760 => self.cancel(),
            760..800 => self.heartbeat(),
            800..930 => self.about_accounts(),
            930..960 => self.about_markets(),
            960..970 => Command::PauseClock,
            970..985 => Command::ResumeClock,
            _ => {
                let ahead = [1_000, 60_000, 3_600_000, 86_400_000][self.random.index(4)];
                Command::AdvanceClock { to: self.now.plus_millis(ahead) }
            }
        }
    }

    fn system(command: exchange::Command) -> Command {
        Command::Exchange { by: Authority::System, command }
    }

    fn by(&mut self) -> Authority {
        match self.random.below(5) {
            0 => Authority::Key(KeyId(1)),
            1 => Authority::Key(KeyId(2)),
            // The third key has expired, and there is no fourth.
            2 if self.random.chance(100) => Authority::Key(KeyId(3)),
            3 if self.random.chance(50) => Authority::Key(KeyId(4)),
            _ => Authority::System,
        }
    }

    fn market(&mut self) -> MarketId {
        let series = self.state.series();
        let window = series.first().and_then(|series| series.current);
        match window {
            Some(window) if self.random.chance(200) => window,
            _ => {
                let open = self.state.exchange().markets().iter().filter(|market| !market.is_resolved());
                let few: Vec<_> = open.step_by(23).take(MARKETS).collect();
                few.get(self.random.index(MARKETS)).map_or(MarketId(1), |market| market.id)
            }
        }
    }

    fn account(&mut self, venue: Venue) -> AccountId {
        let all: Vec<_> = self.state.exchange().accounts().iter().collect();
        let mut account = all[self.random.index(all.len())];
        // Hardly ever the wrong venue.
        while account.venue != venue && !self.random.chance(20) {
            account = all[self.random.index(all.len())];
        }
        account.id
    }

    fn order(&mut self) -> NewOrder {
        let market = self.market();
        let found = self.state.exchange().market(market).expect("it was chosen among them");
        let account = self.account(found.spec.venue);
        let (outcome, side) =
            (Outcome::BOTH[self.random.index(2)], [Side::Buy, Side::Buy, Side::Sell][self.random.index(3)]);
        let kind = if self.random.chance(250) { OrderKind::Market } else { OrderKind::Limit };
        let size = if kind == OrderKind::Market && side == Side::Buy && self.random.chance(500) {
            Size::Dollars(Usd::from_micros(self.number(300_000_000)))
        } else {
            let most = [20_000_000, 900_000_000][self.random.index(2)];
            Size::Shares(Shares::from_micros(self.number(most)))
        };
        let tif = match (kind, self.random.below(10)) {
            (OrderKind::Market, 0..5) | (OrderKind::Limit, 0) => TimeInForce::Fok,
            (OrderKind::Market, _) | (OrderKind::Limit, 1) => TimeInForce::Ioc,
            (OrderKind::Limit, 2..5) => {
                let most = [5_000, 7_200_000][self.random.index(2)];
                TimeInForce::Gtd(self.now.plus_millis(1 + self.number(most)))
            }
            (OrderKind::Limit, _) => TimeInForce::Gtc,
        };
        NewOrder {
            account,
            market,
            outcome,
            side,
            kind,
            size,
            limit: self.price(found, outcome),
            tif,
            post_only: self.random.chance(100),
            terms: Terms { notional_min: Usd::from_dollars(1), gtd_lead_ms: 0, may_sell_dust: true },
        }
    }

    fn number(&mut self, limit: i64) -> i64 {
        i64::try_from(self.random.below(u64::try_from(limit).expect("positive"))).expect("it fits")
    }

    /// A price a few ticks from the touch.
    fn price(&mut self, market: &Market, outcome: Outcome) -> Price {
        let (grid, half) = (&market.grid, [Half::Bid, Half::Ask][self.random.index(2)]);
        let touch = market.best(half).unwrap_or(grid.levels() / 2);
        let step = u16::try_from(self.random.below(7)).expect("small");
        let level = (touch + step).saturating_sub(3).clamp(1, grid.levels() - 1);
        Market::in_terms_of(outcome, grid.price(level))
    }

    fn place(&mut self) -> Command {
        let order = self.order();
        // Few keys, so that they come again: with the same body, and now and then with another.
        let claim = self.random.chance(400).then(|| {
            let key = u8::try_from(self.random.below(40)).expect("small");
            let body = u8::from(self.random.chance(100));
            let client_order_id = self.random.chance(300).then_some([key ^ 0x80; 16]);
            Claim { key: [key; 16], body: [body; 16], client_order_id }
        });
        let client_order_id = self.random.chance(200).then(|| "PTB1".repeat(8).into());
        Command::Place { by: self.by(), order, claim, client_order_id }
    }

    fn cancel(&mut self) -> Command {
        let venue = if self.random.chance(800) { Venue::Polymarket } else { Venue::Kalshi };
        let account = self.account(venue);
        let open: Vec<_> = self.state.exchange().open_orders(account).map(|open| open.id).take(300).collect();
        let command = match self.random.below(10) {
            0 => exchange::Command::CancelAll { account, market: None, outcome: None },
            1 => {
                let market = Some(self.market());
                exchange::Command::CancelAll { account, market, outcome: Some(Outcome::No) }
            }
            _ => {
                let order = open.get(self.random.index(open.len() + 1)).copied().unwrap_or(OrderId(1));
                exchange::Command::Cancel { account, order }
            }
        };
        Command::Exchange { by: self.by(), command }
    }

    fn heartbeat(&mut self) -> Command {
        let account = self.account(Venue::Polymarket);
        Command::Heartbeat { by: self.by(), account, until: self.now.plus_millis(self.number(30_000)) }
    }

    fn about_accounts(&mut self) -> Command {
        let (market, venue) = (self.market(), Venue::Polymarket);
        let (account, shares) = (self.account(venue), Shares::from_micros(self.number(50_000_000)));
        Self::system(match self.random.below(12) {
            0..5 => exchange::Command::Split { account, market, shares },
            5..8 => exchange::Command::Merge { account, market, shares },
            8 => exchange::Command::Grant {
                account,
                amount: Usd::from_micros(self.number(2_000_000) - 1_000_000),
            },
            9 => exchange::Command::Redeem { account, market: self.any_market() },
            10 => {
                let house = self.state.system().house;
                exchange::Command::ResetAccount { account, cash: Usd::from_dollars(500), house }
            }
            _ => exchange::Command::CancelDead { account },
        })
    }

    fn about_markets(&mut self) -> Command {
        let market = self.market();
        Self::system(match self.random.below(10) {
            0..3 => exchange::Command::Halt { market },
            3..9 => exchange::Command::Resume { market },
            _ => {
                let winner = Payout::Winner(Outcome::BOTH[self.random.index(2)]);
                exchange::Command::Resolve { market, payout: [winner, Payout::Split][self.random.index(2)] }
            }
        })
    }

    fn any_market(&mut self) -> MarketId {
        let all = self.state.exchange().markets();
        all[self.random.index(all.len())].id
    }
}
