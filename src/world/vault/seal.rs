//! Secrets that must be readable again (design §7): sealed with AES-256-GCM under a key of their own, which lies in the
//! vault, wrapped by the server's secret. Destroying that key destroys the secret, wherever its sealed bytes are.

use super::{Vault, VaultError};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Which key something is sealed with.
type KeyName = [u8; 16];

/// The label of the key that wraps all others.
const WRAPS: &str = "vault-wraps";

/// A secret that only the vault reads again. Its bytes may lie anywhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    key: KeyName,
    bytes: Vec<u8>,
}

/// Not even sealed bytes print.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

impl Sealed {
    /// Bytes that no vault opens, for tests of the stored form.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self { key: [1; 16], bytes: vec![2; 30] }
    }
}

/// Where wrapped keys lie.
#[derive(Debug)]
pub(super) enum Keys {
    /// A file each, in this directory.
    Directory(PathBuf),
    /// In memory, and gone with the world.
    // A std mutex: held for one look-up, never across an await.
    Memory(Mutex<BTreeMap<KeyName, Vec<u8>>>),
}

impl Keys {
    fn path(directory: &Path, name: &KeyName) -> PathBuf {
        directory.join(format!("{}.key", crate::world::state::hex(name)))
    }

    /// Whoever is told that it was put finds it after a crash as well.
    fn put(&self, name: KeyName, wrapped: Vec<u8>) -> std::io::Result<()> {
        match self {
            Self::Memory(all) => {
                all.lock().unwrap_or_else(PoisonError::into_inner).insert(name, wrapped);
                Ok(())
            }
            Self::Directory(directory) => {
                use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
                if !directory.exists() {
                    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
                    if let Some(parent) = directory.parent() {
                        std::fs::File::open(parent)?.sync_all()?;
                    }
                }
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(Self::path(directory, &name))?;
                file.write_all(&wrapped)?;
                file.sync_all()?;
                std::fs::File::open(directory)?.sync_all()
            }
        }
    }

    fn get(&self, name: &KeyName) -> Option<Vec<u8>> {
        match self {
            Self::Memory(all) => all.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned(),
            Self::Directory(directory) => std::fs::read(Self::path(directory, name)).ok(),
        }
    }

    fn remove(&self, name: &KeyName) -> std::io::Result<()> {
        match self {
            Self::Memory(all) => {
                all.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
                Ok(())
            }
            Self::Directory(directory) => match std::fs::remove_file(Self::path(directory, name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    fn names(&self) -> Vec<KeyName> {
        match self {
            Self::Memory(all) => all.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect(),
            Self::Directory(directory) => {
                let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
                let name = |entry: std::fs::DirEntry| {
                    let file = entry.file_name();
                    let mut name = KeyName::default();
                    let text = file.to_str()?.strip_suffix(".key")?;
                    alloy_primitives::hex::decode_to_slice(text, &mut name).ok().map(|()| name)
                };
                entries.filter_map(name).collect()
            }
        }
    }
}

impl Vault {
    /// Seals a secret. It opens only where the same is said of it: whose it is, and what for.
    ///
    /// # Errors
    /// [`VaultError`] if its key can't be kept.
    pub fn seal(&self, about: &[&[u8]], secret: &[u8]) -> Result<Sealed, VaultError> {
        let (key, name) = (super::chance::<32>()?, super::chance()?);
        let wrapped = encrypt(&self.derive(WRAPS, &[]), &name, &key)?;
        let shown = || "vault".to_owned();
        self.keys.put(name, wrapped).map_err(|error| VaultError::Io(shown(), error))?;
        let bytes = encrypt(&key, &context(about), secret)?;
        Ok(Sealed { key: name, bytes })
    }

    /// The secret that was sealed; none if its key is gone or something else is said of it.
    #[must_use]
    pub fn open_sealed(&self, about: &[&[u8]], sealed: &Sealed) -> Option<Vec<u8>> {
        let wrapped = self.keys.get(&sealed.key)?;
        let key = decrypt(&self.derive(WRAPS, &[]), &sealed.key, &wrapped)?;
        decrypt(key.as_slice().try_into().ok()?, &context(about), &sealed.bytes)
    }

    /// Destroys a secret: nobody can open it again.
    pub fn destroy(&self, sealed: &Sealed) {
        if let Err(error) = self.keys.remove(&sealed.key) {
            tracing::error!(%error, "a key can't be taken out of the vault");
        }
    }

    /// Destroys those of some secrets that are not among others.
    pub(in crate::world) fn destroy_all_but<'a>(
        &self,
        before: impl Iterator<Item = &'a Sealed>,
        kept: impl Iterator<Item = &'a Sealed>,
    ) {
        let kept: BTreeSet<_> = kept.map(|sealed| sealed.key).collect();
        before.filter(|sealed| !kept.contains(&sealed.key)).for_each(|sealed| self.destroy(sealed));
    }

    /// Destroys every secret but some: a crash may leave the key of one that nobody refers to.
    pub fn keep_only<'a>(&self, kept: impl Iterator<Item = &'a Sealed>) {
        let kept: BTreeSet<_> = kept.map(|sealed| sealed.key).collect();
        for name in self.keys.names().into_iter().filter(|name| !kept.contains(name)) {
            self.destroy(&Sealed { key: name, bytes: Vec::new() });
        }
    }
}

/// What is said of a secret, told apart by lengths.
fn context(about: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::new();
    for part in about {
        text.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        text.extend_from_slice(part);
    }
    text
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("BUG: a key of 32 bytes"))
}

/// The nonce, and what it encrypts to with its tag.
fn encrypt(key: &[u8; 32], about: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    // Chance, and each key seals few things: none comes twice.
    let nonce = super::chance::<NONCE_LEN>()?;
    let mut bytes = plain.to_vec();
    let sealed = cipher(key).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(about),
        &mut bytes,
    );
    sealed.map_err(|_| VaultError::NoChance("it can't be sealed".to_owned()))?;
    Ok([&nonce[..], &bytes].concat())
}

