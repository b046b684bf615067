//! Generations and the events that they end in.
use postsync_core::event::Event;
use postsync_core::feed::has_place;
use postsync_core::generation::{Ending, Failure, Generation, Output, State, Status};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::words;

/// What an ending leaves in the row, in the order of the columns of [`END`].
struct EndColumns<'a> {
    url: Option<&'a str>,
    media: Option<[u8; 16]>,
    duration_ms: Option<i64>,
    error_code: Option<&'a str>,
    error: Option<&'a str>,
}

const ADD: &str =
    "INSERT INTO generations (id, org, status, tries, created_at, updated_at, ended_at, model, webhook_url,
    output_file_name, output_url, output_media, duration_ms, error_code, error, input, options, segments, schedule,
    timeout_ms, batch, batch_row, request_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";

const END: &str = "UPDATE generations SET status = ?4, updated_at = ?3, ended_at = ?3, output_url = ?5,
    output_media = ?6, duration_ms = ?7, error_code = ?8, error = ?9
    WHERE id = ?1 AND tries = ?2 AND status IN ('PENDING', 'PROCESSING')";

const REMOVE: &str = "DELETE FROM generations WHERE id = ?1 AND org = ?2 AND status IN ('COMPLETED', 'FAILED')";

impl Unit<'_> {
    pub(super) fn add_generation(&mut self, g: &Generation) -> Result<(), Refusal> {
        let (ended_at, end) = match &g.state {
            State::Ended(at, ending) => (Some(at.0), EndColumns::of(ending)),
            State::Pending | State::Processing => (None, EndColumns::none()),
        };
        let (id, r, row) = (g.id.0.as_bytes(), &g.request, g.row.as_ref());
        let batch = row.map(|row| row.batch.0.into_bytes());
        self.run(
            ADD,
            params![
                id,
                g.org.as_str(),
                g.status().as_str(),
                g.tries,
                g.created_at.0,
                g.updated_at.0,
                ended_at,
                r.model,
                r.webhook_url,
                r.output_file_name,
                end.url,
                end.media,
                end.duration_ms,
                end.error_code,
                end.error,
                r.input,
                r.options,
                r.segments,
                words::schedule(&r.terms),
                words::timeout_ms(&r.terms),
                batch,
                row.map(|row| row.number),
                row.map(|row| row.request_id.as_str())
            ],
        )?;
        if !g.is_final() {
            let sql = "INSERT INTO work (model, id, org, batch) VALUES (?1, ?2, ?3, coalesce(?4, x''))";
            self.run(sql, params![r.model, id, g.org.as_str(), batch])?;
        }
        Ok(())
    }

    pub(super) fn start_generation(&mut self, id: GenerationId, tries: u32, at: Timestamp) -> Result<(), Refusal> {
        let sql = "UPDATE generations SET status = 'PROCESSING', tries = ?2, updated_at = ?3
            WHERE id = ?1 AND tries = ?2 - 1 AND status IN ('PENDING', 'PROCESSING')";
        self.fenced(sql, params![id.0.as_bytes(), tries, at.0])
    }

    pub(super) fn release_generation(&mut self, id: GenerationId, tries: u32, at: Timestamp) -> Result<(), Refusal> {
        let sql = "UPDATE generations SET status = 'PENDING', tries = max(?2 - 1, 0), updated_at = ?3
            WHERE id = ?1 AND tries = ?2 AND status = 'PROCESSING'";
        self.fenced(sql, params![id.0.as_bytes(), tries, at.0])
    }

    pub(super) fn end_generation(
        &mut self,
        id: GenerationId,
        tries: u32,
        at: Timestamp,
        ending: &Ending,
    ) -> Result<(), Refusal> {
        let (key, end) = (id.0.as_bytes(), EndColumns::of(ending));
        let status = match ending {
            Ending::Completed(_) => Status::Completed,
            Ending::Failed(_) => Status::Failed,
        };
        self.fenced(
            END,
            params![key, tries, at.0, status.as_str(), end.url, end.media, end.duration_ms, end.error_code, end.error],
        )?;
        let work = "DELETE FROM work WHERE model = (SELECT model FROM generations WHERE id = ?1) AND id = ?1";
        match self.run(work, [key])? {
            // What is not offered to a generator waits for room.
            0 => self.waits_no_more(id),
            _ => Ok(()),
        }
    }

    pub(super) fn remove_generation(&mut self, org: &OrgId, id: GenerationId) -> Result<(), Refusal> {
        self.fenced(REMOVE, params![id.0.as_bytes(), org.as_str()])?;
        self.forget_relay(id)
    }

    pub(super) fn add_event(&mut self, event: &Event) -> Result<(), Refusal> {
        let seq = if has_place(event) { Some(self.next_place(&event.org)?) } else { None };
        self.run(
            "INSERT INTO events (id, seq, org, kind, generation, created_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                event.id.0,
                seq,
                event.org.as_str(),
                event.kind.as_str(),
                event.generation.as_ref().map(|id| id.0.as_bytes()),
                event.created_at.0,
                &event.body[..]
            ],
        )?;
        self.added_event = Some(event.id);
        Ok(())
    }
}

impl<'a> EndColumns<'a> {
    fn none() -> Self {
        Self { url: None, media: None, duration_ms: None, error_code: None, error: None }
    }

    fn of(ending: &'a Ending) -> Self {
        match ending {
            Ending::Completed(Output { url, duration_ms, media }) => Self {
                url: Some(url),
                media: media.map(|id| id.0.into_bytes()),
                duration_ms: duration_ms.map(u64::cast_signed),
                ..Self::none()
            },
            Ending::Failed(Failure { code, error }) => {
                Self { error_code: Some(code.as_str()), error: Some(error), ..Self::none() }
            }
        }
    }
}
