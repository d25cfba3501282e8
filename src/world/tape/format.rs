//! The bytes of a tape. Version 1, pinned by a golden file:
//!
//! - a segment `tape-<first sequence, 20 digits>.seg`: 32 bytes of header (magic, version, first sequence), then
//!   batches, each on a multiple of 8, then zeros;
//! - a batch: magic, payload length, CRC-32 of all that follows it, record count, first sequence, payload; the
//!   magic says whether everything before the batch was synced when it was written;
//! - a payload: records one after the other, each its length as a u32 and its postcard bytes.
//!
//! All numbers are little endian.

use super::disk::Disk;
use crate::types::{Sequence, index};
use crate::world::record::{Record, RecordRef};

/// The version of the whole format. Older versions are read; newer ones are refused untouched.
pub(super) const VERSION: u32 = 1;
const SEGMENT_MAGIC: [u8; 8] = *b"PTAPESEG";
/// Begins a batch before which everything was synced.
const SYNCED_MAGIC: [u8; 4] = *b"PTB1";
/// Begins a batch that proves nothing about those before it.
const UNSYNCED_MAGIC: [u8; 4] = *b"PTU1";
/// A segment's header in bytes.
pub(super) const HEADER: u64 = 32;
/// A new segment's length in bytes.
pub(super) const SEGMENT_BYTES: u64 = 32 << 20;
const BATCH_HEADER: usize = 24;

/// Why a tape can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The disk failed.
    #[error("{name}: {cause}")]
    Io {
        /// Which file.
        name: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A part that was durable once is not what it was.
    #[error(
        "{name} is damaged at byte {offset}: {what}. Restore it from a copy, or begin a new world in another directory"
    )]
    Damaged {
        /// Which file.
        name: String,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// Written by a version that knows more.
    #[error(
        "{name} was written by a newer version (format {found}, this one knows {VERSION}); it was left untouched"
    )]
    Newer {
        /// Which file.
        name: String,
        /// Its format.
        found: u32,
    },
}

impl TapeError {
    pub(super) fn io(name: &str) -> impl FnOnce(std::io::Error) -> Self {
        let name = name.to_owned();
        move |cause| Self::Io { name, cause }
    }

    fn damaged(name: &str, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged { name: name.to_owned(), offset, what: what.into() }
    }
}

/// Records in their written form, collected to be appended at once.
#[derive(Debug, Default)]
pub struct Batch {
    payload: Vec<u8>,
    records: u32,
    scratch: Vec<u8>,
}

/// A batch to append.
#[derive(Clone, Copy, Debug)]
pub struct BatchRef<'a> {
    /// The records' bytes.
    pub payload: &'a [u8],
    /// How many there are.
    pub records: u32,
}

impl Batch {
    /// Adds a record.
    pub fn push(&mut self, record: &RecordRef<'_>) {
        let scratch = std::mem::take(&mut self.scratch);
        let mut written = postcard::to_extend(record, scratch).expect("BUG: a record that can't be written");
        let length = u32::try_from(written.len()).expect("BUG: a record beyond four gigabytes");
        self.payload.extend_from_slice(&length.to_le_bytes());
        self.payload.extend_from_slice(&written);
        self.records += 1;
        written.clear();
        self.scratch = written;
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.records
    }

    /// What is to be appended.
    #[must_use]
    pub fn as_ref(&self) -> BatchRef<'_> {
        BatchRef { payload: &self.payload, records: self.records }
    }

    /// Forgets the records, not the room they took.
    pub fn clear(&mut self) {
        self.payload.clear();
        self.records = 0;
    }
}

pub(super) fn segment_name(first: Sequence) -> String {
    format!("tape-{:020}.seg", first.0)
}

/// The first sequences of all segments, the oldest first.
pub(super) fn segments_now(disk: &dyn Disk) -> Result<Vec<Sequence>, TapeError> {
    let names = disk.list().map_err(TapeError::io("the data directory"))?;
    let number = |name: &String| name.strip_prefix("tape-")?.strip_suffix(".seg")?.parse().ok().map(Sequence);
    let mut found: Vec<_> = names.iter().filter_map(number).collect();
    found.sort_unstable();
    Ok(found)
}

/// The first record that is on the tape; none if there is no segment.
///
/// # Errors
/// [`TapeError::Io`] if the disk can't say.
pub fn first(disk: &dyn Disk) -> Result<Option<Sequence>, TapeError> {
    Ok(segments_now(disk)?.first().copied())
}

