//! What is asked of the store, and what it answers with: queries, places in an order, and rows of more than one table.
use postsync_core::attempt::Attempt;
use postsync_core::delivery::Delivery;
use postsync_core::event::Event;
use postsync_core::feed::{Seq, Span};
use postsync_core::generation::Status;
use postsync_core::ids::{AssetId, DeliveryId, EndpointId, EventId, GenerationId, MediaId, OrgId};
use postsync_core::retention::Standing;
use postsync_core::time::Timestamp;

/// A delivery with its event, ready for the dispatcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// Its state is `Due`.
    pub delivery: Delivery,
    /// What it delivers.
    pub event: Event,
}

impl DueDelivery {
    /// What it takes in memory, by what others may make large.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.event.body.len() + self.delivery.url.len()
    }
}

/// A place in the order of what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueCursor {
    /// When it is due.
    pub at: Timestamp,
    /// Which it is.
    pub id: DeliveryId,
}

/// Which way a list of generations runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationOrder {
    /// Oldest first.
    OldestFirst,
    /// Newest first.
    NewestFirst,
}

/// Which generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationQuery {
    /// Whose.
    pub org: OrgId,
    /// In one of these; empty means any.
    pub statuses: Vec<Status>,
    /// One of these; empty means any.
    pub ids: Vec<GenerationId>,
    /// Which way.
    pub order: GenerationOrder,
    /// Behind this one, in that order.
    pub after: Option<GenerationId>,
    /// At most so many; fewer where their texts come to [`LIST_BYTES_MAX`](postsync_core::limits::LIST_BYTES_MAX) before.
    pub limit: usize,
}

/// The states of deliveries that a filter may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryFilter {
    /// Due or parked: all that has not ended.
    Pending,
    /// To be attempted, or being attempted.
    Due,
    /// Held back.
    Parked,
    /// Delivered.
    Delivered,
    /// The dead letters.
    Exhausted,
}

/// Which deliveries, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Whose.
    pub org: OrgId,
    /// In this state.
    pub status: Option<DeliveryFilter>,
    /// Of this generation.
    pub generation: Option<GenerationId>,
    /// For this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Older than this one.
    pub after: Option<DeliveryId>,
    /// At most so many.
    pub limit: usize,
}

/// Which destinations of an organization something is parked for, in the order of their texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacklogQuery {
    /// Whose.
    pub org: OrgId,
    /// Behind this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// What waits on disk for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// As [`Destination`](postsync_core::target::Destination) is written.
    pub destination: String,
    /// How many, counted up to [`BACKLOG_COUNTED_MAX`](postsync_core::limits::BACKLOG_COUNTED_MAX).
    pub parked: usize,
}

/// A delivery with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Itself.
    pub delivery: Delivery,
    /// What it delivers.
    pub event: Event,
    /// Its attempts, in order: the newest [`ATTEMPTS_SHOWN_MAX`](postsync_core::limits::ATTEMPTS_SHOWN_MAX).
    pub attempts: Vec<Attempt>,
}

/// Which way a feed is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFrom {
    /// Oldest first, behind that place.
    After(Seq),
    /// Newest first, in front of that place; `None` from the end on.
    Before(Option<Seq>),
}

/// Which part of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedQuery {
    /// Whose.
    pub org: OrgId,
    /// From where, and which way.
    pub from: FeedFrom,
    /// At most so many.
    pub limit: usize,
    /// The page ends with the event that brings the bodies to so many bytes.
    pub bytes_max: usize,
}

/// An event at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FedEvent {
    /// The place.
    pub seq: Seq,
    /// What stands there.
    pub event: Event,
}

/// A part of a feed, and what the whole of it was at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// Where the feed begins and ends.
    pub span: Span,
    /// At least one wherever one is left that way.
    pub events: Vec<FedEvent>,
}

/// A delivery that is old enough to be asked whether it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgedDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Where it stands.
    pub standing: Standing,
    /// How many attempts go with it.
    pub attempts: u32,
    /// What it, its attempts and its event come to, about.
    pub bytes: u64,
}

/// An event that is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgedEvent {
    /// Which.
    pub id: EventId,
    /// Whether a delivery of it is left: it goes with the last of them.
    pub has_delivery: bool,
    /// What it comes to, about.
    pub bytes: u64,
}

/// A generation's video that is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgedOutput {
    /// Its file.
    pub id: MediaId,
    /// A delivery is left whose body names its URL.
    pub is_named: bool,
}

/// An upload that is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgedAsset {
    /// Which.
    pub id: AssetId,
    /// Its file, where we keep one.
    pub media: Option<MediaId>,
    /// Its small picture, where there is one.
    pub thumbnail: Option<MediaId>,
}
