//! What a world starts from: a scenario, its markets and opening books, its ready users.
//!
//! A [`Scenario`] is what a file says; [`resolve`] makes of it, a seed and a moment the [`Genesis`] that
//! becomes record 0 of the tape, and the [`Persona`]s whose secrets only the ready line shows.

mod books;
mod genesis;
mod markets;
mod personas;
mod spot;
mod windows;

pub(crate) use books::{HOUSE_TERMS, house_order};
pub use genesis::{Genesis, Opening, Purse, Series, SystemAccounts};
pub use personas::{Persona, ReadyEndUser, Secrets};
pub use spot::Spot;
pub(crate) use windows::RECORDED_MS;
pub use windows::{Recordings, Step, interval_ms, roll};

use crate::exchange::Limits;
use crate::identity::{
    AddressRules, Builder, Cohort, CustomerRules, CustomerTiers, Escrow, Gates, Tier, TierRules, Tiers,
};
use crate::types::{Address, DAY_MS, Timestamp, Usd, parse_scaled};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// The embedded default.
const DEFAULT: &str = include_str!("../../../fixtures/scenario/default.toml");

/// Why a scenario can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Its file can't be read.
    #[error("the scenario {path} can't be read: {cause}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// Its text is not what a scenario is.
    #[error("the scenario is not valid: {0}")]
    Invalid(String),
}

/// What a scenario file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The seed, unless another is given at start.
    pub seed: u64,
    /// Files of markets: `builtin:polymarket`, `builtin:kalshi`, or paths beside the scenario.
    pub markets: Vec<String>,
    opening_cash: Dollars,
    /// Whether wallets are let in that nobody has seen before.
    #[serde(default = "yes")]
    strangers: bool,
    /// A persona's MAIN wallet, which trades on the web only.
    main_cash: Dollars,
    gates: Gates,
    tiers: TierTable,
    #[serde(default)]
    cohorts: Vec<CohortRules>,
    #[serde(default)]
    limits: LimitRules,
    /// Parsec's tiers; the documented ones unless others are given.
    customers: Option<CustomerTiers>,
    fees: BTreeMap<String, u16>,
    /// The house's liquidity.
    pub agents: AgentRules,
    #[serde(default)]
    windows: Vec<WindowRules>,
    users: Vec<UserRules>,
    /// SHA-256 of the text.
    #[serde(skip)]
    source: [u8; 32],
}

/// Who keeps the books moving.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRules {
    /// Whether anyone does.
    pub enabled: bool,
    /// In how many markets.
    pub markets: usize,
    /// Milliseconds from one action in a market to the next.
    pub period_ms: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CohortRules {
    label: String,
    cap: u32,
    /// Days from the world's beginning to the cut-off of its keys.
    days: i64,
}

