//! `cargo xtask ci`: the steps of the build machine, in order, each with its duration.
//!
//! A failing step does not stop the next one, so that one run shows everything that is wrong; the names of those that failed are repeated
//! at the end. The advisories of `cargo deny` are left out, because they need a network that not every machine has.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::workspace::{Workspace, cargo, run as run_command};
use crate::{deny, sim, tidy};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install cargo-deny if it is missing (takes some minutes)
    #[arg(long)]
    install_missing: bool,
    /// Run only these steps, in the usual order
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting
    Fmt,
    /// Lints, warnings are errors
    Clippy,
    /// Documentation, warnings are errors
    Doc,
    /// Unit, scenario and end-to-end tests, the simulation's default seeds among them
    Test,
    /// The simulation's mutants: each rule that is taken out must be missed by its checker
    Mutants,
    /// Arrows between crates, file lengths, headers, links
    Tidy,
    /// Licenses, bans and sources of dependencies
    Deny,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut failed = Vec::new();
    for step in Step::value_variants() {
        if !args.only.is_empty() && !args.only.contains(step) {
            continue;
        }
        println!("\n==> {}", step.name());
        let started = Instant::now();
        let result = step.run(workspace, args.install_missing);
        let seconds = seconds(started.elapsed());
        match result {
            Ok(()) => println!("==> {}: ok ({seconds})", step.name()),
            Err(error) => {
                println!("==> {}: FAILED ({seconds}): {error:#}", step.name());
                failed.push(step.name());
            }
        }
    }
    if failed.is_empty() {
        println!("\nEverything passed.");
        return Ok(());
    }
    bail!("failed: {}. Run one alone with `cargo xtask ci --only {}`.", failed.join(", "), failed[0])
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn run(self, workspace: &Workspace, install_missing: bool) -> Result<()> {
        let mut cargo = cargo();
        cargo.current_dir(&workspace.root);
        match self {
            Self::Fmt => cargo.args(["fmt", "--all", "--", "--check"]),
            Self::Clippy => cargo.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
            Self::Doc => cargo.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps", "--locked"]),
            Self::Test => cargo.args(["test", "--workspace", "--no-fail-fast", "--locked"]),
            Self::Mutants => return sim::run(workspace, &sim::Args::mutants()),
            Self::Tidy => return tidy::run(workspace),
            Self::Deny => return deny::run(workspace, install_missing),
        };
        run_command(&mut cargo)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
