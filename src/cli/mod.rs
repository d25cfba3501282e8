//! The command line (design §9): one file a command.

mod audit;
mod demo;
mod personas;
mod serve;
mod tape;
mod token;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// A paper-trading exchange for prediction markets: the real APIs on localhost, without real money.
#[derive(Debug, Parser)]
#[command(name = "papertape", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the exchange until it is stopped.
    Serve(Box<serve::Flags>),
    /// Watch a bot trade on an exchange in memory for 20 seconds.
    Demo(demo::Flags),
    /// Print every ready user and its credentials.
    Personas(personas::Flags),
    /// Print a Supabase-style access token of a ready user.
    Token(token::Flags),
    /// Prove from the ledger that no money was made or lost.
    Audit(audit::Flags),
    /// Look at the tape of a stopped world.
    Tape(tape::Flags),
}

/// What personas are derived from, for commands that need no running server.
#[derive(Clone, Debug, clap::Args)]
struct Origin {
    /// The scenario file; the built-in scenario without it.
    #[arg(long, env = "PAPERTAPE_SCENARIO")]
    scenario: Option<PathBuf>,
    /// The seed; the scenario's without it.
    #[arg(long, env = "PAPERTAPE_SEED")]
    seed: Option<u64>,
    #[arg(long, env = "PAPERTAPE_JWT_SECRET", hide = true, hide_env_values = true)]
    jwt_secret: Option<String>,
}

impl Origin {
    fn personas(
        &self,
    ) -> anyhow::Result<(Vec<crate::world::scenario::Persona>, crate::world::scenario::Secrets)> {
        use crate::world::scenario::{Scenario, Secrets, personas};
        let scenario = self.scenario.as_deref().map_or_else(|| Ok(Scenario::builtin()), Scenario::load)?;
        let secret = crate::config::secret(self.jwt_secret.clone());
        let secrets = Secrets::new(self.seed.unwrap_or(scenario.seed), secret);
        Ok((personas(&scenario, &secrets), secrets))
    }
}

/// What is logged unless `PAPERTAPE_LOG` says otherwise. A head that is no HTTP is its sender's mistake, which the web
/// server's own crate calls an error.
const LOGGED: &str = "warn,actix_http::h1=off,papertape=info";

/// Runs the program and says how it went. Results go to standard output, everything else to standard error.
#[must_use]
pub fn run() -> ExitCode {
    let filter = EnvFilter::try_from_env("PAPERTAPE_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match Cli::parse().command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Demo(flags) => demo::run(&flags),
        Command::Personas(flags) => personas::run(&flags),
        Command::Token(flags) => token::run(&flags),
        Command::Audit(flags) => audit::run(&flags),
        Command::Tape(flags) => tape::run(&flags),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("papertape: {error:#}");
            ExitCode::FAILURE
        }
    }
}
