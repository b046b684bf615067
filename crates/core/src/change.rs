//! Everything that can be written down. A list of changes is applied whole or not at all; a stale fence refuses the whole list.
use crate::access::{AccessChange, ApiKey, Organization};
use crate::asset::{Asset, AssetChange};
use crate::attempt::AttemptEnd;
use crate::audit::AuditChange;
use crate::batch::BatchChange;
use crate::delivery::{Delivery, ExhaustedReason, State as DeliveryState};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::feed::Seq;
use crate::generation::{Ending, Generation};
use crate::hold::HoldChange;
use crate::idempotency::IdempotencyChange;
use crate::ids::{AssetId, ConsumerName, DeliveryId, EndpointId, EventId, GenerationId, KeyId, OrgId, ReplayId};
use crate::listener::ListenerChange;
use crate::parking::{Lane, ParkReason};
use crate::project::ProjectChange;
use crate::relay::RelayChange;
use crate::replay::Replay;
use crate::rotation::{Places, Signing};
use crate::speech_job::SpeechJobChange;
use crate::time::Timestamp;
use crate::voice::VoiceChange;

/// One thing to write down.
#[derive(Clone, Debug)]
pub enum Change {
    /// A generation was accepted.
    AddGeneration(Box<Generation>),
    /// Work on a generation starts: PENDING or PROCESSING -> PROCESSING.
    /// Fence: not final, and its `tries` is `tries - 1`.
    StartGeneration {
        /// Which.
        id: GenerationId,
        /// Its new count of starts.
        tries: u32,
        /// When.
        at: Timestamp,
    },
    /// Work that was started is handed back unharmed (a stop): PROCESSING -> PENDING, and the start is not counted.
    /// Fence: PROCESSING, and its `tries` is `tries`.
    ReleaseGeneration {
        /// Which.
        id: GenerationId,
        /// Its count of starts before the release.
        tries: u32,
        /// When.
        at: Timestamp,
    },
    /// A generation reaches a final state. Fence: not final, and its `tries` is `tries`.
    EndGeneration {
        /// Which.
        id: GenerationId,
        /// Its count of starts.
        tries: u32,
        /// When.
        at: Timestamp,
        /// How it ended.
        ending: Ending,
    },
    /// A generation is handed on to an upstream.
    Relay(RelayChange),
    /// Of a batch; see there.
    Batch(BatchChange),
    /// A generation goes; its video is gone already, and its events and deliveries stay. Fence: it is there, the organization's,
    /// and has ended.
    RemoveGeneration {
        /// Whose.
        org: OrgId,
        /// Which.
        id: GenerationId,
    },
    /// Something happened. The store gives it its place in the feed inside the commit.
    AddEvent(Box<Event>),
    /// An event is to be delivered; it becomes due with it.
    AddDelivery(Box<Delivery>),
    /// A delivery that is due is held back. Fence: it is due, `attempts` were started, none is open.
    Park(Box<Parking>),
    /// A delivery that was held back is due again, at the time at which it was. Fence: it is parked, `attempts` were started.
    Unpark {
        /// Which.
        id: DeliveryId,
        /// Starts so far.
        attempts: u32,
    },
    /// A delivery that was held back may wait on. Fence: it is parked, `attempts` were started.
    WaitOn {
        /// Which.
        id: DeliveryId,
        /// Starts so far.
        attempts: u32,
        /// It is looked at again then.
        expires_at: Timestamp,
    },
    /// A delivery that was held back has waited too long. Fence: it is parked, `attempts` were started.
    Exhaust {
        /// Which.
        id: DeliveryId,
        /// Starts so far.
        attempts: u32,
        /// When.
        at: Timestamp,
        /// Why.
        reason: ExhaustedReason,
    },
    /// A delivery ends without another attempt, wherever it waits. Fence: it is parked, or due and no attempt of it is open.
    ExhaustPending {
        /// Which.
        id: DeliveryId,
        /// When.
        at: Timestamp,
        /// Why.
        reason: ExhaustedReason,
    },
    /// A POST is about to go out for a delivery that is held back: it finds out whether it may stop being so, and is due
    /// with it. Fence: the delivery is parked, `attempt - 1` were started.
    StartProbe {
        /// Whose.
        delivery: DeliveryId,
        /// From 1.
        attempt: u32,
        /// The place in the schedule.
        step: u32,
        /// When.
        started_at: Timestamp,
    },
    /// A POST is about to go out. Fence: the delivery is due, `attempt - 1` were started, none is open.
    StartAttempt {
        /// Whose.
        delivery: DeliveryId,
        /// From 1.
        attempt: u32,
        /// The place in the schedule.
        step: u32,
        /// When.
        started_at: Timestamp,
    },
    /// A POST ended. Fence: that attempt is the delivery's open one.
    SettleAttempt(Box<Settlement>),
    /// Many deliveries are to be made anew. Fence: fewer replays are running than
    /// [`REPLAYS_RUNNING_MAX`](crate::limits::REPLAYS_RUNNING_MAX), and of its organization fewer than
    /// [`REPLAYS_RUNNING_OF_ONE_MAX`](crate::limits::REPLAYS_RUNNING_OF_ONE_MAX).
    AddReplay(Box<Replay>),
    /// A replay has come further: in one list with what it makes. Fence: it is running, and its place is `from`.
    AdvanceReplay(Box<ReplayStep>),
    /// A delivery was made anew. Fence: it was last replayed at `before`.
    MarkReplayed {
        /// Which.
        id: DeliveryId,
        /// As it was.
        before: Option<Timestamp>,
        /// As it is.
        at: Timestamp,
    },
    /// A consumer has handled its feed up to there; a position in front of the one on record changes nothing but the time.
    /// Fence: it has committed before, or its organization has fewer than
    /// [`CONSUMERS_MAX`](crate::limits::CONSUMERS_MAX), those left out that have been idle for too long.
    CommitCursor {
        /// Whose feed.
        org: OrgId,
        /// Who reads it.
        consumer: ConsumerName,
        /// The last place that it has handled.
        seq: Seq,
        /// When.
        at: Timestamp,
    },
    /// Something happened to a listener.
    Listener(ListenerChange),
    /// An endpoint was registered. Fence: its id is new, and its URL is new in its organization.
    AddEndpoint(Box<Endpoint>),
    /// An endpoint changes. Fence: it stands at the version before this one, and no other has its URL.
    ChangeEndpoint(Box<Endpoint>),
    /// An endpoint is deleted, its secrets with it. Fence: it exists.
    RemoveEndpoint {
        /// Whose.
        org: OrgId,
        /// Which.
        id: EndpointId,
    },
    /// A file was uploaded or registered.
    AddAsset(Box<Asset>),
    /// Something happened to an asset.
    Asset(AssetChange),
    /// Something happened to a project.
    Project(ProjectChange),
    /// Something happened to words that are to be spoken.
    SpeechJob(SpeechJobChange),
    /// A voice was cloned, or is gone.
    Voice(VoiceChange),
    /// Deliveries go with their attempts, and each event with the last of its deliveries: their retention is over.
    /// Fence: all of them have ended.
    ForgetDeliveries(Vec<DeliveryId>),
    /// Events go that were never to be delivered: their retention is over. Fence: no delivery of them is left.
    ForgetEvents(Vec<EventId>),
    /// The oldest replays below that id go, at most so many: they are done, and their retention is over. Fence: there is one.
    ForgetReplays {
        /// The first one that stays.
        before: ReplayId,
        /// How many go with one commit.
        limit: usize,
    },
    /// Uploads go, whose files are gone already. Fence: all of them are there.
    ForgetAssets(Vec<AssetId>),
    /// The videos that were kept before that time are gone. Fence: that was not on record yet.
    RemovedOutputs {
        /// The time of the first file that may still be there.
        before: Timestamp,
    },
    /// An organization was made. Fence: no other has its id.
    AddOrganization(Organization),
    /// A key was made. Fence: its hash never existed.
    AddKey(Box<ApiKey>),
    /// A key must not work any more. Fence: it exists and works.
    RevokeKey {
        /// Which.
        id: KeyId,
        /// When.
        at: Timestamp,
    },
    /// What signs an owner's webhooks changes. A secret that is in it no more ends. Fence: the owner's secrets stand as `was`
    /// says; `None`: it has none yet.
    SetSecrets {
        /// As it was found.
        was: Option<Places>,
        /// As it is to be.
        now: Box<Signing>,
    },
    /// Who asked for a generation, and from what.
    Audit(AuditChange),
    /// What keeps a create that is sent twice from being taken twice.
    Idempotency(IdempotencyChange),
    /// What is known of keys.
    Access(AccessChange),
    /// Generations that wait until their organization has room.
    Hold(HoldChange),
}

