//! The ledger's thread: follows the tape and never loses a record.

use super::{Ledger, LedgerError, Source, Writer};
use crate::types::Sequence;
use crate::world::meters::Meters;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A transaction ends after so many records even if more are waiting.
const RECORDS_MAX: usize = 32_768;
/// After a transaction, the next begins when so many records wait, or when `PACE` is over: one commit for
/// many records leaves the processor to those who trade.
const WORTH_IT: u64 = 4_096;
const PACE: Duration = Duration::from_millis(5);
/// How long to wait for a record before looking whether to stop.
const NAP: Duration = Duration::from_millis(50);
/// How long to leave a ledger alone that could not be written.
const RETRY: Duration = Duration::from_millis(500);

/// Follows the tape until told to stop; then catches up with what is durable and ends. A ledger that can't
/// be written is opened again until it can; its records wait on the tape.
///
/// What is new on the meters is written down on the way, once a second and at the end.
pub fn run(writer: Writer, ledger: &Ledger, meters: &Meters, stop: &AtomicBool) {
    let mut opened = Ok(writer);
    loop {
        let outcome = opened.and_then(|writer| follow(writer, ledger, meters, stop));
        let Err(error) = outcome else { return };
        ledger.failed(&error);
        if stop.load(Ordering::Acquire) {
            return;
        }
        // Nothing is ever beyond the last sequence, so this is a wait and no more.
        let _woken = ledger.source().watermark.wait_beyond(Sequence(u64::MAX), RETRY);
        opened = Writer::open(ledger.path());
    }
}

fn follow(
    mut writer: Writer,
    ledger: &Ledger,
    meters: &Meters,
    stop: &AtomicBool,
) -> Result<(), LedgerError> {
    let source = ledger.source();
    let mut reader = source.reader(writer.next());
    ledger.committed(writer.next());
    loop {
        if let Some(records) = reader.read()? {
            writer.project(&records)?;
            if writer.pending() < RECORDS_MAX {
                continue;
            }
        }
        let has_news = writer.pending() > 0;
        writer.commit()?;
        let next = writer.next();
        ledger.committed(next);
        note(&writer, meters, false);
        if stop.load(Ordering::Acquire) {
            if next >= source.watermark.next() {
                note(&writer, meters, true);
                return Ok(());
            }
        } else if has_news {
            let _woken = source.watermark.wait_beyond(Sequence(next.0 + WORTH_IT), PACE);
        } else {
            let _woken = source.watermark.wait_beyond(next, NAP);
        }
    }
}

/// Writes down what was measured. History does not stand still if it can't: it is tried again.
fn note(writer: &Writer, meters: &Meters, is_last: bool) {
    let new = meters.take_new(is_last);
    if let Err(error) = writer.note(&new) {
        tracing::warn!(%error, "what was measured is not written down");
        meters.put_back(&new);
    }
}

/// Brings a ledger up to what is durable.
///
/// # Errors
/// [`LedgerError`] if the tape can't be read or the ledger not be written.
pub fn catch_up(writer: &mut Writer, source: &Source) -> Result<(), LedgerError> {
    let mut reader = source.reader(writer.next());
    while let Some(records) = reader.read()? {
        writer.project(&records)?;
        if writer.pending() >= RECORDS_MAX {
            writer.commit()?;
        }
    }
    writer.commit()
}

/// Drops a ledger and makes it again from the whole tape. If the tape does not begin with record 0 any more,
/// the ledger is left as it is: it holds history that is nowhere else.
///
/// # Errors
/// [`LedgerError`] if the tape can't be read from its beginning or the ledger not be written.
pub fn rebuild(path: &Path, source: &Source) -> Result<Writer, LedgerError> {
    source.reader(Sequence(0)).read()?;
    let mut writer = Writer::replace(path)?;
    catch_up(&mut writer, source)?;
    Ok(writer)
}
