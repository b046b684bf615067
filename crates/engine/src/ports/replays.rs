//! What a replay asks of the store.
use postsync_core::ids::{DeliveryId, OrgId};
use postsync_core::replay::{Filter, Original};

/// The next part of a walk over the deliveries that a filter may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayQuery {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub filter: Filter,
    /// Behind this one.
    pub after: DeliveryId,
    /// Up to this one, and with it.
    pub until: DeliveryId,
    /// At most so many that may be meant are looked at: a filter that few fit must not make one read long.
    pub look: usize,
    /// At most so many that are meant are given; a count goes on past them.
    pub limit: usize,
}

/// Deliveries that are meant, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayPage {
    /// These.
    pub found: Vec<Original>,
    /// How far the walk has come; `None` where nothing is left.
    pub read_to: Option<DeliveryId>,
}

/// How many are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayCount {
    /// So many.
    pub count: u64,
    /// How far the walk has come; `None` where nothing is left.
    pub read_to: Option<DeliveryId>,
}