/// How far a replay has come with one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayStep {
    /// Which.
    pub id: ReplayId,
    /// Past this delivery before.
    pub from: DeliveryId,
    /// Past this one now.
    pub to: DeliveryId,
    /// Deliveries that are made with it.
    pub made: u64,
    /// Deliveries that are left out, because the bytes to send are not kept any more.
    pub skipped: u64,
    /// When the walk was over, where it is over with this.
    pub ended_at: Option<Timestamp>,
}

/// A delivery that is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parking {
    /// Which.
    pub id: DeliveryId,
    /// Starts so far: who has read it before its last one must not move it.
    pub attempts: u32,
    /// What holds it back.
    pub lane: Lane,
    /// Why.
    pub reason: ParkReason,
    /// When the last point of its schedule has passed: it is judged then, and ends where its receiver is down.
    pub expires_at: Timestamp,
    /// It may be the next probe from then on: one that has been a probe waits for its next point with that.
    pub probe_at: Timestamp,
    /// Where it goes, as [`Destination`](crate::target::Destination) is written: each organization is shown how many wait.
    pub destination: String,
}

/// An attempt's end and what follows from it, written in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Whose attempt.
    pub delivery: DeliveryId,
    /// Which.
    pub attempt: u32,
    /// How it ended.
    pub end: AttemptEnd,
    /// Steps used after it.
    pub step: u32,
    /// Interruptions after it.
    pub interrupted: u32,
    /// Where the delivery stands after it.
    pub state: DeliveryState,
}
