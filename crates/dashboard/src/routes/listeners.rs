//! The part of `/webhooks` that shows who listens: `postsync listen` on somebody's machine, connected or not.
//!
//! Promise: it costs a read of the organization's listeners, which are bounded in number, and one of the feed's end, never the feed itself.
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use postsync_core::listener::Answered;
use postsync_engine::ListenerView;

use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

const PATH: &str = "/webhooks/listeners/live";

/// How much of the last try's words is shown.
const ERROR_SHOWN_BYTES: usize = 200;

struct Row {
    name: String,
    is_connected: bool,
    /// When it last came or answered.
    seen: String,
    forward_to: String,
    events: String,
    behind: String,
    is_behind: bool,
    /// What its application answered last: the status, how it looks, when.
    answer: Option<(u16, &'static str, String)>,
    /// What it can't hand on.
    holding: Option<String>,
}

impl Row {
    fn of(view: &ListenerView) -> Self {
        let listener = &view.listener;
        let answer = |Answered { status, at }: Answered| {
            let badge = if (200..300).contains(&status) { "good" } else { "bad" };
            (status, badge, shown::time(at))
        };
        let holding = view.holding.as_ref().map(|held| {
            let (error, _) = shown::cut(&held.error, ERROR_SHOWN_BYTES);
            let (event, tries, since) = (held.event, held.tries, shown::time(held.since));
            format!("holds {event} since {since}, tried {tries} times: {error}")
        });
        Self {
            name: listener.name.to_string(),
            is_connected: view.is_connected,
            seen: shown::time(listener.seen_at),
            forward_to: listener.forward_to.clone(),
            events: super::webhooks::taken(&listener.events),
            behind: shown::count(view.behind),
            is_behind: view.behind > 0,
            answer: listener.answered.map(answer),
            holding,
        }
    }
}

#[derive(Template)]
#[template(path = "listeners.html")]
struct Rows {
    rows: Vec<Row>,
    public_url: String,
}

/// As it stands in the page.
pub(super) async fn text(state: &Dashboard, viewer: &Viewer) -> Result<Html, Problem> {
    let part = part(state, viewer).await?;
    Live { id: "listeners", path: PATH, part: &part }.text()
}

pub(crate) async fn live(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let part = part(&state, &viewer).await?;
    Live { id: "listeners", path: PATH, part: &part }.answer(&query)
}

async fn part(state: &Dashboard, viewer: &Viewer) -> Result<Part, Problem> {
    let found = state.engine.listeners(viewer.org()).await?;
    Part::of(&Rows { rows: found.iter().map(Row::of).collect(), public_url: state.settings.public_url.clone() })
}
