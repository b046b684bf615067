//! Adapters behind the Generator port: what makes the videos.
//!
//! [`Builtin`] runs the model `mesh-1` in a limited child process; [`media_child`] is what runs in it. [`Passthrough`]
//! makes nothing and is at once done: for load tests and for tests of receivers. [`SyncUpstream`] knows the words of Sync's
//! API, for the engine to hand generations on. [`Speakers`] speak.
//!
//! Deliberately absent: the store, webhooks, HTTP. The engine fetches inputs before it calls and keeps outputs after.
#![warn(missing_docs)]

mod builtin;
pub mod media_child;
mod order;
mod passthrough;
mod speech;
mod sync;

pub use builtin::{Builtin, BuiltinSettings, MediaProber, limits_in_force};
pub use order::ChildLimits;
pub use passthrough::Passthrough;
pub use speech::{ElevenLabs, ElevenLabsSettings, Espeak, EspeakSettings, Speakers};
pub use sync::{SyncSettings, SyncUpstream};

/// The hidden subcommand of the binary that must call [`media_child::main`].
pub const MEDIA_CHILD: &str = builtin::SUBCOMMAND;

/// Why the limits of the media child could not be tried. Failed generations are not errors of this kind; see
/// [`postsync_engine::ports::GeneratorError`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Operator: give the server the right to write in its data folder.
    #[error("no folder could be made for the trial: {0}")]
    Folder(std::io::Error),
    /// Operator: the program can't be run, or the kernel is older than 5.3.
    #[error("the media process could not be started: {0}")]
    Start(std::io::Error),
    /// Operator: what the child complained of says more.
    #[error("{why} It said: {complaints}")]
    Trial {
        /// What happened, in a sentence.
        why: String,
        /// What it wrote to stderr.
        complaints: String,
    },
}
