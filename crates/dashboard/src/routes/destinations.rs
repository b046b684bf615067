//! `/destinations`: who is up, who is down, what waits for whom, and how long it will take.
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use postsync_core::limits::{BACKLOG_COUNTED_MAX, URL_BYTES_MAX};
use postsync_core::target::Destination;

use crate::drains::Drain;
use crate::frame::{self, Frame};
use crate::links::with_query;
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// Rows of a page: each costs a count on disk.
const ROWS: usize = 30;

/// The height of a plot's line, in its own units.
const PLOT_HEIGHT: usize = 28;

/// One destination in a list.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) is_down: bool,
    pub(crate) circuit: &'static str,
    pub(crate) backlog: String,
    pub(crate) drain: String,
    /// The backlog over the looks of the last minutes, as the points of a line.
    pub(crate) plot: Option<String>,
    waits: bool,
}

impl Row {
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_down || self.circuit != "closed" || self.waits
    }
}

/// Some of an organization's destinations, in the order of their names.
pub(crate) async fn rows(
    state: &Dashboard,
    viewer: &Viewer,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Row>, Problem> {
    let found = state.engine.destinations(viewer.org(), after, limit).await?;
    let now = state.engine.clock().steady();
    let row = |view: &postsync_engine::DestinationView| {
        let name = view.destination.to_string();
        let (drain, seen) = state.drains.look(viewer.org(), &name, view.backlog, now);
        let more = if view.backlog >= BACKLOG_COUNTED_MAX { " or more" } else { "" };
        Row {
            is_down: view.is_down,
            circuit: view.circuit,
            backlog: format!("{}{more}", shown::count(view.backlog as u64)),
            drain: match drain {
                Drain::Empty => String::new(),
                Drain::Unknown => "watching...".to_owned(),
                Drain::Stands => "does not shrink".to_owned(),
                Drain::In(time) => format!("empty in about {}", shown::length(time)),
            },
            plot: plot(&seen),
            waits: view.backlog > 0,
            path: with_query("/destinations/one", &[("of", &name)]),
            name,
        }
    };
    Ok(found.iter().map(row).collect())
}

fn plot(seen: &[usize]) -> Option<String> {
    let highest = *seen.iter().max()?;
    if highest == 0 || seen.len() < 2 {
        return None;
    }
    let width = 100;
    let point = |(n, value): (usize, &usize)| {
        format!("{},{}", n * width / (seen.len() - 1), PLOT_HEIGHT + 1 - value * PLOT_HEIGHT / highest)
    };
    Some(seen.iter().enumerate().map(point).collect::<Vec<_>>().join(" "))
}

#[derive(Template)]
#[template(path = "destination_rows.html")]
struct Rows {
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "destinations.html")]
struct Page {
    frame: Frame,
    list: Html,
}

/// A destination's text, exactly as we write it.
pub(crate) fn ours(text: &str) -> Option<String> {
    let is_ours = text.len() <= URL_BYTES_MAX && Destination::of(text).is_some_and(|of| of.to_string() == text);
    is_ours.then(|| text.to_owned())
}

fn after(query: &Fields) -> Result<Option<String>, Problem> {
    query.read("after", "the place of a page", ours)
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let after = after(&query)?;
    let part = part(&state, &viewer, after.as_deref()).await?;
    let list = Live { id: "rows", path: &live_path(after.as_deref()), part: &part }.text()?;
    frame::page(&Page { frame: viewer.frame("Destinations", "Destinations"), list })
}

pub(crate) async fn live(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let after = after(&query)?;
    let part = part(&state, &viewer, after.as_deref()).await?;
    Live { id: "rows", path: &live_path(after.as_deref()), part: &part }.answer(&query)
}

fn live_path(after: Option<&str>) -> String {
    with_query("/destinations/live", &[("after", after.unwrap_or_default())])
}

async fn part(state: &Dashboard, viewer: &Viewer, after: Option<&str>) -> Result<Part, Problem> {
    let mut rows = rows(state, viewer, after, ROWS + 1).await?;
    let has_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let next = rows.last().filter(|_| has_more).map(|last| with_query("/destinations", &[("after", &last.name)]));
    Part::of(&Rows { rows, next })
}
