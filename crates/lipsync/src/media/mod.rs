//! Pictures and sound in and out, by ffmpeg and ffprobe in child processes.
//!
//! Promise: hostile media never meet this address space: what we parse ourselves is the first kilobyte, to learn what it is. A child gets
//! a whitelist of protocols and containers, the container that we recognised forced on it, a bound on pixels and duration, an empty
//! environment, and no standard input unless it is fed by us; it never outlives the value that owns it.

pub(crate) mod audio;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod examine;
pub(crate) mod lay;
pub(crate) mod playback;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod scratch;
pub(crate) mod sniff;
pub(crate) mod spool;
