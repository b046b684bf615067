//! What waits for a generator, by whose turn it is.
use async_trait::async_trait;
use postsync_core::generation::Generation;
use postsync_core::ids::{GenerationId, OrgId};

use super::StoreError;

/// Whose turn it is among the generations that are not final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnQuery {
    /// Of one of these models.
    pub models: Vec<&'static str>,
    /// Not these: they are at work.
    pub known: Vec<GenerationId>,
    /// The organization behind this one begins; behind the last one the first follows.
    pub after: Option<OrgId>,
    /// At most so many; fewer where their texts come to [`LIST_BYTES_MAX`](postsync_core::limits::LIST_BYTES_MAX) before.
    pub limit: usize,
}

/// Those whose turn it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnPage {
    /// One at least wherever one is left. Organizations take turns, and in each its batches and what is of none; in each of these
    /// the oldest come first.
    pub found: Vec<Generation>,
    /// Nothing else is left.
    pub is_all: bool,
}

/// Reads what waits in the order of turns.
#[async_trait]
pub trait TurnStore: Send + Sync {
    /// Those whose turn it is. However many wait in one lane, the others have their part of every page.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn in_turn(&self, query: TurnQuery) -> Result<TurnPage, StoreError>;
}
