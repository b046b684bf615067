//! The pages of postsync: what was made, what was delivered, what is stuck, and what to do about it. Room 9 of the house, for people.
//!
//! Promise: whoever has a key sees and does here what that key may over the API, of its own organization and of no other; what
//! receivers, upstreams and users have written is shown as text and runs nowhere; no page costs a read that grows with the history.
//! All of it works without JavaScript, which only keeps lists fresh and copies texts.
//!
//! Deliberately absent: SQL, outgoing HTTP, the reading of uploads (a create goes through the [`Api`]), rules of what may be done.
#![warn(missing_docs)]

mod api;
mod assets;
mod cookies;
mod drains;
mod form;
mod frame;
mod headers;
mod links;
mod live;
mod parts;
mod problem;
mod query;
mod routes;
mod sessions;
mod shown;
mod state;
mod viewer;

pub use api::{Api, KeyHolder};
pub use routes::router;
pub use state::{Dashboard, DashboardSettings, Peer};
