//! An organization's destinations: whether they are up, and how many of its deliveries wait for each.
//!
//! Promise: it sees those that it has sent to since the start, and those that something of its own is parked for, and no
//! other's rows. A page reads no history.
use std::collections::BTreeSet;

use postsync_core::ids::OrgId;
use postsync_core::target::Destination;

use crate::dispatch;
use crate::ports::{BacklogQuery, StoreError};
use crate::world::World;

/// One destination as its organization is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationView {
    /// Which.
    pub destination: Destination,
    /// Whether it can't be connected to.
    pub is_down: bool,
    /// `closed`, `open` or `probing`.
    pub circuit: &'static str,
    /// The organization's deliveries that wait for it, parked or in memory. What is parked is counted up to
    /// [`BACKLOG_COUNTED_MAX`](postsync_core::limits::BACKLOG_COUNTED_MAX).
    pub backlog: usize,
}

/// Up to `limit` of them in the order of their texts, behind `after`.
pub(crate) async fn page(
    world: &World,
    org: &OrgId,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<DestinationView>, StoreError> {
    let query = BacklogQuery { org: org.clone(), after: after.map(str::to_owned), limit };
    let parked = world.ports.store.backlogs(query).await?;
    let mut texts: BTreeSet<String> = parked.iter().map(|backlog| backlog.destination.clone()).collect();
    texts.extend(dispatch::destinations_of(world, org, after, limit));
    let view = |text: &String| {
        // It was written from one, so it reads back.
        let destination = Destination::of(text)?;
        let seen = dispatch::see(world, org, &destination);
        let on_disk = parked.iter().find(|backlog| backlog.destination == *text).map_or(0, |backlog| backlog.parked);
        let backlog = on_disk + seen.queued;
        Some(DestinationView { destination, is_down: seen.is_down, circuit: seen.circuit, backlog })
    };
    Ok(texts.iter().take(limit).filter_map(view).collect())
}
