//! `/deliveries/{id}`: one delivery and its attempts: what was sent, what came back, how long each part took, and once more.
use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use postsync_core::access::Scope;
use postsync_core::attempt::{Attempt, AttemptEnd};
use postsync_core::curl;
use postsync_core::ids::DeliveryId;
use postsync_core::sent;
use postsync_core::time::Timestamp;
use postsync_engine::ReplayError;
use postsync_engine::ports::DeliveryRecord;

use super::deliveries::{may_replay, origin, standing};
use crate::form::Sent;
use crate::frame::{self, Frame, go_to};
use crate::links::with_query;
use crate::live::{Html, Live, Part};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// Attempts in the timeline: the newest ones.
const ATTEMPTS_SHOWN: usize = 20;

/// How much of a body a page shows.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// How much of a body that is no text is shown, as hex.
const HEX_BYTES_MAX: usize = 64;

/// Units across a bar.
const BAR: u64 = 1_000;

/// A phase of an attempt in its bar.
struct Span {
    class: &'static str,
    name: &'static str,
    x: u64,
    width: u64,
    time: String,
}

/// An attempt in the timeline.
struct Line {
    number: u32,
    is_chosen: bool,
    path: String,
    started: String,
    /// Since the delivery was made.
    after: String,
    outcome: &'static str,
    badge: &'static str,
    /// `http_status 500`
    what: String,
    total: String,
    spans: Vec<Span>,
}

/// The attempt that is looked at.
struct Chosen {
    number: u32,
    step: u32,
    message: String,
    address: String,
    tls: String,
    next_reason: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    answer: Option<Answer>,
    curl: Option<String>,
    curl_path: String,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// What is missing of it.
    note: &'static str,
}