/// Bounds of the exchange; what is left out is as large as it may be.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitRules {
    accounts_max: Option<u32>,
    open_orders_max: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierTable {
    anonymous: AddressRules,
    free: TierLine,
    pro: TierLine,
    pro_plus: TierLine,
    enterprise: TierLine,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierLine {
    requests_per_second: u32,
    requests_per_minute: u32,
    ws_connections_max: u32,
    batch_size_max: u32,
    in_flight_max: u32,
    baseline: Dollars,
    sandboxes_max: u32,
    sandbox_baseline: Dollars,
    main_resets_max: Option<u32>,
    #[serde(default = "yes")]
    trades: bool,
    /// Every plan's but the free one's, unless it is said.
    exports: Option<bool>,
    orders_per_day_max: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowRules {
    asset: String,
    interval: String,
    /// Milliseconds from one change of the recorded book to the next.
    pace_ms: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRules {
    name: String,
    plan: Tier,
    key: Option<KeyRules>,
    #[serde(default)]
    beta_days: i64,
    #[serde(default = "yes")]
    allowlisted: bool,
    cohort: Option<String>,
    #[serde(default)]
    admin: bool,
    /// So many users `name-1`, `name-2`, … instead of one.
    copies: Option<u32>,
    /// Opening cash other than the plan's.
    cash: Option<Dollars>,
    /// Whether it trades both venues through Parsec and PAPI with its own accounts from the beginning.
    #[serde(default)]
    linked: bool,
    builder: Option<BuilderRules>,
}

/// A builder of Parsec's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuilderRules {
    qps_pool: u32,
    /// Its own ids for the end users that it begins with.
    #[serde(default)]
    end_users: Vec<String>,
    escrow: Option<EscrowRules>,
}

/// How a builder collects fees (parsec.md §9.8).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EscrowRules {
    fee_bps: u32,
    fee_min: Dollars,
    affiliate_bps: u32,
    affiliate: Option<Address>,
}

impl BuilderRules {
    fn builder(&self) -> Builder {
        let escrow = self.escrow.as_ref().map(|rules| Escrow {
            fee_bps: rules.fee_bps,
            fee_min: rules.fee_min.0,
            affiliate_bps: rules.affiliate_bps,
            affiliate: rules.affiliate,
        });
        Builder { qps_pool: self.qps_pool, escrow }
    }
}

/// The documented tiers (parsec.md §3.1, §3.2).
const DOCUMENTED: CustomerTiers = CustomerTiers {
    free: CustomerRules {
        requests_per_second: 5,
        burst: 5,
        requests_per_month: 10_000,
        history_days: 5,
        subscriptions_max: 3,
        depth_max: 10,
    },
    pro: CustomerRules {
        requests_per_second: 60,
        burst: 120,
        requests_per_month: 5_000_000,
        history_days: 30,
        subscriptions_max: 500,
        depth_max: 100,
    },
    scale: CustomerRules {
        requests_per_second: 200,
        burst: 400,
        requests_per_month: 0,
        history_days: 0,
        subscriptions_max: 2_000,
        depth_max: 100,
    },
    qps_limit: 10,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyRules {
    Active,
    Beta,
    Expired,
    Revoked,
    Deactivated,
}

/// Dollars as a quoted decimal.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Dollars(Usd);

impl TryFrom<String> for Dollars {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let micros = parse_scaled(&text, 6).map_err(|error| format!("{text:?} {error}"))?;
        Ok(Self(Usd::from_micros(micros)))
    }
}

fn yes() -> bool {
    true
}

impl Scenario {
    /// The default scenario.
    ///
    /// # Panics
    /// If the embedded file is not valid, which a test rules out.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(DEFAULT).expect("BUG: the embedded scenario is not valid")
    }

    /// The scenario in a file.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is none.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ScenarioError::Unreadable { path: path.display().to_string(), cause })?;
        Self::parse(&text)
    }

    /// The scenario in a text.
    ///
    /// # Errors
    /// [`ScenarioError::Invalid`] if it says something else.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError::Invalid(error.to_string()))?;
        scenario.source = Sha256::digest(text.as_bytes()).into();
        if scenario.agents.enabled && scenario.agents.period_ms < 10 {
            return Err(ScenarioError::Invalid("agents.period_ms must be at least 10".to_owned()));
        }
        for window in &scenario.windows {
            if interval_ms(&window.interval).is_none() {
                return Err(ScenarioError::Invalid(format!("there is no interval {:?}", window.interval)));
            }
            if Spot::of(0, &window.asset).is_none() {
                return Err(ScenarioError::Invalid(format!("there is no asset {:?}", window.asset)));
            }
            if window.pace_ms < 100 {
                return Err(ScenarioError::Invalid("windows.pace_ms must be at least 100".to_owned()));
            }
        }
        Ok(scenario)
    }

    /// SHA-256 of its text: what an explicitly given scenario is compared by.
    #[must_use]
    pub fn source(&self) -> &[u8; 32] {
        &self.source
    }

    /// The switches it begins with.
    #[must_use]
    pub fn gates(&self) -> Gates {
        self.gates
    }

    /// Lets a world begin with other switches, and every reset of it.
    pub fn set_gates(&mut self, gates: Gates) {
        self.gates = gates;
    }

    fn cohorts(&self, at: Timestamp) -> Vec<Cohort> {
        let cohort = |rules: &CohortRules| Cohort {
            label: rules.label.clone(),
            cap: rules.cap,
            cutoff: Some(at.plus_millis(rules.days.saturating_mul(DAY_MS))),
        };
        self.cohorts.iter().map(cohort).collect()
    }

    fn limits(&self) -> Limits {
        let usual = Limits::default();
        let within = |given: Option<u32>, most: u32| given.unwrap_or(most).min(most);
        Limits {
            accounts_max: within(self.limits.accounts_max, usual.accounts_max),
            open_orders_max: within(self.limits.open_orders_max, usual.open_orders_max),
        }
    }

    fn tiers(&self) -> Tiers {
        let line = |line: &TierLine, tier| TierRules {
            requests_per_second: line.requests_per_second,
            requests_per_minute: line.requests_per_minute,
            ws_connections_max: line.ws_connections_max,
            batch_size_max: line.batch_size_max,
            in_flight_max: line.in_flight_max,
            baseline: line.baseline.0,
            sandboxes_max: line.sandboxes_max,
            sandbox_baseline: line.sandbox_baseline.0,
            main_resets_max: line.main_resets_max,
            trades: line.trades,
            exports: line.exports.unwrap_or(tier != Tier::Free),
            orders_per_day_max: line.orders_per_day_max,
        };
        Tiers {
            anonymous: self.tiers.anonymous,
            free: line(&self.tiers.free, Tier::Free),
            pro: line(&self.tiers.pro, Tier::Pro),
            pro_plus: line(&self.tiers.pro_plus, Tier::ProPlus),
            enterprise: line(&self.tiers.enterprise, Tier::Enterprise),
        }
    }

    fn fee_bps(&self, category: &str) -> u16 {
        self.fees.get(category).or_else(|| self.fees.get("other")).copied().unwrap_or(0)
    }
}

