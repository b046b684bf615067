//! What the upstream's answers say. Read without trust: any shape is an answer or a trouble, never a panic.
use postsync_core::generation::Failure;
use postsync_core::relay::{Asked, Trouble, UpstreamId, code_of, of_status};
use postsync_engine::ports::{ExchangeAnswer, Seen};
use serde_json::Value;

/// Of the upstream's sentence, what is passed on: it stands in ours.
const MESSAGE_CHARS_MAX: usize = 300;

/// A video of a year is a slip of its unit.
const DURATION_S_MAX: f64 = 366.0 * 24.0 * 3600.0;

/// The answer to a create.
pub(super) fn submitted(answer: &ExchangeAnswer) -> Result<UpstreamId, Trouble> {
    let body = object(&answer.body);
    let is_taken = matches!(answer.status, 200..=299);
    let id = |key: &str| body.as_ref().and_then(|body| body[key].as_str()).and_then(UpstreamId::new);
    if is_taken {
        return id("id")
            .ok_or_else(|| Trouble::Garbled("its answer to a create has no id that can be used".to_owned()));
    }
    // Of a keyed create whose fate it does not know, it may say at least which generation it was.
    if answer.status == 503
        && let Some(id) = id("generationId")
    {
        return Ok(id);
    }
    Err(refused(answer, Asked::Submit, body.as_ref()))
}

/// The answer to a look.
pub(super) fn seen(answer: &ExchangeAnswer, asked: Asked) -> Result<Seen, Trouble> {
    let body = object(&answer.body);
    if answer.status != 200 {
        return Err(refused(answer, asked, body.as_ref()));
    }
    let body = body.ok_or_else(|| Trouble::Garbled("its answer is no JSON object".to_owned()))?;
    match body["status"].as_str() {
        Some("COMPLETED") => match body["outputUrl"].as_str().filter(|url| !url.is_empty()) {
            Some(url) => Ok(Seen::Completed { url: url.to_owned(), duration_ms: duration_ms(&body) }),
            None => Err(Trouble::Garbled("it says COMPLETED and gives no outputUrl".to_owned())),
        },
        Some("FAILED" | "REJECTED" | "CANCELED" | "CANCELLED" | "TIMED_OUT") => Ok(Seen::Failed(failure(&body))),
        // Whatever else it calls it: not ended.
        Some(_) => Ok(Seen::Working),
        None => Err(Trouble::Garbled("its answer has no status".to_owned())),
    }
}

/// The answer to a cancel.
pub(super) fn canceled(answer: &ExchangeAnswer) -> Result<(), Trouble> {
    match answer.status {
        // It has ended there: nothing goes on.
        200..=299 | 409 => Ok(()),
        404 | 405 | 501 => Err(Trouble::Unknown),
        _ => Err(refused(answer, Asked::Look, object(&answer.body).as_ref())),
    }
}

fn refused(answer: &ExchangeAnswer, asked: Asked, body: Option<&Value>) -> Trouble {
    let code = body.and_then(code);
    let message = body.and_then(message);
    of_status(asked, answer.status, code, message.as_deref(), answer.retry_after)
}

/// Its own words, with its code where we know that.
fn failure(body: &Value) -> Failure {
    let code = code_of(code(body));
    match body["error"].as_str().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Failure::new(code, text),
        None => Failure::new(code, "The generation failed at the upstream, which does not say why."),
    }
}

/// Newer answers say `errorCode`, webhooks and the SDKs' types `error_code`.
fn code(body: &Value) -> Option<&str> {
    ["errorCode", "error_code", "code"].iter().find_map(|key| body[*key].as_str())
}

/// A sentence, or a list of them.
fn message(body: &Value) -> Option<String> {
    let text = match &body["message"] {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        _ => return None,
    };
    Some(text.trim().chars().take(MESSAGE_CHARS_MAX).collect()).filter(|text: &String| !text.is_empty())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range: see the filter")]
fn duration_ms(body: &Value) -> Option<u64> {
    let seconds = body["outputDuration"].as_f64().filter(|s| (0.0..DURATION_S_MAX).contains(s))?;
    Some((seconds * 1_000.0).round() as u64)
}

fn object(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(Value::is_object)
}
