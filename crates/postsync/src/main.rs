//! The binary `postsync`: reads the command line, and hands over to the command.
//!
//! Owns clap's types, the exit codes and nothing else. What a command does is in `commands`, what a setting means is in
//! `settings`, and how the rooms are put together is in `wiring`.

mod bootstrap;
mod commands;
mod data;
mod descriptors;
mod http;
mod logging;
#[cfg(debug_assertions)]
mod moments;
mod out;
mod pages;
mod settings;
mod wiring;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

/// The server makes some hundred small things for each delivery, and drops many of them on another thread than the one that made
/// them. With the system's allocator that takes about a tenth more time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What went wrong on the command line itself; clap uses the same.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Whoever read our output has gone. As if SIGPIPE had ended us; not 0, or a `verify` that nobody hears would be a yes.
const EXIT_PIPE: u8 = 141;

fn main() -> ExitCode {
    // Before anything else: the media child must not read a setting, open a database or start a thread.
    if std::env::args_os().nth(1).is_some_and(|first| first == postsync_generators::MEDIA_CHILD) {
        return postsync_generators::media_child::main();
    }
    let cli = commands::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) if out::is_nobody_listens(&error) => ExitCode::from(EXIT_PIPE),
        Err(error) => {
            eprintln!("postsync: {error:#}");
            ExitCode::FAILURE
        }
    }
}
