//! `papertape personas`: who is ready to trade, and with which credentials.

use super::Origin;
use crate::world::scenario::Persona;
use serde_json::{Map, Value};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(flatten)]
    origin: Origin,
    /// As the `personas` object of the ready line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let (personas, _) = flags.origin.personas()?;
    if flags.json {
        println!("{}", serde_json::to_string_pretty(&object(&personas))?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<14} {:<11} polysim key", "persona", "plan");
    for persona in &personas {
        let key = persona.ps_key.as_deref().unwrap_or("(none yet)");
        println!("{:<14} {:<11} {key}", persona.name, persona.tier.name());
    }
    println!("\nEverything else about them: papertape personas --json");
    Ok(ExitCode::SUCCESS)
}

/// The `personas` object of the ready line.
pub(super) fn object(personas: &[Persona]) -> Value {
    let all: Map<_, _> = personas.iter().map(|persona| (persona.name.clone(), persona.to_json())).collect();
    Value::Object(all)
}
