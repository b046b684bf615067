//! The life of a generation: PENDING -> PROCESSING -> COMPLETED | FAILED. The last two are final.
//!
//! Promise: the final state, the event with its frozen body, and the delivery come out of one function as one list of
//! changes. There is no moment at which a generation has ended and its webhook does not exist.
mod body;
mod links;

use bytes::Bytes;

use crate::batch::Row;
use crate::change::Change;
use crate::delivery::{Delivery, Origin};
use crate::endpoint::{Endpoint, Receiver};
use crate::error_code::{self, ErrorCode};
use crate::event::{Event, EventType};
use crate::ids::{DeliveryId, EventId, GenerationId, MediaId, OrgId};
use crate::schedule::Schedule;
use crate::terms::Terms;
use crate::time::Timestamp;
use crate::{endpoint, limits, rule};

pub use body::{echo_bytes, wire};
pub use links::{result_named, result_path};

/// What a client asked for, validated. The JSON texts are canonical (a fixed point of JavaScript's own printing), so that
/// bodies are put together from them as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model's id.
    pub model: String,
    /// `input`: a JSON array.
    pub input: String,
    /// `options`: a JSON object.
    pub options: Option<String>,
    /// `segments`: a JSON array.
    pub segments: Option<String>,
    /// Where the webhook goes, as the client wrote it, ASCII.
    pub webhook_url: Option<String>,
    /// The name that a download gets.
    pub output_file_name: Option<String>,
    /// What its webhook gets in place of the server's schedule and timeout. Never echoed.
    pub terms: Terms,
}

impl Request {
    /// What its texts weigh: who holds or lists many bounds them by this as well as by their number.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let optional = [&self.options, &self.segments, &self.webhook_url, &self.output_file_name];
        let optional_bytes: usize = optional.into_iter().flatten().map(String::len).sum();
        self.model.len() + self.input.len() + optional_bytes
    }
}

/// A generation before it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGeneration {
    /// Whose.
    pub org: OrgId,
    /// What.
    pub request: Request,
}

/// Where a generation stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Waiting.
    Pending,
    /// A generator works on it.
    Processing,
    /// Done.
    Ended(Timestamp, Ending),
}

/// How a generation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The video is there.
    Completed(Output),
    /// It is not.
    Failed(Failure),
}

/// What a finished generation gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// A URL that needs no key.
    pub url: String,
    /// Its length, where it is known.
    pub duration_ms: Option<u64>,
    /// Our stored copy, where we have one.
    pub media: Option<MediaId>,
}

/// Why a generation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one ASCII sentence of at most [`limits::ERROR_CHARS_MAX`] characters.
    pub error: String,
}

impl Failure {
    /// A failure with its own sentence, made ASCII and cut to the limit: both documented verifiers must pass the body.
    #[must_use]
    pub fn new(code: ErrorCode, error: &str) -> Self {
        let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        Self { code, error: error.chars().take(limits::ERROR_CHARS_MAX).map(plain).collect() }
    }

    /// A failure with the code's own sentence.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        Self::new(code, code.entry().message)
    }
}

/// One lip-sync job.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Its name.
    pub id: GenerationId,
    /// Whose.
    pub org: OrgId,
    /// What was asked for.
    pub request: Request,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often work on it was started and not handed back.
    pub tries: u32,
    /// Where it stands.
    pub state: State,
    /// Its place in its batch, where it is of one.
    pub row: Option<Row>,
}

impl Generation {
    /// `PENDING`, as the API writes it.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.state {
            State::Pending => Status::Pending,
            State::Processing => Status::Processing,
            State::Ended(_, Ending::Completed(_)) => Status::Completed,
            State::Ended(_, Ending::Failed(_)) => Status::Failed,
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.state, State::Ended(..))
    }
}

/// A generation's state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Waiting.
    Pending,
    /// At work.
    Processing,
    /// Done.
    Completed,
    /// Done, without a video.
    Failed,
    /// Refused before work; Sync's word, never ours: a refusal here is a 400.
    Rejected,
}

impl Status {
    /// Every word that a filter may name.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Rejected];

    /// Whether it has still to end.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }

