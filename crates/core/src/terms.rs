//! What one generation, or one registered endpoint, asks of its deliveries instead of the server's settings.
//!
//! Frozen in the delivery when that is made: a change of an endpoint or of a setting changes no promise already given.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::create::Refusal;
use crate::schedule::{Schedule, parse_duration};

/// The shortest time in which a receiver may be asked to answer.
pub const TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// The longest: a slot is held for as long.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// A schedule and a timeout; `None` means as the server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// When it is tried.
    pub schedule: Option<Arc<Schedule>>,
    /// How long the receiver may take, head and body together.
    pub timeout: Option<Duration>,
}

impl Terms {
    /// Its schedule, or the server's.
    #[must_use]
    pub fn schedule_or<'a>(&'a self, servers: &'a Schedule) -> &'a Schedule {
        self.schedule.as_deref().unwrap_or(servers)
    }

    /// Its timeout, or the server's.
    #[must_use]
    pub fn timeout_or(&self, servers: Duration) -> Duration {
        self.timeout.unwrap_or(servers)
    }

    /// These, and where they say nothing, those.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self {
            schedule: self.schedule.clone().or_else(|| others.schedule.clone()),
            timeout: self.timeout.or(others.timeout),
        }
    }

    /// Reads `{"schedule":["0s","10s"],"timeout":"10s"}`. `under` names the object in refusals.
    ///
    /// # Errors
    /// The first member that is wrong, and any that is not known: its silent loss would be found out in an outage.
    pub fn read(value: &Value, under: &str) -> Result<Self, Refusal> {
        let refuse = |why: String| Refusal::new(under, format!("{under} {why}"));
        let object = value.as_object().ok_or_else(|| {
            refuse(r#"must be an object, for example {"schedule":["0s","10s"],"timeout":"10s"}"#.into())
        })?;
        if let Some(unknown) = object.keys().find(|key| !matches!(key.as_str(), "schedule" | "timeout")) {
            return Err(refuse(format!("has no member {}; it takes schedule and timeout", plain(unknown))));
        }
        Self::members(object, under)
    }

    /// Reads `schedule` and `timeout` out of an object that has other members too. `under` is empty at the top of a body.
    ///
    /// # Errors
    /// The first of the two that is wrong.
    pub fn members(object: &Map<String, Value>, under: &str) -> Result<Self, Refusal> {
        let present = |key: &str| object.get(key).filter(|value| !value.is_null());
        let field = |key: &str| if under.is_empty() { key.to_owned() } else { format!("{under}.{key}") };
        Ok(Self {
            schedule: present("schedule").map(|value| schedule(value, &field("schedule"))).transpose()?,
            timeout: present("timeout").map(|value| timeout(value, &field("timeout"))).transpose()?,
        })
    }
}

fn schedule(value: &Value, field: &str) -> Result<Arc<Schedule>, Refusal> {
    let wanted = || Refusal::new(field, format!(r#"{field} must be a list of ages, for example ["0s","10s","5m"]"#));
    let steps: Vec<&str> =
        value.as_array().ok_or_else(wanted)?.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wanted)?;
    let schedule = Schedule::from_steps(&steps);
    schedule.map(Arc::new).map_err(|why| Refusal::new(field, format!("{field}: {}", plain(&why.to_string()))))
}

fn timeout(value: &Value, field: &str) -> Result<Duration, Refusal> {
    let duration = value.as_str().and_then(parse_duration);
    duration
        .filter(|timeout| (TIMEOUT_MIN..=TIMEOUT_MAX).contains(timeout))
        .ok_or_else(|| Refusal::new(field, format!("{field} must be a duration from 1s to 60s, for example \"10s\"")))
}

/// A client's text as a refusal may repeat it: short and ASCII.
fn plain(text: &str) -> String {
    const SHOWN_MAX: usize = 100;
    text.chars().take(SHOWN_MAX).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_reads_what_it_takes() {
        let both = Terms::read(&json!({"schedule": ["0s", "10s"], "timeout": "10s"}), "postsync").unwrap();
        assert_eq!(both.schedule.as_deref(), Some(&Schedule::parse("0s,10s").unwrap()));
        assert_eq!(both.timeout, Some(Duration::from_secs(10)));
        for nothing in [json!({}), json!({"schedule": null, "timeout": null})] {
            assert_eq!(Terms::read(&nothing, "postsync"), Ok(Terms::default()));
        }
    }

    #[test]
    fn refusals_name_the_member() {
        for (value, field) in [
            (json!([]), "postsync"),
            (json!("0s"), "postsync"),
            (json!({"schedul": ["0s"]}), "postsync"),
            (json!({"schedule": "0s"}), "postsync.schedule"),
            (json!({"schedule": []}), "postsync.schedule"),
            (json!({"schedule": [0]}), "postsync.schedule"),
            (json!({"schedule": ["5s", "1s"]}), "postsync.schedule"),
            (json!({"schedule": ["0s", "40d"]}), "postsync.schedule"),
            (json!({"schedule": vec!["1s"; 51]}), "postsync.schedule"),
            (json!({"schedule": ["\u{1F600}".repeat(10_000)]}), "postsync.schedule"),
            (json!({"timeout": 10}), "postsync.timeout"),
            (json!({"timeout": "999ms"}), "postsync.timeout"),
            (json!({"timeout": "61s"}), "postsync.timeout"),
        ] {
            let refusal = Terms::read(&value, "postsync").unwrap_err();
            assert_eq!(refusal.field, field, "{value}");
            assert!(refusal.message.starts_with(field) && refusal.message.is_ascii(), "{}", refusal.message);
            assert!(refusal.message.len() < 300, "{}", refusal.message);
        }
    }

    #[test]
    fn the_first_that_says_something_counts() {
        let own = Terms { timeout: Some(Duration::from_secs(2)), schedule: None };
        let theirs = Terms {
            timeout: Some(Duration::from_secs(9)),
            schedule: Some(Arc::new(Schedule::parse("0s,9s").unwrap())),
        };
        assert_eq!(own.or(&theirs), Terms { timeout: own.timeout, schedule: theirs.schedule.clone() });
        assert_eq!(Terms::default().timeout_or(Duration::from_secs(15)), Duration::from_secs(15));
    }
}
