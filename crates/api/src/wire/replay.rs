//! Replays, as `/postsync/v1/replays` takes and shows them.
use postsync_core::replay::Replay;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to deliver again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateReplay {
    /// Which deliveries: all that is said must fit. One that says nothing is refused, unless `all` is true.
    pub filter: ReplayFilter,
    /// Only count them.
    pub dry_run: bool,
    /// Take a filter that says nothing: everything that has ended is delivered again.
    pub all: bool,
}

/// Which deliveries that have ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplayFilter {
    /// Those of one generation.
    pub generation_id: Option<String>,
    /// Those for one endpoint.
    pub endpoint_id: Option<String>,
    /// `delivered` or `exhausted`; both, where it is not said.
    pub status: Option<String>,
    /// Those with a `createdAt` from then on, such as `2026-11-24T08:00:00Z`.
    pub since: Option<String>,
    /// Those with a `createdAt` until then.
    pub until: Option<String>,
    /// Those whose last attempt came to this: `connect_refused`, `http_status` and so on.
    pub error: Option<String>,
    /// Take exhausted ones that were replayed before, too.
    pub again: Option<bool>,
}

/// A replay that was taken on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayAccepted {
    /// `rpl_...`
    pub id: String,
    /// How many deliveries there are; null where counting takes too long, until it is done.
    pub count: Option<u64>,
}

/// What a replay would come to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayCount {
    /// So many deliveries.
    pub count: u64,
}

/// A replay and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayBody {
    /// `rpl_...`
    pub id: String,
    /// `running`, or `done`: every new delivery is made. Where each of them stands the list of deliveries says.
    pub status: String,
    /// How many deliveries there are; null while it is not known.
    pub count: Option<u64>,
    /// New deliveries made so far.
    pub done: u64,
    /// Deliveries left out because the body of their event is not kept any more, or their endpoint is disabled.
    pub skipped: u64,
    /// When it was asked for.
    pub created_at: String,
}

impl From<&Replay> for ReplayBody {
    fn from(replay: &Replay) -> Self {
        Self {
            id: replay.id.to_string(),
            status: replay.status().to_owned(),
            count: replay.count,
            done: replay.made,
            skipped: replay.skipped,
            created_at: replay.created_at.to_string(),
        }
    }
}
