//! `/deliveries`: what became of every webhook, newest first.
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use postsync_core::access::Scope;
use postsync_core::delivery::{Origin, State as Standing};
use postsync_core::ids::{DeliveryId, EndpointId, GenerationId};
use postsync_core::outcome::SendError;
use postsync_core::target::without_query;
use postsync_engine::ports::{DeliveryFilter, DeliveryQuery, DueDelivery, FailurePage, FailureQuery};

use super::ROWS;
use crate::frame::{self, Frame};
use crate::links::with_query;
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// Dead letters that are looked at for one page of those with an error.
const LOOKED_AT_MAX: usize = 2_000;

/// How much of a URL a list shows.
const URL_SHOWN_BYTES: usize = 160;

/// The words that a filter offers, and what they mean.
const STATUSES: [(&str, DeliveryFilter); 4] = [
    ("due", DeliveryFilter::Due),
    ("parked", DeliveryFilter::Parked),
    ("delivered", DeliveryFilter::Delivered),
    ("exhausted", DeliveryFilter::Exhausted),
];

/// One delivery in a list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) badge: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) event: &'static str,
    pub(crate) origin: &'static str,
    pub(crate) url: String,
    pub(crate) attempts: u32,
    pub(crate) created: String,
    pub(crate) created_full: String,
    pub(crate) next: Option<String>,
}

impl Row {
    pub(crate) fn of(of: &DueDelivery) -> Self {
        let delivery = &of.delivery;
        let (status, badge, reason, next) = standing(delivery.state);
        Self {
            id: delivery.id.to_string(),
            status,
            badge,
            reason,
            event: of.event.kind.as_str(),
            origin: delivery.origin.as_str(),
            // A query may hold a token of its owner's.
            url: shown::cut(without_query(&delivery.url), URL_SHOWN_BYTES).0.to_owned(),
            attempts: delivery.attempts,
            created: shown::time(delivery.created_at),
            created_full: delivery.created_at.to_string(),
            next,
        }
    }
}

/// A state in words: status, badge, why, and when it is tried next.
pub(crate) fn standing(state: Standing) -> (&'static str, &'static str, Option<&'static str>, Option<String>) {
    match state {
        Standing::Due(at) => ("due", "busy", None, Some(shown::time(at))),
        Standing::Parked(at, reason) => ("parked", "warn", Some(reason.as_str()), Some(shown::time(at))),
        Standing::Delivered(_) => ("delivered", "good", None, None),
        Standing::Exhausted(_, reason) => ("exhausted", "bad", Some(reason.as_str()), None),
    }
}

#[derive(Template)]
#[template(path = "delivery_rows.html")]
struct Rows {
    rows: Vec<Row>,
    older: Option<String>,
    newest: Option<String>,
    is_filtered: bool,
    /// Only so many of the dead letters were looked at for it.
    looked_at: Option<usize>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Page {
    frame: Frame,
    words: Vec<&'static str>,
    errors: Vec<&'static str>,
    asked: Asked,
    list: Html,
}

/// What of the list is asked for.
pub(crate) struct Asked {
    status: String,
    filter: Option<DeliveryFilter>,
    /// Only dead letters have a last error.
    error: Option<SendError>,
    generation: String,
    endpoint: String,
    after: Option<DeliveryId>,
}

impl Asked {
    fn read(query: &Fields) -> Result<Self, Problem> {
        let word = |text: &str| STATUSES.iter().find(|row| row.0 == text).map(|row| row.1);
        query.read("generation", "the id of a generation", |text| text.parse::<GenerationId>().ok())?;
        query.read("endpoint", "the id of an endpoint, ep_... or imp_...", |text| {
            EndpointId::of_either_kind(text).ok()
        })?;
        let error = query.read("error", "an error that an attempt comes to", SendError::parse)?;
        let filter = query.read("status", "due, parked, delivered or exhausted", word)?;
        Ok(Self {
            filter,
            error,
            status: if error.is_some() { "exhausted" } else { query.text("status") }.to_owned(),
            generation: query.text("generation").to_owned(),
            endpoint: query.text("endpoint").to_owned(),
            after: query.read("after", "the place of a page", |text| text.parse().ok())?,
        })
    }

