//! The real binary, with real receivers, killed and started again. One file per promise; `harness` has what they share.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod audit;
mod backup;
mod bad_input;
mod batch;
mod commands;
mod contract;
mod crash;
mod dashboard;
mod docs;
mod endpoints;
mod feed;
mod flood;
mod footage;
mod full;
mod generate;
mod harness;
mod hostile;
mod keyed;
mod moments;
mod packaging;
mod receivers;
mod relay;
mod replay;
mod retry;
mod rotation;
mod sdk;
mod sdk_assets;
mod sdk_batch;
mod sdk_calls;
mod speech;
mod start;
mod stop;
mod trigger;
mod verify;
mod wire;
