//! Judges the records of a batch, one after another, each with its line.
//!
//! Promise: a batch is taken whole or refused whole, and a refusal names the line that it is about, from 1. What passes here
//! would pass as a create of its own.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::create::{Judged, Refusal, Rules, judge};
use crate::error_code::{self, ErrorCode};
use crate::limits::{BATCH_BYTES_MAX, REQUEST_ID_CHARS_MAX};

/// The one thing that a record may ask for.
const ENDPOINT: &str = "/v2/generate";

/// How much of a client's text an error sentence shows.
const SHOWN_CHARS_MAX: usize = 60;

/// How many records a batch may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLimits {
    /// `batch.rows_min`
    pub min: usize,
    /// `batch.rows_max`
    pub max: usize,
}

impl Default for RowLimits {
    fn default() -> Self {
        Self { min: crate::limits::BATCH_ROWS_MIN, max: crate::limits::BATCH_ROWS_MAX }
    }
}

/// A record that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedRow {
    /// Where it stood, from 1.
    pub line: usize,
    /// What the client calls it.
    pub request_id: String,
    /// What it asks for.
    pub judged: Judged,
}

/// The records so far.
pub struct Rows<'a> {
    rules: Rules<'a>,
    limits: RowLimits,
    rows: Vec<JudgedRow>,
    /// On which line each `request_id` stands.
    lines: BTreeMap<String, usize>,
    last_line: usize,
}

impl<'a> Rows<'a> {
    /// None yet.
    #[must_use]
    pub fn new(rules: Rules<'a>, limits: RowLimits) -> Self {
        Self { rules, limits, rows: Vec::new(), lines: BTreeMap::new(), last_line: 0 }
    }

    /// The refusal of a line that is no record at all.
    #[must_use]
    pub fn broken(line: usize, why: &str) -> Refusal {
        at(line, Refusal::coded(error_code::BATCH_INVALID_JSONL, "input", why))
    }

    /// The refusal of a file that has come to too many bytes on that line.
    #[must_use]
    pub fn too_large(line: usize) -> Refusal {
        let message = format!("with this line the batch is larger than the {BATCH_BYTES_MAX} bytes that it may have");
        at(line, Refusal::coded(error_code::BATCH_FILE_TOO_LARGE, "input", message))
    }

    /// Judges the next record, whose inputs name these videos of our own.
    ///
    /// # Errors
    /// The first thing that is wrong with it, or that it is one too many.
    pub fn push(&mut self, line: usize, record: Value, own: &[String]) -> Result<(), Refusal> {
        self.last_line = line;
        if self.rows.len() >= self.limits.max {
            let message = format!("there are more records than the {} that a batch may have", self.limits.max);
            return Err(at(line, Refusal::coded(error_code::BATCH_TOO_MANY_REQUESTS, "input", message)));
        }
        let row = self.record(line, record, own).map_err(|refusal| at(line, refusal))?;
        self.lines.insert(row.request_id.clone(), line);
        self.rows.push(row);
        Ok(())
    }

    /// All of them, once the last one was judged.
    ///
    /// # Errors
    /// There are too few.
    pub fn finish(self) -> Result<Vec<JudgedRow>, Refusal> {
        let (count, min) = (self.rows.len(), self.limits.min);
        if count >= min {
            return Ok(self.rows);
        }
        let message = format!("the batch ends here with {count} records, and needs at least {min}");
        Err(at(self.last_line.max(1), Refusal::coded(error_code::BATCH_INSUFFICIENT_RECORDS, "input", message)))
    }

    fn record(&self, line: usize, record: Value, own: &[String]) -> Result<JudgedRow, Refusal> {
        let Value::Object(mut record) = record else {
            let message = "a record is a JSON object with request_id, endpoint and payload";
            return Err(Refusal::coded(error_code::BATCH_INVALID_JSONL, "input", message));
        };
        let request_id = self.request_id(record.get("request_id"))?;
        endpoint(record.get("endpoint"))?;
        let payload = payload(record.remove("payload"))?;
        let judged = judge(payload, &Rules { own, ..self.rules }).map_err(of_payload)?;
        Ok(JudgedRow { line, request_id, judged })
    }

    fn request_id(&self, value: Option<&Value>) -> Result<String, Refusal> {
        let wrong = |code: ErrorCode, message: String| Err(Refusal::coded(code, "request_id", message));
        let text = match value {
            None | Some(Value::Null) => {
                return wrong(error_code::BATCH_INVALID_JSONL, "request_id is missing".to_owned());
            }
            Some(Value::String(text)) => text,
            Some(_) => return wrong(error_code::BATCH_INVALID_JSONL, "request_id must be a string".to_owned()),
        };
        if text.is_empty() || text.chars().count() > REQUEST_ID_CHARS_MAX {
            let message = format!("request_id must have 1 to {REQUEST_ID_CHARS_MAX} characters");
            return wrong(error_code::BATCH_INVALID_JSONL, message);
        }
        match self.lines.get(text) {
            Some(first) => {
                let message = format!("request_id {} stands on line {first} already", shown(text));
                wrong(error_code::BATCH_DUPLICATE_REQUEST_ID, message)
            }
            None => Ok(text.clone()),
        }
    }
}

fn endpoint(value: Option<&Value>) -> Result<(), Refusal> {
    if value.and_then(Value::as_str) == Some(ENDPOINT) {
        return Ok(());
    }
    Err(Refusal::coded(error_code::BATCH_INVALID_ENDPOINT, "endpoint", format!("endpoint must be {ENDPOINT}")))
}

fn payload(value: Option<Value>) -> Result<Map<String, Value>, Refusal> {
    match value {
        Some(Value::Object(payload)) => Ok(payload),
        None | Some(Value::Null) => {
            Err(Refusal::coded(error_code::BATCH_INVALID_JSONL, "payload", "payload is missing"))
        }
        Some(_) => Err(Refusal::new("payload", "payload must be a JSON object with model and input")),
    }
}

/// One code for whatever is wrong with a payload; the sentence says what it is.
fn of_payload(refusal: Refusal) -> Refusal {
    Refusal::new(format!("payload.{}", refusal.field), format!("payload: {}", refusal.message))
}

impl JudgedRow {
    /// The refusal of something that was found wrong with its payload later.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> Refusal {
        at(self.line, of_payload(refusal))
    }
}

fn at(line: usize, refusal: Refusal) -> Refusal {
    Refusal { message: format!("line {line}: {}", refusal.message), ..refusal }
}

/// ASCII, one line, and not longer than a person reads.
fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(SHOWN_CHARS_MAX).map(plain).collect()
}