    /// `PENDING`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Every way from one status to another, with what takes it. Rendered into `docs/STATES.md`; a test tries every input in
/// every state and finds these and no others.
pub const TRANSITIONS: [(Status, &str, Status); 10] = [
    (Status::Pending, "start", Status::Processing),
    (Status::Processing, "start again (the child or the server died)", Status::Processing),
    (Status::Processing, "release (the server stops)", Status::Pending),
    (Status::Pending, "complete (a generator that needs no start)", Status::Completed),
    (Status::Pending, "fail (a generator that needs no start)", Status::Failed),
    (Status::Pending, "cancel", Status::Failed),
    (Status::Processing, "complete", Status::Completed),
    (Status::Processing, "fail", Status::Failed),
    (Status::Processing, "cancel", Status::Failed),
    (Status::Processing, "died three times", Status::Failed),
];

/// Accepts a generation.
#[must_use]
pub fn accept(new: NewGeneration, id: GenerationId, now: Timestamp) -> Generation {
    Generation {
        id,
        org: new.org,
        request: new.request,
        created_at: now,
        updated_at: now,
        tries: 0,
        state: State::Pending,
        row: None,
    }
}

/// What to do with a generation that is taken up.
#[derive(Debug)]
pub enum Take {
    /// Write this, then work.
    Work(Change),
    /// It died with its child or its server too often: end it with this.
    GiveUp(Failure),
    /// It has ended: there is nothing to do.
    Ended,
}

/// What starts that were cut off say of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deaths {
    /// It may be what kills its child, or us.
    Count,
    /// Nothing: the work is not done here.
    SayNothing,
}

/// Takes up a generation: counts the start, or gives up after [`limits::GENERATION_TRIES_MAX`].
#[must_use]
pub fn take(generation: &mut Generation, now: Timestamp, deaths: Deaths) -> Take {
    if generation.is_final() {
        return Take::Ended;
    }
    if let Some(failure) = died_too_often(generation, deaths) {
        return Take::GiveUp(failure);
    }
    generation.tries += 1;
    generation.updated_at = now;
    generation.state = State::Processing;
    Take::Work(Change::StartGeneration { id: generation.id, tries: generation.tries, at: now })
}

/// What to end a generation with that has died [`limits::GENERATION_TRIES_MAX`] times: counted starts that were not handed
/// back. Asked before its inputs are fetched once more for nothing.
#[must_use]
pub fn died_too_often(generation: &Generation, deaths: Deaths) -> Option<Failure> {
    let times = generation.tries;
    let died = matches!(generation.state, State::Processing) && times >= limits::GENERATION_TRIES_MAX;
    (died && deaths == Deaths::Count && rule::holds("deaths_are_counted")).then(|| {
        let error = format!("The work on this generation was cut off {times} times; it was given up.");
        Failure::new(error_code::GENERATION_PIPELINE_FAILED, &error)
    })
}

/// Hands back a generation that was taken up and not harmed; its start does not count. `None` where it is not at work.
#[must_use]
pub fn release(generation: &mut Generation, now: Timestamp) -> Option<Change> {
    let State::Processing = generation.state else { return None };
    let released = Change::ReleaseGeneration { id: generation.id, tries: generation.tries, at: now };
    generation.tries = generation.tries.saturating_sub(1);
    generation.updated_at = now;
    generation.state = State::Pending;
    Some(released)
}

/// What [`finish`] gives: one list to be applied whole.
#[derive(Debug)]
pub struct Finished {
    /// The final state, then the event, then its deliveries.
    pub changes: Vec<Change>,
    /// What happened.
    pub event: Event,
    /// Whom it goes to; handed on once the changes are on disk.
    pub deliveries: Vec<Delivery>,
}

/// What [`finish`] needs to know of the rest of the world.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The schedule where neither the request nor an endpoint has one of its own.
    pub servers: &'a Schedule,
    /// The endpoints of the generation's organization.
    pub registered: &'a [Endpoint],
}

/// Ends a generation: final state, event with its body frozen, and a delivery for each that it goes to, due at the first
/// point of its schedule. `None` where it has ended already: a second end would be a second webhook that says something else.
#[must_use]
pub fn finish(
    generation: &mut Generation,
    ending: Ending,
    now: Timestamp,
    around: Surroundings<'_>,
    event: EventId,
    mut next_delivery: impl FnMut() -> DeliveryId,
) -> Option<Finished> {
    if generation.is_final() {
        return None;
    }
    let kind = match ending {
        Ending::Completed(_) => EventType::GenerationCompleted,
        Ending::Failed(_) => EventType::GenerationFailed,
    };
    generation.state = State::Ended(now, ending.clone());
    generation.updated_at = now;
    let body = Bytes::from(body::frozen(generation));
    let event =
        Event { id: event, org: generation.org.clone(), kind, generation: Some(generation.id), created_at: now, body };
    let Request { webhook_url, terms, .. } = &generation.request;
    let to = endpoint::receivers(around.registered, &event.org, kind, webhook_url.as_deref(), terms);
    let make = |receiver: Receiver| receiver.delivery(next_delivery(), &event, Origin::Event, around.servers);
    let deliveries: Vec<Delivery> = to.into_iter().map(make).collect();
    let end = Change::EndGeneration { id: generation.id, tries: generation.tries, at: now, ending };
    let made = deliveries.iter().map(|delivery| Change::AddDelivery(Box::new(delivery.clone())));
    let changes = [end, Change::AddEvent(Box::new(event.clone()))].into_iter().chain(made).collect();
    Some(Finished { changes, event, deliveries })
}

#[cfg(test)]
mod tests;
