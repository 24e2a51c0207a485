//! The key of an instance: what its days and its files are signed with.
//!
//! Ed25519. It is made when it is first needed, lies in `data_dir` in a file that only
//! its owner can read, and never leaves it: not with the database, not with an export.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use sha2::{Digest as _, Sha256};

use super::form::{hex, unhex};
use crate::disk;

/// The file in `data_dir`: PKCS #8 (RFC 5958), DER.
const FILE: &str = "evidence.key";

/// What is being signed, so that one signature never passes for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// The statement of a day.
    Day,
    /// The hash of an evidence file.
    File,
}

impl Purpose {
    /// What stands before the bytes that are signed.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Day => b"gatepost-evidence-day-1\n",
            Self::File => b"gatepost-evidence-file-1\n",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        [self.prefix(), bytes].concat()
    }
}

/// The private key.
pub(crate) struct InstanceKey(Ed25519KeyPair);

impl InstanceKey {
    /// The key in a directory, if there is one.
    pub(crate) fn find(dir: &Path) -> io::Result<Option<Self>> {
        let path = dir.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::read(&bytes, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(&path, &error)),
        }
    }

    fn read(bytes: &[u8], path: &Path) -> io::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes);
        pair.map(Self).map_err(|why| {
            let why = format!("is no Ed25519 key in PKCS #8: {why}");
            io::Error::new(io::ErrorKind::InvalidData, format!("{} {why}", path.display()))
        })
    }

    /// Makes a key. Of two processes that do so at once, one is first and both use its.
    pub(crate) fn make(dir: &Path) -> io::Result<Self> {
        let path = &dir.join(FILE);
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
            .map_err(|_| io::Error::other("no key could be made"))?;
        let draft = draft(dir)?;
        let written = write(&draft, document.as_ref());
        // A link, unlike a rename, never takes the place of a key that is there.
        let placed = written.and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            placed => placed,
        });
        let removed = fs::remove_file(&draft);
        placed.map_err(|error| named(path, &error))?;
        removed.map_err(|error| named(&draft, &error))?;
        disk::flush_dir(dir)?;
        Self::read(&fs::read(path)?, path)
    }

    /// What its signatures are checked with.
    pub(crate) fn public(&self) -> PublicKey {
        let mut bytes = [0; PublicKey::LENGTH];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// Signs bytes for a purpose; the signature in hex.
    pub(crate) fn sign(&self, purpose: Purpose, bytes: &[u8]) -> String {
        hex(self.0.sign(&purpose.message(bytes)).as_ref())
    }
}

impl fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InstanceKey").field(&self.public()).finish()
    }
}

/// A name that no other process writes to.
fn draft(dir: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(dir.join(format!("{FILE}.{}", hex(&random))))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = disk::private().create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The public half of an instance's key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PublicKey([u8; Self::LENGTH]);

impl PublicKey {
    const LENGTH: usize = 32;

    /// The key that 64 hex digits mean.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }

    /// Its 32 bytes in lower-case hex.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// SHA-256 over its 32 bytes, in lower-case hex: what people compare.
    pub fn fingerprint(self) -> String {
        hex(&Sha256::digest(self.0))
    }

    /// Whether a signature in hex is this key's, over these bytes for this purpose.
    pub(crate) fn verify(self, purpose: Purpose, bytes: &[u8], signature: &str) -> bool {
        let Some(signature) = unhex::<64>(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.0).verify(&purpose.message(bytes), &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(InstanceKey::find(dir.path()).unwrap().is_none());
        let first = InstanceKey::make(dir.path()).unwrap();
        let again = InstanceKey::make(dir.path()).unwrap();
        assert_eq!(first.public(), again.public());
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_signature_is_good_for_its_bytes_its_key_and_its_purpose() {
        let dir = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let key = InstanceKey::make(dir.path()).unwrap();
        let signature = key.sign(Purpose::Day, b"x");
        assert!(key.public().verify(Purpose::Day, b"x", &signature));
        assert!(!key.public().verify(Purpose::Day, b"y", &signature));
        assert!(!key.public().verify(Purpose::File, b"x", &signature));
        let stranger = InstanceKey::make(other.path()).unwrap().public();
        assert!(!stranger.verify(Purpose::Day, b"x", &signature));
        assert!(!key.public().verify(Purpose::Day, b"x", "no signature"));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"nonsense").unwrap();
        let error = InstanceKey::find(dir.path()).unwrap_err();
        assert!(error.to_string().contains("is no Ed25519 key"), "{error}");
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), b"nonsense");
    }
}
