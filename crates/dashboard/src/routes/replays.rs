//! `/replays`: many deliveries again: counted first, then made.
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::ids::ReplayId;
use postsync_core::outcome::SendError;
use postsync_core::replay::Filter;
use postsync_engine::ReplayError;
use serde_json::Map;

use crate::form::Sent;
use crate::frame::{self, Frame, go_to};
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// The fields of the form, which are the members of a filter.
const FIELDS: [&str; 6] = ["status", "error", "endpointId", "generationId", "since", "until"];

#[derive(Template)]
#[template(path = "replay_new.html")]
struct Page {
    frame: Frame,
    errors: Vec<&'static str>,
    given: Fields,
    again: bool,
    /// How many there are, after a dry run.
    count: Option<String>,
}

#[derive(Template)]
#[template(path = "replay.html")]
struct One {
    frame: Frame,
    id: String,
    current: Html,
}

#[derive(Template)]
#[template(path = "replay_state.html")]
struct Current {
    status: &'static str,
    count: Option<u64>,
    made: u64,
    skipped: u64,
    created: String,
}

pub(crate) async fn page(viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    viewer.must(Scope::Generate)?;
    form(&viewer, StatusCode::OK, query, None, None)
}

fn form(
    viewer: &Viewer,
    status: StatusCode,
    given: Fields,
    count: Option<String>,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let frame = Frame { wrong, ..viewer.frame("Replay", "Deliveries") };
    let errors = SendError::ALL.iter().map(|error| error.as_str()).collect();
    let again = given.text("again") == "true";
    frame::page_as(status, &Page { frame, errors, given, again, count })
}

pub(crate) async fn begin(State(state): State<Dashboard>, sent: Sent) -> Result<Response, Problem> {
    let Sent { viewer, fields } = sent;
    viewer.must(Scope::Generate)?;
    let bad = |fields: Fields, wrong: String| form(&viewer, StatusCode::BAD_REQUEST, fields, None, Some(wrong));
    let filter = match read(&fields, &state) {
        Ok(filter) if filter.is_empty() => {
            let wrong = "Say which: without a filter everything that has ended would be delivered again.";
            return bad(fields, wrong.to_owned());
        }
        Ok(filter) => filter,
        Err(wrong) => return bad(fields, wrong),
    };
    if fields.text("do") != "replay" {
        let count = state.engine.count_for_replay(viewer.org().clone(), filter).await?;
        let count = count.map_or("more than can be counted in time".to_owned(), shown::count);
        return form(&viewer, StatusCode::OK, fields, Some(count), None);
    }
    match state.engine.replay(viewer.org().clone(), filter).await {
        Ok(replay) => Ok(go_to(&format!("/replays/{}", replay.id))),
        Err(ReplayError::Store(error)) => Err(error.into()),
        Err(ReplayError::Stopping) => Err(Problem::busy()),
        Err(other) => Err(Problem::conflict(&sentence(&other.to_string()))),
    }
}

/// The filter as the API reads it.
fn read(fields: &Fields, state: &Dashboard) -> Result<Filter, String> {
    let given = FIELDS.iter().filter(|name| !fields.text(name).is_empty());
    let mut members: Map<_, _> = given.map(|name| ((*name).to_owned(), fields.text(name).into())).collect();
    if fields.text("again") == "true" {
        members.insert("again".to_owned(), true.into());
    }
    Filter::read(&members, state.engine.now()).map_err(|refusal| sentence(&refusal.message))
}

pub(crate) async fn one(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (path, part) = current(&state, &viewer, &id).await?;
    let current = Live { id: "state", path: &path, part: &part }.text()?;
    frame::page(&One { frame: viewer.frame("Replay", "Deliveries"), id, current })
}

pub(crate) async fn live(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let (path, part) = current(&state, &viewer, &id).await?;
    Live { id: "state", path: &path, part: &part }.answer(&query)
}

async fn current(state: &Dashboard, viewer: &Viewer, id: &str) -> Result<(String, Part), Problem> {
    let unknown = || Problem::not_found("There is no such replay.");
    let id: ReplayId = id.parse().map_err(|_| unknown())?;
    let replay = state.engine.store().replay(viewer.org(), id).await?.ok_or_else(unknown)?;
    let part = Part::of(&Current {
        status: replay.status(),
        count: replay.count,
        made: replay.made,
        skipped: replay.skipped,
        created: shown::time(replay.created_at),
    })?;
    let path = if replay.status() == "done" { String::new() } else { format!("/replays/{id}/live") };
    Ok((path, part))
}

/// A rule's words as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}
