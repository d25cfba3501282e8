//! The beginning of a world, complete: record 0 of its tape.

use super::books::Quotes;
use super::personas::{Persona, expand};
use super::{Scenario, books};
use crate::exchange::{Command, Limits, MarketSpec, OpenAccount, Role};
use crate::identity::{Identity, User};
use crate::types::{AccountId, Address, MarketId, NewOrder, Timestamp, Usd, UserId, Venue};
use serde::{Deserialize, Serialize};

/// What an account is for, seen from its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Purse {
    /// Polymarket: PolySimulator's API wallet, the address on the CLOB, and so on.
    Polymarket,
    /// Kalshi.
    Kalshi,
    /// PolySimulator's MAIN wallet, which trades on its web page only.
    Main,
    /// PolySimulator's sandbox wallets, the user's first being 1.
    Sandbox(u32),
    /// A wallet on Polymarket that is not derived from the address that signs for it.
    Pot(Address),
}

/// The opening cash of accounts that every user has, besides the plan's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Of [`Purse::Main`], in micro-dollars.
    pub main: Usd,
    /// Of [`Purse::Kalshi`], in micro-dollars.
    pub kalshi: Usd,
    /// Of [`Purse::Polymarket`] when its owner comes with a wallet, and of [`Purse::Pot`], in micro-dollars.
    pub wallet: Usd,
    /// Whether wallets are let in that nobody has seen before.
    pub strangers: bool,
}

impl Opening {
    /// The accounts that a user gets, with their opening cash; `polymarket` is the API wallet's.
    #[must_use]
    pub fn accounts(&self, user: UserId, polymarket: Usd) -> [(Purse, OpenAccount); 3] {
        let open = |purse, venue, cash| (purse, OpenAccount { user, venue, role: Role::Trader, cash });
        [
            open(Purse::Polymarket, Venue::Polymarket, polymarket),
            open(Purse::Kalshi, Venue::Kalshi, self.kalshi),
            open(Purse::Main, Venue::Polymarket, self.main),
        ]
    }
}

/// The accounts of the world itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemAccounts {
    /// Quotes Polymarket's books.
    pub house: AccountId,
    /// Quotes Kalshi's books.
    pub house_kalshi: AccountId,
    /// Takes at random on Polymarket.
    pub noise: AccountId,
    /// Takes at random on Kalshi.
    pub noise_kalshi: AccountId,
    /// Converts shares of neg-risk groups.
    pub adapter: AccountId,
}

/// Rolling windows on one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The asset, such as `BTC`.
    pub asset: String,
    /// The interval, such as `15M`.
    pub interval: String,
    /// The window that trades now.
    pub current: Option<MarketId>,
    /// When it ends and the next begins.
    pub next_at: Timestamp,
    /// How many windows were listed so far: the number of the next one.
    pub listed: u64,
    /// The fee rate of its windows, in hundredths of a percent.
    pub fee_bps: u16,
    /// Milliseconds from one change of the recorded book to the next.
    pub pace_ms: u32,
}

/// Everything a world begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// SHA-256 of the scenario's text.
    pub source: [u8; 32],
    /// Whether time is virtual.
    pub is_virtual: bool,
    /// Users and keys.
    pub identity: Identity,
    /// Limits of the exchange.
    pub limits: Limits,
    /// What a user's accounts open with who comes later.
    pub opening: Opening,
    /// The accounts, in the order of their ids.
    pub accounts: Vec<OpenAccount>,
    /// Which of them are the world's own.
    pub system: SystemAccounts,
    /// Which of them are whose, and what for.
    pub owners: Vec<(UserId, Purse, AccountId)>,
    /// Which of them customers trade a venue with from the beginning.
    pub linked: Vec<(UserId, Venue, AccountId)>,
    /// The markets, in the order of their ids.
    pub markets: Vec<MarketSpec>,
    /// The opening books, in the order of time.
    pub orders: Vec<NewOrder>,
    /// The rolling windows.
    pub series: Vec<Series>,
}

/// Enough that noise never runs dry.
const NOISE_CASH: Usd = Usd::from_dollars(100_000_000);

impl Genesis {
    /// The commands that make the exchange of it.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        let accounts = self.accounts.iter().cloned().map(Command::OpenAccount);
        let markets = self.markets.iter().map(|spec| Command::ListMarket(Box::new(spec.clone())));
        let orders = self.orders.iter().copied().map(Command::Place);
        accounts.chain(markets).chain(orders)
    }

    /// Personas come first, so that a user's ids are the same whatever else the world holds.
    pub(super) fn open_accounts(&mut self, scenario: &Scenario, personas: &[Persona]) {
        for (rules, persona) in expand(scenario).zip(personas) {
            let baseline = self.identity.tiers().of(persona.key_tier()).baseline;
            let cash = rules.cash.map_or(baseline, |cash| cash.0);
            let user = persona.user;
            for (purse, account) in self.opening.accounts(user, cash) {
                let venue = account.venue;
                let account = self.open(account);
                self.owners.push((user, purse, account));
                if rules.linked && matches!(purse, Purse::Polymarket | Purse::Kalshi) {
                    self.linked.push((user, venue, account));
                }
            }
        }
        let house = self
            .identity
            .add_user(User { subject: "house".to_owned(), ..User::named("house", persona_plan()) });
        let noise = self
            .identity
            .add_user(User { subject: "noise".to_owned(), ..User::named("noise", persona_plan()) });
        let mut open = |user, venue, role, cash| self.open(OpenAccount { user, venue, role, cash });
        self.system = SystemAccounts {
            house: open(house, Venue::Polymarket, Role::House, Usd::ZERO),
            house_kalshi: open(house, Venue::Kalshi, Role::House, Usd::ZERO),
            noise: open(noise, Venue::Polymarket, Role::Trader, NOISE_CASH),
            noise_kalshi: open(noise, Venue::Kalshi, Role::Trader, NOISE_CASH),
            adapter: open(house, Venue::Polymarket, Role::Adapter, Usd::ZERO),
        };
    }

    /// Builders' end users come after everyone else, for the same reason. They have no accounts of their own.
    pub(super) fn admit_end_users(&mut self, personas: &[Persona], at: Timestamp) {
        for persona in personas {
            for end_user in &persona.end_users {
                end_user.admit(&mut self.identity, persona.user, at);
            }
        }
    }

    fn open(&mut self, account: OpenAccount) -> AccountId {
        self.accounts.push(account);
        AccountId(u32::try_from(self.accounts.len()).expect("BUG: four billion accounts"))
    }

    /// Takes a market in with its opening book, and says which id it will have.
    pub(super) fn list(&mut self, spec: MarketSpec, quotes: &Quotes) -> MarketId {
        let market = MarketId(u32::try_from(self.markets.len() + 1).expect("BUG: four billion markets"));
        let house = match spec.venue {
            Venue::Polymarket => self.system.house,
            Venue::Kalshi => self.system.house_kalshi,
        };
        if spec.resolved.is_none() {
            self.orders.extend(books::opening(&spec, quotes, market, house));
        }
        self.markets.push(spec);
        market
    }
}

const fn persona_plan() -> crate::identity::Tier {
    crate::identity::Tier::Free
}
