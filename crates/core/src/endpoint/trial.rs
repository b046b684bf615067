//! The events that a test delivers: the end of a generation or a batch that never was. To a receiver it looks like any other, so that
//! the whole way is tried; its body says what it is by a name that no other part of it needs ([`TEST_FILE_NAME`], for a batch in
//! its `outputUrl`), also where it is replayed, and names places that exist for examples only.
use bytes::Bytes;

use crate::batch::{self, Batch, Counts, End};
use crate::error_code::GENERATION_INPUT_VIDEO_INACCESSIBLE;
use crate::event::{Event, EventType};
use crate::generation::{Ending, Failure, Generation, Output, Request, State, wire};
use crate::ids::{BatchId, EventId, GenerationId, OrgId};
use crate::model::MESH_1;
use crate::time::Timestamp;

const INPUT: &str = r#"[{"type":"video","url":"https://example.com/video.mp4"},{"type":"audio","url":"https://example.com/audio.wav"}]"#;

/// `outputFileName` of what a test tells of. In the body, so that it is signed and every delivery of it has it.
pub const TEST_FILE_NAME: &str = "postsync-test";

/// Where the results of a batch would be that never was.
const TEST_RESULTS: &str = "https://example.com/postsync-test/results";

/// What can be made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// `generation.completed`
    GenerationCompleted,
    /// `generation.failed`
    GenerationFailed,
    /// `batch.completed`
    BatchCompleted,
}

/// What a made-up event is about.
#[derive(Clone, Debug)]
pub struct MadeUp {
    /// The id of a generation that never was.
    pub generation: GenerationId,
    /// The id of a batch that never was.
    pub batch: BatchId,
    /// Where it would have been told, as its body says.
    pub webhook_url: Option<String>,
}

impl Trial {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::GenerationCompleted, Self::GenerationFailed, Self::BatchCompleted];

    /// The kind of event that it is.
    #[must_use]
    pub fn kind(self) -> EventType {
        match self {
            Self::GenerationCompleted => EventType::GenerationCompleted,
            Self::GenerationFailed => EventType::GenerationFailed,
            Self::BatchCompleted => EventType::BatchCompleted,
        }
    }

    /// The one whose event has that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trial| trial.kind().as_str() == text)
    }

    /// The event, about nothing that is kept.
    #[must_use]
    pub fn event(self, id: EventId, org: &OrgId, about: MadeUp, now: Timestamp) -> Event {
        let output = Output { url: "https://example.com/output.mp4".to_owned(), duration_ms: Some(5_000), media: None };
        let body = match self {
            Self::GenerationCompleted => wire(&generation(org, about, Ending::Completed(output), now)),
            Self::GenerationFailed => {
                let failure = Failure::of(GENERATION_INPUT_VIDEO_INACCESSIBLE);
                wire(&generation(org, about, Ending::Failed(failure), now))
            }
            Self::BatchCompleted => batch::wire(&batch(org, about, now)),
        };
        Event { id, org: org.clone(), kind: self.kind(), generation: None, created_at: now, body: Bytes::from(body) }
    }
}

/// Whether an event of a batch is made up. One that happened names where this server keeps its results.
#[must_use]
pub fn is_of_no_batch(event: &Event) -> bool {
    let end = format!("\"outputUrl\":\"{TEST_RESULTS}\"}}");
    event.kind.is_of_a_batch() && event.body.ends_with(end.as_bytes())
}

fn generation(org: &OrgId, about: MadeUp, ending: Ending, now: Timestamp) -> Generation {
    let request = Request {
        model: MESH_1.to_owned(),
        input: INPUT.to_owned(),
        output_file_name: Some(TEST_FILE_NAME.to_owned()),
        webhook_url: about.webhook_url,
        ..Request::default()
    };
    Generation {
        id: about.generation,
        org: org.clone(),
        request,
        created_at: now,
        updated_at: now,
        tries: 0,
        row: None,
        state: State::Ended(now, ending),
    }
}

fn batch(org: &OrgId, about: MadeUp, now: Timestamp) -> Batch {
    Batch {
        id: about.batch,
        org: org.clone(),
        created_at: now,
        webhook_url: about.webhook_url,
        counts: Counts { total: 20, succeeded: 19, failed: 1 },
        state: batch::State::Ended(End { at: now, output_url: TEST_RESULTS.to_owned() }),
    }
}
