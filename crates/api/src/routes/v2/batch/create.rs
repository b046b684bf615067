//! `POST /v2/batch`: many generations with one request. Read and judged whole, then one commit, then 201.
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use postsync_core::audit::Named;
use postsync_core::batch::{Batch, JudgedRow, NewBatch, Rows, Status, wire};
use postsync_core::create::judge_url;
use postsync_core::error_code;
use postsync_core::idempotency::{Fingerprint, FormPrint, IdempotencyKey, PartPrint};
use postsync_core::ids::OrgId;
use postsync_core::limits::BATCH_BYTES_MAX;
use postsync_engine::Keyed;
use postsync_engine::ports::BatchQuery;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;

use super::records;
use crate::auth::Submitter;
use crate::body_room::Held;
use crate::error::ApiError;
use crate::form::{self, BatchForm};
use crate::json;
use crate::json_body;
use crate::routes::v2::generate::create::{ContentKind, asset_fits_row, content_kind};
use crate::routes::v2::generate::keyed::{self, Beginning};
use crate::state::ApiState;
use crate::wire::{BatchBody, BatchValidated, CreateBatch, CreateBatchForm, ErrorBody, UnauthorizedBody};

/// Create a batch
///
/// Takes all of its records or none of them. Answers once all of its generations are on disk; each then lives as any other, with
/// its own webhook where its payload names one. When the last of them has ended, so has the batch: that is told to webhook_url, and
/// shown by GET /v2/batch/{id}. A refusal names the line that it is about.
#[utoipa::path(
    post,
    path = "/v2/batch",
    operation_id = "createBatch",
    tag = "batches",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "1 to 128 characters of A-Z a-z 0-9 . _ ~ -: the same request sent again within 24 hours makes no second batch; a dry run does not look at it",
    )),
    request_body(content(
        (CreateBatch = "application/json"),
        (CreateBatchForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "A dry run: it would be taken", body = BatchValidated),
        (
            status = 201,
            description = "The batch: PENDING, or as it is where an earlier request had the same Idempotency-Key",
            body = BatchBody,
            headers(("Idempotency-Replayed" = String, description = "true where that is so")),
        ),
        (status = 400, description = "Something is wrong with the request; the message names the line", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 402, description = "The organization's plan has no batches", body = ErrorBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "The Idempotency-Key was used for another request, or its first request is under way", body = ErrorBody),
        (status = 413, description = "A field of the form, or the JSON body, is too large", body = ErrorBody),
        (status = 415, description = "Neither JSON nor a form", body = ErrorBody),
        (
            status = 429,
            description = "Too many requests with this key, or the organization has as many batches at once as it may",
            body = ErrorBody,
        ),
        (status = 503, description = "Too little room on the disk, or the server is stopping; nothing was accepted", body = ErrorBody),
    )
)]
pub(crate) async fn create_batch(
    State(state): State<ApiState>,
    Submitter { org, caller }: Submitter,
    request: Request,
) -> Result<Response, ApiError> {
    let key = keyed::key(request.headers())?;
    // One with a key may have been taken before, and is then answered as it was, however little room there is now.
    let is_late = key.is_some();
    if is_late {
        state.is_not_stopping()?
    } else {
        state.takes_work()?
    }
    let allowance = state.engine.allowance(&org).await?;
    if allowance.refuses_batches {
        return Err(ApiError::of(error_code::BATCH_PLAN_REQUIRED));
    }
    let (parts, body) = request.into_parts();
    let asked = match content_kind(&parts.headers)? {
        ContentKind::Json => read_json(&state, &parts.headers, body, is_late).await?,
        ContentKind::Form(content_type) => {
            read_form(form::read_batch(content_type, body, state.bodies.for_a_body()).await?, is_late)?
        }
    };
    let _held = asked.held;
    let keyed = match begin(&state, &org, key.filter(|_| !asked.is_dry), asked.fingerprint).await? {
        Beginning::First(keyed) => keyed,
        Beginning::Before(batch) => return Ok(keyed::again(json::answer(StatusCode::CREATED, wire(&batch)))),
    };
    if is_late {
        state.takes_work()?;
    }
    let webhook_url = asked.webhook_url.as_deref().map(|url| judge_url("webhook_url", url, &state.settings.rules));
    let webhook_url = webhook_url.transpose()?;
    let rows = judge(&state, &org, asked.records).await?;
    let mut named = Named::default();
    for row in &rows {
        asset_fits_row(&state, &org, row, &mut named).await?;
    }
    if asked.is_dry {
        let validated = BatchValidated { status: "VALIDATED".to_owned() };
        return Ok(json::answer(StatusCode::OK, json::text(&validated)));
    }
    let turn = has_room(&state, &org, allowance.batch_concurrency).await?;
    commit(&state, NewBatch { org, webhook_url, rows: records::taken(rows), caller, named }, keyed, turn).await
}

async fn begin(
    state: &ApiState,
    org: &OrgId,
    key: Option<IdempotencyKey>,
    fingerprint: Option<Fingerprint>,
) -> Result<Beginning<Batch>, ApiError> {
    let (Some(key), Some(fingerprint)) = (key, fingerprint) else { return Ok(Beginning::First(None)) };
    Ok(state.engine.begin_keyed_batch(org, key, fingerprint.of_operation(OPERATION)).await?.into())
}

/// What the fingerprint of a batch is told from others by.
const OPERATION: &str = "createBatch";

