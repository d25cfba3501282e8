//! The ledger: the tape's projection into `SQLite`, for history and for audit.
//!
//! One thread reads durable records and writes their rows, many records a transaction, off the way of any
//! reply. The ledger never decides anything, never rebuilds state, and can be made again from the tape. It
//! knows no wire and no caller: whose rows may be seen is its reader's to say.

mod audit;
mod cache;
mod codes;
mod command;
mod flush;
mod follow;
mod project;
pub mod query;
mod read;
mod row;
#[cfg(test)]
mod tests;
mod writer;

pub use audit::{AuditReport, Law, Unit, audit};
pub use codes::{Book, Cause, ClosedBy, MarketStatus, OrderStatus};
pub use follow::{catch_up, rebuild, run};
pub use project::Projector;
pub use row::{
    Candle, ConversionKind, ConversionRow, FillRow, OrderRow, Placement, PositionRow, Progress, SettlementRow,
};
pub use writer::Writer;

use crate::types::{Reject, Sequence};
use crate::world::tape::{Disk, Reader, TapeError, Watermark};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a reader waits for the ledger to reach a record, or for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many connections read.
const READERS: usize = 2;

/// Why a ledger can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// `SQLite` says so.
    #[error("the ledger can't be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Its schema can't be brought up to date.
    #[error("the ledger's schema can't be brought up to date: {0}")]
    Migration(#[from] rusqlite_migration::Error),
    /// A later version wrote it.
    #[error("the ledger has schema {found}; this version knows up to {known}. Nothing was changed")]
    Newer {
        /// Its schema.
        found: i64,
        /// The latest one known here.
        known: i64,
    },
    /// It holds records that the tape does not: it belongs to another tape, or the tape lost them.
    #[error("the ledger ends before record {ledger}, the tape before record {tape}")]
    Ahead {
        /// The first record that is not in the ledger.
        ledger: Sequence,
        /// The first record that is not on the tape.
        tape: Sequence,
    },
    /// The tape can't be read.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// The operating system's.
    #[error("the ledger's files can't be removed: {0}")]
    Files(#[from] std::io::Error),
}

/// Where records come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where the tape lies.
    pub disk: Arc<dyn Disk>,
    /// How far it is durable.
    pub watermark: Arc<Watermark>,
}

impl Source {
    /// A reader of the records from `next` on.
    #[must_use]
    pub fn reader(&self, next: Sequence) -> Reader {
        Reader::new(Arc::clone(&self.disk), Arc::clone(&self.watermark), next)
    }
}

/// A ledger as its readers have it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    source: Source,
    progress: watch::Sender<Reached>,
    // A std mutex beside a condition variable: held to take or give back a connection, never across a query.
    pool: Mutex<Pool>,
    returned: Condvar,
}

/// How far the ledger is.
#[derive(Clone, Copy, Debug)]
struct Reached {
    /// The first record that is not in it.
    next: Sequence,
    /// Whether it could be written the last time.
    works: bool,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    taken: usize,
}

impl Ledger {
    /// Opens the ledger of a tape, or makes one. [`run`] the writer on a thread of its own. A ledger that
    /// holds more than its tape is made again.
    ///
    /// # Errors
    /// [`LedgerError`] if it can't be used.
    pub fn start(path: &Path, source: Source) -> Result<(Self, Writer), LedgerError> {
        let mut writer = Writer::open(path)?;
        let tape = source.watermark.next();
        if writer.next() > tape {
            let ahead = LedgerError::Ahead { ledger: writer.next(), tape };
            tracing::warn!(reason = %ahead, "making the ledger again");
            drop(writer);
            writer = rebuild(path, &source)?;
        }
        let (progress, _) = watch::channel(Reached { next: writer.next(), works: true });
        let pool = Mutex::default();
        let inner = Inner { path: path.to_owned(), source, progress, pool, returned: Condvar::new() };
        Ok((Self(Arc::new(inner)), writer))
    }

    /// The last record in history; none before record 0.
    #[must_use]
    pub fn reached(&self) -> Option<Sequence> {
        self.0.progress.borrow().next.0.checked_sub(1).map(Sequence)
    }

    /// How many durable records are not in history yet.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.0.source.watermark.next().0.saturating_sub(self.0.progress.borrow().next.0)
    }

    /// Waits until a record is in history.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`] if the ledger can't be written, or is not that far within 5 seconds.
    pub async fn wait_for(&self, sequence: Sequence) -> Result<(), Reject> {
        let mut progress = self.0.progress.subscribe();
        let arrived = progress.wait_for(|reached| !reached.works || reached.next > sequence);
        match tokio::time::timeout(PATIENCE, arrived).await {
            Ok(Ok(reached)) if reached.works => Ok(()),
            Ok(Ok(_) | Err(_)) | Err(_) => Err(Reject::HistoryUnavailable),
        }
    }

    /// Reads history, everything in one call at the same moment. Blocks: callers on an async runtime wrap it
    /// in `spawn_blocking`.
    ///
    /// # Errors
    /// [`Reject::HistoryUnavailable`] if the ledger can't be used at present.
    pub fn read<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    ) -> Result<T, Reject> {
        if !self.0.progress.borrow().works {
            return Err(Reject::HistoryUnavailable);
        }
        let mut seat = self.seat()?;
        seat.ask(question).map_err(|error| {
            tracing::error!(%error, "history can't be read");
            Reject::HistoryUnavailable
        })
    }

    fn seat(&self) -> Result<Seat<'_>, Reject> {
        let pool = lock(&self.0.pool);
        let waited = self.0.returned.wait_timeout_while(pool, PATIENCE, |pool| pool.taken >= READERS);
        let (mut pool, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if pool.taken >= READERS {
            return Err(Reject::HistoryUnavailable);
        }
        pool.taken += 1;
        Ok(Seat { inner: &self.0, connection: pool.idle.pop() })
    }

    fn path(&self) -> &Path {
        &self.0.path
    }

    fn source(&self) -> &Source {
        &self.0.source
    }

    fn committed(&self, next: Sequence) {
        self.0.progress.send_if_modified(|reached| {
            let is_news = reached.next != next || !reached.works;
            *reached = Reached { next, works: true };
            is_news
        });
    }

    fn failed(&self, error: &LedgerError) {
        tracing::error!(%error, "history stands still");
        self.0.progress.send_modify(|reached| reached.works = false);
        // Open connections may belong to a file that is gone.
        lock(&self.0.pool).idle.clear();
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to one of the few connections. It goes back whatever happens.
struct Seat<'a> {
    inner: &'a Inner,
    connection: Option<Connection>,
}

impl Seat<'_> {
    fn ask<T>(&mut self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        // A connection that fails or panics is not kept: it is taken out first and put back at the end.
        let connection = match self.connection.take() {
            Some(idle) => idle,
            None => open_reader(&self.inner.path)?,
        };
        let snapshot = connection.unchecked_transaction()?;
        let answer = question(&snapshot)?;
        snapshot.commit()?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut pool = lock(&self.inner.pool);
        pool.taken -= 1;
        pool.idle.extend(self.connection.take());
        drop(pool);
        self.inner.returned.notify_one();
    }
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
