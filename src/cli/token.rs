//! `papertape token`: a Supabase-style access token, alone on standard output.

use super::Origin;
use crate::world::{Clock, ClockMode};
use anyhow::Context;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Whose token
    #[arg(long, value_name = "NAME")]
    persona: String,
    /// How long it lives, such as 90s, 15m, 1h or 2d
    #[arg(long, default_value = "1h", value_parser = seconds)]
    ttl: i64,
    /// The server whose time counts
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    #[command(flatten)]
    origin: Origin,
}

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let (personas, secrets) = flags.origin.personas()?;
    let persona = personas.iter().find(|persona| persona.name == flags.persona);
    let persona = persona
        .with_context(|| format!("there is no persona {:?}; see `papertape personas`", flags.persona))?;
    let from = match server_time(&flags.url) {
        Ok(seconds) => seconds,
        Err(why) => {
            eprintln!("papertape: no server answers at {} ({why}); this machine's time is used", flags.url);
            Clock::new(ClockMode::Real).now().seconds()
        }
    };
    println!("{}", secrets.access_token(&persona.subject, &persona.email, from, from + flags.ttl));
    Ok(ExitCode::SUCCESS)
}

fn server_time(url: &str) -> anyhow::Result<i64> {
    let url = format!("{}/v1/time", url.trim_end_matches('/'));
    actix_web::rt::System::new().block_on(async {
        let client = awc::Client::builder().timeout(Duration::from_secs(2)).finish();
        let mut response = client.get(url).send().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        let body = response.body().await?;
        Ok(std::str::from_utf8(&body)?.trim().parse()?)
    })
}

fn seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("use a number and one of s, m, h, d, such as 15m".to_owned()),
    };
    let number: i64 =
        number.parse().map_err(|_| "use a number and one of s, m, h, d, such as 15m".to_owned())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(|| "it must be positive".to_owned())
}
