//! The event that a test of an endpoint delivers: the end of a generation that never was. It looks to a receiver like any
//! other, so that the whole way is tried; its body says what it is by a name that no other part of it needs ([`TEST_FILE_NAME`]),
//! also where it is replayed, and names places that exist for examples only.
use bytes::Bytes;

use crate::event::{Event, EventType};
use crate::generation::{Ending, Generation, Output, Request, State, wire};
use crate::ids::{EventId, GenerationId, OrgId};
use crate::model::MESH_1;
use crate::time::Timestamp;

const INPUT: &str = r#"[{"type":"video","url":"https://example.com/video.mp4"},{"type":"audio","url":"https://example.com/audio.wav"}]"#;

/// `outputFileName` of what a test tells of. In the body, so that it is signed and every delivery of it has it.
pub const TEST_FILE_NAME: &str = "postsync-test";

/// A `generation.completed` about no generation that is kept.
#[must_use]
pub fn test_event(id: EventId, org: &OrgId, generation: GenerationId, now: Timestamp) -> Event {
    let output_file_name = Some(TEST_FILE_NAME.to_owned());
    let request = Request { model: MESH_1.to_owned(), input: INPUT.to_owned(), output_file_name, ..Request::default() };
    let output = Output { url: "https://example.com/output.mp4".to_owned(), duration_ms: Some(5_000), media: None };
    let made_up = Generation {
        id: generation,
        org: org.clone(),
        request,
        created_at: now,
        updated_at: now,
        tries: 0,
        row: None,
        state: State::Ended(now, Ending::Completed(output)),
    };
    let (kind, body) = (EventType::GenerationCompleted, Bytes::from(wire(&made_up)));
    Event { id, org: org.clone(), kind, generation: None, created_at: now, body }
}
