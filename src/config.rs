//! Settings: defaults, then the config file, then `PAPERTAPE_*` variables, then flags. The later wins.

use crate::world::{ClockMode, Durability};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::{Path, PathBuf};

/// How a server runs. Each member is a flag of `serve`, a `PAPERTAPE_*` variable and a key of the config file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    pub rate_limits: Switch,
    /// Whether keys are issued to admitted users only; none for what the scenario says.
    pub closed_beta_mode: Option<bool>,
    /// Whether free users may help themselves to a key that reads; none for what the scenario says.
    pub self_serve_issuance: Option<bool>,
    /// Whether the runtime allowlist is enforced; none for what the scenario says.
    pub allowlist: Option<bool>,
    /// The HS256 secret of Supabase-style tokens; none to derive it from the seed.
    #[serde(deserialize_with = "text", skip_serializing)]
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

/// On or off. A word, and also what a TOML file or a variable may say instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SwitchWord")]
pub enum Switch {
    /// On.
    #[serde(rename = "on")]
    On,
    /// Off.
    #[serde(rename = "off")]
    Off,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SwitchWord {
    Flag(bool),
    Word(OnOff),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnOff {
    On,
    Off,
}

impl From<SwitchWord> for Switch {
    fn from(word: SwitchWord) -> Self {
        match word {
            SwitchWord::Flag(true) | SwitchWord::Word(OnOff::On) => Self::On,
            SwitchWord::Flag(false) | SwitchWord::Word(OnOff::Off) => Self::Off,
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
            rate_limits: Switch::On,
            closed_beta_mode: None,
            self_serve_issuance: None,
            allowlist: None,
            jwt_secret: None,
        }
    }
}

/// The variables that are settings. Others with the prefix belong to somebody else.
const VARIABLES: [&str; 16] = [
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
    "jwt_secret",
];

impl Settings {
    /// The settings in force. `flags` holds what the command line says, as an object without the rest.
    ///
    /// # Errors
    /// A sentence that names the setting and where it was set.
    pub fn load(file: Option<&Path>, flags: &serde_json::Value) -> Result<Self, String> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()))
            .merge(Serialized::default("jwt_secret", Option::<String>::None));
        if let Some(file) = file {
            if !file.exists() {
                return Err(format!("the config file {} does not exist", file.display()));
            }
            figment = figment.merge(Toml::file(file));
        }
        let figment =
            figment.merge(Env::prefixed("PAPERTAPE_").only(&VARIABLES)).merge(Serialized::globals(flags));
        figment.extract().map_err(|error| error.to_string())
    }
}

/// A secret may look like a number.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(u64),
        Flag(bool),
    }
    let found = Option::<Written>::deserialize(from)?;
    Ok(found.map(|found| match found {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
        Written::Flag(flag) => flag.to_string(),
    }))
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
    fn limits_are_switched_by_a_word_or_a_flag() {
        for (written, expected) in [("\"off\"", Switch::Off), ("false", Switch::Off), ("\"on\"", Switch::On)]
        {
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), format!("rate_limits = {written}\n")).expect("written");
            let settings = Settings::load(Some(file.path()), &serde_json::json!({})).expect("valid");
            assert_eq!(settings.rate_limits, expected, "{written}");
        }
        assert_eq!(Settings::default().rate_limits, Switch::On);
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "lisen = \"127.0.0.1:1\"\n").expect("written");
        let error = Settings::load(Some(file.path()), &serde_json::json!({})).expect_err("refused");
        assert!(error.contains("lisen"), "{error}");
    }
}
