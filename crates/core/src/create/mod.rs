//! Judges what a client asks for in `POST /v2/generate` and turns it into a [`Request`] that can be kept.
//!
//! Promise: what passes here can be worked on and echoed. Its texts are canonical JSON, every URL was judged, and the
//! webhook that must one day carry it fits under the receivers' limit. What can't be honoured is refused and named, never
//! silently dropped: a forgotten `webhook_url` or a segment that nobody cuts would be found out by a user, much later.
//!
//! Does not fetch, look up assets or know HTTP. Fails with the first field that is wrong.
mod inputs;
mod options;
mod segments;

use serde_json::{Map, Value};

use crate::canonical;
use crate::echo_url::echo_url;
use crate::egress_rules::EgressRules;
use crate::error_code::{self, ErrorCode};
use crate::generation::{Request, echo_bytes};
use crate::input::{Invalid, Item};
use crate::limits;
use crate::model::{MODELS, Route, Routing};
use crate::terms::Terms;

/// The longest `outputFileName`, as documented by Sync.
const OUTPUT_FILE_NAME_CHARS_MAX: usize = 255;

/// What a create is judged by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Which generator each model goes to.
    pub routing: &'a Routing,
    /// Where webhooks and fetches may go. Syntax and literals only: no name is resolved at create.
    pub egress: &'a EgressRules,
    /// URLs of videos of our own, as they were given out: they are read where they lie, and dialled by nobody.
    pub own: &'a [String],
}

/// A request that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// To be kept and echoed.
    pub request: Request,
    /// Its `input`, read: for the one thing that is left to judge, whether the assets exist and are of the right kind.
    pub items: Vec<Item>,
}

/// A refusal: a 400 that names its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// `options.sync_mode`
    pub field: String,
    /// A sentence that names the field and says what is wanted.
    pub message: String,
}

impl Refusal {
    /// A refusal with the common code.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::coded(error_code::GENERATION_INPUT_VALIDATION_FAILED, field, message)
    }

    /// A refusal with a code of its own.
    #[must_use]
    pub fn coded(code: ErrorCode, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: field.into(), message: message.into() }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::coded(invalid.code, invalid.field, invalid.message)
    }
}

/// Judges the body of a create. Unknown fields are ignored, as Sync ignores them.
///
/// # Errors
/// The first field that is wrong.
pub fn judge(mut body: Map<String, Value>, rules: &Rules<'_>) -> Result<Judged, Refusal> {
    refuse_what_would_be_lost(&body)?;
    let (model, route) = model(body.get("model"), rules.routing)?;
    let segments = present(&mut body, "segments");
    let has_segments = segments.as_ref().and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let mut input = present(&mut body, "input").ok_or_else(|| {
        Refusal::new(
            "input",
            "input is missing; it is a list of items, for example [{\"type\":\"video\",\"url\":\"https://...\"}]",
        )
    })?;
    let items = inputs::judge(&mut input, has_segments, route, rules)?;
    let options = present(&mut body, "options");
    options.as_ref().map_or(Ok(()), |options| options::judge(options, route))?;
    segments.as_ref().map_or(Ok(()), |segments| segments::judge(segments, &items, route))?;
    let request = Request {
        model: model.to_owned(),
        input: canonical::to_string(&input),
        options: options.as_ref().map(canonical::to_string),
        segments: segments.as_ref().map(canonical::to_string),
        webhook_url: webhook_url(body.get("webhookUrl"), rules)?,
        output_file_name: output_file_name(body.get("outputFileName"))?,
        terms: present(&mut body, "postsync").map_or(Ok(Terms::default()), |value| Terms::read(&value, "postsync"))?,
    };
    fits_a_webhook(&request)?;
    fits_a_list(&request)?;
    Ok(Judged { request, items })
}

/// A field's value; `null` is the same as absent.
fn present(body: &mut Map<String, Value>, key: &str) -> Option<Value> {
    body.get_mut(key).map(Value::take).filter(|value| !value.is_null())
}

