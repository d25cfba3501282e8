//! The one connection that writes.

use super::LedgerError;
use super::codes::int;
use super::project::Projector;
use crate::types::{KeyId, Sequence, Timestamp, UserId};
use crate::world::meters::{Month, Reading};
use crate::world::record::{Command, Record};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STEPS: &[M<'static>] = &[
    M::up(include_str!("schema/001_init.sql")),
    M::up(include_str!("schema/002_people.sql")),
    M::up(include_str!("schema/003_signed.sql")),
    M::up(include_str!("schema/004_customers.sql")),
    M::up(include_str!("schema/005_books.sql")),
];
/// How long a writer waits for another process, such as an audit, to let go.
const BUSY: Duration = Duration::from_secs(1);

// WAL, so that readers and the writer never wait for each other. NORMAL syncs only when the log is moved
// into the file: a crash of the machine may cost the last transactions, never the file, and what they held
// is still on the tape, which is where the writer goes on from. FULL would sync what the tape synced
// already; OFF could lose the whole file, and with it history whose segments were dropped.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 16384;
    PRAGMA cache_size = -65536;
    PRAGMA temp_store = MEMORY;
";

/// Takes records in and writes their rows, many records a transaction.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    projector: Projector,
}

impl Writer {
    /// Opens a ledger, or makes one, and brings its schema up to date.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] if a later version wrote it, which leaves it as it is; else the database's.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut connection = Connection::open_with_flags(path, flags())?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(64);
        let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > known {
            return Err(LedgerError::Newer { found, known });
        }
        connection.execute_batch(PRAGMAS)?;
        Migrations::from_slice(STEPS).to_latest(&mut connection)?;
        let projector = Projector::resume(&connection)?;
        Ok(Self { connection, projector })
    }

    /// Makes a new ledger in the place of whatever is there.
    ///
    /// # Errors
    /// The operating system's or the database's.
    pub(super) fn replace(path: &Path) -> Result<Self, LedgerError> {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(PathBuf::from(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        Self::open(path)
    }

    /// The first record that is not in here yet, committed or not.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.projector.next
    }

    /// How many records wait for [`Writer::commit`].
    #[must_use]
    pub fn pending(&self) -> usize {
        self.projector.records
    }

    /// Takes records in, the next ones in order. A reset ends the transaction before it.
    ///
    /// # Errors
    /// The database's. The writer is of no more use then: open another.
    pub fn project(&mut self, records: &[Record]) -> Result<(), LedgerError> {
        for record in records {
            if matches!(record.command, Command::Begin(_)) {
                self.commit()?;
            }
            self.projector.apply(&self.connection, record)?;
        }
        Ok(())
    }

    /// Writes what was taken in.
    ///
    /// # Errors
    /// The database's. Nothing was written then, and the writer is of no more use: open another.
    pub fn commit(&mut self) -> Result<(), LedgerError> {
        if self.pending() == 0 {
            return Ok(());
        }
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        self.projector.flush(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// What was measured, as it was written down.
    ///
    /// # Errors
    /// The database's.
    pub fn meters(&self) -> Result<Reading, LedgerError> {
        let mut statement = self.connection.prepare("SELECT epoch, key, last_used_at FROM meters")?;
        let read = |row: &rusqlite::Row<'_>| {
            let key = (row.get(0)?, KeyId(row.get(1)?));
            Ok((key, Timestamp::from_millis(row.get(2)?)))
        };
        let used = statement.query_map([], read)?.collect::<Result<_, _>>()?;
        // The later month of a customer comes last, and stays.
        let sql = "SELECT epoch, user, month, requests FROM months ORDER BY month";
        let mut statement = self.connection.prepare(sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            let requests: i64 = row.get(3)?;
            let requests = u64::try_from(requests).unwrap_or_default();
            Ok(((row.get(0)?, UserId(row.get(1)?)), Month { number: row.get(2)?, requests }))
        };
        let months = statement.query_map([], read)?.collect::<Result<_, _>>()?;
        Ok(Reading { used, months })
    }

    /// Writes down what was measured.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn note(&self, Reading { used, months }: &Reading) -> Result<(), LedgerError> {
        let used_in = used.iter().map(|((epoch, _), _)| *epoch);
        let newest = used_in.chain(months.iter().map(|((epoch, _), _)| *epoch)).max();
        let Some(newest) = newest else { return Ok(()) };
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        transaction.prepare_cached("DELETE FROM meters WHERE epoch < ?")?.execute([newest])?;
        for ((epoch, key), at) in used {
            let mut statement =
                transaction.prepare_cached("INSERT OR REPLACE INTO meters VALUES (?, ?, ?)")?;
            statement.execute((epoch, key.0, at.millis()))?;
        }
        transaction.prepare_cached("DELETE FROM months WHERE epoch < ?")?.execute([newest])?;
        for ((epoch, user), month) in months {
            let mut statement =
                transaction.prepare_cached("INSERT OR REPLACE INTO months VALUES (?, ?, ?, ?)")?;
            statement.execute((epoch, user.0, month.number, int(month.requests)))?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The connection, for an audit of what was committed.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// One thread at a time uses a connection, so the database's own locks would only cost.
fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
}
