//! What postsync remembers, twice behind the engine's one `Store` port: in memory for the simulation, in SQLite for a
//! server. The only SQL of the house.
//!
//! Promise of both, held by one conformance suite (`tests/conformance.rs`): a list of changes is written whole or not at
//! all, a stale fence refuses its own list and disturbs no other, and reads see what was applied before them. SQLite adds:
//! what was answered `Done` survives a kill and a power cut.
//!
//! Deliberately absent: every rule about what should be written. Those are in `core`; here are only the fences.
#![warn(missing_docs)]

mod error;
mod master_key;
pub mod memory;
mod page;
mod private_file;
mod refusal;
mod sealed_headers;
pub mod sqlite;
mod turns;
mod vault;

pub use error::Error;
pub use master_key::{MASTER_KEY_VARIABLE, MasterKey};
pub use private_file::write_private;
