//! A disk that fails on purpose, and the randomness that says when. The tape's own tests use it too.

#![allow(dead_code, reason = "the simulation and the tape's own tests each use a part of it")]

use super::Disk;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A small generator (splitmix64): the same numbers for the same seed, on any machine, in any version.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(u64::try_from(limit).expect("small"))).expect("small")
    }

    /// Whether something happens that happens so many times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
}

/// How many times in a thousand an operation fails.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) read: u64,
    pub(crate) write: u64,
    pub(crate) sync: u64,
    /// A full disk, for instance.
    pub(crate) create: u64,
    pub(crate) replace: u64,
    pub(crate) remove: u64,
}

/// Files as the operating system shows them, and as they would be after a loss of power.
#[derive(Debug)]
pub(crate) struct SimDisk {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    random: Random,
    faults: Faults,
    files: BTreeMap<String, File>,
    /// Operations until the machine stops in the middle of one.
    left: Option<u64>,
    is_off: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    shown: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that were written since the last sync.
    dirty: BTreeSet<usize>,
}

/// How far an operation gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Fails,
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                random: Random::new(seed),
                faults: Faults::default(),
                files: BTreeMap::new(),
                left: None,
                is_off: false,
            }),
        })
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The machine stops in the middle of one of the next operations.
    pub(crate) fn stop_after(&self, operations: u64) {
        self.lock().left = Some(operations);
    }

    pub(crate) fn is_off(&self) -> bool {
        self.lock().is_off
    }

    /// The process was killed and starts again: what it wrote is still there.
    pub(crate) fn kill(&self) {
        let mut inner = self.lock();
        inner.is_off = false;
        inner.left = None;
    }

    /// The power was lost and comes back: of every sector that was not synced, the old or the new is there.
    pub(crate) fn lose_power(&self) {
        let mut inner = self.lock();
        let Inner { random, files, .. } = &mut *inner;
        for file in files.values_mut() {
            file.persist_some(random);
            file.shown.clone_from(&file.durable);
        }
        inner.is_off = false;
        inner.left = None;
    }

    /// The same disk, for those who need not know what it is.
    pub(crate) fn shared(self: &Arc<Self>) -> Arc<dyn Disk> {
        let disk: Arc<Self> = Arc::clone(self);
        disk
    }

    /// A file as it is shown.
    pub(crate) fn contents(&self, name: &str) -> Vec<u8> {
        self.lock().files[name].shown.clone()
    }

    /// Damages a file, or repairs it.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let file = File { shown: bytes.to_vec(), durable: bytes.to_vec(), dirty: BTreeSet::new() };
        self.lock().files.insert(name.to_owned(), file);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fate(&mut self, per_mille: u64) -> Result<Fate> {
        if self.is_off {
            return Err(failure());
        }
        if let Some(left) = self.left.as_mut() {
            if *left == 0 {
                self.is_off = true;
                return Ok(Fate::Fails);
            }
            *left -= 1;
        }
        Ok(if self.random.chance(per_mille) { Fate::Fails } else { Fate::Done })
    }

    fn file(&mut self, name: &str) -> Result<&mut File> {
        self.files.get_mut(name).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl File {
    fn write(&mut self, from: usize, bytes: &[u8]) {
        self.shown[from..from + bytes.len()].copy_from_slice(bytes);
        self.dirty.extend(from / SECTOR..(from + bytes.len()).div_ceil(SECTOR));
    }

    fn persist(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = (from + SECTOR).min(self.shown.len());
        self.durable[from..to].copy_from_slice(&self.shown[from..to]);
    }

    fn persist_some(&mut self, random: &mut Random) {
        // All, none and any number in between, rather than always about half.
        let share = [0, 1_000, 500, 100, 900][random.index(5)];
        for sector in std::mem::take(&mut self.dirty) {
            if random.chance(share) {
                self.persist(sector);
            }
        }
    }
}

fn failure() -> Error {
    Error::other("the disk fails on purpose")
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>> {
        let inner = self.lock();
        if inner.is_off { Err(failure()) } else { Ok(inner.files.keys().cloned().collect()) }
    }

    fn create(&self, name: &str, bytes: u64) -> Result<()> {
        let mut inner = self.lock();
        let bytes = usize::try_from(bytes).map_err(Error::other)?;
        let faults = inner.faults.create;
        if inner.fate(faults)? == Fate::Done {
            let zeros = vec![0; bytes];
            let file = File { shown: zeros.clone(), durable: zeros, dirty: BTreeSet::new() };
            inner.files.insert(name.to_owned(), file);
            return Ok(());
        }
        // Nothing, or a part of the zeros, which may be durable or not.
        if inner.random.chance(700) {
            let zeros = vec![0; inner.random.index(bytes + 1)];
            let file = File { shown: zeros.clone(), durable: zeros, dirty: BTreeSet::new() };
            inner.files.insert(name.to_owned(), file);
        }
        Err(failure())
    }

    fn read(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut inner = self.lock();
        let faults = inner.faults.read;
        if inner.is_off || inner.random.chance(faults) {
            return Err(failure());
        }
        let file = inner.file(name)?;
        let from = usize::try_from(offset).map_err(Error::other)?.min(file.shown.len());
        let part = buffer.len().min(file.shown.len() - from);
        buffer[..part].copy_from_slice(&file.shown[from..from + part]);
        Ok(part)
    }

    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut inner = self.lock();
        let faults = inner.faults.write;
        let fate = inner.fate(faults)?;
        let done = if fate == Fate::Done { bytes.len() } else { inner.random.index(bytes.len() + 1) };
        let file = inner.file(name)?;
        let from = usize::try_from(offset).map_err(Error::other)?;
        if from + bytes.len() > file.shown.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        file.write(from, &bytes[..done]);
        if fate == Fate::Done { Ok(()) } else { Err(failure()) }
    }

    fn sync(&self, name: &str) -> Result<()> {
        let mut inner = self.lock();
        let faults = inner.faults.sync;
        let fate = inner.fate(faults)?;
        let Inner { random, files, is_off, .. } = &mut *inner;
        let file = files.get_mut(name).ok_or(ErrorKind::NotFound)?;
        if fate == Fate::Done {
            for sector in std::mem::take(&mut file.dirty) {
                file.persist(sector);
            }
            return Ok(());
        }
        if !*is_off {
            // As Linux does it: what could not be written counts as written from now on. It stays in memory,
            // where it looks as if it were on disk, or is read back from there.
            file.persist_some(random);
            if random.chance(500) {
                file.shown.clone_from(&file.durable);
            }
        }
        Err(failure())
    }

    fn length(&self, name: &str) -> Result<u64> {
        let mut inner = self.lock();
        if inner.is_off {
            return Err(failure());
        }
        u64::try_from(inner.file(name)?.shown.len()).map_err(Error::other)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut inner = self.lock();
        let faults = inner.faults.replace;
        let fate = inner.fate(faults)?;
        if fate == Fate::Done || inner.random.chance(500) {
            let file = File { shown: bytes.to_vec(), durable: bytes.to_vec(), dirty: BTreeSet::new() };
            inner.files.insert(name.to_owned(), file);
        }
        if fate == Fate::Done { Ok(()) } else { Err(failure()) }
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut inner = self.lock();
        let faults = inner.faults.remove;
        let fate = inner.fate(faults)?;
        inner.file(name)?;
        if fate == Fate::Done || inner.random.chance(500) {
            inner.files.remove(name);
        }
        if fate == Fate::Done { Ok(()) } else { Err(failure()) }
    }
}
