//! The generation as JSON: what `GET /v2/generate/{id}` answers and what the webhook carries. The request's own texts are
//! canonical already, so the whole is put together by concatenation and stays a fixed point of JavaScript's printing.
use std::fmt::Write as _;

use serde_json::Value;

use super::{Ending, Generation, Request, State};
use crate::{canonical, limits};

/// What may be left out of a body, in this order, until it fits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trim {
    Nothing,
    BoundingBoxes,
    Options,
    Segments,
}

/// The object as the API answers it: Sync's keys in Sync's order, absent values as `null`, both names of the error code.
#[must_use]
pub fn wire(generation: &Generation) -> String {
    print(generation, Trim::Nothing)
}

/// The same, cut to what a webhook may weigh.
pub(super) fn frozen(generation: &Generation) -> String {
    let steps = [Trim::Nothing, Trim::BoundingBoxes, Trim::Options];
    steps
        .into_iter()
        .map(|trim| print(generation, trim))
        .find(|body| body.len() < limits::WEBHOOK_BODY_BYTES_MAX)
        .unwrap_or_else(|| print(generation, Trim::Segments))
}

/// The bytes of a request that no webhook can leave out: bounded at create by [`limits::WEBHOOK_ECHO_BYTES_MAX`].
#[must_use]
pub fn echo_bytes(request: &Request) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    // A URL echoed by passthrough stands a second time, as `outputUrl`.
    request.input.len() * 2 + request.model.len() + optional(&request.webhook_url) + optional(&request.output_file_name)
}

fn print(g: &Generation, trim: Trim) -> String {
    let r = &g.request;
    let mut out = String::with_capacity(512 + r.input.len() + r.options.as_ref().map_or(0, String::len));
    let _ = write!(
        out,
        "{{\"id\":\"{}\",\"createdAt\":\"{}\",\"status\":\"{}\",\"model\":",
        g.id,
        g.created_at,
        g.status().as_str()
    );
    canonical::push_string(&mut out, &r.model);
    let _ = write!(out, ",\"input\":{}", r.input);
    let segments = r.segments.as_deref().filter(|_| trim < Trim::Segments);
    let _ = write!(out, ",\"segments\":{}", segments.unwrap_or("null"));
    optional(&mut out, "webhookUrl", r.webhook_url.as_deref());
    match (trim, r.options.as_deref()) {
        (Trim::Nothing, Some(options)) => drop(write!(out, ",\"options\":{options}")),
        (Trim::BoundingBoxes, Some(options)) => drop(write!(out, ",\"options\":{}", without_boxes(options))),
        _ => out.push_str(",\"options\":null"),
    }
    ending(&mut out, g);
    optional(&mut out, "outputFileName", r.output_file_name.as_deref());
    out.push('}');
    out
}

fn ending(out: &mut String, g: &Generation) {
    let (completed, failed) = match &g.state {
        State::Ended(_, Ending::Completed(output)) => (Some(output), None),
        State::Ended(_, Ending::Failed(failure)) => (None, Some(failure)),
        State::Pending | State::Processing => (None, None),
    };
    optional(out, "outputUrl", completed.map(|output| output.url.as_str()));
    out.push_str(",\"segmentOutputUrl\":null,\"outputDuration\":");
    match completed.and_then(|output| output.duration_ms) {
        Some(ms) => seconds(out, ms),
        None => out.push_str("null"),
    }
    optional(out, "error", failed.map(|failure| failure.error.as_str()));
    optional(out, "error_code", failed.map(|failure| failure.code.as_str()));
    optional(out, "errorCode", failed.map(|failure| failure.code.as_str()));
}

/// Milliseconds as seconds in JavaScript's shortest form: `9980` -> `9.98`, `5000` -> `5`.
fn seconds(out: &mut String, ms: u64) {
    let _ = write!(out, "{}", ms / 1000);
    if !ms.is_multiple_of(1000) {
        let decimals = format!("{:03}", ms % 1000);
        let _ = write!(out, ".{}", decimals.trim_end_matches('0'));
    }
}

fn optional(out: &mut String, key: &str, text: Option<&str>) {
    let _ = write!(out, ",\"{key}\":");
    match text {
        Some(text) => canonical::push_string(out, text),
        None => out.push_str("null"),
    }
}

fn without_boxes(options: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(options) else {
        return "null".to_owned();
    };
    if let Some(Value::Object(speaker)) = value.get_mut("active_speaker_detection") {
        speaker.shift_remove("bounding_boxes");
    }
    canonical::to_string(&value)
}
