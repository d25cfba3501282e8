//! Random commands: mostly sensible ones, so that books fill and trade, and some that must be refused.

use super::customers;
use super::disk::Random;
use papertape::exchange::{self, Half, Market};
use papertape::identity::{
    self, GateChange, NewKey, OwnKey, Permissions, Print, Scheme, Tier, WalletKey, WalletKeyKind, Whom,
};
use papertape::types::{
    AccountId, Address, KeyId, MarketId, NewOrder, OrderId, OrderKind, Outcome, Payout, Price, Shares, Side,
    Size, Terms, TimeInForce, Timestamp, Usd, UserId, Venue,
};
use papertape::world::scenario::Purse;
use papertape::world::{Authority, Beat, Claim, Command, FeeHold, Signed, State, WalletCommand};

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
            760..775 => self.heartbeat(),
            775..790 => self.about_people(),
            790..800 => self.about_wallets(),
            800..815 => customers::command(self),
            815..930 => self.about_accounts(),
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

    pub(crate) fn by(&mut self) -> Authority {
        match self.random.below(6) {
            5 => customers::authority(self),
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
            terms: Terms { notional_min: Usd::from_dollars(1), ..Terms::PLAIN },
        }
    }

    pub(crate) fn number(&mut self, limit: i64) -> i64 {
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
        let mut order = self.order();
        // Few keys, so that they come again: with the same body, and now and then with another.
        let claim = self.random.chance(400).then(|| {
            let key = u8::try_from(self.random.below(40)).expect("small");
            let body = u8::from(self.random.chance(100));
            let client_order_id = self.random.chance(300).then_some([key ^ 0x80; 16]);
            Claim { key: [key; 16], body: [body; 16], client_order_id }
        });
        let client_order_id = self.random.chance(200).then(|| "PTB1".repeat(8).into());
        let signed = self.random.chance(200).then(|| {
            let byte = u8::try_from(self.random.below(256)).expect("small");
            Box::new(Signed {
                digest: [byte; 32],
                maker: Address::repeat_byte(byte),
                builder: [0; 32],
                shares: Shares::from_whole(1),
            })
        });
        let fee = self.random.chance(150).then(|| Box::new(self.fee()));
        if fee.is_some() {
            order.terms.set_aside = Usd::from_micros(self.number(3_000_000));
        }
        Command::Place { by: self.by(), order, claim, client_order_id, signed, fee }
    }

    /// Few ids, so that one comes again, and few payees.
    fn fee(&mut self) -> FeeHold {
        let byte = u8::try_from(self.random.below(200)).expect("small");
        FeeHold {
            id: [byte; 32],
            until: self.now.plus_millis(self.number(3_600_000)),
            payee: self.random.chance(500).then(|| Address::repeat_byte(byte % 6)),
            share_bps: [0, 2_000, 10_000][self.random.index(3)],
        }
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
        let until = self.now.plus_millis(self.number(30_000));
        let after = [None, Some(Beat::First), Some(Beat::Armed(until))][self.random.index(3)];
        Command::Heartbeat { by: self.by(), account, until, after }
    }

    fn about_accounts(&mut self) -> Command {
        let (market, venue) = (self.market(), Venue::Polymarket);
        let (account, shares) = (self.account(venue), Shares::from_micros(self.number(500_000) * 100));
        Self::system(match self.random.below(13) {
            0..5 => exchange::Command::Split { account, market, shares },
            5..8 => exchange::Command::Merge { account, market, shares },
            8 => exchange::Command::Grant {
                account,
                amount: Usd::from_micros(self.number(2_000_000) - 1_000_000),
            },
            12 => {
                let markets = vec![market];
                exchange::Command::Convert { account, markets, shares, adapter: self.state.system().adapter }
            }
            9 => exchange::Command::Redeem { account, market: self.any_market() },
            10 => {
                let house = self.state.system().house;
                exchange::Command::ResetAccount { account, cash: Usd::from_dollars(500), house }
            }
            _ => exchange::Command::CancelDead { account },
        })
    }

    /// Few users, so that one has several keys.
    pub(crate) fn user(&mut self) -> UserId {
        UserId(u32::try_from(1 + self.random.below(6)).expect("small"))
    }

    pub(crate) fn print(&mut self) -> Print {
        let number = self.random.below(u64::MAX);
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        Print { hash, prefix: format!("ps_live_{:08x}", number >> 32) }
    }

    fn about_people(&mut self) -> Command {
        let user = self.user();
        let keys: Vec<_> = self.state.identity().keys_of(user).map(|(key, _)| key).collect();
        let key = keys.get(self.random.index(keys.len() + 1)).copied().unwrap_or(KeyId(1));
        let (scheme, yes) = (Scheme::Polysim, self.random.chance(700));
        let own = OwnKey { user, scheme, key };
        let (tier, read) = (self.random.chance(200), self.random.chance(200));
        let wanted = NewKey {
            scheme,
            print: self.print(),
            name: None,
            tier: tier.then_some(Tier::Pro),
            permissions: read.then_some(Permissions::READ),
        };
        let email = format!("{}@example.test", self.random.below(4));
        let wallet = Address::repeat_byte(u8::try_from(self.random.below(6)).expect("small"));
        let command = match self.random.below(16) {
            0..3 => identity::Command::IssueKey(user, wanted),
            3 => identity::Command::IssueFirstKey(user, wanted),
            4 => identity::Command::RenameKey(own, yes.then(|| "bot".to_owned())),
            5 => identity::Command::RotateKey(own, wanted.print),
            6 => identity::Command::RevokeKey(own),
            7 => identity::Command::Join { subject: format!("subject-{}", self.random.below(5)), email },
            8 => identity::Command::IssueBetaKey {
                whom: if yes { Whom::Email(email) } else { Whom::User(user) },
                print: wanted.print,
                name: None,
                until: self.now.plus_millis(self.number(3_600_000)),
                cohort: None,
            },
            9 => identity::Command::Allow(user, yes),
            10 => identity::Command::Enroll(user, "spring".to_owned(), yes),
            11 => {
                identity::Command::SetGates(GateChange { closed_beta: Some(!yes), ..GateChange::default() })
            }
            12 => identity::Command::JoinWallet(wallet),
            13..15 => {
                let (nonce, print) = (self.random.below(2), wanted.print);
                let owner = self.state.identity().by_wallet(wallet).unwrap_or(user);
                let generation = u32::from(self.random.chance(200));
                let wallet = WalletKey { kind: WalletKeyKind::Trading, nonce, generation };
                identity::Command::IssueWalletKey { user: owner, wallet, print }
            }
            // The users who trade stay.
            _ => identity::Command::DeleteUser(UserId(user.0 + 5)),
        };
        Command::Identity { by: self.by(), command }
    }

    fn about_wallets(&mut self) -> Command {
        let purse = match self.random.below(6) {
            0 => Purse::Polymarket,
            1 => Purse::Main,
            number => Purse::Sandbox(u32::try_from(number - 1).expect("small")),
        };
        let maker = Address::repeat_byte(u8::try_from(self.random.below(4)).expect("small") + 100);
        let command = match self.random.below(8) {
            6 | 7 => WalletCommand::OpenPot { maker, signature_type: 2 },
            0..3 => WalletCommand::Open { label: None },
            3 => WalletCommand::Label(purse, Some("mine".to_owned())),
            4 => WalletCommand::Archive(purse),
            _ => WalletCommand::Reset(purse),
        };
        let by = if self.random.chance(500) { Authority::Session(self.user()) } else { self.by() };
        Command::Wallet { by, command }
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
