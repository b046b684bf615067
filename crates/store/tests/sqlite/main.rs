//! What SQLite promises beyond the port: it is on disk before it is answered, and a refusal is a sentence.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod beside;
mod durable;
mod forgotten;
mod full;
mod neighbours;
mod process;
mod refused;
mod rekey;
#[expect(dead_code, reason = "the conformance suite uses the rest")]
#[path = "../conformance/world.rs"]
mod world;
