//! The batch as JSON: what `GET /v2/batch/{id}` answers and what its webhook carries, byte for byte; and the lines of its results.
use std::fmt::Write as _;

use super::{Batch, State};
use crate::canonical;
use crate::generation::{Ending, Failure, Output, State as GenerationState};
use crate::ids::GenerationId;

/// The object as Sync writes it: snake case but for the two URLs, an empty `outputUrl` until there is one.
#[must_use]
pub fn wire(batch: &Batch) -> String {
    let counts = batch.counts;
    let mut out = String::with_capacity(512);
    let _ = write!(
        out,
        "{{\"id\":\"{}\",\"created_at\":\"{}\",\"status\":\"{}\",\"metrics\":{{\"total_generations\":{},\"success_count\":{},\
         \"failed_count\":{},\"pending_count\":{}}},\"webhookUrl\":",
        batch.id,
        batch.created_at,
        batch.status().as_str(),
        counts.total,
        counts.succeeded,
        counts.failed,
        counts.open(),
    );
    optional(&mut out, batch.webhook_url.as_deref());
    out.push_str(",\"outputUrl\":");
    let url = match &batch.state {
        State::Ended(end) => end.output_url.as_str(),
        State::Pending | State::JobsCreated | State::Processing => "",
    };
    canonical::push_string(&mut out, url);
    out.push('}');
    out
}

/// What a batch's results tell of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowResult {
    /// What the client calls it.
    pub request_id: String,
    /// Its generation.
    pub generation: GenerationId,
    /// How that stands.
    pub state: GenerationState,
}

/// One line of the results, with its line end.
#[must_use]
pub fn result_line(row: &RowResult) -> String {
    let (status, output, failure): (_, Option<&Output>, Option<&Failure>) = match &row.state {
        GenerationState::Pending => ("PENDING", None, None),
        GenerationState::Processing => ("PROCESSING", None, None),
        GenerationState::Ended(_, Ending::Completed(output)) => ("COMPLETED", Some(output), None),
        GenerationState::Ended(_, Ending::Failed(failure)) => ("FAILED", None, Some(failure)),
    };
    let mut out = "{\"request_id\":".to_owned();
    canonical::push_string(&mut out, &row.request_id);
    let _ = write!(out, ",\"generation_id\":\"{}\",\"status\":\"{status}\",\"outputUrl\":", row.generation);
    optional(&mut out, output.map(|output| output.url.as_str()));
    out.push_str(",\"error\":");
    optional(&mut out, failure.map(|failure| failure.error.as_str()));
    out.push_str(",\"error_code\":");
    optional(&mut out, failure.map(|failure| failure.code.as_str()));
    out.push_str("}\n");
    out
}

fn optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => canonical::push_string(out, text),
        None => out.push_str("null"),
    }
}
