//! Why one list of changes is refused, for both stores: the same words, so that one suite holds both.
use postsync_engine::ports::{Applied, StoreError};

/// Why one list of changes was not written. Its neighbours are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Somebody else was first.
    Stale,
    /// It could never have been written, or the database failed.
    Failed(StoreError),
}

impl Refusal {
    /// A delivery without its event would never be read as due: it would be lost without a sound.
    pub(crate) fn no_event() -> Self {
        Self::Failed(StoreError::Failed("a delivery names an event that does not exist".to_owned()))
    }
}

/// An id was given twice.
pub(crate) fn duplicate(what: &str) -> Refusal {
    Refusal::Failed(StoreError::Failed(format!("the id of a new {what} exists already")))
}

/// As the port says it.
pub(crate) fn applied(done: Result<(), Refusal>) -> Result<Applied, StoreError> {
    match done {
        Ok(()) => Ok(Applied::Done),
        Err(Refusal::Stale) => Ok(Applied::Stale),
        Err(Refusal::Failed(error)) => Err(error),
    }
}
