//! Reads what a client wants an endpoint to be, whole or as a change.
use serde_json::{Map, Value};

use super::{CustomHeaders, DisabledReason, Endpoint, EventFilter, Input, State};
use crate::Secret;
use crate::create::{Refusal, judge_url};
use crate::egress_rules::EgressRules;
use crate::ids::{EndpointId, OrgId};
use crate::limits;
use crate::terms::Terms;
use crate::time::Timestamp;

/// The members that both a create and a change take.
const MEMBERS: [&str; 8] =
    ["url", "description", "events", "headers", "schedule", "timeout", "perSecond", "concurrency"];

/// An endpoint that is to be registered.
#[derive(Clone, Debug)]
pub struct Draft {
    settings: Settings,
    /// Where its owner brings one along.
    pub secret: Option<Secret>,
}

/// A change: what it does not name stays as it is.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Which members it names.
    body: Map<String, Value>,
    settings: Settings,
    input: Option<Input>,
}

#[derive(Clone, Debug)]
struct Settings {
    url: Option<String>,
    description: String,
    events: EventFilter,
    headers: CustomHeaders,
    terms: Terms,
    per_second: Option<u32>,
    concurrency: Option<u32>,
}

impl Draft {
    /// Reads the body of a create; only `url` must be there.
    ///
    /// # Errors
    /// The first member that is wrong, and any that is not known: its silent loss would be found out much later.
    pub fn read(body: &Map<String, Value>, rules: &EgressRules) -> Result<Self, Refusal> {
        known_only(body, &["secret"])?;
        let settings = Settings::read(body, rules)?;
        if settings.url.is_none() {
            return Err(Refusal::new("url", "url is missing: it is where this endpoint's webhooks go"));
        }
        let secret = match body.get("secret") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                let secret = Secret::new(text.clone());
                Some(secret.map_err(|why| Refusal::new("secret", format!("secret can't be used: {why}")))?)
            }
            Some(_) => return Err(Refusal::new("secret", "secret must be a string, for example whsec_...")),
        };
        Ok(Self { settings, secret })
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &str {
        self.settings.url.as_deref().unwrap_or_default()
    }

    /// The endpoint, enabled.
    #[must_use]
    pub fn into_endpoint(self, id: EndpointId, org: OrgId, now: Timestamp) -> Endpoint {
        let Settings { url, description, events, headers, terms, per_second, concurrency } = self.settings;
        Endpoint {
            id,
            org,
            url: url.unwrap_or_default(),
            description,
            events,
            headers,
            terms,
            per_second,
            concurrency,
            state: State::Enabled,
            failing_since: None,
            failing_told: false,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

impl Patch {
    /// Reads the body of a change. `null` puts a member back to what it is without one.
    ///
    /// # Errors
    /// As [`Draft::read`].
    pub fn read(body: &Map<String, Value>, rules: &EgressRules) -> Result<Self, Refusal> {
        known_only(body, &["state"])?;
        let settings = Settings::read(body, rules)?;
        if body.contains_key("url") && settings.url.is_none() {
            return Err(Refusal::new("url", "url can't be taken away; delete the endpoint instead"));
        }
        let input = body.get("state").map(state).transpose()?;
        Ok(Self { body: body.clone(), settings, input })
    }

    /// Where it shall go from now on, where that changes.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.settings.url.as_deref()
    }

    /// The endpoint with the change; `None` where it is disabled and is to be paused, which only a resume leads to.
    #[must_use]
    pub fn apply(self, endpoint: &Endpoint, now: Timestamp) -> Option<Endpoint> {
        let Self { body, settings: read, input } = self;
        if input.is_some_and(|input| !endpoint.takes(input)) {
            return None;
        }
        let names = |key: &str| body.contains_key(key);
        let mut next = endpoint.clone();
        let own = std::mem::take(&mut next.terms);
        next.url = read.url.unwrap_or(next.url);
        next.description = if names("description") { read.description } else { next.description };
        next.events = if names("events") { read.events } else { next.events };
        next.headers = if names("headers") { read.headers } else { next.headers };
        next.terms.schedule = if names("schedule") { read.terms.schedule } else { own.schedule };
        next.terms.timeout = if names("timeout") { read.terms.timeout } else { own.timeout };
        next.per_second = if names("perSecond") { read.per_second } else { next.per_second };
        next.concurrency = if names("concurrency") { read.concurrency } else { next.concurrency };
        // Where it stays as it is, that was what was asked for.
        let _ = input.is_some_and(|input| next.move_by(input));
        next.touch(now);
        Some(next)
    }
}

impl Settings {
    fn read(body: &Map<String, Value>, rules: &EgressRules) -> Result<Self, Refusal> {
        let value = |key: &str| body.get(key).unwrap_or(&Value::Null);
        Ok(Self {
            url: match value("url") {
                Value::Null => None,
                Value::String(url) => Some(judge_url("url", url, rules)?),
                _ => return Err(Refusal::new("url", "url must be a string")),
            },
            description: description(value("description"))?,
            events: EventFilter::read(value("events"))?,
            headers: CustomHeaders::read(value("headers"))?,
            terms: Terms::members(body, "")?,
            per_second: whole("perSecond", value("perSecond"), limits::ENDPOINT_PER_SECOND_MAX)?,
            concurrency: whole("concurrency", value("concurrency"), limits::ENDPOINT_CONCURRENCY_MAX)?,
        })
    }
}

fn known_only(body: &Map<String, Value>, also: &[&str]) -> Result<(), Refusal> {
    let unknown = body.keys().find(|key| !MEMBERS.contains(&key.as_str()) && !also.contains(&key.as_str()));
    let Some(unknown) = unknown else { return Ok(()) };
    const SHOWN_MAX: usize = 60;
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let name: String = unknown.chars().take(SHOWN_MAX).map(plain).collect();
    let takes = MEMBERS.iter().chain(also).copied().collect::<Vec<_>>().join(", ");
    Err(Refusal::new(name.clone(), format!("{name} is not known here; an endpoint takes {takes}")))
}

fn state(value: &Value) -> Result<Input, Refusal> {
    match value.as_str() {
        Some("enabled") => Ok(Input::Resume),
        Some("paused") => Ok(Input::Pause),
        Some("disabled") => Ok(Input::Disable(DisabledReason::Requested)),
        _ => Err(Refusal::new("state", "state must be enabled, paused or disabled")),
    }
}

fn description(value: &Value) -> Result<String, Refusal> {
    let refuse = || {
        let chars_max = limits::ENDPOINT_DESCRIPTION_CHARS_MAX;
        Refusal::new("description", format!("description must be a text of at most {chars_max} characters in one line"))
    };
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => {
            let fits = text.chars().count() <= limits::ENDPOINT_DESCRIPTION_CHARS_MAX;
            if fits && !text.chars().any(char::is_control) { Ok(text.clone()) } else { Err(refuse()) }
        }
        _ => Err(refuse()),
    }
}

/// `5.0` is 5 to JavaScript, so it is to us.
fn whole(field: &str, value: &Value, max: u32) -> Result<Option<u32>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && (1.0..=f64::from(max)).contains(number));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 1..=max")]
    let number = number.map(|number| number as u32);
    let refuse = || Refusal::new(field, format!("{field} must be null or a whole number from 1 to {max}"));
    number.map(Some).ok_or_else(refuse)
}
