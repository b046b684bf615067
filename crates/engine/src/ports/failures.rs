//! Dead letters by what their last attempt came to, for people.
use async_trait::async_trait;
use postsync_core::ids::{DeliveryId, EndpointId, OrgId};
use postsync_core::outcome::SendError;

use super::StoreError;
use super::records::DueDelivery;

/// Which dead letters of an organization, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureQuery {
    /// Whose.
    pub org: OrgId,
    /// For this endpoint.
    pub endpoint: Option<EndpointId>,
    /// What the last attempt came to.
    pub error: SendError,
    /// Older than this one.
    pub after: Option<DeliveryId>,
    /// At most so many dead letters are looked at: an error that few had must not make one read long.
    pub look: usize,
    /// At most so many are given.
    pub limit: usize,
}

/// A page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailurePage {
    /// These, with their events' types and times.
    pub found: Vec<DueDelivery>,
    /// The last one that was looked at: a page behind it goes on. `None` where nothing is left.
    pub read_to: Option<DeliveryId>,
}

/// Reads dead letters.
#[async_trait]
pub trait FailureStore: Send + Sync {
    /// A page of them.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn failures(&self, query: FailureQuery) -> Result<FailurePage, StoreError>;
}
