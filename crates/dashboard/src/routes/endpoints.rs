//! `/webhooks/endpoints/{id}`: one registered endpoint: what it takes, whether it gets it, and its own secret.
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::endpoint::{Draft, Endpoint, Input, Patch};
use postsync_core::event::EventType;
use postsync_core::ids::EndpointId;
use postsync_engine::EndpointError;
use serde_json::{Map, Value};

use super::replays::sentence;
use super::webhooks::{self, Secrets};
use crate::form::Sent;
use crate::frame::{self, Frame, go_to};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

#[derive(Template)]
#[template(path = "endpoint.html")]
struct Page {
    frame: Frame,
    id: String,
    url: String,
    description: String,
    state: &'static str,
    badge: &'static str,
    reason: &'static str,
    events: String,
    kinds: Vec<(&'static str, bool)>,
    headers: String,
    failing_since: Option<String>,
    created: String,
    secrets: Secrets,
}

pub(crate) async fn create(State(state): State<Dashboard>, sent: Sent) -> Result<Response, Problem> {
    let viewer = &sent.viewer;
    viewer.must(Scope::Admin)?;
    let registered = match Draft::read(&body(&sent.fields), &state.settings.rules) {
        Ok(draft) => state.engine.register_endpoint(viewer.org(), draft).await.map_err(told),
        Err(refusal) => Err(Told::Wrong(sentence(&refusal.message))),
    };
    match registered {
        Ok(made) => Ok(go_to(&format!("/webhooks/endpoints/{}?did=enabled", made.endpoint.id))),
        Err(Told::Wrong(wrong)) => {
            let frame = Frame { wrong: Some(wrong), ..viewer.frame("Webhooks", "Webhooks") };
            webhooks::show(&state, viewer, frame, StatusCode::BAD_REQUEST, false, &sent.fields).await
        }
        Err(Told::Problem(problem)) => Err(problem),
    }
}

/// What a form says, as the API takes it.
fn body(fields: &Fields) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("url".to_owned(), fields.text("url").into());
    body.insert("description".to_owned(), fields.text("description").into());
    let events: Vec<Value> = fields.all("events").map(Value::from).collect();
    body.insert("events".to_owned(), if events.is_empty() { Value::Null } else { events.into() });
    body
}

/// Why nothing was changed: a sentence for the form, or a page of its own.
enum Told {
    Wrong(String),
    Problem(Problem),
}

fn told(error: EndpointError) -> Told {
    match error {
        EndpointError::Store(error) => Told::Problem(error.into()),
        EndpointError::Unknown => Told::Problem(Problem::not_found("There is no such endpoint.")),
        other => Told::Wrong(sentence(&other.to_string())),
    }
}

async fn find(state: &Dashboard, viewer: &Viewer, id: &str) -> Result<Endpoint, Problem> {
    viewer.must(Scope::Admin)?;
    let unknown = || Problem::not_found("There is no such endpoint.");
    let id: EndpointId = id.parse().map_err(|_| unknown())?;
    let all = state.engine.store().endpoints(viewer.org()).await?;
    all.into_iter().find(|endpoint| endpoint.id == id).ok_or_else(unknown)
}

pub(crate) async fn page(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let endpoint = find(&state, &viewer, &id).await?;
    let frame = viewer.frame("Endpoint", "Webhooks").after(query.text("did"));
    show(&state, &viewer, &endpoint, frame, StatusCode::OK, false).await
}

async fn show(
    state: &Dashboard,
    viewer: &Viewer,
    endpoint: &Endpoint,
    frame: Frame,
    status: StatusCode,
    reveal: bool,
) -> Result<Response, Problem> {
    let signing = webhooks::signing(state, &webhooks::owner(viewer.org(), endpoint)).await?;
    let action = format!("/webhooks/endpoints/{}", endpoint.id);
    let named = endpoint.events.named().unwrap_or_default();
    let headers = endpoint.headers.as_slice().iter().map(|(name, _)| name.as_str());
    frame::page_as(
        status,
        &Page {
            frame,
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            state: endpoint.state.as_str(),
            badge: webhooks::state_badge(endpoint),
            reason: endpoint.state.reason().map_or("", |reason| reason.as_str()),
            events: webhooks::events(endpoint),
            kinds: EventType::ALL.iter().map(|kind| (kind.as_str(), named.contains(kind))).collect(),
            headers: headers.collect::<Vec<_>>().join(", "),
            failing_since: endpoint.failing_since.map(shown::time),
            created: shown::time(endpoint.created_at),
            secrets: webhooks::of(state, &signing, (&action, &action), reveal),
        },
    )
}

pub(crate) async fn act(
    State(state): State<Dashboard>,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    let viewer = &sent.viewer;
    let endpoint = find(&state, viewer, &id).await?;
    let here = |did: &str| go_to(&format!("/webhooks/endpoints/{}?did={did}", endpoint.id));
    let done = match sent.fields.text("do") {
        "reveal" => {
            let frame = viewer.frame("Endpoint", "Webhooks");
            return show(&state, viewer, &endpoint, frame, StatusCode::OK, true).await;
        }
        "test" => {
            let made = state.engine.test_endpoint(viewer.org(), &endpoint.id).await.map_err(told);
            made.map(|made| go_to(&format!("/deliveries/{}?did=tested", made.delivery.id)))
        }
        "pause" => moved(&state, &endpoint, Input::Pause).await.map(|()| here("paused")),
        "enable" => moved(&state, &endpoint, Input::Resume).await.map(|()| here("enabled")),
        "delete" => {
            let removed = state.engine.remove_endpoint(viewer.org(), &endpoint.id).await.map_err(told);
            removed.map(|()| go_to("/webhooks?did=deleted"))
        }
        "change" => change(&state, &endpoint, &sent.fields).await.map(|()| here("changed")),
        step => {
            let did = webhooks::step(&state, &webhooks::owner(viewer.org(), &endpoint), step).await?;
            Ok(here(did))
        }
    };
    match done {
        Ok(response) => Ok(response),
        Err(Told::Problem(problem)) => Err(problem),
        Err(Told::Wrong(wrong)) => {
            let frame = Frame { wrong: Some(wrong), ..viewer.frame("Endpoint", "Webhooks") };
            show(&state, viewer, &endpoint, frame, StatusCode::BAD_REQUEST, false).await
        }
    }
}

async fn moved(state: &Dashboard, endpoint: &Endpoint, input: Input) -> Result<(), Told> {
    let now = state.engine.now();
    let by = |endpoint: &Endpoint| endpoint.asked(input, now).ok_or(EndpointError::Disabled);
    state.engine.change_endpoint(&endpoint.org, &endpoint.id, by).await.map(drop).map_err(told)
}

async fn change(state: &Dashboard, endpoint: &Endpoint, fields: &Fields) -> Result<(), Told> {
    let patch = Patch::read(&body(fields), &state.settings.rules);
    let patch = patch.map_err(|refusal| Told::Wrong(sentence(&refusal.message)))?;
    let now = state.engine.now();
    let by = |endpoint: &Endpoint| patch.apply(endpoint, now).ok_or(EndpointError::Disabled);
    state.engine.change_endpoint(&endpoint.org, &endpoint.id, by).await.map(drop).map_err(told)
}
