//! Which events an endpoint takes.
use serde_json::Value;

use crate::create::Refusal;
use crate::event::EventType;

/// A list of event types, or all that are about generations and batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter(Option<Vec<EventType>>);

impl EventFilter {
    /// Whether it takes events of that kind. Operational ones only by name.
    #[must_use]
    pub fn takes(&self, kind: EventType) -> bool {
        match &self.0 {
            Some(named) => named.contains(&kind),
            None => !kind.is_operational(),
        }
    }

    /// The kinds that it names; `None` where it names none.
    #[must_use]
    pub fn named(&self) -> Option<&[EventType]> {
        self.0.as_deref()
    }

    /// As stored: the names with commas between them, empty where it names none.
    #[must_use]
    pub fn stored(&self) -> String {
        self.0.iter().flatten().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
    }

    /// From what was stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        text.split(',').map(EventType::parse).collect::<Option<_>>().map(|named| Self(Some(named)))
    }

    /// Reads `["generation.completed"]`; `null` is all that are not operational.
    ///
    /// # Errors
    /// It is no list, an empty one, or names a kind that does not exist.
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        let refuse = || {
            let kinds = EventType::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
            Refusal::new(
                "events",
                format!("events must be null or a list that is not empty, with names out of {kinds}"),
            )
        };
        if value.is_null() {
            return Ok(Self(None));
        }
        let names = value.as_array().filter(|names| !names.is_empty()).ok_or_else(refuse)?;
        let named = names.iter().map(|name| EventType::parse(name.as_str()?)).collect::<Option<Vec<_>>>();
        let named = named.ok_or_else(refuse)?;
        Ok(Self(Some(EventType::ALL.iter().copied().filter(|kind| named.contains(kind)).collect())))
    }
}
