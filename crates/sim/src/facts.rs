//! What the world sees. Checkers are fed with this and nothing else: never with what the engine believes.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postsync_core::audit::AuditChange;
use postsync_core::batch::{Batch, BatchChange};
use postsync_core::change::Change;
use postsync_core::delivery::State;
use postsync_core::endpoint_limits::EndpointRules;
use postsync_core::feed::Seq;
use postsync_core::generation::Generation;
use postsync_core::ids::{DeliveryId, EndpointId, EventId, GenerationId, OrgId, SpeechJobId};
use postsync_core::outcome::Outcome;
use postsync_core::relay::RelayChange;
use postsync_core::rotation::Signing;
use postsync_core::speech_job::SpeechJobChange;
use postsync_core::time::Timestamp;
use postsync_engine::ports::Submission;

/// When something was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// The hand that only goes forward.
    pub mono_ms: i64,
    /// The wall clock.
    pub wall: Timestamp,
    /// Which process life, from 1.
    pub life: u32,
}

/// A POST as it leaves the engine.
#[derive(Clone, Debug)]
pub struct PostSeen {
    /// Whose.
    pub delivery: DeliveryId,
    /// What.
    pub event: EventId,
    /// As the receiver would read it in `Postsync-Attempt`.
    pub attempt: u32,
    /// Whether it says that it is a replay.
    pub is_replay: bool,
    /// Where to.
    pub url: String,
    /// What.
    pub body: Bytes,
    /// What signs it.
    pub signing: Arc<Signing>,
    /// The `t` of its signatures.
    pub at: Timestamp,
    /// How long the receiver may take.
    pub timeout: Duration,
}

/// How a generator's work on a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkEnd {
    /// With a video, or a failure that is the generation's own.
    Verdict,
    /// The child died.
    Died,
    /// The future was dropped: a stop, a timeout or a crash.
    Cut,
}

