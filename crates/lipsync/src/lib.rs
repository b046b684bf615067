//! Lip sync on a plain CPU: frames and speech in, frames out. The model `mesh-1`.
//!
//! Owns everything between "here are a face and a voice" and "here is an mp4": probing, decoding, tracking, speech to mouth shapes,
//! rendering, encoding. [`run`] does a whole [`Job`]; [`score`] measures a produced file.
//!
//! Promise: constant memory apart from about 6 KB a frame of landmarks; pixels outside the face are the source's, bit for bit, until
//! the encoder sees them; no temporary file and no child process outlives `run`.
//!
//! Deliberately absent: network, async, clocks in results, randomness (the same inputs give the same frames), unsafe code. Media are
//! decoded by ffmpeg in child processes, never in this address space.
#![warn(missing_docs)]

// The example in the README must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod error;
mod face;
mod frame;
mod job;
mod media;
mod models;
mod options;
mod performance;
mod pipeline;
mod render;
pub mod score;
mod speech;
mod stretches;
mod supervise;
mod sync_mode;
#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the figures that were measured belong in the test's output")]
mod tests;

pub use error::Error;
pub use job::{Job, Limits, Observer, Progress, Report, Tools};
pub use media::{
    encode::PROVENANCE,
    examine::{Examined, examine},
    lay::{Piece, lay},
    probe::{MediaInfo, Role, probe},
};
pub use options::{ActiveSpeaker, Options, SyncMode};
pub use stretches::Stretches;

/// Makes the video that `job` describes. Blocks until it is done, failed or cancelled by `observer`.
///
/// # Errors
/// See [`Error`]; the output file does not exist then.
pub fn run(job: &Job, observer: &mut dyn Observer) -> Result<Report, Error> {
    pipeline::run(job, observer)
}
