//! The master key: 32 bytes under which the signing secrets are kept, from the environment or from a file.
//!
//! Promise: never printed (`Debug` is masked), and never made anew beside a database that was made with another one: that
//! would turn a lost file into lost secrets without a word.
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;
use crate::private_file::write_private;
use crate::sqlite::wants_master_key;

/// Where it can be given instead of the file.
pub const MASTER_KEY_VARIABLE: &str = "POSTSYNC_MASTER_KEY";

const NOT_A_KEY: &str =
    "the master key must be base64 of 32 bytes; `openssl rand -base64 32` makes one for a new data folder";

/// The bytes of its text, with room for line ends: what is longer is another file.
const TEXT_BYTES_MAX: u64 = 128;

/// 32 bytes under which the signing secrets are kept.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(...)")
    }
}

impl MasterKey {
    /// Of 32 random bytes, which the caller draws.
    #[must_use]
    pub fn generate(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads base64 of 32 bytes; space around it does not count.
    ///
    /// # Errors
    /// [`Error::Key`] with a sentence that never repeats the text.
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| Error::Key(NOT_A_KEY.to_owned()))
    }

    /// As [`MasterKey::from_base64`] reads it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Which key it is, without saying anything about it: the first 8 bytes of its SHA-256, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        crate::vault::key_id(self)
    }

    /// The key of `file`; `None` where there is no such file.
    ///
    /// # Errors
    /// [`Error::Key`] where the file holds something else, [`Error::File`] where it can't be read.
    pub fn load(file: &Path) -> Result<Option<Self>, Error> {
        match read(file) {
            Ok(text) => {
                let named = |error| Error::Key(format!("{}: {error}", file.display()));
                Self::from_base64(&text).map(Some).map_err(named)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(file)(error)),
        }
    }

    /// The key of `file`. Where there is no such file, and `database` was not made with a key either, a new one is drawn
    /// and kept there, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Key`] where the database wants a key and the file is gone, or where the file holds something else;
    /// [`Error::File`] where it can't be read or written.
    pub fn load_or_create(file: &Path, database: &Path) -> Result<Self, Error> {
        match Self::load(file)? {
            Some(key) => Ok(key),
            None => Self::create(file, database),
        }
    }

    /// A new one.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn draw() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| Error::Key("the system gave no randomness for a master key".to_owned()))?;
        Ok(Self(bytes))
    }

    fn create(file: &Path, database: &Path) -> Result<Self, Error> {
        if wants_master_key(database)? {
            return Err(Error::Key(format!(
                "the master key of the database {} is missing: put {} back, or set {MASTER_KEY_VARIABLE}",
                database.display(),
                file.display()
            )));
        }
        let key = Self::draw()?;
        match write_private(file, format!("{}\n", key.to_base64()).as_bytes()) {
            // Another process that starts at the same time has just made it: its key counts.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::load_or_create(file, database),
            done => done.map(|()| key).map_err(at(file)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn at(file: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = file.to_path_buf();
    move |error| Error::File { path, error }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let (file, database) = (folder.path().join("master.key"), folder.path().join("postsync.db"));
        let made = MasterKey::load_or_create(&file, &database).unwrap();
        let again = MasterKey::load_or_create(&file, &database).unwrap();
        assert_eq!(made.bytes(), again.bytes());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn refuses_other_texts_without_repeating_them() {
        for text in ["", "whsec_8f14e45f", "c2hvcnQ="] {
            let error = MasterKey::from_base64(text).unwrap_err().to_string();
            assert_eq!(error, NOT_A_KEY);
        }
        let key = MasterKey::generate([7; 32]);
        assert_eq!(MasterKey::from_base64(&format!(" {}\n", key.to_base64())).unwrap().bytes(), key.bytes());
        assert_eq!(format!("{key:?}"), "MasterKey(...)");
    }

    #[test]
    fn a_file_that_holds_something_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        std::fs::write(&file, "hello").unwrap();
        let error = MasterKey::load_or_create(&file, &folder.path().join("postsync.db")).unwrap_err().to_string();
        assert!(error.contains("master.key") && error.contains("base64 of 32 bytes"), "{error}");
    }
}
