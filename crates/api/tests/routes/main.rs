//! The API as clients see it: a real engine on the store in memory, asked over its router. Folders mirror URLs.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod early;
mod harness;
mod hostile;
mod isolation;
mod limits;
mod openapi;
mod postsync;
mod server;
mod v2;
