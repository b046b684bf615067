//! Room in memory for the bodies that are read whole: JSON, and the fields of forms.
//!
//! Promise: what has come of all bodies takes at most [`ARRIVED_BYTES_MAX`] together, and what they come to once they are parsed
//! [`PARSED_BYTES_MAX`], however many clients send at once and however slowly. A body of up to [`SMALL_BYTES`] is not counted:
//! nearly all are, and what they take is bounded by the number of connections. A body for which there is no room is refused.
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;
use crate::json;

/// Not worth counting.
const SMALL_BYTES: usize = 64 * 1024;

/// All that has come of bodies that have not been answered.
const ARRIVED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// All that these came to as values.
const PARSED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What is counted: a semaphore has too few permits for bytes.
const UNIT_BYTES: usize = 1024;

/// How long a body that has come waits until it can be parsed.
const WAIT: Duration = Duration::from_secs(10);

/// The room that is left.
#[derive(Clone, Debug)]
pub(crate) struct BodyRoom {
    arrived: Arc<Semaphore>,
    parsed: Arc<Semaphore>,
}

impl Default for BodyRoom {
    fn default() -> Self {
        let semaphore = |bytes| Arc::new(Semaphore::new(bytes / UNIT_BYTES));
        Self { arrived: semaphore(ARRIVED_BYTES_MAX), parsed: semaphore(PARSED_BYTES_MAX) }
    }
}

impl BodyRoom {
    /// For one body, of which nothing has come.
    pub(crate) fn for_a_body(&self) -> Held {
        Held { room: self.clone(), bytes: 0, arrived: Taken::default(), parsed: Taken::default(), left: json::BUDGET }
    }
}

/// What one body takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    room: BodyRoom,
    bytes: usize,
    arrived: Taken,
    parsed: Taken,
    /// What this body may still come to.
    left: usize,
}

impl Held {
    /// So many bytes more have come.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.bytes += bytes;
        if self.bytes <= SMALL_BYTES {
            return Ok(());
        }
        let wanted = self.bytes.div_ceil(UNIT_BYTES).saturating_sub(self.arrived.units());
        if wanted == 0 {
            return Ok(());
        }
        let more = self.room.arrived.clone().try_acquire_many_owned(units(wanted));
        self.arrived.add(more.map_err(|_| ApiError::too_many_bodies())?);
        Ok(())
    }

    /// Reads JSON text of this body. The inner error is a plain ASCII sentence.
    pub(crate) async fn parse(&mut self, text: &[u8]) -> Result<Result<Value, String>, ApiError> {
        let before = self.left;
        if self.bytes <= SMALL_BYTES {
            return Ok(json::parse_within(text, &mut self.left));
        }
        let most = text.len().saturating_mul(json::SWELLS_MAX).min(before).div_ceil(UNIT_BYTES);
        let reserved = tokio::time::timeout(WAIT, self.room.parsed.clone().acquire_many_owned(units(most))).await;
        let mut reserved = reserved.ok().and_then(Result::ok).ok_or_else(ApiError::too_many_bodies)?;
        let parsed = json::parse_within(text, &mut self.left);
        let used = (before - self.left + text.len()).div_ceil(UNIT_BYTES).min(most);
        if let Some(used) = reserved.split(used) {
            self.parsed.add(used);
        }
        Ok(parsed)
    }
}

#[derive(Debug, Default)]
struct Taken(Option<OwnedSemaphorePermit>);

impl Taken {
    fn units(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.0 {
            Some(taken) => taken.merge(more),
            None => self.0 = Some(more),
        }
    }
}

fn units(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn free(room: &BodyRoom) -> (usize, usize) {
        (room.arrived.available_permits() * UNIT_BYTES, room.parsed.available_permits() * UNIT_BYTES)
    }

    #[test]
    fn small_bodies_are_not_counted_and_large_ones_as_they_come() {
        let room = BodyRoom::default();
        let mut body = room.for_a_body();
        body.grow(SMALL_BYTES).unwrap();
        assert_eq!(free(&room).0, ARRIVED_BYTES_MAX);
        body.grow(MIB).unwrap();
        assert_eq!(free(&room).0, ARRIVED_BYTES_MAX - MIB - SMALL_BYTES);
        drop(body);
        assert_eq!(free(&room).0, ARRIVED_BYTES_MAX);
    }

    #[test]
    fn what_has_come_of_all_bodies_is_bounded() {
        let room = BodyRoom::default();
        let grown = |bytes| {
            let mut body = room.for_a_body();
            body.grow(bytes).map(|()| body)
        };
        let bodies: Vec<Held> = std::iter::from_fn(|| grown(8 * MIB).ok()).collect();
        assert_eq!(bodies.len(), ARRIVED_BYTES_MAX / (8 * MIB));
        assert_eq!(grown(8 * MIB).unwrap_err().status().as_u16(), 503);
        assert!(grown(1_000).is_ok(), "a small one is taken whatever the others are");
    }

    #[tokio::test(start_paused = true)]
    async fn values_take_their_room_until_the_body_is_answered() {
        let room = BodyRoom::default();
        let text = format!("[{}0]", "0,".repeat(MIB / 2));
        let mut bodies = Vec::new();
        loop {
            let mut body = room.for_a_body();
            body.grow(text.len()).unwrap();
            match body.parse(text.as_bytes()).now_or_never() {
                Some(parsed) => drop(parsed.unwrap().unwrap()),
                None => break,
            }
            bodies.push(body);
        }
        let (arrived, parsed) = free(&room);
        assert!((5..=20).contains(&bodies.len()) && parsed < 64 * MIB, "{} {parsed}", bodies.len());
        assert_eq!(ARRIVED_BYTES_MAX - arrived, bodies.len() * text.len().div_ceil(UNIT_BYTES) * UNIT_BYTES);
        let mut body = room.for_a_body();
        body.grow(text.len()).unwrap();
        assert_eq!(body.parse(text.as_bytes()).await.unwrap_err().status().as_u16(), 503);
        bodies.clear();
        assert!(body.parse(text.as_bytes()).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn one_body_has_one_budget_however_many_texts_it_has() {
        let room = BodyRoom::default();
        let mut body = room.for_a_body();
        let text = format!("[{}0]", "0,".repeat(MIB / 2));
        let mut parsed = 0;
        for _ in 0..32 {
            body.grow(text.len()).unwrap();
            parsed += usize::from(body.parse(text.as_bytes()).await.unwrap().is_ok());
        }
        assert!((1..8).contains(&parsed), "{parsed}");
    }
}
