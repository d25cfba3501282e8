//! The ledger beside the world: fed from the tape, cut off with the rest, and in the end equal to the tape.

use papertape::types::Sequence;
use papertape::world::ledger::{Ledger, LedgerError, Source, Writer, audit, catch_up};
use papertape::world::tape::{Disk, Watermark};
use papertape::world::{Record, ReplayError};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) struct History {
    writer: Writer,
    source: Source,
    /// The first record that a crash may take away again.
    committed: Sequence,
}

impl History {
    /// Opens the ledger as a starting world does. What was not committed before is gone.
    pub(crate) fn start(
        path: &Path,
        disk: Arc<dyn Disk>,
        watermark: Arc<Watermark>,
    ) -> Result<Self, ReplayError> {
        let source = Source { disk, watermark };
        match Ledger::start(path, source.clone()) {
            Ok((_, writer)) => Ok(Self { committed: writer.next(), writer, source }),
            Err(LedgerError::Tape(error)) => Err(error.into()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes some of what is durable in, and writes it or not.
    pub(crate) fn follow(&mut self, commits: bool) -> Result<(), ReplayError> {
        let mut reader = self.source.reader(self.writer.next());
        while let Some(records) = reader.read()? {
            self.writer.project(&records).expect("SQLite works");
            // A reset ends the transaction before it; where that was does not matter here.
        }
        if commits {
            self.writer.commit().expect("SQLite works");
            self.committed = self.writer.next();
        }
        Ok(())
    }

    /// The last record that is in history for good.
    pub(crate) fn reached(&self) -> Sequence {
        Sequence(self.committed.0.saturating_sub(1))
    }

    /// Catches up and compares every row with those that the acknowledged records make.
    pub(crate) fn check(mut self, records: &[Record]) {
        catch_up(&mut self.writer, &self.source).expect("everything works");
        assert_eq!(usize::try_from(self.writer.next().0), Ok(records.len()));
        let report = audit(self.writer.connection()).expect("SQLite works");
        assert!(report.passes(), "{report}");
        let mut afresh = Writer::open(Path::new(":memory:")).expect("SQLite works");
        afresh.project(records).expect("SQLite works");
        afresh.commit().expect("SQLite works");
        let (found, expected) = (dump(self.writer.connection()), dump(afresh.connection()));
        for (table, rows) in &expected {
            assert!(found.get(table) == Some(rows), "{table} is not what the tape says");
        }
    }
}

/// Every row of every table.
fn dump(db: &Connection) -> BTreeMap<String, Vec<String>> {
    let mut tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").expect("the schema");
    let names = tables.query_map([], |row| row.get(0)).expect("names");
    let names: Vec<String> = names.map(|name| name.expect("a name")).collect();
    let rows_of = |name: &String| {
        let mut all = db.prepare(&format!("SELECT * FROM {name}")).expect("a table");
        let columns = all.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|at| row.get_ref(at).map(|value| format!("{value:?} ")));
            values.collect::<rusqlite::Result<String>>()
        };
        let rows = all.query_map([], row).expect("rows").map(|row| row.expect("a row"));
        let mut rows: Vec<String> = rows.collect();
        rows.sort_unstable();
        rows
    };
    names.iter().map(|name| (name.clone(), rows_of(name))).collect()
}
