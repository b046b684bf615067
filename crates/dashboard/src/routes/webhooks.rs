//! `/webhooks`: what signs webhooks, and who is registered to get them.
//!
//! Promise: no answer holds a secret but the one to the form named Reveal, and that only for a key with the scope admin.
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::endpoint::{Endpoint, EventFilter};
use postsync_core::event::EventType;
use postsync_core::ids::OrgId;
use postsync_core::rotation::{SecretOwner, Signing, Step};
use postsync_core::target::without_query;
use postsync_engine::StepError;

use super::listeners;
use super::replays::sentence;
use crate::form::Sent;
use crate::frame::{self, Frame, go_to};
use crate::live::Html;
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// The secrets of one owner on a page.
pub(crate) struct Secrets {
    /// Where its forms go, and where it is shown without its texts.
    pub(crate) action: String,
    pub(crate) page: String,
    pub(crate) stage: &'static str,
    pub(crate) expires: Option<String>,
    /// Their texts, where they were asked for: what each is, and what it makes.
    pub(crate) revealed: Vec<(&'static str, &'static str, String)>,
}

/// An endpoint in a list.
struct Row {
    id: String,
    url: String,
    state: &'static str,
    badge: &'static str,
    reason: &'static str,
    events: String,
    failing_since: Option<String>,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Page {
    frame: Frame,
    secrets: Option<Secrets>,
    endpoints: Vec<Row>,
    listeners: Html,
    kinds: &'static [EventType],
    url: String,
    description: String,
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let frame = viewer.frame("Webhooks", "Webhooks").after(query.text("did"));
    show(&state, &viewer, frame, StatusCode::OK, false, &Fields::default()).await
}

/// The page; with what was written into the form for a new endpoint, where that was refused.
pub(crate) async fn show(
    state: &Dashboard,
    viewer: &Viewer,
    frame: Frame,
    status: StatusCode,
    reveal: bool,
    given: &Fields,
) -> Result<Response, Problem> {
    let (mut secrets, mut endpoints) = (None, Vec::new());
    if viewer.may(Scope::Admin) {
        let signing = signing(state, &SecretOwner::org(viewer.org())).await?;
        secrets = Some(of(state, &signing, ("/webhooks/secret", "/webhooks"), reveal));
        endpoints = state.engine.store().endpoints(viewer.org()).await?.iter().map(Row::of).collect();
    }
    frame::page_as(
        status,
        &Page {
            frame,
            secrets,
            endpoints,
            listeners: listeners::text(state, viewer).await?,
            kinds: EventType::ALL,
            url: given.text("url").to_owned(),
            description: given.text("description").to_owned(),
        },
    )
}

impl Row {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: without_query(&endpoint.url).to_owned(),
            state: endpoint.state.as_str(),
            badge: state_badge(endpoint),
            reason: endpoint.state.reason().map_or("", |reason| reason.as_str()),
            events: events(endpoint),
            failing_since: endpoint.failing_since.map(shown::time),
        }
    }
}

pub(crate) fn state_badge(endpoint: &Endpoint) -> &'static str {
    match endpoint.state.as_str() {
        "enabled" => "good",
        "paused" => "warn",
        _ => "bad",
    }
}

pub(crate) fn events(endpoint: &Endpoint) -> String {
    taken(&endpoint.events)
}

/// The events that a filter lets through, in words.
pub(super) fn taken(events: &EventFilter) -> String {
    match events.named() {
        None => "all of generations and batches".to_owned(),
        Some(kinds) => kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    }
}

pub(crate) async fn secret(State(state): State<Dashboard>, sent: Sent) -> Result<Response, Problem> {
    let viewer = &sent.viewer;
    viewer.must(Scope::Admin)?;
    if sent.fields.text("do") == "reveal" {
        let frame = viewer.frame("Webhooks", "Webhooks");
        return show(&state, viewer, frame, StatusCode::OK, true, &Fields::default()).await;
    }
    let did = step(&state, &SecretOwner::org(viewer.org()), sent.fields.text("do")).await?;
    Ok(go_to(&format!("/webhooks?did={did}")))
}

/// Takes the step of that name; gives the word for what was done.
pub(crate) async fn step(state: &Dashboard, owner: &SecretOwner, name: &str) -> Result<&'static str, Problem> {
    let (step, did) = match name {
        "prepare" => (Step::Prepare(state.engine.new_secret()), "prepared"),
        "switch" => (Step::Switch, "switched"),
        "expire" => (Step::Expire(Duration::ZERO), "expired"),
        _ => return Err(Problem::bad("There is no such step.")),
    };
    match state.engine.step_secrets(owner, step).await {
        Ok(Some(_)) => Ok(did),
        Ok(None) => Err(Problem::not_found("There is no such endpoint.")),
        Err(StepError::Store(error)) => Err(error.into()),
        Err(StepError::Refused(refused)) => Err(Problem::conflict(&sentence(&refused.to_string()))),
    }
}

/// What signs that owner's webhooks.
pub(crate) async fn signing(state: &Dashboard, owner: &SecretOwner) -> Result<Signing, Problem> {
    state.engine.signing(owner).await?.ok_or_else(|| Problem::not_found("There is no such endpoint."))
}

/// The same as a page shows it.
pub(crate) fn of(state: &Dashboard, signing: &Signing, (action, page): (&str, &str), reveal: bool) -> Secrets {
    let now = state.engine.now();
    let mut revealed = Vec::new();
    if reveal {
        let signers = signing.signers(now);
        revealed.push(("current", "Sync-Signature", signers.current.expose().to_owned()));
        revealed.extend(signers.next.map(|next| ("next", "Sync-Signature-Next", next.expose().to_owned())));
        let previous = signers.previous;
        revealed.extend(previous.map(|old| ("previous", "Sync-Signature-Previous", old.expose().to_owned())));
    }
    Secrets {
        action: action.to_owned(),
        page: page.to_owned(),
        stage: signing.stage(now).as_str(),
        expires: signing.previous_at(now).map(|previous| shown::time(previous.expires_at)),
        revealed,
    }
}

/// The owner of an endpoint's secrets.
pub(crate) fn owner(org: &OrgId, endpoint: &Endpoint) -> SecretOwner {
    SecretOwner::endpoint(org, &endpoint.id)
}
