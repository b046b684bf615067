//! Deliveries that are due and held back: why, and in which lane they wait.
//!
//! A lane belongs to what holds them back, a destination or an endpoint, so that all of it is found at once when that can
//! be sent to again. The texts are stored.
use std::fmt;
use std::sync::Arc;

use crate::ids::EndpointId;
use crate::target::Destination;

/// Why a delivery that is due is not sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParkReason {
    /// The circuit of its destination or of its endpoint is open.
    Down,
    /// Its destination's queue in memory is full.
    Backlog,
}

impl ParkReason {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Backlog => "backlog",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Down, Self::Backlog].into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What holds deliveries back, as a key: `https://app.example.com:443`, or an endpoint's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(Arc<str>);

impl Lane {
    /// Of a destination.
    #[must_use]
    pub fn of_destination(destination: &Destination) -> Self {
        Self(destination.to_string().into())
    }

    /// Of an endpoint.
    #[must_use]
    pub fn of_endpoint(endpoint: &EndpointId) -> Self {
        Self(endpoint.as_str().into())
    }

    /// As it was stored.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text that is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
