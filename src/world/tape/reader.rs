//! Reading a tape from a record on, while it is written.

use super::disk::Disk;
use super::format::{self, Found, HEADER, TapeError};
use crate::types::{Sequence, index};
use crate::world::record::Record;
use std::io::ErrorKind;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How far a tape is durable: readers go no further.
#[derive(Debug)]
pub struct Watermark {
    // A std mutex beside a condition variable: readers sleep on it.
    next: Mutex<Sequence>,
    risen: Condvar,
}

impl Watermark {
    /// Everything before `next` is durable.
    #[must_use]
    pub fn new(next: Sequence) -> Self {
        Self { next: Mutex::new(next), risen: Condvar::new() }
    }

    /// The first record that is not durable yet.
    #[must_use]
    pub fn next(&self) -> Sequence {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// More is durable now.
    pub fn raise(&self, next: Sequence) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
        self.risen.notify_all();
    }

    /// Waits until more than `seen` is durable, or until the time is up.
    #[must_use]
    pub fn wait_beyond(&self, seen: Sequence, patience: Duration) -> Sequence {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.risen.wait_timeout_while(next, patience, |next| *next <= seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A place on a tape, moving forward.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    watermark: Arc<Watermark>,
    /// The first record it has not given yet.
    next: Sequence,
    /// Where that is: the segment's first record and the offset in it.
    place: Option<(Sequence, u64)>,
}

impl Reader {
    /// A reader of the records from `next` on.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, watermark: Arc<Watermark>, next: Sequence) -> Self {
        Self { disk, watermark, next, place: None }
    }

    /// The first record it has not given yet.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.next
    }

    /// The next durable batch; none if there is none yet.
    ///
    /// # Errors
    /// [`TapeError`] if the tape is damaged or the record is not there any more.
    pub fn read(&mut self) -> Result<Option<Vec<Record>>, TapeError> {
        loop {
            if self.next >= self.watermark.next() {
                return Ok(None);
            }
            let was_there = self.place.is_some();
            let (segment, offset) = self.find()?;
            let name = format::segment_name(segment);
            let found = match format::read_batch(&*self.disk, &name, offset) {
                // All of the segment had been read, and it was dropped before the next one was looked for.
                Err(TapeError::Io { cause, .. }) if was_there && cause.kind() == ErrorKind::NotFound => {
                    self.place = None;
                    continue;
                }
                found => found?,
            };
            match found {
                Found::Batch { first, .. } if first > self.next => {
                    let what = format!("record {} is missing before it", self.next);
                    return Err(TapeError::Damaged { name, offset, what });
                }
                Found::Batch { first, records, count, next } => {
                    self.place = Some((segment, next));
                    let behind = Sequence(first.0 + u64::from(count));
                    if behind <= self.next {
                        continue;
                    }
                    let mut all = format::decode(&records, count).map_err(|what| TapeError::Damaged {
                        name,
                        offset,
                        what,
                    })?;
                    // A checkpoint may lie within a batch.
                    let seen = self.next.0.saturating_sub(first.0);
                    all.drain(..index(u32::try_from(seen).unwrap_or(u32::MAX)).min(all.len()));
                    self.next = behind;
                    return Ok(Some(all));
                }
                Found::Nothing => self.place = Some((self.segment_behind(segment)?, HEADER)),
                Found::Bad(what) => return Err(TapeError::Damaged { name, offset, what }),
            }
        }
    }

    fn find(&mut self) -> Result<(Sequence, u64), TapeError> {
        if let Some(place) = self.place {
            return Ok(place);
        }
        let segments = format::segments_now(&*self.disk)?;
        let segment =
            segments.iter().rev().find(|first| **first <= self.next).copied().ok_or_else(|| self.gone())?;
        format::check_header(&*self.disk, &format::segment_name(segment), segment)?;
        self.place = Some((segment, HEADER));
        Ok((segment, HEADER))
    }

    fn segment_behind(&self, segment: Sequence) -> Result<Sequence, TapeError> {
        let segments = format::segments_now(&*self.disk)?;
        let behind = segments.into_iter().find(|first| *first > segment).ok_or_else(|| self.gone())?;
        format::check_header(&*self.disk, &format::segment_name(behind), behind)?;
        Ok(behind)
    }

    /// Makes durable what it has read, for a tape that is not synced otherwise.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> std::io::Result<()> {
        self.place.map_or(Ok(()), |(segment, _)| self.disk.sync(&format::segment_name(segment)))
    }

    fn gone(&self) -> TapeError {
        TapeError::Damaged {
            name: format::segment_name(self.next),
            offset: 0,
            what: format!("record {} is not on the tape", self.next),
        }
    }
}
