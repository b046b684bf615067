//! What an organization is shown of its destinations.
use postsync_core::health::Health;
use postsync_core::ids::OrgId;
use postsync_core::target::Destination;

use super::Board;

/// One destination, as this process knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) is_down: bool,
    pub(crate) circuit: &'static str,
    /// Deliveries of the organization that wait in memory.
    pub(crate) queued: usize,
}

impl Board {
    /// The destinations that an organization has sent to, by their texts, behind that one.
    pub(crate) fn destinations_of(&self, org: &OrgId, after: Option<&str>, limit: usize) -> Vec<String> {
        self.levels.of_org(org, after).map(|lane| lane.as_str().to_owned()).take(limit).collect()
    }

    /// One of them.
    pub(crate) fn see(&self, org: &OrgId, destination: &Destination) -> Seen {
        let health = self.levels.destination(destination);
        Seen {
            is_down: health.is_some_and(Health::is_down),
            circuit: health.map_or("closed", Health::circuit),
            queued: self.first.len_of_org(destination, org) + self.again.len_of_org(destination, org),
        }
    }
}
