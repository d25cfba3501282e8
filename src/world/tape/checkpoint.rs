//! Checkpoints: the whole state at one record, so that recovery reads only what came after.

use super::disk::Disk;
use crate::types::Sequence;
use crate::world::state::{Snapshot, State};
use sha2::{Digest, Sha256};

const MAGIC: [u8; 8] = *b"PTAPECKP";
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8 + 32;
/// How many are kept: the newest, and one to fall back on.
const KEPT: usize = 2;

/// Why a checkpoint can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk failed.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// Written by a version that knows more.
    #[error("{0} was written by a newer version; it was left untouched")]
    Newer(String),
}

/// A state and the record it was taken after.
#[derive(Debug)]
pub struct Checkpoint {
    /// The last record in it.
    pub sequence: Sequence,
    /// The state.
    pub state: State,
}

fn name_of(sequence: Sequence) -> String {
    format!("checkpoint-{:020}.state", sequence.0)
}

fn all(disk: &dyn Disk) -> Result<Vec<Sequence>, CheckpointError> {
    let names = disk.list().map_err(|error| CheckpointError::Io("the data directory".to_owned(), error))?;
    let number =
        |name: &String| name.strip_prefix("checkpoint-")?.strip_suffix(".state")?.parse().ok().map(Sequence);
    let mut found: Vec<_> = names.iter().filter_map(number).collect();
    found.sort_unstable();
    Ok(found)
}

/// Writes a checkpoint in one durable step and removes those that are too old.
///
/// # Errors
/// [`CheckpointError::Io`]; the older checkpoints are still there then.
pub fn store(disk: &dyn Disk, state: &State) -> Result<Sequence, CheckpointError> {
    let sequence = state.sequence().expect("BUG: a checkpoint before record 0");
    let payload = postcard::to_stdvec(&state.snapshot()).expect("BUG: a snapshot that can't be written");
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&sequence.0.to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&payload));
    bytes.extend_from_slice(&payload);
    let name = name_of(sequence);
    disk.replace(&name, &bytes).map_err(|error| CheckpointError::Io(name, error))?;
    let found = all(disk)?;
    for old in found.iter().rev().skip(KEPT) {
        let name = name_of(*old);
        disk.remove(&name).map_err(|error| CheckpointError::Io(name, error))?;
    }
    Ok(sequence)
}

/// The newest checkpoint that is whole. A damaged one is passed over: the tape has what it had.
///
/// # Errors
/// [`CheckpointError`] if the disk fails, or the newest was written by a newer version.
pub fn load_newest(disk: &dyn Disk) -> Result<Option<Checkpoint>, CheckpointError> {
    for sequence in all(disk)?.into_iter().rev() {
        let name = name_of(sequence);
        let bytes = read(disk, &name).map_err(|error| CheckpointError::Io(name.clone(), error))?;
        if bytes.len() >= 12 && bytes[..8] == MAGIC && version(&bytes) > VERSION {
            return Err(CheckpointError::Newer(name));
        }
        match parse(&bytes, sequence) {
            Ok(state) => return Ok(Some(Checkpoint { sequence, state })),
            Err(why) => {
                tracing::warn!(checkpoint = %name, why, "a checkpoint is damaged and was passed over");
            }
        }
    }
    Ok(None)
}

fn version(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes[8..].first_chunk().expect("BUG: twelve bytes were there"))
}

fn parse(bytes: &[u8], sequence: Sequence) -> Result<State, String> {
    if bytes.len() < HEADER || bytes[..8] != MAGIC {
        return Err("it is no checkpoint".to_owned());
    }
    let (digest, payload) = (&bytes[20..HEADER], &bytes[HEADER..]);
    if Sha256::digest(payload)[..] != *digest {
        return Err("its checksum does not fit".to_owned());
    }
    let snapshot: Snapshot = postcard::from_bytes(payload).map_err(|error| error.to_string())?;
    let state = State::restore(&snapshot)?;
    if state.sequence() == Some(sequence) { Ok(state) } else { Err("it is of another record".to_owned()) }
}

fn read(disk: &dyn Disk, name: &str) -> std::io::Result<Vec<u8>> {
    let length = disk.length(name)?;
    let mut bytes = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    let mut done = 0;
    while done < bytes.len() {
        let offset = u64::try_from(done).map_err(std::io::Error::other)?;
        match disk.read(name, offset, &mut bytes[done..])? {
            0 => break,
            part => done += part,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}
