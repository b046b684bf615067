//! A submission as a request's body: JSON where everything is a URL, else a form with the files in it, as the Node SDK sends it.
use std::fmt::Write as _;
use std::path::PathBuf;

use postsync_core::error_code::GENERATION_INPUT_VALIDATION_FAILED;
use postsync_core::generation::{Failure, Request};
use postsync_engine::ports::{Piece, Submission};
use serde_json::{Map, Value};

use super::text;

/// What goes out.
pub(super) struct Body {
    pub(super) content_type: String,
    pub(super) pieces: Vec<Piece>,
}

pub(super) fn body(submission: &Submission) -> Result<Body, Failure> {
    if submission.files.iter().all(Option::is_none) { Ok(json(submission)) } else { form(submission) }
}

/// The request's texts are JSON already, and canonical: put together as they stand.
fn json(submission: &Submission) -> Body {
    let Request { model, input, options, segments, output_file_name, .. } = &submission.request;
    let mut body = format!("{{\"model\":{},\"input\":{input}", Value::from(model.as_str()));
    let quoted = |text: &Option<String>| text.as_ref().map(|text| Value::from(text.as_str()).to_string());
    for (name, json) in [
        ("options", options.clone()),
        ("segments", segments.clone()),
        ("webhookUrl", quoted(&submission.webhook_url)),
        ("outputFileName", quoted(output_file_name)),
    ] {
        if let Some(json) = json {
            let _ = write!(body, ",\"{name}\":{json}");
        }
    }
    body.push('}');
    Body { content_type: "application/json".to_owned(), pieces: vec![text(body)] }
}

/// One part `input` for each item that has a URL or words, one file for each other. Nobody could have put the boundary into a
/// file: the id is given after the upload.
fn form(submission: &Submission) -> Result<Body, Failure> {
    let request = &submission.request;
    let mut form = Form { boundary: format!("postsync-{}", submission.id.0.simple()), pieces: Vec::new() };
    form.field("model", &request.model);
    let items: Vec<Value> = serde_json::from_str(&request.input).unwrap_or_default();
    let mut slots = Vec::new();
    for (item, file) in items.into_iter().zip(&submission.files) {
        let Some(file) = file else {
            form.field("input", &item.to_string());
            continue;
        };
        let slot = item["type"].as_str().unwrap_or_default().to_owned();
        if slots.contains(&slot) {
            let why = format!("Only one uploaded {slot} can be handed on to the upstream; give the others by url.");
            return Err(Failure::new(GENERATION_INPUT_VALIDATION_FAILED, &why));
        }
        if let Some(rest) = beside_the_file(item) {
            form.field("input", &rest.to_string());
        }
        form.file(&slot, file.clone());
        slots.push(slot);
    }
    let webhook_url = submission.webhook_url.as_deref();
    for (name, value) in [
        ("options", request.options.as_deref()),
        ("segments", request.segments.as_deref()),
        ("webhookUrl", webhook_url),
        ("outputFileName", request.output_file_name.as_deref()),
    ] {
        if let Some(value) = value {
            form.field(name, value);
        }
    }
    Ok(form.end())
}

/// What an item says besides where it is: segments call it by its `refId`. `None` where it says nothing.
fn beside_the_file(item: Value) -> Option<Value> {
    let Value::Object(item) = item else { return None };
    let rest: Map<String, Value> =
        item.into_iter().filter(|(key, _)| !["url", "assetId"].contains(&key.as_str())).collect();
    (rest.len() > 1).then_some(Value::Object(rest))
}

struct Form {
    boundary: String,
    pieces: Vec<Piece>,
}

impl Form {
    fn field(&mut self, name: &str, value: &str) {
        let head = format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n", self.boundary);
        self.pieces.push(text(head));
    }

    /// Under a name that says nothing: what the client called it is nobody's business upstream.
    fn file(&mut self, slot: &str, path: PathBuf) {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{slot}\"; filename=\"{slot}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.boundary
        );
        self.pieces.extend([text(head), Piece::File(path), text("\r\n")]);
    }

    fn end(mut self) -> Body {
        self.pieces.push(text(format!("--{}--\r\n", self.boundary)));
        Body { content_type: format!("multipart/form-data; boundary={}", self.boundary), pieces: self.pieces }
    }
}
