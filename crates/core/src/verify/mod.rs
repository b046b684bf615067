//! The check of a signature, with what is wrong with it: the rules are the webhook crate's, so that receivers have the same.
mod asked;

pub use asked::{Asked, BODY_BYTES_MAX, tolerance};
pub use postsync_webhook::{Difference, Explanation, Known, OnRecord, Question, TOLERANCE_DEFAULT, explain, sign_sync};
