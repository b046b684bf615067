//! `/usage`: what has ended, how long it is and what it came to. No sum over all of it: that would be a scan.
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use postsync_core::generation::Status;
use postsync_core::ids::GenerationId;
use postsync_core::price::estimate;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{UsageQuery, Used};

use super::ROWS;
use super::generations::badge;
use crate::frame::{self, Frame};
use crate::links::with_query;
use crate::problem::Problem;
use crate::query::Fields;
use crate::shown;
use crate::state::Dashboard;
use crate::viewer::Viewer;

struct Row {
    id: String,
    status: &'static str,
    badge: &'static str,
    model: String,
    ended: String,
    length: String,
    cost: String,
}

#[derive(Template)]
#[template(path = "usage.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    older: Option<String>,
    newest: bool,
    length: String,
    cost: String,
}

pub(crate) async fn page(State(state): State<Dashboard>, viewer: Viewer, query: Fields) -> Result<Response, Problem> {
    let before = query.read("before", "the place of a page", place)?;
    let wanted = UsageQuery { org: viewer.org().clone(), since: None, until: None, before, limit: ROWS + 1 };
    let mut found = state.engine.store().usage(wanted).await?;
    let has_more = found.len() > ROWS;
    found.truncate(ROWS);
    let older = found
        .last()
        .filter(|_| has_more)
        .map(|last| with_query("/usage", &[("before", &format!("{}_{}", last.ended_at.0, last.generation))]));
    let cost = |used: &Used| cost_micros(&state, used);
    let row = |used: &Used| Row {
        id: used.generation.to_string(),
        status: used.status.as_str(),
        badge: badge(used.status),
        model: used.model.clone(),
        ended: shown::time(used.ended_at),
        length: used.duration_ms.map(shown::length_ms).unwrap_or_default(),
        cost: cost(used).map(dollars).unwrap_or_default(),
    };
    frame::page(&Page {
        frame: viewer.frame("Usage", "Usage"),
        rows: found.iter().map(row).collect(),
        older,
        newest: before.is_some(),
        length: shown::length_ms(found.iter().filter_map(|used| used.duration_ms).sum()),
        cost: dollars(found.iter().filter_map(cost).sum()),
    })
}

fn place(text: &str) -> Option<(Timestamp, GenerationId)> {
    let (at, id) = text.split_once('_')?;
    Some((Timestamp(at.parse().ok()?), id.parse().ok()?))
}

fn cost_micros(state: &Dashboard, used: &Used) -> Option<u64> {
    let price = state.settings.prices.of(&used.model);
    if used.status != Status::Completed || price == 0 {
        return Some(0);
    }
    Some(estimate(price, used.duration_ms?, 0).micros)
}

/// `$1.23`, with more digits where that would be nothing.
fn dollars(micros: u64) -> String {
    if micros == 0 {
        return "$0".to_owned();
    }
    let text = format!("${}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let keep = text.trim_end_matches('0').len().max(text.len() - 4);
    text[..keep].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_out() {
        for (micros, want) in
            [(0, "$0"), (1_230_000, "$1.23"), (1_200_000, "$1.20"), (1_234_500, "$1.2345"), (7, "$0.000007")]
        {
            assert_eq!(dollars(micros), want);
        }
    }
}
