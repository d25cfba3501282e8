//! The server's own secret, and what is derived from it.
//!
//! It lies in one file that only the server's user may read, or comes from the environment, and is never written
//! anywhere else: not on the tape, not into a checkpoint, not into the ledger. Every derivation has a label of its own, so
//! that what is made for one purpose is of no use for another (design §7).

mod seal;

pub use seal::Sealed;

use hmac::{Hmac, KeyInit, Mac};
use seal::Keys;
use sha2::Sha256;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The file in a world's directory.
const FILE: &str = "master.key";
/// The directory in it for the keys of what is sealed.
const KEYS: &str = "vault";

/// The server's own secret.
#[derive(Clone)]
pub struct Vault {
    master: [u8; 32],
    keys: Arc<Keys>,
}

/// Why there is no vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file can't be read or made.
    #[error("the master key in {0}: {1}")]
    Io(String, std::io::Error),
    /// It is no key.
    #[error("the master key {0} is not 64 hexadecimal digits")]
    Malformed(String),
    /// The operating system gives no random bytes.
    #[error("no random bytes: {0}")]
    NoChance(String),
}

/// Secrets never print.
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// The vault of a directory, made the first time. A key that was given is used instead of the file.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(directory: &Path, given: Option<&str>) -> Result<Self, VaultError> {
        let keys = || Keys::Directory(directory.join(KEYS));
        if let Some(given) = given {
            return Self::parse(given, "given", keys());
        }
        let path = directory.join(FILE);
        let shown = path.display().to_string();
        let io = |error| VaultError::Io(shown.clone(), error);
        match std::fs::File::open(&path) {
            Ok(mut file) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(io)?;
                Self::parse(text.trim(), &shown, keys())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let fresh = Self::fresh(keys())?;
                fresh.write(&path).map_err(io)?;
                Ok(fresh)
            }
            Err(error) => Err(io(error)),
        }
    }

    /// A vault that nobody has seen and that ends with the world, unless a key was given.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn passing(given: Option<&str>) -> Result<Self, VaultError> {
        let keys = Keys::Memory(Mutex::default());
        match given {
            Some(given) => Self::parse(given, "given", keys),
            None => Self::fresh(keys),
        }
    }

    fn fresh(keys: Keys) -> Result<Self, VaultError> {
        Ok(Self { master: chance()?, keys: Arc::new(keys) })
    }

    fn parse(text: &str, place: &str, keys: Keys) -> Result<Self, VaultError> {
        let mut master = [0; 32];
        alloy_primitives::hex::decode_to_slice(text, &mut master)
            .map_err(|_| VaultError::Malformed(place.to_owned()))?;
        Ok(Self { master, keys: Arc::new(keys) })
    }

    /// Nobody else may read it from the moment it is there.
    fn write(&self, path: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(super::state::hex(&self.master).as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    }

    /// What follows from the secret for a purpose. Parts are told apart by their lengths.
    ///
    /// # Panics
    /// Never: HMAC takes any key.
    #[must_use]
    pub fn derive(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.master).expect("BUG: HMAC takes any key");
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Random bytes.
fn chance<const BYTES: usize>() -> Result<[u8; BYTES], VaultError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::NoChance(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let first = Vault::open(directory.path(), None).expect("made");
        let again = Vault::open(directory.path(), None).expect("read");
        assert_eq!(first.derive("a", &[b"b"]), again.derive("a", &[b"b"]));
        let mode = std::fs::metadata(directory.path().join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(first.derive("a", &[b"b"]), Vault::passing(None).expect("chance").derive("a", &[b"b"]));
    }

    #[test]
    fn what_is_derived_for_one_purpose_is_of_no_use_for_another() {
        let vault = Vault::passing(Some(&"0b".repeat(32))).expect("a key");
        let all = [
            vault.derive("ab", &[b"c"]),
            vault.derive("a", &[b"bc"]),
            vault.derive("a", &[b"b", b"c"]),
            vault.derive("ab", &[b"", b"c"]),
        ];
        for (number, one) in all.iter().enumerate() {
            assert!(!all[..number].contains(one), "{number}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_stays_as_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(FILE);
        std::fs::write(&path, "secret\n").expect("written");
        assert!(matches!(Vault::open(directory.path(), None), Err(VaultError::Malformed(_))));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "secret\n");
        assert!(matches!(Vault::passing(Some("0b")), Err(VaultError::Malformed(_))));
    }
}