/// Makes a world's beginning of a scenario.
///
/// # Errors
/// [`ScenarioError::Invalid`] if its markets can't be read.
pub fn resolve(
    scenario: &Scenario,
    seed: u64,
    at: Timestamp,
    is_virtual: bool,
    secrets: &Secrets,
) -> Result<Genesis, ScenarioError> {
    let personas = personas::derive(scenario, secrets);
    let mut identity =
        crate::identity::Identity::new(scenario.gates(), scenario.tiers(), scenario.cohorts(at))
            .with_customers(scenario.customers.unwrap_or(DOCUMENTED));
    for (rules, persona) in personas::expand(scenario).zip(&personas) {
        personas::admit(&mut identity, &rules, persona, at);
    }
    let markets = markets::load(scenario, at)?;
    let mut genesis = Genesis {
        seed,
        source: scenario.source,
        is_virtual,
        identity,
        limits: scenario.limits(),
        opening: Opening {
            main: scenario.main_cash.0,
            kalshi: scenario.opening_cash.0,
            wallet: scenario.opening_cash.0,
            strangers: scenario.strangers,
        },
        accounts: Vec::new(),
        system: SystemAccounts::default(),
        owners: Vec::new(),
        linked: Vec::new(),
        markets: Vec::new(),
        orders: Vec::new(),
        series: Vec::new(),
    };
    genesis.open_accounts(scenario, &personas);
    genesis.admit_end_users(&personas, at);
    for (spec, quotes) in markets {
        genesis.list(spec, &quotes);
    }
    windows::begin(&mut genesis, scenario, seed, at);
    Ok(genesis)
}

/// The ready users of a scenario, with their secrets.
#[must_use]
pub fn personas(scenario: &Scenario, secrets: &Secrets) -> Vec<Persona> {
    personas::derive(scenario, secrets)
}
