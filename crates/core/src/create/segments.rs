//! `segments`: parts of the clip with a voice of their own. The shape is judged for every model; what the built-in one can't make of
//! them it says, rather than make something else.
use std::collections::HashSet;

use serde_json::Value;

use super::Refusal;
use crate::error_code;
use crate::input::Item;
use crate::model::Route;
use crate::segment::{self, SEGMENTS_MAX};

pub(super) fn judge(segments: &Value, items: &[Item], route: Route) -> Result<(), Refusal> {
    let Value::Array(segments) = segments else {
        return Err(refused("segments", "must be a list"));
    };
    if segments.len() > SEGMENTS_MAX {
        return Err(refused("segments", &format!("has {} entries; it may have {SEGMENTS_MAX}", segments.len())));
    }
    let voices = items.iter().filter(|item| !item.kind.is_visual());
    let ref_ids: HashSet<&str> = voices.filter_map(|item| item.ref_id.as_deref()).collect();
    for (i, segment) in segments.iter().enumerate() {
        judge_one(&format!("segments[{i}]"), segment, &ref_ids)?;
    }
    if route == Route::Builtin { of_the_builtin(segments) } else { Ok(()) }
}

/// One voice at a time, and one manner for the whole clip.
fn of_the_builtin(segments: &[Value]) -> Result<(), Refusal> {
    for (i, segment) in segments.iter().enumerate() {
        if segment.get("optionsOverride").is_some_and(|options| !options.is_null()) {
            let field = format!("segments[{i}].optionsOverride");
            return Err(refused(&field, "is not supported by the built-in model: options hold for the whole clip"));
        }
    }
    let read = segment::read(&Value::from(segments)).unwrap_or_default();
    match segment::overlapping(&read) {
        None => Ok(()),
        Some(over) => {
            let what = format!(
                "begin at {} s before the one in front of it has ended; the built-in model takes one voice at a time",
                over.start_s
            );
            Err(refused("segments", &what))
        }
    }
}

fn judge_one(field: &str, segment: &Value, ref_ids: &HashSet<&str>) -> Result<(), Refusal> {
    if !segment.is_object() {
        return Err(refused(field, "must be an object with startTime, endTime and audioInput"));
    }
    span(field, segment, true)?;
    let audio_field = format!("{field}.audioInput");
    let audio = segment.get("audioInput").filter(|audio| audio.is_object());
    let audio = audio.ok_or_else(|| refused(&audio_field, "must be an object with a refId"))?;
    span(&audio_field, audio, false)?;
    let ref_field = format!("{audio_field}.refId");
    let ref_id = audio.get("refId").and_then(Value::as_str).ok_or_else(|| refused(&ref_field, "must be a string"))?;
    if ref_ids.contains(ref_id) { Ok(()) } else { Err(refused(&ref_field, "is not the refId of an audio input")) }
}

/// `startTime` and `endTime`: a pair of seconds, the second one later.
fn span(field: &str, value: &Value, required: bool) -> Result<(), Refusal> {
    let start = seconds(field, value, "startTime")?;
    let end = seconds(field, value, "endTime")?;
    match (start, end) {
        (None, None) if !required => Ok(()),
        (Some(start), Some(end)) if end > start => Ok(()),
        (Some(_), Some(_)) => Err(refused(&format!("{field}.endTime"), "must be later than startTime")),
        (None, _) => Err(refused(&format!("{field}.startTime"), "is missing")),
        (_, None) => Err(refused(&format!("{field}.endTime"), "is missing")),
    }
}

fn seconds(field: &str, value: &Value, key: &str) -> Result<Option<f64>, Refusal> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => match number.as_f64().filter(|seconds| *seconds >= 0.0) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(refused(&format!("{field}.{key}"), "must be a number of seconds, 0 or more")),
        },
    }
}

fn refused(field: &str, what: &str) -> Refusal {
    Refusal::coded(error_code::GENERATION_INPUT_SEGMENTS_INVALID, field, format!("{field} {what}"))
}
