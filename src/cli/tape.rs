//! `papertape tape`: the digest, a replay, the records or the batches of a stopped world.

use crate::types::Sequence;
use crate::world::tape::{Disk, Durability, FileDisk, Reader, Tape, Watermark};
use crate::world::{State, recover, replay};
use anyhow::{Context, ensure};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the digest of the state: the newest checkpoint and what came after.
    Digest {
        /// The directory of the world's files
        #[arg(long, value_name = "DIR", env = "PAPERTAPE_DATA")]
        data: PathBuf,
    },
    /// Replay the whole tape from record 0 and print the digest it ends in.
    Replay {
        /// The directory of the world's files
        #[arg(long, value_name = "DIR", env = "PAPERTAPE_DATA")]
        data: PathBuf,
    },
    /// Print the records, one JSON object a line.
    Export {
        /// The directory of the world's files
        #[arg(long, value_name = "DIR", env = "PAPERTAPE_DATA")]
        data: PathBuf,
    },
    /// Print how many records stand in how many batches: each batch was one write and, if strict, one sync.
    Batches {
        /// The directory of the world's files
        #[arg(long, value_name = "DIR", env = "PAPERTAPE_DATA")]
        data: PathBuf,
    },
}

pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    match &flags.command {
        Command::Digest { data } => {
            let stopped = Stopped::open(data)?;
            println!("{}", recover(&stopped.disk, stopped.tape.next())?.digest());
        }
        Command::Replay { data } => {
            let mut state = State::new();
            for_each(data, |record| Ok(replay(&mut state, record)?))?;
            println!("{}", state.digest());
        }
        Command::Export { data } => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            for_each(data, |record| {
                serde_json::to_writer(&mut out, record)?;
                Ok(out.write_all(b"\n")?)
            })?;
            out.flush()?;
        }
        Command::Batches { data } => batches(data)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The tape of a world that no server has.
pub(super) struct Stopped {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) tape: Tape,
    _lock: std::fs::File,
}

impl Stopped {
    pub(super) fn open(data: &Path) -> anyhow::Result<Self> {
        let directory = data.join("tape");
        ensure!(directory.is_dir(), "there is no world in {}", data.display());
        let lock = std::fs::File::create(data.join("lock"))?;
        lock.try_lock()
            .map_err(|_| anyhow::anyhow!("{} is in use by a server; stop it first", data.display()))?;
        let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(&directory)?);
        let tape = Tape::open(Arc::clone(&disk), Durability::Strict)?;
        ensure!(!tape.is_empty(), "the tape in {} is empty", data.display());
        Ok(Self { disk, tape, _lock: lock })
    }

    fn reader(&self, first: Sequence) -> Reader {
        let watermark = Arc::new(Watermark::new(self.tape.next()));
        Reader::new(Arc::clone(&self.disk), watermark, first)
    }
}

/// Older segments may have been dropped: what is left is counted.
fn batches(data: &Path) -> anyhow::Result<()> {
    let stopped = Stopped::open(data)?;
    let first = stopped.tape.first().context("the tape is empty")?;
    let mut reader = stopped.reader(first);
    let (mut records, mut batches) = (0_u64, 0_u64);
    while let Some(batch) = reader.read()? {
        records += u64::try_from(batch.len())?;
        batches += 1;
    }
    let tenths = records * 10 / batches.max(1);
    println!("records {records}\nbatches {batches}\nmean {}.{}", tenths / 10, tenths % 10);
    Ok(())
}

fn for_each(
    data: &Path,
    mut body: impl FnMut(&crate::world::Record) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stopped = Stopped::open(data)?;
    let first = stopped.tape.first().context("the tape is empty")?;
    ensure!(
        first.0 == 0,
        "the tape begins at record {first}: what came before was dropped (see --tape-keep)"
    );
    let mut reader = stopped.reader(first);
    while let Some(records) = reader.read()? {
        for record in &records {
            body(record)?;
        }
    }
    Ok(())
}
