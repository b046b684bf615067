//! What a person sees: one line for each event, and what else happens on stderr.
use std::time::Duration;

use serde_json::json;

use super::desk::{Answer, Item};
use crate::out::say;

/// The lines.
pub(super) struct Report {
    is_json: bool,
    /// The last thing that was said of a trouble: the same is not said with every try.
    trouble: Option<String>,
}

impl Report {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, trouble: None }
    }

    /// The application has answered.
    ///
    /// # Errors
    /// Nobody reads the lines.
    pub(super) fn answered(&mut self, item: &Item, answer: &Answer) -> anyhow::Result<()> {
        self.trouble = None;
        let took_ms = answer.took.as_millis();
        if self.is_json {
            let line = json!({
                "event": item.event, "type": item.kind, "delivery": item.delivery, "attempt": item.attempt,
                "again": item.again, "status": answer.status, "tookMs": u64::try_from(took_ms).unwrap_or(u64::MAX),
            });
            return Ok(say!("{line}")?);
        }
        let again = if item.again { "  again" } else { "" };
        Ok(say!("{}  {:<21} {}  {} in {took_ms} ms{again}", clock(), item.kind, item.event, answer.status)?)
    }

    /// An event is held.
    pub(super) fn held(&mut self, item: &Item, why: &str, next: Duration) {
        let text = format!("{why}: {} {} is held and tried again", item.kind, item.event);
        if self.is_news(&text) {
            eprintln!(
                "{}  {text}, next in {} s, then at least every {} s.",
                clock(),
                next.as_secs_f32(),
                super::run::HELD_MAX.as_secs()
            );
        }
    }

    /// The connection is gone, or does not come.
    pub(super) fn cut(&mut self, why: &str) {
        let text = format!("{why}. Connecting again until it works.");
        if self.is_news(&text) {
            eprintln!("{}  {text}", clock());
        }
    }

    /// It is back.
    pub(super) fn back(&mut self) {
        if self.trouble.take().is_some() {
            eprintln!("{}  Connected again.", clock());
        }
    }

    /// Something else.
    pub(super) fn note(&self, text: &str) {
        eprintln!("{}  {text}", clock());
    }

    fn is_news(&mut self, text: &str) -> bool {
        let is_news = self.trouble.as_deref() != Some(text);
        self.trouble = Some(text.to_owned());
        is_news
    }
}

/// The time of day in UTC, as everything that the server writes.
fn clock() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", now / 3_600, now / 60 % 60, now % 60)
}
