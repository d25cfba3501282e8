//! Where files lie: a real directory, memory, or, in tests, a disk that fails on purpose.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the tape needs of a disk. One of the three seams where the simulation steps in.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// The names of all files.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self) -> Result<Vec<String>>;
    /// Makes a file of zeros, so that later writes change no metadata, and makes its name durable.
    ///
    /// # Errors
    /// The operating system's. A file of that name is written over.
    fn create(&self, name: &str, bytes: u64) -> Result<()>;
    /// Reads up to a buffer from a place; 0 at the end.
    ///
    /// # Errors
    /// The operating system's.
    fn read(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize>;
    /// Writes at a place inside a file.
    ///
    /// # Errors
    /// The operating system's. Part of it may have been written.
    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Makes what was written durable.
    ///
    /// # Errors
    /// The operating system's. What was written may or may not be durable then.
    fn sync(&self, name: &str) -> Result<()>;
    /// A file's length.
    ///
    /// # Errors
    /// The operating system's.
    fn length(&self, name: &str) -> Result<u64>;
    /// Replaces a whole file in one durable step: afterwards it is the old one or the new one.
    ///
    /// # Errors
    /// The operating system's.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, name: &str) -> Result<()>;
}

/// Files in one directory.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    // A std mutex: held to look a handle up, never across a read or a write.
    open: Mutex<BTreeMap<String, Arc<File>>>,
}

impl FileDisk {
    /// The files of a directory, which is made if it is missing.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(directory: &Path) -> Result<Self> {
        let missing: Vec<_> = directory.ancestors().take_while(|path| !path.exists()).collect();
        std::fs::create_dir_all(directory)?;
        // A directory is as durable as its name is in the one above.
        for made in missing {
            let above = made.parent().filter(|above| !above.as_os_str().is_empty());
            File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Self { directory: directory.to_owned(), open: Mutex::default() })
    }

    fn file(&self, name: &str) -> Result<Arc<File>> {
        let mut open = lock(&self.open);
        if let Some(file) = open.get(name) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(self.directory.join(name))?);
        open.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn sync_names(&self) -> Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

impl Disk for FileDisk {
    fn list(&self) -> Result<Vec<String>> {
        let names = std::fs::read_dir(&self.directory)?
            .map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect()
    }

    fn create(&self, name: &str, bytes: u64) -> Result<()> {
        const CHUNK: usize = 1 << 20;
        let path = self.directory.join(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let zeros = vec![0; CHUNK];
        let mut at = 0;
        while at < bytes {
            let part = usize::try_from(bytes - at).unwrap_or(CHUNK).min(CHUNK);
            file.write_all_at(&zeros[..part], at)?;
            at += u64::try_from(part).unwrap_or(u64::MAX);
        }
        file.sync_all()?;
        self.sync_names()?;
        lock(&self.open).insert(name.to_owned(), Arc::new(file));
        Ok(())
    }

    fn read(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.file(name)?.read_at(buffer, offset)
    }

    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file(name)?.write_all_at(bytes, offset)
    }

    fn sync(&self, name: &str) -> Result<()> {
        self.file(name)?.sync_data()
    }

    fn length(&self, name: &str) -> Result<u64> {
        Ok(self.file(name)?.metadata()?.len())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        // One name for all, so that what a crash leaves of it is written over the next time.
        let (part, whole) = (self.directory.join("replacing.part"), self.directory.join(name));
        std::fs::write(&part, bytes)?;
        File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &whole)?;
        lock(&self.open).remove(name);
        self.sync_names()
    }

    fn remove(&self, name: &str) -> Result<()> {
        lock(&self.open).remove(name);
        std::fs::remove_file(self.directory.join(name))?;
        self.sync_names()
    }
}

/// Files that are gone with the process.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Disk for MemoryDisk {
    fn list(&self) -> Result<Vec<String>> {
        Ok(lock(&self.files).keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> Result<()> {
        let bytes = usize::try_from(bytes).map_err(Error::other)?;
        lock(&self.files).insert(name.to_owned(), vec![0; bytes]);
        Ok(())
    }

    fn read(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let files = lock(&self.files);
        let file = files.get(name).ok_or(ErrorKind::NotFound)?;
        let from = usize::try_from(offset).map_err(Error::other)?.min(file.len());
        let part = buffer.len().min(file.len() - from);
        buffer[..part].copy_from_slice(&file[from..from + part]);
        Ok(part)
    }

    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut files = lock(&self.files);
        let file = files.get_mut(name).ok_or(ErrorKind::NotFound)?;
        let from = usize::try_from(offset).map_err(Error::other)?;
        file.get_mut(from..from + bytes.len()).ok_or(ErrorKind::UnexpectedEof)?.copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    fn length(&self, name: &str) -> Result<u64> {
        let files = lock(&self.files);
        let file = files.get(name).ok_or(ErrorKind::NotFound)?;
        u64::try_from(file.len()).map_err(Error::other)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        lock(&self.files).insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        lock(&self.files).remove(name).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
