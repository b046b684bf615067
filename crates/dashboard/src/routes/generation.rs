//! `/generations/{id}`: one generation: how far it is, what went in and came out, why it failed, who was told.
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::asset::{file_grant, file_path};
use postsync_core::generation::{Ending, Generation, State as Standing};
use postsync_core::ids::GenerationId;
use postsync_core::input::{ItemKind, Source, parse_items};
use postsync_engine::CancelError;
use postsync_engine::ports::DeliveryQuery;

use super::deliveries::{self, Row as DeliveryRow};
use super::generations::Row;
use crate::form::Sent;
use crate::frame::{self, Frame, go_to};
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// Deliveries that are shown of one; the list has the others.
const DELIVERIES_SHOWN: usize = 20;

/// Inputs that are shown of one.
const INPUTS_SHOWN: usize = 8;

/// How much of a text that somebody wrote is shown.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The longest that a cancel waits for the disk.
const CANCEL_MAX: Duration = Duration::from_secs(10);

/// Something to see or to hear.
pub(crate) struct Medium {
    label: String,
    kind: &'static str,
    /// Where our own copy is read; a browser of ours asks nobody else.
    src: Option<String>,
    /// Where it came from, where that is elsewhere; what is to be said.
    text: String,
}

#[derive(Template)]
#[template(path = "generation_state.html")]
struct Current {
    row: Row,
    csrf: String,
    may_cancel: bool,
    may_retry: bool,
    ended: Option<String>,
    error: Option<(String, &'static str)>,
    media: Vec<Medium>,
}

#[derive(Template)]
#[template(path = "generation_deliveries.html")]
struct Told {
    rows: Vec<DeliveryRow>,
    id: String,
    webhook_url: Option<String>,
    has_ended: bool,
}

#[derive(Template)]
#[template(path = "generation.html")]
struct Page {
    frame: Frame,
    id: String,
    webhook_url: Option<String>,
    options: Option<String>,
    name: Option<String>,
    batch: Option<(String, String)>,
    current: Html,
    told: Html,
}

pub(crate) async fn find(state: &Dashboard, viewer: &Viewer, id: &str) -> Result<Generation, Problem> {
    let unknown = || Problem::not_found("There is no such generation.");
    let id: GenerationId = id.parse().map_err(|_| unknown())?;
    state.engine.store().generation(viewer.org(), id).await?.ok_or_else(unknown)
}

pub(crate) async fn page(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let generation = find(&state, &viewer, &id).await?;
    let request = &generation.request;
    let current = live_state(&generation, &current(&state, &viewer, &generation).await?).text()?;
    let told = told(&state, &viewer, &generation).await?;
    let told = Live { id: "deliveries", path: &told_path(&generation), part: &told }.text()?;
    frame::page(&Page {
        frame: viewer.frame("Generation", "Generations").after(query.text("did")),
        id: generation.id.to_string(),
        webhook_url: request.webhook_url.clone(),
        options: request.options.as_deref().map(|options| shown::cut(options, TEXT_BYTES_MAX).0.to_owned()),
        name: request.output_file_name.clone(),
        batch: generation.row.as_ref().map(|row| (row.batch.to_string(), row.request_id.clone())),
        current,
        told,
    })
}

pub(crate) async fn live(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let generation = find(&state, &viewer, &id).await?;
    live_state(&generation, &current(&state, &viewer, &generation).await?).answer(&query)
}

pub(crate) async fn deliveries(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let generation = find(&state, &viewer, &id).await?;
    let told = told(&state, &viewer, &generation).await?;
    Live { id: "deliveries", path: &told_path(&generation), part: &told }.answer(&query)
}

pub(crate) async fn cancel(
    State(state): State<Dashboard>,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    sent.viewer.must(Scope::Generate)?;
    let generation = find(&state, &sent.viewer, &id).await?;
    let (engine, org) = (state.engine.clone(), generation.org.clone());
    // In a task of its own: a browser that goes away after the commit must not leave work that nobody has told.
    let canceling = tokio::spawn(async move { engine.cancel(&org, generation.id).await });
    let canceled = tokio::time::timeout(CANCEL_MAX, canceling).await.map_err(|_| Problem::busy())?;
    match canceled.map_err(|error| Problem::failed(&error.to_string()))? {
        Ok(_) => Ok(go_to(&format!("/generations/{id}?did=canceled"))),
        Err(CancelError::Unknown) => Err(Problem::not_found("There is no such generation.")),
        Err(CancelError::Ended) => Err(Problem::conflict("The generation has ended already.")),
        Err(CancelError::Stopping) => Err(Problem::busy()),
        Err(CancelError::Store(error)) => Err(error.into()),
    }
}

/// What has ended does not change any more.
fn live_state<'a>(generation: &Generation, (path, part): &'a (String, Part)) -> Live<'a> {
    Live { id: "state", path: if generation.is_final() { "" } else { path }, part }
}

