//! Why a database could not be opened or owned. Each is a sentence for the operator.
use std::path::PathBuf;

use postsync_engine::ports::StoreError;

/// Why a database could not be opened or owned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Run a newer binary.
    #[error(
        "the database {path} was written by a newer postsync (its schema is {found}, this binary knows {known}): \
         run that version or a newer one, or restore a backup"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema's version.
        found: i32,
        /// The newest one that this binary knows.
        known: i32,
    },
    /// Provide the right master key.
    #[error("{0}")]
    Key(String),
    /// Stop the other server first.
    #[error("another postsync server{process} owns the database {path}: stop it first, or use another data folder")]
    Owned {
        /// The database.
        path: PathBuf,
        /// ` (process 123)`, where it is known.
        process: String,
    },
    /// A file beside the database could not be used.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The database did not take the schema of this binary.
    #[error("the database {path} could not be brought to this version: {reason}")]
    Migrate {
        /// The database.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Name another file.
    #[error("{path} is not a database of postsync")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Take another backup: this one is not whole.
    #[error("the database {path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong first.
        reason: String,
    },
    /// Whoever asked for it does not want it any more.
    #[error("it was told to stop")]
    Stopped,
    /// The database itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
