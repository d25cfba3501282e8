//! Settings: defaults, then the config file, then `PAPERTAPE_*` variables, then flags. The later wins.

use crate::service::ClobMode;
use crate::world::{ClockMode, Durability};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::env::VarError;
use std::path::{Path, PathBuf};

/// How a server runs. Each member is a flag of `serve`, a `PAPERTAPE_*` variable and a key of the config file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Settings {
    /// The address to listen on. `localhost` is `127.0.0.1` and `::1`; port 0 takes a free one.
    pub listen: String,
    /// The directory of the world's files.
    pub data: PathBuf,
    /// The scenario file of a new world; none for the built-in one.
    pub scenario: Option<PathBuf>,
    /// The seed of a new world; none for the scenario's.
    pub seed: Option<u64>,
    /// `strict`, `process` or `memory`.
    pub durability: DurabilityName,
    /// `real` or `virtual`.
    pub clock: ClockName,
    /// Whether house agents trade.
    pub agents: bool,
    /// One JSON object a line on standard output, the first being the ready line.
    pub json: bool,
    /// Whether to listen beyond loopback, publicly known credentials or not.
    pub open: bool,
    /// How many bytes of tape to keep that checkpoint and ledger cover.
    pub tape_keep: u64,
    /// How many threads serve HTTP.
    pub workers: usize,
    /// Whether requests are counted: `on` or `off`. Caps on batches, bodies, sockets and requests under way stay.
    #[serde(deserialize_with = "switch")]
    pub rate_limits: bool,
    /// Whether keys are issued to admitted users only; none for what the scenario says.
    #[serde(default, deserialize_with = "optional_switch")]
    pub closed_beta_mode: Option<bool>,
    /// Whether free users may help themselves to a key that reads; none for what the scenario says.
    #[serde(default, deserialize_with = "optional_switch")]
    pub self_serve_issuance: Option<bool>,
    /// Whether the runtime allowlist is enforced; none for what the scenario says.
    #[serde(default, deserialize_with = "optional_switch")]
    pub allowlist: Option<bool>,
    /// PolySimulator's error bodies: `pm` or `structured`.
    pub error_envelope: EnvelopeName,
    /// How like production the CLOB is: `friendly` or `strict`.
    pub clob_mode: ClobModeName,
    /// One more address for each of these surfaces, which it serves alone, at its root.
    pub listen_polysim: Option<String>,
    /// See `listen_polysim`.
    pub listen_clob: Option<String>,
    /// See `listen_polysim`.
    pub listen_gamma: Option<String>,
    /// See `listen_polysim`.
    pub listen_data: Option<String>,
    /// See `listen_polysim`.
    pub listen_relayer: Option<String>,
    /// See `listen_polysim`.
    pub listen_parsec: Option<String>,
    /// The server's own secret as 64 hexadecimal digits; none, or an empty one, for the file in the data directory.
    #[serde(skip_serializing)]
    pub master_key: Option<String>,
    /// The HS256 secret of Supabase-style tokens; none, or an empty one, to derive it from the seed.
    #[serde(skip_serializing)]
    pub jwt_secret: Option<String>,
}

/// The names of [`Durability`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DurabilityName {
    /// Synced before the reply.
    Strict,
    /// Written before the reply.
    Process,
    /// No file at all.
    Memory,
}

/// The names of PolySimulator's error bodies (polysimulator.md §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EnvelopeName {
    /// `{"error": "<sentence>"}`.
    Pm,
    /// `{"error": "<CODE>", "message": "<sentence>"}`.
    Structured,
}

/// The names of [`ClobMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClobModeName {
    /// Lenient wherever that can't confuse a client.
    Friendly,
    /// Refuses what production refuses.
    Strict,
}

impl From<ClobModeName> for ClobMode {
    fn from(name: ClobModeName) -> Self {
        match name {
            ClobModeName::Friendly => Self::Friendly,
            ClobModeName::Strict => Self::Strict,
        }
    }
}

/// The names of [`ClockMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClockName {
    /// The wall's.
    Real,
    /// One that can be paused and advanced.
    Virtual,
}

impl From<DurabilityName> for Durability {
    fn from(name: DurabilityName) -> Self {
        match name {
            DurabilityName::Strict => Self::Strict,
            DurabilityName::Process => Self::Process,
            DurabilityName::Memory => Self::Memory,
        }
    }
}

impl From<ClockName> for ClockMode {
    fn from(name: ClockName) -> Self {
        match name {
            ClockName::Real => Self::Real,
            ClockName::Virtual => Self::Virtual,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "localhost:8080".to_owned(),
            data: PathBuf::from("papertape-data"),
            scenario: None,
            seed: None,
            durability: DurabilityName::Strict,
            clock: ClockName::Real,
            agents: true,
            json: false,
            open: false,
            tape_keep: 2 << 30,
            workers: 1,
            rate_limits: true,
            closed_beta_mode: None,
            self_serve_issuance: None,
            allowlist: None,
            error_envelope: EnvelopeName::Pm,
            clob_mode: ClobModeName::Friendly,
            listen_polysim: None,
            listen_clob: None,
            listen_gamma: None,
            listen_data: None,
            listen_relayer: None,
            listen_parsec: None,
            master_key: None,
            jwt_secret: None,
        }
    }
}

