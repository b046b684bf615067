//! The real binary, with real receivers, killed and started again. One file per promise; `harness` has what they share.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod harness;
mod retry;
mod wire;
