//! What is remembered. Narrow and batch-oriented; what decides is in `core`, what is fenced is decided here.
use async_trait::async_trait;
use postsync_core::access::{ApiKey, Organization};
use postsync_core::asset::Asset;
use postsync_core::change::Change;
use postsync_core::endpoint::Endpoint;
use postsync_core::event::Event;
use postsync_core::feed::Seq;
use postsync_core::generation::Generation;
use postsync_core::ids::{
    AssetId, ConsumerName, DeliveryId, EndpointId, EventId, GenerationId, KeyId, MediaId, OrgId, ReplayId,
};
use postsync_core::parking::Lane;
use postsync_core::replay::{Original, Replay};
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::time::Timestamp;

use super::access::AccessStore;
use super::assets::AssetStore;
use super::audit::AuditStore;
use super::batches::BatchStore;
use super::counts::CountStore;
use super::failures::FailureStore;
use super::holds::HoldStore;
use super::idempotency::IdempotencyStore;
use super::listeners::ListenerStore;
use super::projects::ProjectStore;
use super::records::{
    AgedAsset, AgedDelivery, AgedEvent, AgedOutput, Backlog, BacklogQuery, DeliveryQuery, DeliveryRecord, DueCursor,
    DueDelivery, FeedPage, FeedQuery, GenerationQuery,
};
use super::relays::RelayStore;
use super::replays::{ReplayCount, ReplayPage, ReplayQuery};
use super::speech_jobs::SpeechJobStore;
use super::turns::TurnStore;
use super::usage::UsageStore;
use super::voices::VoiceStore;

/// What became of a list of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// All of it is on disk.
    Done,
    /// A fence was stale: somebody else was first. Nothing of it was written.
    Stale,
}

/// Why the store could not do it. In every case nothing of the list was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left: refuse work until the operator acts.
    #[error("the disk that holds the database is full")]
    Full,
    /// Another process holds it too long: try again.
    #[error("the database is busy")]
    Busy,
    /// A list took longer than a list may: ask for less, or later.
    #[error("the database took too long for a list")]
    TooSlow,
    /// The store is closing down.
    #[error("the store is closed")]
    Closed,
    /// A secret could not be read with this master key.
    #[error("{0}")]
    Key(String),
    /// Anything else.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// What is remembered.
