//! Who runs the loops. One server per database: two would send every webhook twice.
//!
//! An operating system lock on a file beside the database: it goes with the process, however that ends. It covers only the
//! loops: commands open the same database beside a running server.
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;

use super::setup::beside;
use crate::Error;

/// The right to run the loops; given back when dropped.
#[derive(Debug)]
pub struct OwnerLock {
    _file: Option<File>,
}

/// Takes the lock of the database at `path`; one in memory has nobody to share with.
pub(super) fn own(path: Option<&Path>) -> Result<OwnerLock, Error> {
    let Some(database) = path else { return Ok(OwnerLock { _file: None }) };
    let path = beside(database, ".lock");
    let at = |error| Error::File { path: path.clone(), error };
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(at)?;
    match file.try_lock() {
        Ok(()) => {
            // For the sentence that a second server prints; the lock itself does not depend on it.
            file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(at)?;
            Ok(OwnerLock { _file: Some(file) })
        }
        Err(TryLockError::WouldBlock) => {
            Err(Error::Owned { path: database.to_path_buf(), process: owner_of(&mut file) })
        }
        Err(TryLockError::Error(error)) => Err(at(error)),
    }
}

fn owner_of(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(20).read_to_string(&mut text) {
        Ok(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => format!(" (process {text})"),
        _ => String::new(),
    }
}
