//! Generations and the events that they end in.
use postsync_core::event::Event;
use postsync_core::feed::has_place;
use postsync_core::generation::{Ending, Failure, Generation, Output, State, Status};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::read::rows;
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

/// Which state it leaves the counts must know, and who reads the row once finds it again by its number.
const STANDING: &str = "SELECT number, org, model, status, tries FROM generations WHERE id = ?1";

const START: &str = "UPDATE generations SET status = 'PROCESSING', tries = ?2, updated_at = ?3 WHERE number = ?1";

const RELEASE: &str = "UPDATE generations SET status = 'PENDING', tries = ?2, updated_at = ?3 WHERE number = ?1";

const END: &str = "UPDATE generations SET status = ?3, updated_at = ?2, ended_at = ?2, output_url = ?4,
    output_media = ?5, duration_ms = ?6, error_code = ?7, error = ?8 WHERE number = ?1";

const LEAVE_WORK: &str = "DELETE FROM work WHERE model = ?1 AND id = ?2";

const REMOVE: &str = "DELETE FROM generations WHERE number = ?1";

/// Those that look for rows, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] = &[STANDING, START, RELEASE, END, LEAVE_WORK, REMOVE];

/// What a fence looks at.
struct Standing {
    number: i64,
    org: OrgId,
    model: String,
    status: Status,
    tries: u32,
}

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
        self.counts.comes(&g.org, g.status());
        if !g.is_final() {
            let sql = "INSERT INTO work (model, id, org, batch) VALUES (?1, ?2, ?3, coalesce(?4, x''))";
            self.run(sql, params![r.model, id, g.org.as_str(), batch])?;
        }
        Ok(())
    }

    pub(super) fn start_generation(&mut self, id: GenerationId, tries: u32, at: Timestamp) -> Result<(), Refusal> {
        // What a process that has died had begun is still at work.
        let row = self.standing(id, |row| row.status.is_open() && row.tries.checked_add(1) == Some(tries))?;
        self.run(START, params![row.number, tries, at.0])?;
        self.counts.moves(&row.org, row.status, Status::Processing);
        Ok(())
    }

    pub(super) fn release_generation(&mut self, id: GenerationId, tries: u32, at: Timestamp) -> Result<(), Refusal> {
        let row = self.standing(id, |row| row.status == Status::Processing && row.tries == tries)?;
        self.run(RELEASE, params![row.number, tries.saturating_sub(1), at.0])?;
        self.counts.moves(&row.org, row.status, Status::Pending);
        Ok(())
    }

    pub(super) fn end_generation(
        &mut self,
        id: GenerationId,
        tries: u32,
        at: Timestamp,
        ending: &Ending,
    ) -> Result<(), Refusal> {
        let row = self.standing(id, |row| row.status.is_open() && row.tries == tries)?;
        let (end, status) = match ending {
            Ending::Completed(_) => (EndColumns::of(ending), Status::Completed),
            Ending::Failed(_) => (EndColumns::of(ending), Status::Failed),
        };
        let (url, media, ms) = (end.url, end.media, end.duration_ms);
        self.run(END, params![row.number, at.0, status.as_str(), url, media, ms, end.error_code, end.error])?;
        self.counts.moves(&row.org, row.status, status);
        match self.run(LEAVE_WORK, params![row.model, id.0.as_bytes()])? {
            // What is not offered to a generator waits for room.
            0 => self.waits_no_more(id),
            _ => Ok(()),
        }
    }

    pub(super) fn remove_generation(&mut self, org: &OrgId, id: GenerationId) -> Result<(), Refusal> {
        let row = self.standing(id, |row| row.org == *org && !row.status.is_open())?;
        self.keep_audit(org, id)?;
        self.run(REMOVE, [row.number])?;
        self.counts.leaves(org, row.status);
        self.forget_relay(id)
    }

    /// The row, where it is as the fence wants it.
    fn standing(&mut self, id: GenerationId, fence: impl FnOnce(&Standing) -> bool) -> Result<Standing, Refusal> {
        let found = self.statement(STANDING)?.query_row([id.0.as_bytes()], |row| {
            Ok(Standing {
                number: row.get(0)?,
                org: rows::org(row, 1)?,
                model: row.get(2)?,
                status: rows::word(row, 3, Status::parse)?,
                tries: row.get(4)?,
            })
        });
        found.optional()?.filter(fence).ok_or(Refusal::Stale)
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