///
/// Promise of every implementation (held by one conformance suite): `apply` is atomic and durable before it answers
/// `Done`; a list with a stale fence changes nothing and disturbs no neighbour; reads see what was applied before them.
#[async_trait]
pub trait Store:
    AccessStore
    + AssetStore
    + AuditStore
    + BatchStore
    + CountStore
    + FailureStore
    + HoldStore
    + IdempotencyStore
    + ListenerStore
    + ProjectStore
    + RelayStore
    + SpeechJobStore
    + TurnStore
    + UsageStore
    + VoiceStore
    + Send
    + Sync
{
    /// Writes a list of changes: all or nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError>;

    /// Generations that are not final, of one of these models, in id order behind `after`: at least one wherever one is left,
    /// and fewer than `limit` also where their texts come to [`LIST_BYTES_MAX`](postsync_core::limits::LIST_BYTES_MAX) before.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn open_generations(
        &self,
        models: &[&'static str],
        after: Option<GenerationId>,
        limit: usize,
    ) -> Result<Vec<Generation>, StoreError>;

    /// Deliveries due at or before `until`, in (due, id) order behind `after`. Those with an open attempt are left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn due(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueDelivery>, StoreError>;

    /// The places of the first so many of the same, but in id order: for whoever wants to know of more than a page.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn due_places(
        &self,
        until: Timestamp,
        after: Option<DueCursor>,
        limit: usize,
    ) -> Result<Vec<DueCursor>, StoreError>;

    /// Those at these places, in the order of the places; whatever is not due there any more, or has an open attempt, is left
    /// out. As much as a page may hold.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn due_at(&self, places: Vec<DueCursor>) -> Result<Vec<DueDelivery>, StoreError>;

    /// Those of a lane that may be its probe at `until`, in id order, with their events.
    async fn probes(&self, lane: &Lane, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>, StoreError>;

    /// How many of an organization's deliveries are parked, by destination.
    async fn backlogs(&self, query: BacklogQuery) -> Result<Vec<Backlog>, StoreError>;

    /// Deliveries that are parked in that lane, in id order, with their events. As all pages of what is due or parked, it ends
    /// with the row that brings it to [`DUE_PAGE_BYTES_MAX`](postsync_core::limits::DUE_PAGE_BYTES_MAX), this one also with
    /// the row that brings it to `bytes_max`.
    async fn parked(&self, lane: &Lane, limit: usize, bytes_max: usize) -> Result<Vec<DueDelivery>, StoreError>;

    /// The lanes in which deliveries are parked, each once, in the order of their texts behind `after`.
    async fn parked_lanes(&self, after: Option<Lane>, limit: usize) -> Result<Vec<Lane>, StoreError>;

    /// Parked deliveries whose time is over at `until`, in the order of those times, without their events' bodies: many of them
    /// only wait on.
    async fn parked_until(&self, until: Timestamp, limit: usize) -> Result<Vec<DueDelivery>, StoreError>;

    /// When the first delivery is due that is due after `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Deliveries whose last attempt has no end on record, in id order behind `after`: after a crash, what it interrupted.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn open_attempts(&self, after: Option<DeliveryId>, limit: usize) -> Result<Vec<DueDelivery>, StoreError>;

    /// The highest 64-bit id ever given: new ones go above it.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn last_id(&self) -> Result<i64, StoreError>;

    /// One generation of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn generation(&self, org: &OrgId, id: GenerationId) -> Result<Option<Generation>, StoreError>;

    /// One generation whoever it belongs to: for token URLs.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn generation_of_any(&self, id: GenerationId) -> Result<Option<Generation>, StoreError>;

    /// A page of generations: at least one wherever one is left.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn generations(&self, query: GenerationQuery) -> Result<Vec<Generation>, StoreError>;

    /// One delivery of an organization, with its attempts.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn delivery(&self, org: &OrgId, id: DeliveryId) -> Result<Option<DeliveryRecord>, StoreError>;

    /// A page of deliveries (their attempts are counted, not listed) with their events' types and times.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<DueDelivery>, StoreError>;

    /// One event, whoever it belongs to: for an operator who compares what came with what was sent.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn event_of_any(&self, id: EventId) -> Result<Option<Event>, StoreError>;

    /// One replay of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn replay(&self, org: &OrgId, id: ReplayId) -> Result<Option<Replay>, StoreError>;

    /// Replays that are not over, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn running_replays(&self, limit: usize) -> Result<Vec<Replay>, StoreError>;

    /// The next deliveries that a replay means.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn replayable(&self, query: ReplayQuery) -> Result<ReplayPage, StoreError>;

    /// How many of the next deliveries a replay means.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn count_replayable(&self, query: ReplayQuery) -> Result<ReplayCount, StoreError>;

    /// One delivery of an organization, as a replay sees it.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn original(&self, org: &OrgId, id: DeliveryId) -> Result<Option<Original>, StoreError>;

    /// Those of these deliveries that wait for nothing but their turn, in the order in which they were given: due by now, or
    /// parked in a backlog.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn waiting(&self, ids: Vec<DeliveryId>, now: Timestamp) -> Result<Vec<DeliveryId>, StoreError>;

    /// A part of an organization's feed, in the order of its places. What lies outside its span is not shown.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn feed(&self, query: FeedQuery) -> Result<FeedPage, StoreError>;

    /// How far a consumer has committed; `None` where it never has.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn consumer(&self, org: &OrgId, name: &ConsumerName) -> Result<Option<Seq>, StoreError>;

    /// One asset of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn asset(&self, org: &OrgId, id: AssetId) -> Result<Option<Asset>, StoreError>;

    /// Those of these media files that a row names: an asset's, a generation's video.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn named_media(&self, ids: Vec<MediaId>) -> Result<Vec<MediaId>, StoreError>;

    /// Deliveries with ids behind `after` and below `before`, in that order.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn aged_deliveries(
        &self,
        after: Option<DeliveryId>,
        before: DeliveryId,
        limit: usize,
    ) -> Result<Vec<AgedDelivery>, StoreError>;

    /// Events with ids behind `after` and below `before`, in that order.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn aged_events(
        &self,
        after: Option<EventId>,
        before: EventId,
        limit: usize,
    ) -> Result<Vec<AgedEvent>, StoreError>;

    /// The files of generations' videos with ids behind `after` and below `before`, in that order.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn aged_outputs(&self, after: MediaId, before: MediaId, limit: usize) -> Result<Vec<AgedOutput>, StoreError>;

    /// What the last [`Change::RemovedOutputs`] said; the beginning of time before the first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn removed_outputs(&self) -> Result<Timestamp, StoreError>;

    /// Uploads with ids behind `after` and below `before`, in that order.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn aged_assets(
        &self,
        after: Option<AssetId>,
        before: AssetId,
        limit: usize,
    ) -> Result<Vec<AgedAsset>, StoreError>;

    /// Gives the disk back a little of what deleted rows have left, and says whether there is more of it. A share is kept:
    /// what is written next goes there.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn give_back(&self) -> Result<bool, StoreError>;

    /// The key with that hash, revoked ones too.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn key_by_hash(&self, hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError>;

    /// An organization's keys, oldest first, revoked ones too.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn keys(&self, org: &OrgId) -> Result<Vec<ApiKey>, StoreError>;

    /// A key by its id.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Every organization, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn organizations(&self) -> Result<Vec<Organization>, StoreError>;

    /// What signs that owner's webhooks. `None` where it has no secret yet, and where there is no such owner.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn signing(&self, owner: &SecretOwner) -> Result<Option<Signing>, StoreError>;

    /// An organization's registered endpoints, oldest first: at most
    /// [`ENDPOINTS_MAX`](postsync_core::limits::ENDPOINTS_MAX), with their headers in the clear.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn endpoints(&self, org: &OrgId) -> Result<Vec<Endpoint>, StoreError>;

    /// Every organization's, in the order of organizations and ids behind `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn all_endpoints(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Result<Vec<Endpoint>, StoreError>;

    /// Registered endpoints that deliveries are on record for, those that were deleted since too, each once, in the order of
    /// organizations and ids behind `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn endpoints_on_record(
        &self,
        after: Option<(OrgId, EndpointId)>,
        limit: usize,
    ) -> Result<Vec<(OrgId, EndpointId)>, StoreError>;

    /// Whether it can write: a no-op that goes through a commit.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn check(&self) -> Result<(), StoreError>;
}