/// One thing that was seen.
#[derive(Debug)]
pub enum Fact<'a> {
    /// A process starts.
    LifeBegan,
    /// It was killed.
    Crashed,
    /// It was asked to stop.
    StopBegan,
    /// Its stop has returned; the process exits now.
    StopReturned,
    /// The wall clock was set.
    WallStepped {
        /// By so much.
        by_ms: i64,
    },
    /// The process stood still, with everything in it ready to go on.
    Paused {
        /// For so long.
        ms: i64,
    },
    /// From here on nothing fails any more but the receivers that fail for ever.
    FaultsStopped,
    /// A client's create was answered.
    Acknowledged(&'a Generation),
    /// The same of a batch.
    BatchAcknowledged(&'a Batch),
    /// The same of words that are to be spoken.
    SpeechAcknowledged(SpeechJobId),
    /// A change is on disk.
    Committed(&'a Change),
    /// The store refused a write with an error.
    Refused,
    /// A change that was written before was written again by somebody who is not the owner any more, and was taken.
    ZombieTook(&'a Change),
    /// A generator was called.
    WorkBegan {
        /// For which.
        generation: GenerationId,
        /// Whether its start needs no record.
        instant: bool,
    },
    /// It is done.
    WorkEnded {
        /// With which.
        generation: GenerationId,
        /// How.
        how: WorkEnd,
    },
    /// A job's folder is removed with all in it.
    FolderDropped {
        /// Whose.
        generation: GenerationId,
    },
    /// A generation leaves for the upstream. It may not arrive.
    Submitted(&'a Submission),
    /// The upstream has begun a job that it did not know before.
    UpstreamTook {
        /// For which.
        generation: GenerationId,
    },
    /// The upstream is asked how a job stands.
    LookBegan {
        /// Which.
        generation: GenerationId,
    },
    /// It has said that it is at work on it.
    LookSawWork {
        /// On which.
        generation: GenerationId,
    },
    /// A POST leaves.
    PostBegan(&'a PostSeen),
    /// The receiver has all of it.
    PostReceived {
        /// Whose.
        delivery: DeliveryId,
        /// Which.
        attempt: u32,
    },
    /// The engine was told what it came to.
    PostAnswered {
        /// Whose.
        delivery: DeliveryId,
        /// Which.
        attempt: u32,
        /// What.
        outcome: Outcome,
    },
    /// The engine, or a crash, let go of it.
    PostCut {
        /// Whose.
        delivery: DeliveryId,
        /// Which.
        attempt: u32,
    },
    /// An endpoint's owner has set something, for the rest of this life.
    RulesSet {
        /// Whose.
        endpoint: &'a EndpointId,
        /// What.
        rules: EndpointRules,
    },
    /// Of a feed.
    Feed {
        /// Whose.
        org: &'a OrgId,
        /// What its reader saw.
        saw: FeedFact,
    },
    /// A developer listens.
    Listener {
        /// Whose.
        org: &'a OrgId,
        /// What the listener saw or did.
        saw: ListenerFact,
    },
    /// A long poll was answered.
    WaitEnded {
        /// Of which.
        generation: GenerationId,
        /// Whose.
        org: &'a OrgId,
    },
}

/// What the reader of a feed sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFact {
    /// It was told how far its consumer has committed.
    Found {
        /// Up to there.
        seq: Seq,
        /// When it had asked.
        since_ms: i64,
    },
    /// It was given an event.
    Read {
        /// At this place.
        seq: Seq,
        /// Which.
        event: EventId,
        /// Since when it had asked for more than it had.
        since_ms: i64,
    },
    /// Its commit was answered.
    Committed(Seq),
}

/// What a listener sees and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerFact {
    /// It is connected.
    Connected {
        /// Behind that place.
        seq: Seq,
        /// Its name was never seen before.
        is_new: bool,
    },
    /// It was given an event.
    Got {
        /// At this place.
        seq: Seq,
        /// Which.
        event: EventId,
    },
    /// Its application has answered.
    Handed {
        /// Which.
        event: EventId,
    },
    /// It says so to the server.
    Answered {
        /// At this place.
        seq: Seq,
    },
    /// The server has that.
    Acknowledged {
        /// At this place.
        seq: Seq,
    },
}

/// One line of the trace.
impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged(generation) => write!(f, "acknowledged {}", generation.id),
            Self::BatchAcknowledged(batch) => write!(f, "acknowledged batch {}", batch.id),
            Self::SpeechAcknowledged(id) => write!(f, "acknowledged speech {id}"),
            Self::Committed(change) => write!(f, "committed {}", Short(change)),
            Self::ZombieTook(change) => write!(f, "ZOMBIE TOOK {}", Short(change)),
            Self::WorkBegan { generation, .. } => write!(f, "work began {generation}"),
            Self::FolderDropped { generation } => write!(f, "folder dropped {generation}"),
            Self::WorkEnded { generation, how } => write!(f, "work ended {generation} {how:?}"),
            Self::Submitted(submission) => write!(f, "submitted {}", submission.id),
            Self::UpstreamTook { generation } => write!(f, "the upstream took {generation}"),
            Self::LookBegan { generation } => write!(f, "look at {generation}"),
            Self::LookSawWork { generation } => write!(f, "{generation} is at work upstream"),
            Self::PostBegan(post) => write!(f, "post began {} attempt {} to {}", post.delivery, post.attempt, post.url),
            Self::PostReceived { delivery, attempt } => write!(f, "post received {delivery} attempt {attempt}"),
            Self::PostAnswered { delivery, attempt, outcome } => {
                write!(f, "post answered {delivery} attempt {attempt}: {outcome:?}")
            }
            Self::PostCut { delivery, attempt } => write!(f, "post cut {delivery} attempt {attempt}"),
            Self::Feed { org, saw } => write!(f, "feed of {org}: {saw:?}"),
            Self::Listener { org, saw } => write!(f, "listener of {org}: {saw:?}"),
            Self::WaitEnded { generation, .. } => write!(f, "wait ended {generation}"),
            Self::RulesSet { endpoint, rules } => write!(f, "rules of {endpoint} set: {rules:?}"),
            Self::WallStepped { by_ms } => write!(f, "wall clock stepped by {by_ms} ms"),
            Self::Paused { ms } => write!(f, "the process stood still for {ms} ms"),
            Self::LifeBegan | Self::Crashed | Self::StopBegan | Self::StopReturned => write!(f, "=== {self:?}"),
            Self::FaultsStopped | Self::Refused => write!(f, "--- {self:?}"),
        }
    }
}

