//! `/generations/new`: a generation by upload; and one that has ended, asked for once more.
//!
//! Promise: both go through the API's own create, with the rate, the places and the judgement of the session's key; the token of an
//! upload is checked before the first byte of a file is read.
use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};
use postsync_core::access::Scope;
use postsync_core::generation;
use serde_json::{Map, Value, json};

use super::generation::find;
use crate::form::{self, CSRF, Sent};
use crate::frame::{self, Frame, go_to};
use crate::problem::Problem;
use crate::query::Fields;
use crate::state::{Dashboard, Peer};
use crate::viewer::Viewer;

/// The longest answer of a create: the generation with its options.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Template)]
#[template(path = "generation_new.html")]
struct Page {
    frame: Frame,
    models: Vec<&'static str>,
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.must(Scope::Generate)?;
    form_page(&state, &viewer, StatusCode::OK, None)
}

fn form_page(
    state: &Dashboard,
    viewer: &Viewer,
    status: StatusCode,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let frame = Frame { wrong, ..viewer.frame("New generation", "Generations") };
    frame::page_as(status, &Page { frame, models: state.models() })
}

/// The token stands in the query: where it stood behind the files they would have been taken in before it is read.
pub(crate) async fn upload(
    State(state): State<Dashboard>,
    viewer: Viewer,
    query: Fields,
    request: Request,
) -> Result<Response, Problem> {
    viewer.must(Scope::Generate)?;
    if !form::same(query.text(CSRF), &viewer.session.csrf) {
        return Err(Problem::forged());
    }
    let is_form = |kind: &HeaderValue| kind.as_bytes().to_ascii_lowercase().starts_with(b"multipart/form-data");
    if !request.headers().get(CONTENT_TYPE).is_some_and(is_form) {
        return Err(Problem::bad("Files come as multipart/form-data."));
    }
    match created(&state, &viewer, request).await? {
        Ok(id) => Ok(go_to(&format!("/generations/{id}?did=created"))),
        Err((status, wrong)) => form_page(&state, &viewer, status, Some(wrong)),
    }
}

pub(crate) async fn retry(
    State(state): State<Dashboard>,
    Path(id): Path<String>,
    peer: Option<axum::Extension<Peer>>,
    sent: Sent,
) -> Result<Response, Problem> {
    sent.viewer.must(Scope::Generate)?;
    let generation = find(&state, &sent.viewer, &id).await?;
    if !generation.is_final() {
        return Err(Problem::conflict("The generation has not ended."));
    }
    let mut request = Request::new(Body::from(as_asked(&generation.request).to_string()));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(axum::Extension(peer)) = peer {
        request.extensions_mut().insert(peer);
    }
    match created(&state, &sent.viewer, request).await? {
        Ok(id) => Ok(go_to(&format!("/generations/{id}?did=created"))),
        Err((status, wrong)) => {
            let advice = "Go back; what it asks for has to be mended in a new one.";
            Err(Problem::told(status, wrong, advice))
        }
    }
}

/// What a client would have to send for the same.
fn as_asked(request: &generation::Request) -> Value {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let mut body = Map::new();
    body.insert("model".to_owned(), request.model.as_str().into());
    body.insert("input".to_owned(), parsed(&request.input));
    for (name, text) in [("options", &request.options), ("segments", &request.segments)] {
        if let Some(text) = text {
            body.insert(name.to_owned(), parsed(text));
        }
    }
    for (name, text) in [("webhookUrl", &request.webhook_url), ("outputFileName", &request.output_file_name)] {
        if let Some(text) = text {
            body.insert(name.to_owned(), text.as_str().into());
        }
    }
    let schedule = request.terms.schedule.as_ref().map(|schedule| schedule.to_string());
    let steps: Option<Vec<String>> = schedule.map(|text| text.split(',').map(|step| step.trim().to_owned()).collect());
    let timeout = request.terms.timeout.map(|timeout| format!("{}ms", timeout.as_millis()));
    if steps.is_some() || timeout.is_some() {
        body.insert("postsync".to_owned(), json!({"schedule": steps, "timeout": timeout}));
    }
    Value::Object(body)
}

/// The id of what was made; or with which status it was refused, and why.
async fn created(
    state: &Dashboard,
    viewer: &Viewer,
    request: Request,
) -> Result<Result<String, (StatusCode, String)>, Problem> {
    let (parts, body) = state.api.create(viewer.session.key, request).await.into_parts();
    let body =
        Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| Problem::failed(&error.to_string()))?;
    let answer: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    match (parts.status, text("id")) {
        (StatusCode::CREATED, Some(id)) => Ok(Ok(id)),
        (StatusCode::CREATED, None) => Err(Problem::failed("a create was answered without an id")),
        (status, _) => {
            let message = text("message").unwrap_or_else(|| "The server did not take it.".to_owned());
            let advice = text("suggestion").unwrap_or_default();
            Ok(Err((status, format!("{message} {advice}").trim_end().to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_asked_for_again() {
        let request = generation::Request {
            model: "sync-3".to_owned(),
            input: r#"[{"type":"video","url":"https://a.example/v.mp4"}]"#.to_owned(),
            options: Some(r#"{"sync_mode":"loop"}"#.to_owned()),
            webhook_url: Some("https://b.example/hook?x=1".to_owned()),
            ..generation::Request::default()
        };
        assert_eq!(
            as_asked(&request),
            json!({
                "model": "sync-3",
                "input": [{"type": "video", "url": "https://a.example/v.mp4"}],
                "options": {"sync_mode": "loop"},
                "webhookUrl": "https://b.example/hook?x=1",
            })
        );
    }
}
