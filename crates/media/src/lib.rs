//! MediaStore: local files behind token URLs.
//!
//! Owns the folder of media: what was made, what was uploaded, and the folders of generations at work. [`LocalMedia`] is
//! the [`postsync_engine::ports::MediaStore`] of a single machine.
//!
//! Promise: a file that was kept is on disk, whole, under a name that no user chose; what could not be kept leaves nothing
//! behind. A token URL can be read by whoever was given it, and guessed by nobody.
//!
//! Deliberately absent: HTTP (the API serves the files), retention (the engine decides what goes), S3.
#![warn(missing_docs)]

mod files;
mod local;
mod room;
mod token;

pub use local::{Error, LocalMedia, kept_bytes};
pub use token::TokenKey;
