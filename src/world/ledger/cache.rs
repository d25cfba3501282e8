//! Rows in memory between their first reading and the end of a transaction.

use rusqlite::Result;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// How many rows of one kind stay in memory from one transaction to the next.
const KNOWN_MAX: usize = 1 << 18;

/// Rows that are read once, changed in memory and written when a transaction ends.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    known: BTreeMap<K, (V, bool)>,
    changed: Vec<K>,
}

impl<K: Ord + Copy, V> Cache<K, V> {
    pub(super) const fn new() -> Self {
        Self { known: BTreeMap::new(), changed: Vec::new() }
    }

    /// The row, which stays as it is.
    pub(super) fn peek(&mut self, key: K, load: impl FnOnce() -> Result<V>) -> Result<&V> {
        match self.known.entry(key) {
            Entry::Occupied(known) => Ok(&known.into_mut().0),
            Entry::Vacant(place) => Ok(&place.insert((load()?, false)).0),
        }
    }

    /// The row, which is about to change.
    pub(super) fn change(&mut self, key: K, load: impl FnOnce() -> Result<V>) -> Result<&mut V> {
        let (row, is_changed) = match self.known.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert((load()?, false)),
        };
        if !*is_changed {
            *is_changed = true;
            self.changed.push(key);
        }
        Ok(row)
    }

    /// Gives every row that changed, in order, and forgets that it did.
    pub(super) fn drain(&mut self, mut write: impl FnMut(K, &V) -> Result<()>) -> Result<()> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        for key in changed.drain(..) {
            let (row, changed) = self.known.get_mut(&key).expect("BUG: a change of nothing");
            *changed = false;
            write(key, row)?;
        }
        self.changed = changed;
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
        Ok(())
    }
}
