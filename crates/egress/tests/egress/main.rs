//! Outgoing HTTP against real sockets on this machine.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod exchange;
mod faults;
mod fetch;
mod hostile;
mod interim;
mod log;
mod reuse;
mod send;
mod support;
mod tls;
mod way;
