//! The check of a signature, with what is wrong with it: the rules are the webhook crate's, so that receivers have the same.
pub use postsync_webhook::{Explanation, Known, OnRecord, Question, TOLERANCE_DEFAULT, explain, sign_sync};
