//! The records of a batch, read and judged whole: from the lines of a file, or from the `rows` of a JSON body.
use postsync_core::batch::{JudgedRow, Rows};
use postsync_core::create::Rules;
use serde_json::Value;

use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;

/// Judges a file. Lines without anything on them are left out, and counted.
pub(super) fn of_lines(state: &ApiState, text: &[u8]) -> Result<Vec<JudgedRow>, ApiError> {
    let rules = Rules { routing: &state.settings.routing, egress: &state.settings.rules };
    let mut rows = Rows::new(&rules, state.settings.batch_rows);
    // What editors of one system put in front of a text.
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let text = text.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let record = json::parse(text).map_err(|why| {
            // One line is all that the parser has seen.
            Rows::broken(line, &format!("it is not JSON: {}", why.replace(" at line 1 column ", " at column ")))
        })?;
        rows.push(line, record)?;
    }
    makeable(state, rows.finish()?)
}

/// Judges the rows of a JSON body: the first is line 1.
pub(super) fn of_rows(state: &ApiState, records: Vec<Value>) -> Result<Vec<JudgedRow>, ApiError> {
    let rules = Rules { routing: &state.settings.routing, egress: &state.settings.rules };
    let mut rows = Rows::new(&rules, state.settings.batch_rows);
    for (line, record) in (1..).zip(records) {
        rows.push(line, record)?;
    }
    makeable(state, rows.finish()?)
}

/// A route may have no generator on this server.
fn makeable(state: &ApiState, rows: Vec<JudgedRow>) -> Result<Vec<JudgedRow>, ApiError> {
    match rows.iter().find(|row| !state.engine.makes(&row.judged.request.model)) {
        Some(row) => Err(row.refuse(crate::routes::no_generator()).into()),
        None => Ok(rows),
    }
}
