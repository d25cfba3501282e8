//! The tape: every command that changed the world, in order, on disk.
//!
//! Batches are appended to zero-filled segment files and synced once each. The unit of a checksum is the
//! batch, because the unit of a sync is: after a crash only the last batch can be torn, and it is cut off
//! whole. A bad batch with a good one behind it was synced once and is damaged now: it is refused, with its
//! place. Without syncs ([`Durability::Process`]) a crash of the machine may leave holes, and the tape ends at
//! the first. What is below, files or a simulated disk, is a [`Disk`].

mod checkpoint;
mod disk;
mod format;
mod reader;

pub use checkpoint::{Checkpoint, CheckpointError, load_newest, store};
pub use disk::{Disk, FileDisk, MemoryDisk};
pub use format::{Batch, BatchRef, TapeError, first};
pub use reader::{Reader, Watermark};

use crate::types::Sequence;
use format::{HEADER, SEGMENT_BYTES, scan_segment};
use std::sync::Arc;

/// How sure an append is before it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Synced to disk.
    #[default]
    Strict,
    /// Written to the operating system.
    Process,
    /// Kept in memory; there is no file.
    Memory,
}

/// What became of an append.
#[derive(Debug)]
pub enum Append {
    /// It is as sure as was asked for.
    Durable,
    /// Nothing of it will be there.
    Failed(std::io::Error),
    /// It may or may not be there.
    Unknown(std::io::Error),
}

/// The end of a tape, to write at. One thread owns it.
#[derive(Debug)]
pub struct Tape {
    disk: Arc<dyn Disk>,
    durability: Durability,
    segments: Vec<Sequence>,
    /// Where in the last segment the next batch goes.
    offset: u64,
    next: Sequence,
    frame: Vec<u8>,
    segment_bytes: u64,
}

impl Tape {
    /// Opens a tape, cuts a torn tail off, and makes durable what it found.
    ///
    /// # Errors
    /// [`TapeError`] if it can't be read, is damaged before its tail, or was written by a newer version.
    pub fn open(disk: Arc<dyn Disk>, durability: Durability) -> Result<Self, TapeError> {
        let segments = format::segments(&*disk)?;
        let mut tape = Self {
            disk,
            durability,
            segments,
            offset: HEADER,
            next: Sequence(0),
            frame: Vec::new(),
            segment_bytes: SEGMENT_BYTES,
        };
        if let Some(&last) = tape.segments.last() {
            let end = scan_segment(&*tape.disk, last)?;
            tape.offset = end.offset;
            tape.next = end.next;
            tape.make_sure(last, &end)?;
        }
        Ok(tape)
    }

    /// The same with new segments of another length, for tests and small disks.
    #[must_use]
    pub fn with_segments_of(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// What was found may so far stand in the operating system's memory alone: after a kill between a write
    /// and its sync, and after a sync that failed, for then the system forgets that it still had to write. So
    /// the header and the last batch, the only ones that can be meant, are written again before anyone is
    /// shown what they hold. Without syncs it is done as well: a checkpoint that is taken before anything else
    /// is read must not outlive its tape.
    fn make_sure(&self, segment: Sequence, end: &format::End) -> Result<(), TapeError> {
        let name = format::segment_name(segment);
        let length = if end.last == 0 { 0 } else { end.offset - end.last };
        let mut batch = vec![0; usize::try_from(length).expect("BUG: a batch beyond memory")];
        format::read_full(&*self.disk, &name, end.last, &mut batch)?;
        let torn = end.torn_bytes.unwrap_or(0);
        let zeros = vec![0; usize::try_from(torn).expect("BUG: a tail beyond memory")];
        self.disk
            .write(&name, end.offset, &zeros)
            .and_then(|()| self.disk.write(&name, end.last, &batch))
            .and_then(|()| self.disk.write(&name, 0, &format::header(segment)))
            .and_then(|()| self.disk.sync(&name))
            .map_err(TapeError::io(&name))
    }

    /// The place the next record gets.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.next
    }

    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next == Sequence(0)
    }

    /// The first record that is still there.
    #[must_use]
    pub fn first(&self) -> Option<Sequence> {
        self.segments.first().copied()
    }

    /// Appends a batch, which must begin with the expected sequence.
    pub fn append(&mut self, expected: Sequence, batch: &BatchRef<'_>) -> Append {
        assert_eq!(expected, self.next, "BUG: a batch out of order");
        let mut frame = std::mem::take(&mut self.frame);
        format::frame(expected, batch, self.durability == Durability::Strict, &mut frame);
        let result = self.write(expected, &frame);
        self.frame = frame;
        if matches!(result, Append::Durable) {
            self.next = Sequence(expected.0 + u64::from(batch.records));
        }
        result
    }

    fn write(&mut self, expected: Sequence, frame: &[u8]) -> Append {
        let length = u64::try_from(frame.len()).expect("BUG: a frame beyond memory");
        let room = self.segments.last().map_or(0, |last| self.length(*last).saturating_sub(self.offset));
        // A batch larger than a segment gets a segment of its own size.
        if room < length {
            let bytes = self.segment_bytes.max(HEADER + length);
            if let Err(error) = self.roll(expected, bytes) {
                return Append::Failed(error);
            }
        }
        let segment = *self.segments.last().expect("BUG: a roll makes a segment");
        let name = format::segment_name(segment);
        if let Err(error) = self.disk.write(&name, self.offset, frame) {
            return Append::Unknown(error);
        }
        if self.durability == Durability::Strict
            && let Err(error) = self.disk.sync(&name)
        {
            return Append::Unknown(error);
        }
        self.offset += length;
        Append::Durable
    }

    fn length(&self, segment: Sequence) -> u64 {
        self.disk.length(&format::segment_name(segment)).unwrap_or(0)
    }

    /// Begins a new segment with the record `first`. Everything before it is durable then, or a crash of the
    /// machine could leave a hole in the middle of the tape.
    fn roll(&mut self, first: Sequence, bytes: u64) -> std::io::Result<()> {
        if self.durability == Durability::Process
            && let Some(last) = self.segments.last()
        {
            self.disk.sync(&format::segment_name(*last))?;
        }
        let name = format::segment_name(first);
        self.disk.create(&name, bytes)?;
        self.disk.write(&name, 0, &format::header(first))?;
        self.disk.sync(&name)?;
        // A segment that held nothing yet is made anew when a batch does not fit into it.
        if self.segments.last() != Some(&first) {
            self.segments.push(first);
        }
        self.offset = HEADER;
        Ok(())
    }

    /// Removes the oldest segments whose records all lie before `covered`, as long as more than `keep` bytes
    /// are left. The last segment always stays.
    ///
    /// # Errors
    /// The disk's, if a file can't be removed.
    pub fn drop_covered(&mut self, covered: Sequence, keep: u64) -> std::io::Result<()> {
        while self.segments.len() > 1 && self.segments[1] <= covered && self.bytes() > keep {
            self.disk.remove(&format::segment_name(self.segments[0]))?;
            self.segments.remove(0);
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|first| self.length(*first)).sum()
    }

    /// The disk it lies on.
    #[must_use]
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }
}

#[cfg(test)]
#[path = "../../../tests/simulation/disk.rs"]
pub(crate) mod faulty;
#[cfg(test)]
mod tests;
