//! The HTTP API of postsync: routes, authentication, wire types, errors, OpenAPI. Room 1 and room 9 of the house.
//!
//! Promise: whatever comes in, the answer fits the document at `/api-json`, every error is a JSON object with a
//! `statusCode`, and a create that was committed is answered 201 and nothing else. What an upload that was refused had
//! written to disk is gone when the refusal goes out.
//!
//! Deliberately absent: SQL, retry rules, outgoing HTTP, models. Requests are judged by `postsync_core::create`, accepted
//! and read through [`postsync_engine::Engine`].
#![warn(missing_docs)]

mod asset_urls;
mod auth;
mod beside;
mod body_room;
mod error;
mod form;
mod json;
mod json_body;
mod limits;
mod linger;
mod observe;
mod openapi;
mod query;
mod room;
mod routes;
mod sse;
mod state;
mod upload_turns;
pub mod wire;

pub use beside::KeyHolder;
pub use limits::Peer;
pub use openapi::openapi;
pub use routes::{router, router_beside};
pub use state::{ApiSettings, ApiState, MetricsText};