/// As [`segments_now`], before anyone writes: what a crash left of a segment's beginning is removed.
pub(super) fn segments(disk: &dyn Disk) -> Result<Vec<Sequence>, TapeError> {
    let mut found = segments_now(disk)?;
    let Some(&last) = found.last() else { return Ok(found) };
    let name = segment_name(last);
    if is_blank(disk, &name, last)? {
        found.pop();
        // A newer version's tape is refused before anything of it is removed.
        if let Some(&before) = found.last() {
            check_header(disk, &segment_name(before), before)?;
        }
        disk.remove(&name).map_err(TapeError::io(&name))?;
    }
    Ok(found)
}

/// A crash between making a segment and syncing its header leaves one with nothing in it, or with a beginning
/// of its header. Any other header is damage, and with batches behind it nothing is blank: to remove it would
/// lose them.
fn is_blank(disk: &dyn Disk, name: &str, first: Sequence) -> Result<bool, TapeError> {
    let (mut found, whole) = ([0; 32], header(first));
    read_full(disk, name, 0, &mut found)?;
    let written = found.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let is_begun = found != whole && found[..written] == whole[..written];
    Ok(is_begun && last_byte(disk, name, HEADER)?.is_none())
}

const CHUNK: usize = 1 << 16;

/// The end of the last chunk of 8 bytes, from `offset` on, that is not zero.
fn last_byte(disk: &dyn Disk, name: &str, offset: u64) -> Result<Option<u64>, TapeError> {
    let mut last = None;
    each_chunk(disk, name, offset, |at, bytes| {
        for (place, word) in words(at, bytes) {
            if word.iter().any(|byte| *byte != 0) {
                last = Some(place + 8);
            }
        }
        Ok(())
    })?;
    Ok(last)
}

/// Shows the chunks of a file that are not all zeros. There are few: most of a segment is still empty.
fn each_chunk(
    disk: &dyn Disk,
    name: &str,
    offset: u64,
    mut look: impl FnMut(u64, &[u8]) -> Result<(), TapeError>,
) -> Result<(), TapeError> {
    let zeros = vec![0; CHUNK];
    let (mut at, mut chunk) = (offset, vec![0; CHUNK]);
    loop {
        let read = read_full(disk, name, at, &mut chunk)?;
        if chunk[..read] != zeros[..read] {
            look(at, &chunk[..read])?;
        }
        if read < CHUNK {
            return Ok(());
        }
        at += u64::try_from(read).expect("BUG: a chunk beyond memory");
    }
}

fn words(at: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (0_u64..).zip(bytes.chunks(8)).map(move |(number, word)| (at + number * 8, word))
}

pub(super) fn header(first: Sequence) -> [u8; 32] {
    let mut header = [0; 32];
    header[..8].copy_from_slice(&SEGMENT_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&first.0.to_le_bytes());
    header
}

/// Writes a batch as it stands in a segment, padded to a multiple of 8. `synced` says whether everything
/// before it is durable.
pub(super) fn frame(first: Sequence, batch: &BatchRef<'_>, synced: bool, into: &mut Vec<u8>) {
    into.clear();
    let length = u32::try_from(batch.payload.len()).expect("BUG: a batch beyond four gigabytes");
    into.extend_from_slice(if synced { &SYNCED_MAGIC } else { &UNSYNCED_MAGIC });
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&batch.records.to_le_bytes());
    into.extend_from_slice(&first.0.to_le_bytes());
    into.extend_from_slice(batch.payload);
    let sum = crc32fast::hash(&into[12..]);
    into[8..12].copy_from_slice(&sum.to_le_bytes());
    into.resize(into.len().next_multiple_of(8), 0);
}

/// What stands at a place of a segment.
pub(super) enum Found {
    /// A whole batch of records, and where the next one begins.
    Batch { first: Sequence, records: Vec<u8>, count: u32, next: u64 },
    /// Zeros, or the end.
    Nothing,
    /// Something else.
    Bad(String),
}

pub(super) fn read_batch(disk: &dyn Disk, name: &str, offset: u64) -> Result<Found, TapeError> {
    let mut header = [0; BATCH_HEADER];
    let read = read_full(disk, name, offset, &mut header)?;
    if header[..read].iter().all(|byte| *byte == 0) {
        return Ok(Found::Nothing);
    }
    if read < BATCH_HEADER || (header[..4] != SYNCED_MAGIC && header[..4] != UNSYNCED_MAGIC) {
        return Ok(Found::Bad("no batch begins here".to_owned()));
    }
    let length = u32_at(&header, 4);
    let left = disk.length(name).map_err(TapeError::io(name))?.saturating_sub(offset);
    if u64::from(length) > left {
        return Ok(Found::Bad("a batch runs past the end".to_owned()));
    }
    let mut whole = vec![0; BATCH_HEADER + index(length)];
    read_full(disk, name, offset, &mut whole)?;
    if crc32fast::hash(&whole[12..]) != u32_at(&header, 8) {
        return Ok(Found::Bad("a checksum does not fit".to_owned()));
    }
    let frame = u64::try_from(whole.len().next_multiple_of(8)).expect("BUG: a batch beyond memory");
    let first = Sequence(u64::from(u32_at(&header, 16)) | u64::from(u32_at(&header, 20)) << 32);
    whole.drain(..BATCH_HEADER);
    Ok(Found::Batch { first, records: whole, count: u32_at(&header, 12), next: offset + frame })
}

