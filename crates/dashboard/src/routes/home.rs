//! `/`: what is stuck, and what is going on. Without a session the form that begins one.
use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::generation::Status;
use postsync_engine::ports::{DeliveryFilter, DeliveryQuery, GenerationOrder, GenerationQuery};

use super::{deliveries, destinations, generations, signin};
use crate::frame::{self, Frame};
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::{self, Viewer};

/// Rows of each list.
const SHOWN: usize = 8;

#[derive(Template)]
#[template(path = "home_parts.html")]
struct Parts {
    counts: Vec<(&'static str, String)>,
    shortage: bool,
    stuck: Vec<destinations::Row>,
    exhausted: Vec<deliveries::Row>,
    newest: Vec<generations::Row>,
    public_url: String,
    may_generate: bool,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    frame: Frame,
    parts: Html,
}

pub(crate) async fn page(State(state): State<Dashboard>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let Some(viewer) = viewer::find(&state, &parts).await? else {
        return signin::blank(&state, StatusCode::OK, "/", None);
    };
    viewer.must(Scope::Read)?;
    let part = part(&state, &viewer).await?;
    let parts = Live { id: "home", path: "/home/live", part: &part }.text()?;
    frame::page(&Page { frame: viewer.frame("Overview", ""), parts })
}

pub(crate) async fn live(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let part = part(&state, &viewer).await?;
    Live { id: "home", path: "/home/live", part: &part }.answer(&query)
}

async fn part(state: &Dashboard, viewer: &Viewer) -> Result<Part, Problem> {
    let store = state.engine.store();
    let mut counts = Vec::new();
    for status in [Status::Pending, Status::Processing, Status::Completed, Status::Failed] {
        let count = store.count_generations(viewer.org(), vec![status]).await?;
        counts.push((status.as_str(), shown::count(count)));
    }
    let exhausted = DeliveryQuery {
        org: viewer.org().clone(),
        status: Some(DeliveryFilter::Exhausted),
        generation: None,
        endpoint: None,
        after: None,
        limit: SHOWN,
    };
    let newest = GenerationQuery {
        org: viewer.org().clone(),
        statuses: Vec::new(),
        ids: Vec::new(),
        order: GenerationOrder::NewestFirst,
        after: None,
        limit: SHOWN,
    };
    let stuck = destinations::rows(state, viewer, None, SHOWN).await?.into_iter().filter(destinations::Row::is_stuck);
    Part::of(&Parts {
        counts,
        shortage: state.engine.shortage().is_some(),
        stuck: stuck.collect(),
        exhausted: store.deliveries(exhausted).await?.iter().map(deliveries::Row::of).collect(),
        newest: store.generations(newest).await?.iter().map(|of| generations::Row::of(state, of)).collect(),
        public_url: state.settings.public_url.clone(),
        may_generate: viewer.may(Scope::Generate),
    })
}
