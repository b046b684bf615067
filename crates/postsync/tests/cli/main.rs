//! The command line as people and scripts use it: what is printed where, and the exit codes. No server is spoken to.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod access;
mod backup;
mod completions;
mod config;
mod doctor;
mod generate;
mod help;
mod lipsync;
mod replay;
mod run;
mod secret;
mod verify;