#[derive(Template)]
#[template(path = "delivery_state.html")]
struct Current {
    id: String,
    csrf: String,
    may_replay: bool,
    status: &'static str,
    badge: &'static str,
    reason: Option<&'static str>,
    next: Option<String>,
    event: &'static str,
    event_id: String,
    generation: Option<String>,
    endpoint: String,
    is_registered: bool,
    url: String,
    origin: &'static str,
    created: String,
    attempts: u32,
    lines: Vec<Line>,
    chosen: Option<Chosen>,
    body: String,
    body_cut: bool,
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct Page {
    frame: Frame,
    id: String,
    current: Html,
}

pub(crate) async fn find(state: &Dashboard, viewer: &Viewer, id: &str) -> Result<DeliveryRecord, Problem> {
    let unknown = || Problem::not_found("There is no such delivery.");
    let id: DeliveryId = id.parse().map_err(|_| unknown())?;
    state.engine.store().delivery(viewer.org(), id).await?.ok_or_else(unknown)
}

pub(crate) async fn page(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let record = find(&state, &viewer, &id).await?;
    let (path, part) = current(&viewer, &record, chosen_number(&query)?)?;
    let current = Live { id: "state", path: &path, part: &part }.text()?;
    let frame = viewer.frame("Delivery", "Deliveries").after(query.text("did"));
    frame::page(&Page { frame, id: record.delivery.id.to_string(), current })
}

pub(crate) async fn live(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path(id): Path<String>,
    query: Fields,
) -> Result<Response, Problem> {
    let record = find(&state, &viewer, &id).await?;
    let (path, part) = current(&viewer, &record, chosen_number(&query)?)?;
    Live { id: "state", path: &path, part: &part }.answer(&query)
}

fn chosen_number(query: &Fields) -> Result<Option<u32>, Problem> {
    query.read("attempt", "the number of an attempt", |text| text.parse().ok())
}

/// The command line of one attempt, whole: a body may be too long for a page.
pub(crate) async fn curl(
    State(state): State<Dashboard>,
    viewer: Viewer,
    Path((id, attempt)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let record = find(&state, &viewer, &id).await?;
    let attempt = record.attempts.iter().find(|one| one.attempt == attempt);
    let attempt = attempt.ok_or_else(|| Problem::not_found("There is no such attempt."))?;
    let request = sent::request(&record.delivery, &record.event, attempt);
    let text = curl::curl(&request, &String::from_utf8_lossy(&record.event.body));
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

pub(crate) async fn replay(
    State(state): State<Dashboard>,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    sent.viewer.must(Scope::Generate)?;
    let of = find(&state, &sent.viewer, &id).await?;
    match state.engine.replay_one(sent.viewer.org(), of.delivery.id).await {
        Ok(made) => Ok(go_to(&format!("/deliveries/{}?did=replayed", made.delivery.id))),
        Err(ReplayError::Store(error)) => Err(error.into()),
        Err(ReplayError::Stopping) => Err(Problem::busy()),
        Err(ReplayError::NotFound) => Err(Problem::not_found("There is no such delivery.")),
        Err(other) => Err(Problem::conflict(&super::replays::sentence(&other.to_string()))),
    }
}

/// The part, and where it is asked for again: nowhere once it has ended.
fn current(viewer: &Viewer, record: &DeliveryRecord, number: Option<u32>) -> Result<(String, Part), Problem> {
    let delivery = &record.delivery;
    let id = delivery.id.to_string();
    let (status, badge, reason, next) = standing(delivery.state);
    let number_text = number.map(|number| number.to_string()).unwrap_or_default();
    let chosen = number.map_or(record.attempts.last(), |n| record.attempts.iter().find(|one| one.attempt == n));
    let body = String::from_utf8_lossy(&record.event.body);
    let (body_shown, body_cut) = shown::cut(&body, BODY_BYTES_MAX);
    let part = Part::of(&Current {
        csrf: viewer.session.csrf.clone(),
        may_replay: may_replay(viewer, delivery.origin, delivery.state),
        status,
        badge,
        reason,
        event: record.event.kind.as_str(),
        event_id: delivery.event.to_string(),
        generation: delivery.generation.map(|id| id.to_string()),
        endpoint: delivery.endpoint.to_string(),
        is_registered: delivery.endpoint.is_registered() && viewer.may(Scope::Admin),
        url: delivery.url.clone(),
        origin: origin(delivery.origin),
        created: shown::time(delivery.created_at),
        attempts: delivery.attempts,
        lines: lines(record, chosen.map(|one| one.attempt)),
        chosen: chosen.map(|attempt| look(record, attempt, (!body_cut).then_some(&*body))),
        body: body_shown.to_owned(),
        body_cut,
        next: next.clone(),
        id: id.clone(),
    })?;
    let path = if next.is_none() {
        String::new()
    } else {
        with_query(&format!("/deliveries/{id}/live"), &[("attempt", &number_text)])
    };
    Ok((path, part))
}

fn lines(record: &DeliveryRecord, chosen: Option<u32>) -> Vec<Line> {
    let shown = &record.attempts[record.attempts.len().saturating_sub(ATTEMPTS_SHOWN)..];
    let total = |attempt: &Attempt| attempt.end.as_ref().and_then(|end| end.phases.total_us).unwrap_or(0);
    let longest = shown.iter().map(total).max().unwrap_or(0).max(1);
    let made = record.delivery.created_at;
    shown.iter().map(|attempt| line(record, attempt, made, longest, chosen == Some(attempt.attempt))).collect()
}

fn line(record: &DeliveryRecord, attempt: &Attempt, made: Timestamp, longest_us: u64, is_chosen: bool) -> Line {
    let end = attempt.end.as_ref();
    let outcome = end.map_or("open", |end| end.outcome.as_str());
    let what = end.map(|end| {
        let error = end.error.map(|error| error.as_str()).unwrap_or_default();
        let status = end.http_status.map(|status| status.to_string()).unwrap_or_default();
        format!("{error} {status}").trim().to_owned()
    });
    Line {
        number: attempt.attempt,
        is_chosen,
        path: with_query(&format!("/deliveries/{}", record.delivery.id), &[("attempt", &attempt.attempt.to_string())]),
        started: shown::time(attempt.started_at),
        after: shown::length_ms(u64::try_from(attempt.started_at.since(made).as_millis()).unwrap_or(u64::MAX)),
        outcome,
        badge: match outcome {
            "delivered" => "good",
            "failed" => "bad",
            "open" => "busy",
            _ => "warn",
        },
        what: what.unwrap_or_default(),
        total: end.and_then(|end| end.phases.total_us).map(shown::micros).unwrap_or_default(),
        spans: end.map(|end| spans(end, longest_us)).unwrap_or_default(),
    }
}

fn spans(end: &AttemptEnd, longest_us: u64) -> Vec<Span> {
    let phases = &end.phases;
    let known = [phases.dns_us, phases.connect_us, phases.tls_us, phases.first_byte_us].map(Option::unwrap_or_default);
    let rest = phases.total_us.unwrap_or(0).saturating_sub(known.iter().sum());
    let names = [("dns", "name"), ("connect", "connect"), ("tls", "TLS"), ("wait", "first byte"), ("rest", "rest")];
    let mut at = 0;
    let mut spans = Vec::new();
    for ((class, name), us) in names.into_iter().zip(known.into_iter().chain([rest])) {
        let (x, next) = (at * BAR / longest_us, (at + us) * BAR / longest_us);
        at += us;
        if us > 0 {
            // The shortest one can still be seen.
            spans.push(Span { class, name, x: x.min(BAR - 3), width: (next - x).max(3), time: shown::micros(us) });
        }
    }
    spans
}

fn look(record: &DeliveryRecord, attempt: &Attempt, body: Option<&str>) -> Chosen {
    let request = sent::request(&record.delivery, &record.event, attempt);
    let end = attempt.end.as_ref();
    Chosen {
        number: attempt.attempt,
        step: attempt.step,
        message: end.map(|end| end.message.clone()).unwrap_or_default(),
        address: end.and_then(|end| end.address).map(|address| address.to_string()).unwrap_or_default(),
        tls: end.and_then(|end| end.tls.clone()).unwrap_or_default(),
        next_reason: end.and_then(|end| end.next).map_or("", |reason| reason.as_str()),
        answer: end.and_then(answer),
        curl: body.map(|body| curl::curl(&request, body)),
        curl_path: format!("/deliveries/{}/curl/{}", record.delivery.id, attempt.attempt),
        url: request.url,
        headers: request.headers,
    }
}

fn answer(end: &AttemptEnd) -> Option<Answer> {
    let (status, answer) = (end.http_status?, end.answer.as_ref()?);
    let headers = answer.header_lines().map(|(name, value)| (name.to_owned(), value)).collect();
    let is_text = |text: &&str| !text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n'));
    let (body, note) = match std::str::from_utf8(&answer.body).ok().filter(is_text) {
        Some(text) => {
            let (text, is_cut) = shown::cut(text, BODY_BYTES_MAX);
            (text.to_owned(), if is_cut || answer.truncated { "There was more of it." } else { "" })
        }
        None => {
            let first = &answer.body[..answer.body.len().min(HEX_BYTES_MAX)];
            (hex::encode(first), "It is no text: this is its beginning, in hex.")
        }
    };
    Some(Answer { status, headers, body, note })
}
