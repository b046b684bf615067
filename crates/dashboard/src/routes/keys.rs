//! `/keys`: who may call. The text of a key is shown once, in the answer to the form that made it.
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use postsync_core::access::{NAME_CHARS_MAX, Scope, Scopes, judged_name};
use postsync_core::ids::KeyId;

use super::ROWS;
use crate::form::Sent;
use crate::frame::{self, Frame, go_to};
use crate::links::with_query;
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

struct Row {
    id: String,
    name: String,
    scopes: String,
    created: String,
    used: Option<String>,
    revoked: Option<String>,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    older: Option<String>,
    /// The text of the key that was just made.
    made: Option<String>,
    scopes: [Scope; 4],
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    viewer.must(Scope::Admin)?;
    let before = query.read("before", "the place of a page", |text| text.parse().ok())?;
    let frame = viewer.frame("Keys", "Keys").after(query.text("did"));
    list(&state, &viewer, frame, StatusCode::OK, before, None).await
}

async fn list(
    state: &Dashboard,
    viewer: &Viewer,
    frame: Frame,
    status: StatusCode,
    before: Option<KeyId>,
    made: Option<String>,
) -> Result<Response, Problem> {
    let mut found = state.engine.store().newest_keys(viewer.org(), before, ROWS + 1).await?;
    let has_more = found.len() > ROWS;
    found.truncate(ROWS);
    let older = found.last().filter(|_| has_more).map(|last| with_query("/keys", &[("before", &last.id.to_string())]));
    let row = |key: &postsync_core::access::ApiKey| Row {
        id: key.id.to_string(),
        name: key.name.clone(),
        scopes: key.scopes.to_string(),
        created: shown::time(key.created_at),
        used: key.last_used_at.map(shown::time),
        revoked: key.revoked_at.map(shown::time),
        is_own: key.id == viewer.holder.key,
    };
    let rows = found.iter().map(row).collect();
    frame::page_as(status, &Page { frame, rows, older, made, scopes: Scope::ALL })
}

pub(crate) async fn create(State(state): State<Dashboard>, sent: Sent) -> Result<Response, Problem> {
    let viewer = &sent.viewer;
    viewer.must(Scope::Admin)?;
    let frame = viewer.frame("Keys", "Keys");
    let refuse =
        |wrong: String| (Frame { wrong: Some(wrong), ..viewer.frame("Keys", "Keys") }, StatusCode::BAD_REQUEST);
    let scopes = Scopes::parse(&sent.fields.all("scope").collect::<Vec<_>>().join(","));
    let refused = match (judged_name(sent.fields.text("name")), scopes) {
        (None, _) => refuse(format!("A name has 1 to {NAME_CHARS_MAX} printable characters.")),
        (_, Err(_)) => refuse("A key needs one scope at least.".to_owned()),
        (Some(name), Ok(scopes)) => match state.engine.make_key(viewer.org(), name, scopes).await? {
            Some((_, text)) => return list(&state, viewer, frame, StatusCode::OK, None, Some(text)).await,
            None => refuse("The organization has as many keys as it may: revoke one first.".to_owned()),
        },
    };
    list(&state, viewer, refused.0, refused.1, None, None).await
}

pub(crate) async fn revoke(
    State(state): State<Dashboard>,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    sent.viewer.must(Scope::Admin)?;
    let unknown = || Problem::not_found("There is no such key.");
    let id: KeyId = id.parse().map_err(|_| unknown())?;
    state.engine.revoke_key(sent.viewer.org(), id).await?.ok_or_else(unknown)?;
    Ok(go_to("/keys?did=revoked"))
}
