//! `/batches`: generations that were asked for together, and how their rows stand.
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use postsync_core::batch::{Batch, RowResult, State as Standing, Status};
use postsync_core::generation::{Ending, State as GenerationState, Status as Word};
use postsync_core::ids::BatchId;
use postsync_core::time::Timestamp;
use postsync_engine::ports::BatchQuery;

use super::ROWS;
use super::generations;
use crate::frame::{self, Frame};
use crate::links::with_query;
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

struct Row {
    id: String,
    status: &'static str,
    badge: &'static str,
    created: String,
    total: u32,
    succeeded: u32,
    failed: u32,
    open: u32,
}

impl Row {
    fn of(batch: &Batch) -> Self {
        Self {
            id: batch.id.to_string(),
            status: batch.status().as_str(),
            badge: match batch.status() {
                Status::Pending | Status::JobsCreated => "warn",
                Status::Processing => "busy",
                Status::Completed => "good",
                Status::Failed => "bad",
            },
            created: shown::time(batch.created_at),
            total: batch.counts.total,
            succeeded: batch.counts.succeeded,
            failed: batch.counts.failed,
            open: batch.counts.open(),
        }
    }
}

#[derive(Template)]
#[template(path = "batch_rows.html")]
struct Rows {
    rows: Vec<Row>,
    older: Option<String>,
    newest: bool,
    public_url: String,
}

#[derive(Template)]
#[template(path = "batches.html")]
struct Page {
    frame: Frame,
    list: Html,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct One {
    frame: Frame,
    row: Row,
    webhook_url: Option<String>,
    ended: Option<String>,
    results: Option<String>,
    records: Vec<Record>,
    /// The page of records behind this one.
    more: Option<String>,
}

/// One of a batch's rows.
struct Record {
    number: usize,
    request: String,
    generation: String,
    status: &'static str,
    badge: &'static str,
    error: &'static str,
}

impl Record {
    fn of(number: usize, row: &RowResult) -> Self {
        let (word, error) = match &row.state {
            GenerationState::Pending => (Word::Pending, ""),
            GenerationState::Processing => (Word::Processing, ""),
            GenerationState::Ended(_, Ending::Completed(_)) => (Word::Completed, ""),
            GenerationState::Ended(_, Ending::Failed(failure)) => (Word::Failed, failure.code.as_str()),
        };
        Self {
            number,
            request: row.request_id.clone(),
            generation: row.generation.to_string(),
            status: word.as_str(),
            badge: generations::badge(word),
            error,
        }
    }
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let before = before(&query)?;
    let part = part(&state, &viewer, before).await?;
    let path = if before.is_some() { "" } else { "/batches/live" };
    let list = Live { id: "rows", path, part: &part }.text()?;
    frame::page(&Page { frame: viewer.frame("Batches", "Batches"), list })
}

pub(crate) async fn live(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let part = part(&state, &viewer, None).await?;
    Live { id: "rows", path: "/batches/live", part: &part }.answer(&query)
}

fn before(query: &Fields) -> Result<Option<Timestamp>, Problem> {
    query.read("before", "the place of a page", |text| text.parse().ok().map(Timestamp))
}

async fn part(state: &Dashboard, viewer: &Viewer, before: Option<Timestamp>) -> Result<Part, Problem> {
    let wanted = BatchQuery { org: viewer.org().clone(), status: None, after: None, before, limit: ROWS + 1 };
    let mut found = state.engine.store().batches(wanted).await?;
    let has_more = found.len() > ROWS;
    found.truncate(ROWS);
    let older = found.last().filter(|_| has_more);
    Part::of(&Rows {
        rows: found.iter().map(Row::of).collect(),
        older: older.map(|last| with_query("/batches", &[("before", &last.created_at.0.to_string())])),
        newest: before.is_some(),
        public_url: state.settings.public_url.clone(),
    })
}

pub(crate) async fn one(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("There is no such batch.");
    let id: BatchId = id.parse().map_err(|_| unknown())?;
    let batch = state.engine.store().batch_of_any(id).await?.filter(|batch| batch.org == *viewer.org());
    let batch = batch.ok_or_else(unknown)?;
    let (ended, results) = match &batch.state {
        Standing::Ended(end) => {
            // Of ours only the path: a browser may have come here by another name.
            let path = end.output_url.strip_prefix(&state.settings.public_url).map(str::to_owned);
            (Some(shown::time(end.at)), path.filter(|path| path.starts_with('/')))
        }
        _ => (None, None),
    };
    let after: usize = query.read("after", "the number of a row", |text| text.parse().ok())?.unwrap_or(0);
    // All of them are few: see BATCH_ROWS_SETTING_MAX.
    let all = state.engine.store().batch_results(id).await?;
    let records = all.iter().enumerate().skip(after).take(ROWS).map(|(n, row)| Record::of(n + 1, row)).collect();
    let next = after.saturating_add(ROWS);
    frame::page(&One {
        frame: viewer.frame("Batch", "Batches"),
        row: Row::of(&batch),
        webhook_url: batch.webhook_url.clone(),
        ended,
        results,
        records,
        more: (next < all.len()).then(|| with_query(&format!("/batches/{id}"), &[("after", &next.to_string())])),
    })
}
