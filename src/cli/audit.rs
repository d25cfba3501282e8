//! `papertape audit`: proves from the ledger alone that no money was made or lost.

use super::tape::Stopped;
use crate::world::ledger::{self, Ledger, Source};
use crate::world::tape::Watermark;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The directory of the world's files
    #[arg(long, value_name = "DIR", env = "PAPERTAPE_DATA")]
    data: PathBuf,
}

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let stopped = Stopped::open(&flags.data)?;
    // What the ledger has not seen yet is fed to it first.
    let watermark = Arc::new(Watermark::new(stopped.tape.next()));
    let source = Source { disk: Arc::clone(&stopped.disk), watermark };
    let (ledger, mut writer) = Ledger::start(&flags.data.join("ledger.sqlite"), source.clone())?;
    ledger::catch_up(&mut writer, &source)?;
    drop(ledger);
    let report = ledger::audit(writer.connection())?;
    println!("{report}");
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
