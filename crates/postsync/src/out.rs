//! What a command prints for people and programs: lines on stdout.
//!
//! Promise: whoever reads only the first lines (`postsync config show | head -3`) sees no panic, as `println!` would make of
//! it; the command ends quietly. Fails as writing does; [`is_nobody_listens`] tells that from a fault.
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};

/// Writes one line.
///
/// # Errors
/// When stdout is closed, or on a full disk.
pub(crate) fn line(text: Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_fmt(text)?;
    out.write_all(b"\n")
}

/// `println!`, as a `Result`.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// With its full stop, where another sentence follows.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// Whether a command ended because its reader has gone: nobody is left to be told.
pub(crate) fn is_nobody_listens(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
