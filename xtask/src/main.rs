//! Development commands of postsync: `cargo xtask ci`, `tidy`, `sim`, `bench`, `docs`, `dist`.
//!
//! `ci` is what the build machine runs, so that nobody learns from it what their own machine could have said. Every command works from any
//! folder of the workspace, needs no terminal, and ends with exit code 1 and a sentence if something is wrong.

#![expect(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

mod bench;
mod ci;
mod deny;
mod dist;
mod docs;
mod sim;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development commands of postsync", arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything that the build machine runs
    Ci(ci::Args),
    /// Check the arrows between crates, file lengths, headers, links and the change log
    Tidy,
    /// Run the deterministic simulation; further arguments go to it
    Sim(sim::Args),
    /// Measure the release build: rates beside the raw limit of the same minute, processor time, memory
    Bench(bench::Args),
    /// Write the generated documents anew: docs/STATES.md, docs/ERRORS.md, docs/CONFIGURATION.md
    Docs,
    /// Build the archive of a release, with its checksum: target/dist/postsync-VERSION-TARGET.tar.gz
    Dist(dist::Args),
}

fn main() -> ExitCode {
    // Before anything else: the words are the compiler's then, and none of ours.
    if std::env::var_os(sim::AS_COMPILER).is_some() {
        return sim::compile();
    }
    let args = Args::parse();
    let done = Workspace::find().and_then(|workspace| match args.command {
        Command::Ci(args) => ci::run(&workspace, &args),
        Command::Tidy => tidy::run(&workspace),
        Command::Sim(args) => sim::run(&workspace, &args),
        Command::Bench(args) => bench::run(&workspace, &args),
        Command::Docs => docs::run(&workspace),
        Command::Dist(args) => dist::run(&workspace, &args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