fn decrypt(key: &[u8; 32], about: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, bytes) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = bytes.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = cipher(key).open_in_place(nonce, Aad::from(about), &mut bytes).ok()?;
    Some(plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_whom_it_was_sealed_and_for_nobody_else() {
        let vault = Vault::passing(None).expect("a vault");
        let sealed = vault.seal(&[b"ann", b"kalshi"], b"secret").expect("sealed");
        assert_eq!(vault.open_sealed(&[b"ann", b"kalshi"], &sealed), Some(b"secret".to_vec()));
        for about in [[&b"bob"[..], &b"kalshi"[..]], [b"ann", b"polymarket"], [b"annk", b"alshi"]] {
            assert_eq!(vault.open_sealed(&about, &sealed), None);
        }
        assert_eq!(Vault::passing(None).expect("another").open_sealed(&[b"ann", b"kalshi"], &sealed), None);
    }

    #[test]
    fn a_bit_that_changed_is_noticed() {
        let vault = Vault::passing(None).expect("a vault");
        let sealed = vault.seal(&[b"ann"], b"secret").expect("sealed");
        for at in 0..sealed.bytes.len() {
            let mut other = sealed.clone();
            other.bytes[at] ^= 1;
            assert_eq!(vault.open_sealed(&[b"ann"], &other), None, "{at}");
        }
    }

    #[test]
    fn a_secret_outlives_the_server_but_not_its_key() {
        let directory = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(directory.path(), None).expect("made");
        let [kept, destroyed, forgotten] =
            [b"kept", b"gone", b"lost"].map(|secret| vault.seal(&[b"ann"], secret).expect("sealed"));
        vault.destroy(&destroyed);
        vault.destroy(&destroyed);
        let again = Vault::open(directory.path(), None).expect("read");
        again.keep_only([&kept].into_iter());
        let opened = [&kept, &destroyed, &forgotten].map(|sealed| again.open_sealed(&[b"ann"], sealed));
        assert_eq!(opened, [Some(b"kept".to_vec()), None, None]);
    }

    #[test]
    fn neither_the_secret_nor_its_key_is_readable_in_the_directory() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(directory.path(), None).expect("made");
        let sealed = vault.seal(&[b"ann"], b"a secret of some length").expect("sealed");
        let wrapped = vault.keys.get(&sealed.key).expect("there");
        let key = decrypt(&vault.derive(WRAPS, &[]), &sealed.key, &wrapped).expect("its own key");
        let file = Keys::path(&directory.path().join(super::super::KEYS), &sealed.key);
        let on_disk = std::fs::read(&file).expect("a file");
        for secret in [key.as_slice(), b"a secret of some length"] {
            assert!(!on_disk.windows(secret.len()).any(|part| part == secret));
        }
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