/// A change without its bodies.
pub(crate) struct Short<'a>(pub(crate) &'a Change);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Change::AddGeneration(g) => write!(f, "add {} for {}", g.id, g.request.model),
            Change::StartGeneration { id, tries, .. } => write!(f, "start {id} tries {tries}"),
            Change::ReleaseGeneration { id, tries, .. } => write!(f, "release {id} tries {tries}"),
            Change::EndGeneration { id, tries, .. } => write!(f, "end {id} tries {tries}"),
            Change::Batch(change) => match change {
                BatchChange::Add(batch) => write!(f, "add batch {} of {}", batch.id, batch.counts.total),
                BatchChange::JobsCreated { id } => write!(f, "batch {id} has its jobs"),
                BatchChange::RowBegan { id } => write!(f, "batch {id} is at work"),
                BatchChange::RowEnded { id, succeeded } => write!(f, "batch {id} counts {succeeded}"),
                BatchChange::End { id, before, succeeded, .. } => {
                    write!(f, "batch {id} ends at {before:?} and {succeeded}")
                }
            },
            Change::Audit(AuditChange::Add(entry)) => write!(f, "audit of {}", entry.generation),
            Change::AddEvent(event) => write!(f, "event {} of {:?}", event.id, event.generation),
            Change::AddDelivery(d) => write!(f, "delivery {} of {}", d.id, d.event),
            Change::StartAttempt { delivery, attempt, step, started_at } => {
                write!(f, "attempt {attempt} step {step} of {delivery} at {}", started_at.0)
            }
            Change::StartProbe { delivery, attempt, started_at, .. } => {
                write!(f, "attempt {attempt} of {delivery} at {}, a probe", started_at.0)
            }
            Change::Park(parking) => write!(f, "parked {} in {} {}", parking.id, parking.lane, parking.reason.as_str()),
            Change::Unpark { id, .. } => write!(f, "unparked {id}"),
            Change::WaitOn { id, expires_at, .. } => write!(f, "{id} waits on until {}", expires_at.0),
            Change::Exhaust { id, reason, .. } | Change::ExhaustPending { id, reason, .. } => {
                write!(f, "exhausted {id} {}", reason.as_str())
            }
            Change::SettleAttempt(s) => {
                write!(f, "settled {} attempt {} {}: step {} ", s.delivery, s.attempt, s.end.outcome.as_str(), s.step)?;
                match s.state {
                    State::Due(at) | State::Parked(at, _) => write!(f, "due {}", at.0),
                    State::Delivered(_) => write!(f, "delivered"),
                    State::Exhausted(_, reason) => write!(f, "exhausted {}", reason.as_str()),
                }
            }
            Change::ForgetReplays { before, .. } => write!(f, "replays below {before} are forgotten"),
            Change::AddReplay(replay) => write!(f, "replay {} begins", replay.id),
            Change::AdvanceReplay(step) => write!(f, "replay {} from {} to {}", step.id, step.from, step.to),
            Change::MarkReplayed { id, .. } => write!(f, "replayed {id}"),
            Change::SpeechJob(SpeechJobChange::Start { id, tries, .. }) => {
                write!(f, "speech {id} begins tries {tries}")
            }
            Change::SpeechJob(SpeechJobChange::End { id, ending, .. }) => {
                write!(f, "speech {id} ends {}", ending.is_ok())
            }
            Change::Relay(RelayChange::Begin { generation, .. }) => write!(f, "{generation} is handed on"),
            Change::Relay(RelayChange::Take { generation, upstream, .. }) => {
                write!(f, "{generation} is {} upstream", upstream.as_str())
            }
            Change::SetSecrets { now, .. } => write!(f, "secrets of {}: {}", now.owner, now.current.id),
            Change::CommitCursor { org, seq, .. } => write!(f, "cursor of {org} at {}", seq.0),
            _ => write!(f, "other"),
        }
    }
}