pub(super) fn read_full(
    disk: &dyn Disk,
    name: &str,
    offset: u64,
    buffer: &mut [u8],
) -> Result<usize, TapeError> {
    let mut done = 0;
    while done < buffer.len() {
        let at = offset + u64::try_from(done).expect("BUG: a buffer beyond memory");
        match disk.read(name, at, &mut buffer[done..]).map_err(TapeError::io(name))? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("BUG: inside a header"))
}

/// Where a segment's batches end.
pub(super) struct End {
    pub(super) offset: u64,
    pub(super) next: Sequence,
    /// Where the last batch begins; at the header if there is none.
    pub(super) last: u64,
    /// How much of a torn batch lies behind the end.
    pub(super) torn_bytes: Option<u64>,
}

/// Checks the header of a segment and walks to its end.
pub(super) fn scan_segment(disk: &dyn Disk, first: Sequence) -> Result<End, TapeError> {
    let name = segment_name(first);
    check_header(disk, &name, first)?;
    let (mut offset, mut next, mut last) = (HEADER, first, 0);
    loop {
        match read_batch(disk, &name, offset)? {
            Found::Batch { first, count, next: behind, .. } if first == next => {
                last = offset;
                offset = behind;
                next = Sequence(next.0 + u64::from(count));
            }
            Found::Batch { .. } => {
                return Err(TapeError::damaged(&name, offset, "a batch is missing before this one"));
            }
            Found::Nothing => {
                let torn_bytes = torn_behind(disk, &name, offset, (next, "a batch is missing here"))?;
                return Ok(End { offset, next, last, torn_bytes });
            }
            Found::Bad(what) => {
                let torn_bytes = torn_behind(disk, &name, offset, (next, &what))?;
                return Ok(End { offset, next, last, torn_bytes });
            }
        }
    }
}

pub(super) fn check_header(disk: &dyn Disk, name: &str, first: Sequence) -> Result<(), TapeError> {
    let mut found = [0; 32];
    read_full(disk, name, 0, &mut found)?;
    if found[..8] != SEGMENT_MAGIC {
        return Err(TapeError::damaged(name, 0, "it is no segment of a tape"));
    }
    let version = u32_at(&found, 8);
    if version > VERSION {
        return Err(TapeError::Newer { name: name.to_owned(), found: version });
    }
    if found == header(first) {
        Ok(())
    } else {
        Err(TapeError::damaged(name, 0, "its header does not fit its name"))
    }
}

/// How many bytes behind `offset` are to be cut off. A later batch before which everything was synced proves
/// that the one missing here was durable: then it is no torn tail, and what is wrong here is told.
fn torn_behind(
    disk: &dyn Disk,
    name: &str,
    offset: u64,
    (missing, what): (Sequence, &str),
) -> Result<Option<u64>, TapeError> {
    let length = disk.length(name).map_err(TapeError::io(name))?;
    each_chunk(disk, name, offset, |at, bytes| {
        for (place, word) in words(at, bytes) {
            if word.starts_with(&SYNCED_MAGIC)
                && let Found::Batch { first, .. } = read_batch(disk, name, place)?
                && first > missing
            {
                return Err(TapeError::damaged(name, offset, what));
            }
        }
        Ok(())
    })?;
    Ok(last_byte(disk, name, offset)?.map(|last| last.min(length) - offset))
}

/// The records of a batch's payload.
pub(super) fn decode(payload: &[u8], count: u32) -> Result<Vec<Record>, String> {
    let mut records = Vec::with_capacity(index(count));
    let mut rest = payload;
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or("a record without a length")?;
        let length = index(u32::from_le_bytes(*length));
        let bytes = behind.get(..length).ok_or("a record runs past its batch")?;
        records
            .push(postcard::from_bytes(bytes).map_err(|error| format!("a record can't be read: {error}"))?);
        rest = &behind[length..];
    }
    if rest.is_empty() { Ok(records) } else { Err("bytes behind the last record".to_owned()) }
}