    fn path(&self, path: &str, after: &str) -> String {
        let pairs = [
            ("status", &*self.status),
            ("error", self.error()),
            ("generation", &self.generation),
            ("endpoint", &self.endpoint),
            ("after", after),
        ];
        with_query(path, &pairs)
    }

    fn error(&self) -> &'static str {
        self.error.map_or("", SendError::as_str)
    }

    fn live_path(&self) -> String {
        if self.after.is_some() { String::new() } else { self.path("/deliveries/live", "") }
    }
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let asked = Asked::read(&query)?;
    let part = part(&state, &viewer, &asked).await?;
    let list = Live { id: "rows", path: &asked.live_path(), part: &part }.text()?;
    let frame = viewer.frame("Deliveries", "Deliveries").after(query.text("did"));
    let words = STATUSES.iter().map(|row| row.0).collect();
    let errors = SendError::ALL.iter().map(|error| error.as_str()).collect();
    frame::page(&Page { frame, words, errors, asked, list })
}

pub(crate) async fn live(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let asked = Asked::read(&query)?;
    let part = part(&state, &viewer, &asked).await?;
    Live { id: "rows", path: &asked.live_path(), part: &part }.answer(&query)
}

async fn part(state: &Dashboard, viewer: &Viewer, asked: &Asked) -> Result<Part, Problem> {
    let FailurePage { found, read_to } = match asked.error {
        Some(error) => failures(state, viewer, asked, error).await?,
        None => listed(state, viewer, asked).await?,
    };
    Part::of(&Rows {
        rows: found.iter().map(Row::of).collect(),
        older: read_to.map(|last| asked.path("/deliveries", &last.to_string())),
        newest: asked.after.map(|_| asked.path("/deliveries", "")),
        is_filtered: asked.path("", "").contains('?') || asked.after.is_some(),
        looked_at: asked.error.filter(|_| found.len() < ROWS && read_to.is_some()).map(|_| LOOKED_AT_MAX),
    })
}

/// A page, and behind which one the next begins.
async fn listed(state: &Dashboard, viewer: &Viewer, asked: &Asked) -> Result<FailurePage, Problem> {
    let wanted = DeliveryQuery {
        org: viewer.org().clone(),
        status: asked.filter,
        generation: asked.generation.parse().ok(),
        endpoint: EndpointId::of_either_kind(&asked.endpoint).ok(),
        after: asked.after,
        limit: ROWS + 1,
    };
    let mut found = state.engine.store().deliveries(wanted).await?;
    let has_more = found.len() > ROWS;
    found.truncate(ROWS);
    let read_to = found.last().filter(|_| has_more).map(|last| last.delivery.id);
    Ok(FailurePage { found, read_to })
}

/// The same of dead letters whose last attempt came to that.
async fn failures(state: &Dashboard, viewer: &Viewer, asked: &Asked, error: SendError) -> Result<FailurePage, Problem> {
    let wanted = FailureQuery {
        org: viewer.org().clone(),
        endpoint: EndpointId::of_either_kind(&asked.endpoint).ok(),
        error,
        after: asked.after,
        look: LOOKED_AT_MAX,
        limit: ROWS,
    };
    let mut page = state.engine.store().failures(wanted).await?;
    if let Ok(generation) = asked.generation.parse::<GenerationId>() {
        page.found.retain(|due| due.delivery.generation == Some(generation));
    }
    Ok(page)
}

/// Whether it may be made anew, and by whom.
pub(crate) fn may_replay(viewer: &Viewer, of: Origin, state: Standing) -> bool {
    viewer.may(Scope::Generate)
        && of != Origin::Listener
        && matches!(state, Standing::Delivered(_) | Standing::Exhausted(..))
}

/// What made it, for people.
pub(crate) fn origin(of: Origin) -> &'static str {
    match of {
        Origin::Event => "the event itself",
        Origin::Replay => "a replay",
        Origin::Test => "a test",
        Origin::Listener => "a listener",
    }
}
