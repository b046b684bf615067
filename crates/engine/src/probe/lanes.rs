//! Whose turn it is to be looked at: one lane for what lies here, one for what lies behind URLs, and organizations take turns in
//! each. A thousand URLs of one that drip hold up the first of another for one look at most.
use postsync_core::asset::Asset;
use postsync_core::ids::AssetId;

use crate::lane::Lane;
use crate::ports::{ProbeLane, ProbeQuery};

/// Looks at what lies here at once: each is a process that decodes.
const STORED_AT_ONCE: usize = 1;

/// Looks at what lies elsewhere: most of each is waiting.
const ELSEWHERE_AT_ONCE: usize = 4;

/// What is set aside in them is bounded by the pause that comes before it.
pub(crate) struct Lanes {
    stored: Lane<AssetId>,
    elsewhere: Lane<AssetId>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { stored: Lane::of(STORED_AT_ONCE), elsewhere: Lane::of(ELSEWHERE_AT_ONCE) }
    }
}

impl Lanes {
    pub(super) fn of(&self, kind: ProbeLane) -> &Lane<AssetId> {
        match kind {
            ProbeLane::Stored => &self.stored,
            ProbeLane::Elsewhere => &self.elsewhere,
        }
    }

    pub(super) fn query(&self, lane: ProbeLane) -> ProbeQuery {
        let under_way = self.of(lane).under_way();
        ProbeQuery { lane, after: under_way.last, not: under_way.ids.into_iter().collect() }
    }

    /// An asset has come.
    pub(crate) fn ring(&self, asset: &Asset) {
        let kind = if asset.media().is_some() { ProbeLane::Stored } else { ProbeLane::Elsewhere };
        self.of(kind).ring();
    }
}
