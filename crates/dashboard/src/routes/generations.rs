//! `/generations`: what was asked for, newest first.
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::generation::{Ending, Generation, State as Standing, Status};
use postsync_core::ids::GenerationId;
use postsync_engine::ports::{GenerationOrder, GenerationQuery};

use super::ROWS;
use crate::frame::{self, Frame};
use crate::links::with_query;
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// The words that a filter offers.
const STATUSES: [Status; 4] = [Status::Pending, Status::Processing, Status::Completed, Status::Failed];

/// One generation in a list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) badge: &'static str,
    pub(crate) model: String,
    pub(crate) created: String,
    pub(crate) created_full: String,
    pub(crate) progress: Option<u32>,
    /// Its length, or why it failed.
    pub(crate) result: String,
}

impl Row {
    pub(crate) fn of(state: &Dashboard, generation: &Generation) -> Self {
        let result = match &generation.state {
            Standing::Ended(_, Ending::Completed(output)) => {
                output.duration_ms.map(shown::length_ms).unwrap_or_default()
            }
            Standing::Ended(_, Ending::Failed(failure)) => failure.code.as_str().to_owned(),
            Standing::Pending | Standing::Processing => String::new(),
        };
        let is_at_work = generation.status() == Status::Processing;
        Self {
            id: generation.id.to_string(),
            status: generation.status().as_str(),
            badge: badge(generation.status()),
            model: generation.request.model.clone(),
            created: shown::time(generation.created_at),
            created_full: generation.created_at.to_string(),
            progress: is_at_work.then(|| state.engine.progress_percent(generation.id)).flatten(),
            result,
        }
    }
}

pub(crate) fn badge(status: Status) -> &'static str {
    match status {
        Status::Pending => "warn",
        Status::Processing => "busy",
        Status::Completed => "good",
        Status::Failed | Status::Rejected => "bad",
    }
}

#[derive(Template)]
#[template(path = "generation_rows.html")]
struct Rows {
    rows: Vec<Row>,
    older: Option<String>,
    newest: Option<String>,
    is_filtered: bool,
    may_generate: bool,
    public_url: String,
}

#[derive(Template)]
#[template(path = "generations.html")]
struct Page {
    frame: Frame,
    statuses: [Status; 4],
    status: String,
    list: Html,
}

/// What of the list is asked for.
struct Asked {
    status: Option<Status>,
    after: Option<GenerationId>,
}

impl Asked {
    fn read(query: &Fields) -> Result<Self, Problem> {
        Ok(Self {
            status: query.read("status", "PENDING, PROCESSING, COMPLETED or FAILED", Status::parse)?,
            after: query.read("after", "the place of a page", |text| text.parse().ok())?,
        })
    }

    fn status(&self) -> &'static str {
        self.status.map_or("", Status::as_str)
    }

    /// Only the newest page changes by itself.
    fn live_path(&self) -> String {
        if self.after.is_some() { String::new() } else { with_query("/generations/live", &[("status", self.status())]) }
    }
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let asked = Asked::read(&query)?;
    let part = part(&state, &viewer, &asked).await?;
    let list = Live { id: "rows", path: &asked.live_path(), part: &part }.text()?;
    let frame = viewer.frame("Generations", "Generations").after(query.text("did"));
    frame::page(&Page { frame, statuses: STATUSES, status: asked.status().to_owned(), list })
}

pub(crate) async fn live(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let asked = Asked::read(&query)?;
    let part = part(&state, &viewer, &asked).await?;
    Live { id: "rows", path: &asked.live_path(), part: &part }.answer(&query)
}

async fn part(state: &Dashboard, viewer: &Viewer, asked: &Asked) -> Result<Part, Problem> {
    let wanted = GenerationQuery {
        org: viewer.org().clone(),
        statuses: asked.status.into_iter().collect(),
        ids: Vec::new(),
        order: GenerationOrder::NewestFirst,
        after: asked.after,
        limit: ROWS + 1,
    };
    let mut found = state.engine.store().generations(wanted).await?;
    let has_more = found.len() > ROWS;
    found.truncate(ROWS);
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| with_query("/generations", &[("status", asked.status()), ("after", &last.id.to_string())]));
    let rows = found.iter().map(|generation| Row::of(state, generation)).collect();
    Part::of(&Rows {
        rows,
        older,
        newest: asked.after.map(|_| with_query("/generations", &[("status", asked.status())])),
        is_filtered: asked.status.is_some() || asked.after.is_some(),
        may_generate: viewer.may(Scope::Generate),
        public_url: state.settings.public_url.clone(),
    })
}
