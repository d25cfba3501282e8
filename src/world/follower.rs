//! A second copy of the state, fed from the tape: it takes the checkpoints, answers for the digest, and
//! proves on the way that replay equals live. It never holds the sequencer.

use super::record::Record;
use super::state::State;
use super::tape::{self, Disk, Reader, TapeError, Watermark};
use super::vault::Vault;
use crate::types::Sequence;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Records from one checkpoint to the next. Recovery replays at most so many, and one batch.
const EVERY: u64 = 250_000;
const NAP: Duration = Duration::from_millis(50);

/// Why a tape can't be followed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The tape itself.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] tape::CheckpointError),
    /// This version's rules give something else than what happened.
    #[error(
        "record {0} replays differently: it was written by a version with other rules. Start that version once, \
         stop it cleanly, and start this one again: a clean stop leaves a checkpoint that needs no replay"
    )]
    Differs(Sequence),
    /// The tape does not begin where the newest checkpoint ends.
    #[error("no whole checkpoint reaches the tape, which begins at record {0}")]
    Gap(Sequence),
    /// The tape ends before something that was on it.
    #[error(
        "record {seen} was on the tape, which ends before record {end} now: what was acknowledged is missing. \
         Restore the data directory from a copy"
    )]
    Short {
        /// The first record that is not there.
        end: Sequence,
        /// A record that once was.
        seen: Sequence,
    },
}

/// Applies a record of the tape and checks that it does what it did.
///
/// # Errors
/// [`ReplayError::Differs`] if it does not, and [`ReplayError::Gap`] if it is not the next one.
pub fn replay(state: &mut State, record: &Record) -> Result<(), ReplayError> {
    if record.sequence != next_of(state) {
        return Err(ReplayError::Gap(record.sequence));
    }
    let (mut events, mut notes) = (Vec::with_capacity(record.events.len()), Vec::new());
    let outcome = state.apply(record.at.max(state.at()), &record.command, &mut events, &mut notes);
    if outcome.is_err() || events != record.events || notes != record.notes || record.at < state.at() {
        return Err(ReplayError::Differs(record.sequence));
    }
    state.advance(record.sequence);
    Ok(())
}

/// The state at the end of a tape: the newest checkpoint and what came after.
///
/// # Errors
/// [`ReplayError`] if it can't be reached.
pub fn recover(disk: &Arc<dyn Disk>, end: Sequence) -> Result<State, ReplayError> {
    let checkpoint = tape::load_newest(&**disk)?;
    // A checkpoint holds nothing that was not durable: a tape that ends before it has lost something.
    if let Some(seen) = checkpoint.as_ref().map(|checkpoint| checkpoint.sequence).filter(|seen| *seen >= end)
    {
        return Err(ReplayError::Short { end, seen });
    }
    let mut state = checkpoint.map_or_else(State::new, |checkpoint| checkpoint.state);
    if let Some(first) = tape::first(&**disk)?.filter(|first| *first > next_of(&state)) {
        return Err(ReplayError::Gap(first));
    }
    let mut reader = Reader::new(Arc::clone(disk), Arc::new(Watermark::new(end)), next_of(&state));
    while let Some(records) = reader.read()? {
        for record in &records {
            replay(&mut state, record)?;
        }
    }
    Ok(state)
}

fn next_of(state: &State) -> Sequence {
    state.sequence().map_or(Sequence(0), Sequence::next)
}

/// Somebody wants the digest of the state, no older than a record.
pub(super) struct WantDigest {
    pub(super) least: Sequence,
    pub(super) reply: oneshot::Sender<(Sequence, String)>,
}

/// The follower's thread.
pub(super) struct Follower {
    pub(super) state: State,
    pub(super) reader: Reader,
    pub(super) watermark: Arc<Watermark>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) vault: Arc<Vault>,
    pub(super) wants: Receiver<WantDigest>,
    /// Where the newest checkpoint is told, so that old segments can go.
    pub(super) covered: Sender<Sequence>,
    pub(super) keeps_checkpoints: bool,
    pub(super) last_checkpoint: Option<Sequence>,
    /// A checkpoint is durable, so what it holds must be: no tape may end before its checkpoint. Where every
    /// batch is synced anyway, nobody but the writer may: of a failure the system tells only one of two.
    pub(super) must_sync: bool,
}

impl Follower {
    /// Follows until nobody can want anything any more, then takes the last checkpoint.
    pub(super) fn run(mut self) -> Result<(), ReplayError> {
        let mut waiting: Vec<WantDigest> = Vec::new();
        loop {
            while let Some(records) = self.reader.read()? {
                for record in &records {
                    self.follow(record)?;
                }
                if self.sequence().0 >= self.last_checkpoint.map_or(0, |last| last.0) + EVERY {
                    self.checkpoint();
                }
            }
            let ready = |want: &mut WantDigest| want.least <= self.sequence();
            for want in waiting.extract_if(.., ready) {
                drop(want.reply.send((self.sequence(), self.state.digest())));
            }
            match self.wants.try_recv() {
                Ok(want) => waiting.push(want),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {
                    let seen = self.reader.next();
                    let patience = if waiting.is_empty() { NAP } else { Duration::from_millis(1) };
                    if self.watermark.wait_beyond(seen, patience) <= seen
                        && let Ok(want) = self.wants.try_recv()
                    {
                        waiting.push(want);
                    }
                }
            }
        }
        while let Some(records) = self.reader.read()? {
            for record in &records {
                self.follow(record)?;
            }
        }
        if Some(self.sequence()) > self.last_checkpoint {
            self.checkpoint();
        }
        Ok(())
    }

    /// Does again what a record did. Secrets that nobody has any more are destroyed, whatever it was that ended them:
    /// this thread may wait for the disk.
    fn follow(&mut self, record: &Record) -> Result<(), ReplayError> {
        let before = Arc::clone(self.state.customers());
        replay(&mut self.state, record)?;
        let after = self.state.customers();
        if !Arc::ptr_eq(&before, after) {
            self.vault.destroy_all_but(before.sealed(), after.sealed());
        }
        Ok(())
    }

    fn sequence(&self) -> Sequence {
        self.state.sequence().unwrap_or(Sequence(0))
    }

    fn checkpoint(&mut self) {
        if !self.keeps_checkpoints {
            self.last_checkpoint = Some(self.sequence());
            self.tell_covered(self.sequence());
            return;
        }
        let synced = if self.must_sync { self.reader.sync() } else { Ok(()) };
        let stored = synced
            .map_err(|error| error.to_string())
            .and_then(|()| tape::store(&*self.disk, &self.state).map_err(|error| error.to_string()));
        match stored {
            Ok(sequence) => {
                // What the checkpoint before this one needs stays: it is there to fall back on.
                if let Some(before) = self.last_checkpoint.replace(sequence) {
                    self.tell_covered(before);
                }
            }
            // Recovery reads more of the tape then; nothing is lost.
            Err(error) => tracing::error!(error, "a checkpoint can't be written"),
        }
    }

    fn tell_covered(&self, covered: Sequence) {
        // A full channel already holds an older place; the next checkpoint tells a newer one.
        if self.covered.try_send(covered).is_err() {
            tracing::debug!("nobody took the last checkpoint's place yet");
        }
    }
}
