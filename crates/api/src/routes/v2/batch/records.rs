//! The records of a batch, read and judged whole: from the lines of a file, or from the `rows` of a JSON body.
//!
//! On a thread that may block: five megabytes of JSON take a processor for a moment.
use postsync_core::batch::{JudgedRow, Rows};
use postsync_core::create::Rules;
use postsync_core::generation::Request;
use postsync_core::ids::OrgId;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::error::ApiError;
use crate::json;
use crate::routes::v2::own_files;
use crate::state::ApiState;

/// What records are judged by.
pub(super) struct Judge<'a> {
    state: &'a ApiState,
    org: &'a OrgId,
    runtime: &'a Handle,
}

impl<'a> Judge<'a> {
    pub(super) fn new(state: &'a ApiState, org: &'a OrgId, runtime: &'a Handle) -> Self {
        Self { state, org, runtime }
    }

    /// Judges a file. Lines without anything on them are left out, and counted.
    pub(super) fn lines(&self, text: &[u8]) -> Result<Vec<JudgedRow>, ApiError> {
        // What editors of one system put in front of a text.
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let lines = (1..).zip(text.split(|byte| *byte == b'\n')).map(|(line, text)| (line, text.trim_ascii()));
        let read = |(line, text): (usize, &[u8])| {
            let record = json::parse(text).map_err(|why| {
                // One line is all that the parser has seen.
                Rows::broken(line, &format!("it is not JSON: {}", why.replace(" at line 1 column ", " at column ")))
            })?;
            Ok((line, record))
        };
        self.records(lines.filter(|(_, text)| !text.is_empty()).map(read))
    }

    /// Judges the rows of a JSON body: the first is line 1.
    pub(super) fn rows(&self, records: Vec<Value>) -> Result<Vec<JudgedRow>, ApiError> {
        self.records((1..).zip(records).map(Ok))
    }

    fn records(
        &self,
        records: impl Iterator<Item = Result<(usize, Value), ApiError>>,
    ) -> Result<Vec<JudgedRow>, ApiError> {
        let settings = &self.state.settings;
        let rules = Rules { routing: &settings.routing, egress: &settings.rules, own: &[] };
        let mut rows = Rows::new(rules, settings.batch_rows);
        for record in records {
            let (line, mut record) = record?;
            let own = match record.get_mut("payload") {
                Some(Value::Object(payload)) => {
                    self.runtime.block_on(own_files::name(self.state, self.org, payload))?
                }
                _ => Vec::new(),
            };
            rows.push(line, record, &own)?;
        }
        self.makeable(rows.finish()?)
    }

    /// A route may have no generator on this server.
    fn makeable(&self, rows: Vec<JudgedRow>) -> Result<Vec<JudgedRow>, ApiError> {
        match rows.iter().find(|row| !self.state.engine.makes(&row.judged.request.model)) {
            Some(row) => Err(row.refuse(crate::routes::no_generator()).into()),
            None => Ok(rows),
        }
    }
}

/// What is left of them to be made.
pub(super) fn taken(rows: Vec<JudgedRow>) -> Vec<(String, Request)> {
    rows.into_iter().map(|row| (row.request_id, row.judged.request)).collect()
}
