//! Adapters behind the Generator port: what makes the videos.
//!
//! [`Passthrough`] makes nothing and is at once done: for load tests and for tests of receivers.
//!
//! Deliberately absent: the store, webhooks, HTTP. The engine fetches inputs before it calls and keeps outputs after.
#![warn(missing_docs)]

mod passthrough;

pub use passthrough::Passthrough;