async fn current(state: &Dashboard, viewer: &Viewer, generation: &Generation) -> Result<(String, Part), Problem> {
    let may = viewer.may(Scope::Generate);
    let (ended, error) = match &generation.state {
        Standing::Ended(at, Ending::Completed(_)) => (Some(shown::time(*at)), None),
        Standing::Ended(at, Ending::Failed(failure)) => {
            (Some(shown::time(*at)), Some((failure.error.clone(), failure.code.entry().suggestion)))
        }
        Standing::Pending | Standing::Processing => (None, None),
    };
    let mut media = inputs(state, generation).await?;
    media.extend(output(state, generation));
    let part = Part::of(&Current {
        row: Row::of(state, generation),
        csrf: viewer.session.csrf.clone(),
        may_cancel: may && !generation.is_final(),
        may_retry: may && generation.is_final(),
        ended,
        error,
        media,
    })?;
    Ok((format!("/generations/{}/live", generation.id), part))
}

async fn inputs(state: &Dashboard, generation: &Generation) -> Result<Vec<Medium>, Problem> {
    let input = serde_json::from_str(&generation.request.input).unwrap_or_default();
    let mut media = Vec::new();
    for item in parse_items(&input).unwrap_or_default().into_iter().take(INPUTS_SHOWN) {
        let label = format!("Input: {}", item.kind.as_str());
        let (src, text) = match item.source {
            None => (None, item.words.map(|words| words.script).unwrap_or_default()),
            Some(Source::Url(url)) => (None, url),
            Some(Source::Asset(id)) => match state.engine.store().asset(&generation.org, id).await? {
                None => (None, format!("asset {id}, which is not there any more")),
                Some(asset) if asset.media().is_none() => (None, format!("asset {id}, {}", asset.name)),
                Some(asset) => (Some(file_path(id, &state.engine.media().seal(&file_grant(id)))), asset.name),
            },
        };
        media.push(Medium {
            label,
            kind: item.kind.as_str(),
            src,
            text: shown::cut(&text, TEXT_BYTES_MAX).0.to_owned(),
        });
    }
    Ok(media)
}

fn output(state: &Dashboard, generation: &Generation) -> Option<Medium> {
    let Standing::Ended(_, Ending::Completed(output)) = &generation.state else { return None };
    let src = output.media.map(|media| state.engine.media().result_path(generation.id, media));
    let text = if src.is_some() { String::new() } else { output.url.clone() };
    Some(Medium { label: "Output".to_owned(), kind: ItemKind::Video.as_str(), src, text })
}

fn told_path(generation: &Generation) -> String {
    format!("/generations/{}/deliveries", generation.id)
}

async fn told(state: &Dashboard, viewer: &Viewer, generation: &Generation) -> Result<Part, Problem> {
    let wanted = DeliveryQuery {
        org: viewer.org().clone(),
        status: None,
        generation: Some(generation.id),
        endpoint: None,
        after: None,
        limit: DELIVERIES_SHOWN,
    };
    let found = state.engine.store().deliveries(wanted).await?;
    Part::of(&Told {
        rows: found.iter().map(deliveries::Row::of).collect(),
        id: generation.id.to_string(),
        webhook_url: generation.request.webhook_url.clone(),
        has_ended: generation.is_final(),
    })
}
