//! `/postsync/v1/events`: the pull feed, and what its routes share: cursors in, refusals out.
pub(in crate::routes) mod commit;
pub(in crate::routes) mod list;
pub(in crate::routes) mod poll;
pub(in crate::routes) mod stream;

use postsync_core::feed::{Misplaced, Seq, consumer_name, cursor, parse_cursor};
use postsync_core::ids::{ConsumerName, OrgId};
use postsync_core::limits::CONSUMER_NAME_CHARS_MAX;
use postsync_engine::FeedError;

use crate::error::ApiError;

/// The position of a cursor that a client has sent.
fn position(org: &OrgId, field: &str, text: &str) -> Result<Seq, ApiError> {
    parse_cursor(org, text).map_err(|why| ApiError::invalid(field, format!("{field} {why}")))
}

fn consumer(text: &str) -> Result<ConsumerName, ApiError> {
    consumer_name(text).ok_or_else(|| {
        let message =
            format!("consumer must be 1 to {CONSUMER_NAME_CHARS_MAX} letters, digits, dots, dashes or underscores");
        ApiError::invalid("consumer", message)
    })
}

/// `field`: where the position came from.
fn refused(org: &OrgId, field: &str, error: FeedError) -> ApiError {
    match error {
        FeedError::Misplaced(Misplaced::Expired { oldest }) => ApiError::cursor_expired(field, cursor(org, oldest)),
        FeedError::Misplaced(Misplaced::Future) => {
            let message = format!("{field} lies behind the newest event; was the database restored from a backup?");
            ApiError::invalid(field, message)
        }
        FeedError::TooManyConsumers => ApiError::too_many_consumers(),
        FeedError::TooManyOfOne => ApiError::too_many_readers(true),
        FeedError::TooMany => ApiError::too_many_readers(false),
        FeedError::Store(error) => error.into(),
    }
}
