//! Room in memory for the answers of lists, which are the largest that the API gives.
//!
//! Promise: all lists that are being made, and all that wait for their clients to read them, take at most [`LISTS_BYTES_MAX`]
//! together, however many clients ask and however slowly they read. A list for which there is no room in time is refused.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// All lists together.
const LISTS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One list while it is made: its rows and its text.
const LIST_BYTES: usize = 32 * 1024 * 1024;

/// What is counted: a semaphore has too few permits for bytes.
const UNIT_BYTES: usize = 1024;

/// How long a list waits for room.
const WAIT: Duration = Duration::from_secs(10);

/// The room that is left.
#[derive(Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// Room for one list.
pub(crate) struct Reserved(OwnedSemaphorePermit);

/// A text that has its room for as long as anybody holds a byte of it.
struct Held {
    text: String,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTS_BYTES_MAX / UNIT_BYTES)))
    }
}

impl Room {
    /// Room to make a list in, within the time that a client may be kept waiting.
    pub(crate) async fn for_a_list(&self) -> Result<Reserved, ApiError> {
        let units = u32::try_from(LIST_BYTES / UNIT_BYTES).unwrap_or(u32::MAX);
        let reserved = tokio::time::timeout(WAIT, self.0.clone().acquire_many_owned(units)).await;
        reserved.ok().and_then(Result::ok).map(Reserved).ok_or_else(ApiError::too_many_lists)
    }
}

impl Reserved {
    /// The list is made: gives back what it did not need, and the rest once it is sent.
    pub(crate) fn hold(mut self, text: String) -> Bytes {
        let needed = self.0.split(text.capacity().div_ceil(UNIT_BYTES));
        Bytes::from_owner(Held { text, _room: needed.unwrap_or(self.0) })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_waits_to_be_read_keeps_its_room_and_no_more() {
        let room = Room::default();
        let text = "x".repeat(10 * UNIT_BYTES);
        let answer = room.for_a_list().await.unwrap().hold(text.clone());
        assert_eq!(answer, text);
        let left = LISTS_BYTES_MAX / UNIT_BYTES - 10;
        assert_eq!(room.0.available_permits(), left);
        let rest = answer.slice(5..);
        drop(answer);
        assert_eq!(room.0.available_permits(), left, "a part of it is still on its way");
        drop(rest);
        assert_eq!(room.0.available_permits(), LISTS_BYTES_MAX / UNIT_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn lists_wait_for_room_and_not_for_good() {
        let room = Room::default();
        let mut held = Vec::new();
        while let Some(reserved) = room.for_a_list().now_or_never() {
            held.push(reserved.unwrap());
        }
        assert_eq!(held.len(), LISTS_BYTES_MAX / LIST_BYTES);
        assert_eq!(room.for_a_list().await.err().unwrap().status().as_u16(), 503);
        held.pop();
        assert!(room.for_a_list().await.is_ok());
    }
}
