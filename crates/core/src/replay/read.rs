//! Reads what a client says of the deliveries that it means.
//!
//! Strict where others are not: a member that is not known is refused, because a misspelled filter would send more than was meant.
use std::time::Duration;

use serde_json::{Map, Value};

use super::{EndedAs, Filter};
use crate::create::Refusal;
use crate::ids::EndpointId;
use crate::outcome::SendError;
use crate::time::Timestamp;

/// The members of a filter.
const FILTERS: [&str; 7] = ["generationId", "endpointId", "status", "since", "until", "error", "again"];

/// So far a client's clock may be ahead of ours.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(300);

/// How much of a name that is not known a refusal repeats.
const SHOWN_CHARS_MAX: usize = 60;

impl Filter {
    /// Reads a filter as JSON says it. An empty one means all that has ended; whether that is taken its caller judges.
    ///
    /// # Errors
    /// The member that is wrong, or not known.
    pub fn read(of: &Map<String, Value>, now: Timestamp) -> Result<Self, Refusal> {
        only_known(of, "filter.", &FILTERS)?;
        let filter = Self {
            status: member(of, "status", status)?,
            generation: member(of, "generationId", |text| text.parse().map_err(|_| "is not the id of a generation"))?,
            endpoint: member(of, "endpointId", endpoint)?,
            since: member(of, "since", time)?,
            until: member(of, "until", time)?,
            error: member(of, "error", |text| {
                SendError::parse(text)
                    .ok_or("is no error that an attempt comes to, such as connect_refused or http_status")
            })?,
            again: flag(of, "again", "filter.again")?,
        };
        if filter.since.is_some_and(|since| since > now.plus(CLOCKS_DIFFER_MAX)) {
            let message = format!("filter.since lies ahead: nothing has happened since then; it is {now} here");
            return Err(Refusal::new("filter.since", message));
        }
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since > until
        {
            return Err(Refusal::new("filter.until", "filter.until is earlier than filter.since"));
        }
        Ok(filter)
    }
}

/// Refuses a member that is none of these.
///
/// # Errors
/// Its name.
pub fn only_known(of: &Map<String, Value>, prefix: &str, names: &[&str]) -> Result<(), Refusal> {
    let Some(unknown) = of.keys().find(|key| !names.contains(&key.as_str())) else { return Ok(()) };
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let name: String = unknown.chars().take(SHOWN_CHARS_MAX).map(plain).collect();
    let field = format!("{prefix}{name}");
    let message = format!("{field} is not known; there are {}", names.join(", "));
    Err(Refusal::new(field, message))
}

/// A member that is true or false; not said is false.
///
/// # Errors
/// It is neither.
pub fn flag(of: &Map<String, Value>, name: &str, field: &str) -> Result<bool, Refusal> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Refusal::new(field, format!("{field} must be true or false"))),
    }
}

fn status(text: &str) -> Result<EndedAs, &'static str> {
    EndedAs::parse(text).ok_or(match text {
        "due" | "parked" => "must be delivered or exhausted: what is due or parked is being delivered as it is",
        _ => "must be delivered or exhausted",
    })
}

fn endpoint(text: &str) -> Result<EndpointId, &'static str> {
    EndpointId::of_either_kind(text).map_err(|_| "is not the id of an endpoint, ep_... or imp_...")
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("must be a time like 2026-11-24T08:00:00Z, in the years 1970 to 2247")
}

/// A text of the filter, judged. Null is as if it were not there.
fn member<T>(
    of: &Map<String, Value>,
    name: &str,
    judge: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, Refusal> {
    let field = format!("filter.{name}");
    let wrong = |why: &str| Refusal::new(&*field, format!("{field} {why}"));
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => judge(text).map(Some).map_err(wrong),
        Some(_) => Err(wrong("must be a text")),
    }
}
