//! What SQLite says, in the port's words.
use postsync_engine::ports::StoreError;
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use crate::refusal::Refusal;

/// SQLite reports ENOSPC as FULL, but a WAL index that could not grow as an I/O error of its own.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    let extended = error.sqlite_error().map_or(0, |e| e.extended_code);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ if extended == SQLITE_IOERR_SHMSIZE => StoreError::Full,
        Some(ErrorCode::OperationInterrupted) => StoreError::TooSlow,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Failed(error.to_string()),
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(store_error(&error))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_full_disk_has_several_names() {
        let said = |code| store_error(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert_eq!(said(ffi::SQLITE_FULL), StoreError::Full);
        assert_eq!(said(ffi::SQLITE_IOERR_SHMSIZE), StoreError::Full);
        assert_eq!(said(ffi::SQLITE_BUSY), StoreError::Busy);
        assert_eq!(said(ffi::SQLITE_LOCKED), StoreError::Busy);
        assert_eq!(said(ffi::SQLITE_INTERRUPT), StoreError::TooSlow);
        assert!(matches!(said(ffi::SQLITE_IOERR_FSYNC), StoreError::Failed(_)));
    }
}