/// Fields whose silent loss a user would notice only by its consequences.
fn refuse_what_would_be_lost(body: &Map<String, Value>) -> Result<(), Refusal> {
    const LOST: [(&str, &str); 3] = [
        ("webhook_url", "webhook_url is not read here: write webhookUrl"),
        ("dubParams", "dubParams is not supported by this server: send speech in the target language as audio"),
        ("dialogueEdit", "dialogueEdit is not supported by this server"),
    ];
    match LOST.iter().find(|(key, _)| body.get(*key).is_some_and(|value| !value.is_null())) {
        Some((key, message)) => Err(Refusal::new(*key, *message)),
        None => Ok(()),
    }
}

fn model(value: Option<&Value>, routing: &Routing) -> Result<(&'static str, Route), Refusal> {
    let text = match value {
        None | Some(Value::Null) => return Err(Refusal::new("model", format!("model is missing; {}", model_list()))),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Refusal::new("model", format!("model must be a string; {}", model_list()))),
    };
    let known = MODELS.iter().find(|model| model.id == text);
    known.and_then(|model| Some((model.id, routing.route(model.id)?))).ok_or_else(|| {
        let message = format!("model is not known here; {}", model_list());
        Refusal::coded(error_code::GENERATION_UNSUPPORTED_MODEL, "model", message)
    })
}

fn model_list() -> String {
    let ids: Vec<&str> = MODELS.iter().map(|model| model.id).collect();
    format!("it is one of {}", ids.join(", "))
}

fn webhook_url(value: Option<&Value>, rules: &Rules<'_>) -> Result<Option<String>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(url)) => judge_url("webhookUrl", url, rules.egress).map(Some),
        Some(_) => Err(Refusal::new("webhookUrl", "webhookUrl must be a string")),
    }
}

/// Judges a URL and gives it as it is echoed.
///
/// # Errors
/// Why it can't be taken; the message names `field`.
pub fn judge_url(field: &str, url: &str, rules: &EgressRules) -> Result<String, Refusal> {
    rules.judge_url(url).map_err(|why| Refusal::new(field, format!("{field} {why}")))?;
    let echo = echo_url(url).into_owned();
    if echo.len() > limits::URL_BYTES_MAX {
        let message = format!("{field} is longer than {} bytes once it is percent-encoded", limits::URL_BYTES_MAX);
        return Err(Refusal::new(field, message));
    }
    Ok(echo)
}

fn output_file_name(value: Option<&Value>) -> Result<Option<String>, Refusal> {
    let wanted = || {
        let rule = "outputFileName must be 1 to 255 letters, digits, _ and -; .mp4 is added to it";
        Refusal::new("outputFileName", rule)
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
            let fits = (1..=OUTPUT_FILE_NAME_CHARS_MAX).contains(&name.len());
            if plain && fits { Ok(Some(name.clone())) } else { Err(wanted()) }
        }
        Some(_) => Err(wanted()),
    }
}

/// A webhook can leave out `options` and `segments`, but not `input`: a body over the receivers' limit would never arrive.
fn fits_a_webhook(request: &Request) -> Result<(), Refusal> {
    if echo_bytes(request) <= limits::WEBHOOK_ECHO_BYTES_MAX {
        return Ok(());
    }
    let message = "input is too large: a webhook that echoes it would be over the 100 kB that receivers take; \
                   shorten its URLs or send fewer items";
    Err(Refusal::new("input", message))
}

/// The webhook may drop them, but every list and every look at the generation echoes them, and the server's memory pays for it.
fn fits_a_list(request: &Request) -> Result<(), Refusal> {
    let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let (options, segments) = (bytes(&request.options), bytes(&request.segments));
    if options.saturating_add(segments) <= limits::OPTIONS_BYTES_MAX {
        return Ok(());
    }
    let field = if options >= segments { "options" } else { "segments" };
    let message = format!(
        "{field} is too large: options and segments together may take {} bytes as JSON without spaces",
        limits::OPTIONS_BYTES_MAX
    );
    Err(Refusal::new(field, message))
}

#[cfg(test)]
mod tests;