/// The turn of one batch among those that count how many there are, until it is on disk itself.
type Turn = Option<OwnedMutexGuard<()>>;

/// Whether the organization may have one more batch that has not ended.
async fn has_room(state: &ApiState, org: &OrgId, limit: u32) -> Result<Turn, ApiError> {
    if limit == 0 {
        return Ok(None);
    }
    let turn = state.batch_turn.clone().lock_owned().await;
    let (mut running, most) = (0, limit as usize);
    for status in [Status::Pending, Status::JobsCreated, Status::Processing] {
        let (org, status, left) = (org.clone(), Some(status), most - running);
        let query = BatchQuery { org, status, after: None, before: None, limit: left };
        running += state.engine.store().batches(query).await?.len();
        if running >= most {
            return Err(ApiError::too_many_batches(running, limit));
        }
    }
    Ok(Some(turn))
}

/// Five megabytes of JSON take a processor for a moment: not one that others wait for.
async fn judge(state: &ApiState, org: &OrgId, records: Records) -> Result<Vec<JudgedRow>, ApiError> {
    let (state, org, runtime) = (state.clone(), org.clone(), Handle::current());
    let judging = move || {
        let judge = records::Judge::new(&state, &org, &runtime);
        match records {
            Records::Lines(text) => judge.lines(&text),
            Records::Rows(rows) => judge.rows(rows),
        }
    };
    tokio::task::spawn_blocking(judging).await.unwrap_or_else(|_| Err(ApiError::of(error_code::INTERNAL_ERROR)))
}

/// In a task of its own: a client that hangs up in the middle must not leave a batch on disk that no loop has been told of.
async fn commit(state: &ApiState, new: NewBatch, keyed: Option<Keyed>, turn: Turn) -> Result<Response, ApiError> {
    let engine = state.engine.clone();
    let task = async move {
        let _turn = turn;
        engine.submit_batch(new, keyed).await
    };
    match tokio::spawn(tracing::Instrument::in_current_span(task)).await {
        Ok(batch) => Ok(json::answer(StatusCode::CREATED, wire(&batch?))),
        Err(_) => Err(ApiError::of(error_code::INTERNAL_ERROR)),
    }
}

enum Records {
    Lines(Vec<u8>),
    Rows(Vec<Value>),
}

struct Asked {
    records: Records,
    webhook_url: Option<String>,
    is_dry: bool,
    /// Where it was asked for.
    fingerprint: Option<Fingerprint>,
    /// Room for the body.
    held: Held,
}

fn read_form(form: BatchForm, is_keyed: bool) -> Result<Asked, ApiError> {
    let lines = form.lines.ok_or_else(|| {
        let message = "input is missing: send the records as a file of JSON Lines in the field input";
        ApiError::unreadable(message).with_field("input")
    })?;
    let is_dry = match form.dry_run.as_deref().map(str::trim) {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::unreadable("dry_run must be true or false").with_field("dry_run")),
    };
    let webhook_url = form.webhook_url.filter(|url| !url.is_empty());
    let fingerprint = is_keyed.then(|| print(&lines, webhook_url.as_deref()));
    Ok(Asked { records: Records::Lines(lines), webhook_url, is_dry, fingerprint, held: form.held })
}

/// By its fields' own names, whichever of their names a client writes.
fn print(lines: &[u8], webhook_url: Option<&str>) -> Fingerprint {
    let mut form = FormPrint::default();
    for (name, bytes) in [("input", Some(lines)), ("webhook_url", webhook_url.map(str::as_bytes))] {
        let Some(bytes) = bytes else { continue };
        let mut part = PartPrint::default();
        part.update(bytes);
        form.add(name, part);
    }
    form.finish()
}

async fn read_json(state: &ApiState, headers: &HeaderMap, body: Body, is_keyed: bool) -> Result<Asked, ApiError> {
    let bytes_max = state.settings.json_bytes_max;
    let text = json_body::whole(state.bodies.for_a_body(), headers, body, bytes_max, ApiError::unreadable).await?;
    let bytes = text.bytes().len();
    let (parsed, held) = text.parse().await?;
    let mut fields = match parsed {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Err(ApiError::unreadable("The body must be a JSON object with rows.")),
        Err(why) => return Err(ApiError::unreadable(format!("The body is not valid JSON: {why}."))),
    };
    let fingerprint = is_keyed.then(|| Fingerprint::of_json(&fields));
    let rows = match fields.remove("rows") {
        Some(Value::Array(rows)) => rows,
        _ => return Err(ApiError::unreadable("rows must be a list of records").with_field("rows")),
    };
    if bytes > BATCH_BYTES_MAX {
        return Err(Rows::too_large(rows.len().max(1)).into());
    }
    let mut urls = ["webhook_url", "webhookUrl"].into_iter().filter_map(|name| fields.remove(name));
    let webhook_url = match urls.find(|value| !value.is_null()) {
        None => None,
        Some(Value::String(url)) => Some(url),
        Some(_) => return Err(ApiError::unreadable("webhook_url must be a string").with_field("webhook_url")),
    };
    let mut dry = ["dry_run", "dryRun"].into_iter().filter_map(|name| fields.get(name));
    let is_dry = match dry.find(|value| !value.is_null()) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is_dry)) => *is_dry,
        Some(_) => return Err(ApiError::unreadable("dry_run must be true or false").with_field("dry_run")),
    };
    Ok(Asked { records: Records::Rows(rows), webhook_url, is_dry, fingerprint, held })
}
