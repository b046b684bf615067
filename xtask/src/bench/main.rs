//! `cargo xtask bench`: one table, each figure beside the raw limit that the same machine reached in the same minute.
//!
//! Promise: release builds of the real binary, real receivers and real clients on loopback, three processes whose processor time
//! is counted apart, all of it bounded in count and time. The ratios are the result; the rates say as much about the machine and
//! its neighbours.

#![expect(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

mod api;
mod backlog;
mod browser;
mod client;
mod figures;
mod host;
mod load;
mod receiver;
mod report;
mod scenarios;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::ensure;
use clap::{Parser, Subcommand};
use tokio::task::LocalSet;

use backlog::Filler;
use figures::Findings;
use scenarios::{Accepted, Bench};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measures the release build", args_override_self = true)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only these, like a,b. a: accepted to delivered. b: the delivery engine alone. c: retries in random order. d: bad neighbours. e:
    /// an outage. f: memory. g: latency. h: a batch is accepted. i: a large upload. j: lists. k: the dashboard. m: the speed of mesh-1
    #[arg(long, value_delimiter = ',', value_name = "LETTERS")]
    only: Vec<char>,
    /// Small numbers: whether it works, not how fast
    #[arg(long)]
    quick: bool,
    /// Write the tables into docs/BENCHMARKS.md
    #[arg(long)]
    write: bool,
    /// Measure this binary instead of building one; the store's examples are taken from beside it
    #[arg(long, value_name = "FILE", default_value = "target/release/postsync")]
    binary: PathBuf,
    /// Generations of each rate of (a)
    #[arg(long)]
    jobs: Option<usize>,
    /// Clients at once in (a)
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Destinations of (a), like 1,50
    #[arg(long, value_delimiter = ',', default_value = "1,50,1000")]
    hosts: Vec<usize>,
    /// Leave https out of (a)
    #[arg(long)]
    plain: bool,
    /// The workspace
    #[arg(long, default_value = ".", hide = true)]
    root: PathBuf,
}

#[derive(Subcommand)]
enum Part {
    /// The receivers, which a run starts itself
    #[command(hide = true, name = receiver::COMMAND)]
    Receiver(receiver::Args),
}

const SCENARIOS: [char; 11] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'];

/// Measured by a program of its own.
const MESH_1: char = 'm';

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.part {
        Some(Part::Receiver(args)) => receiver::run(args),
        None => run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let unknown: String = args.only.iter().filter(|letter| !SCENARIOS.contains(letter) && **letter != MESH_1).collect();
    ensure!(unknown.is_empty(), "--only takes letters from a to k, and m: not {unknown:?}");
    let wanted = |letter: char| args.only.is_empty() || args.only.contains(&letter);
    let binary = args.binary.canonicalize()?;
    let filler = Filler(binary.with_file_name("examples"));
    let accepted = Accepted { jobs: args.jobs, clients: args.clients, hosts: args.hosts.clone(), is_plain: args.plain };
    let bench = Bench { binary, filler, is_quick: args.quick, accepted };
    println!("{}; load {}", host::machine(), host::load_average());
    // One thread, as the receivers have: the clients are the floor, and a second thread would only add wake-ups.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut findings = Findings::default();
    for letter in SCENARIOS.into_iter().filter(|letter| wanted(*letter)) {
        println!("measuring {letter}");
        let found = LocalSet::new().block_on(&runtime, scenarios::run(letter, &bench))?;
        // What comes after it may fail.
        report::print(&found);
        findings.add(found);
    }
    println!("\nall of it; load {}", host::load_average());
    report::print(&findings);
    if args.write {
        report::write(&args.root.join("docs/BENCHMARKS.md"), &findings)?;
    }
    if wanted(MESH_1) {
        println!("\nmesh-1, from probe to finished file (release, no child limits):");
        mesh_1(&args.root)?;
    }
    Ok(())
}

fn mesh_1(root: &Path) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let example = ["run", "--quiet", "--release", "--locked", "-p", "postsync-lipsync", "--example", "speed"];
    let ended = Command::new(cargo).current_dir(root).args(example).status()?;
    ensure!(ended.success(), "the example speed of postsync-lipsync ended with {ended}");
    Ok(())
}
