//! `/destinations/one`: the latest attempts at one destination, as a picture: when, how long, how they ended.
//!
//! Promise: a bounded number of the newest deliveries is looked through, however long the history is; what it shows says so.
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use postsync_core::attempt::{Attempt, Word};
use postsync_core::target::Destination;
use postsync_engine::ports::DeliveryQuery;

use super::deliveries;
use super::destinations::ours;
use crate::frame::{self, Frame};
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// Deliveries that are looked through for those to it.
const LOOKED_AT: usize = 1_000;

/// Deliveries of it whose attempts are read.
const READ_MAX: usize = 25;

/// Attempts in the picture.
const SHOWN_MAX: usize = 200;

/// The picture, in its own units.
const WIDTH: u64 = 1_000;
const HEIGHT: u64 = 200;
const MARGIN: u64 = 12;

struct Dot {
    x: u64,
    y: u64,
    class: &'static str,
    text: String,
}

struct Plot {
    dots: Vec<Dot>,
    from: String,
    to: String,
    longest: String,
    count: usize,
    failed: usize,
}

#[derive(Template)]
#[template(path = "destination.html")]
struct Page {
    frame: Frame,
    name: String,
    plot: Option<Plot>,
    looked_at: usize,
    rows: Vec<deliveries::Row>,
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("There is no such destination.");
    let name = query.read("of", "a destination", ours)?.ok_or_else(unknown)?;
    let of = Destination::of(&name).ok_or_else(unknown)?;
    let store = state.engine.store();
    let newest = DeliveryQuery {
        org: viewer.org().clone(),
        status: None,
        generation: None,
        endpoint: None,
        after: None,
        limit: LOOKED_AT,
    };
    let found = store.deliveries(newest).await?;
    let to_it: Vec<_> = found.iter().filter(|due| Destination::of(&due.delivery.url).as_ref() == Some(&of)).collect();
    let mut attempts = Vec::new();
    for due in to_it.iter().take(READ_MAX) {
        let record = store.delivery(viewer.org(), due.delivery.id).await?;
        attempts.extend(record.into_iter().flat_map(|record| record.attempts));
    }
    frame::page(&Page {
        frame: viewer.frame("Destination", "Destinations"),
        plot: plot(attempts),
        looked_at: found.len(),
        rows: to_it.iter().take(super::ROWS).map(|due| deliveries::Row::of(due)).collect(),
        name,
    })
}

/// Those that have ended, the newest ones.
fn plot(mut attempts: Vec<Attempt>) -> Option<Plot> {
    attempts.retain(|attempt| attempt.end.is_some());
    attempts.sort_by_key(|attempt| attempt.started_at);
    let attempts = &attempts[attempts.len().saturating_sub(SHOWN_MAX)..];
    let (first, last) = (attempts.first()?.started_at, attempts.last()?.started_at);
    let span = u64::try_from(last.since(first).as_millis()).unwrap_or(u64::MAX).max(1);
    let total = |attempt: &Attempt| attempt.end.as_ref().and_then(|end| end.phases.total_us).unwrap_or(0);
    let longest = attempts.iter().map(total).max().unwrap_or(0).max(1);
    let place = |value: u64, of: u64, room: u64| {
        u64::try_from(u128::from(value) * u128::from(room - 2 * MARGIN) / u128::from(of)).unwrap_or(room)
    };
    let dot = |attempt: &Attempt| {
        let word = attempt.end.as_ref().map_or(Word::Interrupted, |end| end.outcome);
        let since = u64::try_from(attempt.started_at.since(first).as_millis()).unwrap_or(0);
        Dot {
            x: MARGIN + place(since, span, WIDTH),
            y: HEIGHT - MARGIN - place(total(attempt), longest, HEIGHT),
            class: if word == Word::Delivered { "dot-good" } else { "dot-bad" },
            text: format!("{}: {}, {}", shown::time(attempt.started_at), word.as_str(), shown::micros(total(attempt))),
        }
    };
    let dots: Vec<Dot> = attempts.iter().map(dot).collect();
    Some(Plot {
        from: shown::time(first),
        to: shown::time(last),
        longest: shown::micros(longest),
        count: dots.len(),
        failed: dots.iter().filter(|dot| dot.class == "dot-bad").count(),
        dots,
    })
}