/// The variables that are settings. Others with the prefix belong to somebody else.
const VARIABLES: [&str; 23] = [
    "listen",
    "data",
    "scenario",
    "seed",
    "durability",
    "clock",
    "agents",
    "json",
    "open",
    "tape_keep",
    "workers",
    "rate_limits",
    "closed_beta_mode",
    "self_serve_issuance",
    "allowlist",
    "error_envelope",
    "clob_mode",
    "listen_polysim",
    "listen_clob",
    "listen_gamma",
    "listen_data",
    "listen_relayer",
    "listen_parsec",
];

impl Settings {
    /// The settings in force. `flags` holds what the command line says, as an object without the rest.
    ///
    /// # Errors
    /// A sentence that names the setting and where it was set.
    pub fn load(file: Option<&Path>, flags: &serde_json::Value) -> Result<Self, String> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()))
            .merge(Serialized::default("jwt_secret", Option::<String>::None))
            .merge(Serialized::default("master_key", Option::<String>::None));
        if let Some(file) = file {
            if !file.exists() {
                return Err(format!("the config file {} does not exist", file.display()));
            }
            figment = figment.merge(Toml::file(file));
        }
        let figment =
            figment.merge(Env::prefixed("PAPERTAPE_").only(&VARIABLES)).merge(Serialized::globals(flags));
        let mut settings: Self = figment.extract().map_err(|error| error.to_string())?;
        // Word for word: to a reader of settings, digits would be a number and quotes no part of it.
        let given = |variable: &str| given_secret(variable, std::env::var(variable));
        settings.jwt_secret = secret(given("PAPERTAPE_JWT_SECRET")?).or_else(|| secret(settings.jwt_secret));
        settings.master_key = secret(given("PAPERTAPE_MASTER_KEY")?).or_else(|| secret(settings.master_key));
        Ok(settings)
    }
}

/// What a variable says, if it is there and text: half a secret would be another one.
fn given_secret(name: &str, variable: Result<String, VarError>) -> Result<Option<String>, String> {
    match variable {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not valid UTF-8")),
    }
}

/// A secret as somebody set it. An empty one, which a variable that was left blank gives, is none: it would open the
/// world to whoever signs with nothing.
#[must_use]
pub fn secret(given: Option<String>) -> Option<String> {
    given.filter(|secret| !secret.is_empty())
}

/// A switch, in any of the ways people write one.
fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match Written::deserialize(from)? {
        Written::Flag(flag) => Ok(flag),
        Written::Number(number @ (0 | 1)) => Ok(number == 1),
        Written::Word(word) => match word.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Ok(true),
            "off" | "false" | "no" | "0" => Ok(false),
            _ => Err(D::Error::custom(format!("{word:?} is neither on nor off"))),
        },
        Written::Number(number) => Err(D::Error::custom(format!("{number} is neither on nor off"))),
    }
}

fn optional_switch<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "switch")] bool);
    Ok(Option::<Given>::deserialize(from)?.map(|Given(flag)| flag))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Flag(bool),
    Number(u64),
    Word(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "listen = \"127.0.0.1:1\"\nworkers = 2\n").expect("written");
        let flags = serde_json::json!({"listen": "127.0.0.1:2"});
        let settings = Settings::load(Some(file.path()), &flags).expect("valid");
        assert_eq!((settings.listen.as_str(), settings.workers, settings.agents), ("127.0.0.1:2", 2, true));
    }

    #[test]
    fn a_switch_is_written_in_many_ways() {
        let load = |written: &str| {
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), format!("rate_limits = {written}\nallowlist = {written}\n"))
                .expect("written");
            Settings::load(Some(file.path()), &serde_json::json!({}))
        };
        for (written, expected) in [
            ("\"off\"", false),
            ("false", false),
            ("0", false),
            ("\"OFF\"", false),
            ("\"on\"", true),
            ("\"TRUE\"", true),
            ("1", true),
        ] {
            let settings = load(written).expect("valid");
            assert_eq!((settings.rate_limits, settings.allowlist), (expected, Some(expected)), "{written}");
        }
        assert!(load("\"maybe\"").expect_err("refused").contains("neither on nor off"));
        let usual = Settings::default();
        assert_eq!((usual.rate_limits, usual.allowlist), (true, None));
    }

    #[test]
    fn half_a_secret_is_refused_and_not_taken() {
        use std::os::unix::ffi::OsStringExt;
        let broken = std::ffi::OsString::from_vec(vec![b's', 0xff]);
        let error =
            given_secret("PAPERTAPE_JWT_SECRET", Err(VarError::NotUnicode(broken))).expect_err("refused");
        assert!(error.contains("PAPERTAPE_JWT_SECRET"), "{error}");
        assert_eq!(given_secret("PAPERTAPE_JWT_SECRET", Err(VarError::NotPresent)), Ok(None));
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "lisen = \"127.0.0.1:1\"\n").expect("written");
        let error = Settings::load(Some(file.path()), &serde_json::json!({})).expect_err("refused");
        assert!(error.contains("lisen"), "{error}");
    }
}
