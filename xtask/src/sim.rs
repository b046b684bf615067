//! `cargo xtask sim`: the deterministic simulation with more seeds than `cargo test` runs, and with its mutants.
//!
//! A thin forwarder: what seeds, faults and mutants are is the business of `crates/sim`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::workspace::{Workspace, cargo, run as run_command};

/// As it is written here and for `sim` itself.
const MUTANTS: &str = "--mutants";

/// And one of them alone.
const MUTANT: &str = "--mutant";

/// Set where cargo calls this program in the compiler's place.
pub(crate) const AS_COMPILER: &str = "POSTSYNC_XTASK_AS_COMPILER";

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Build the simulation with its mutants and fail unless each is caught
    #[arg(long)]
    mutants: bool,
    /// What the simulation takes, such as `--seeds 1000`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

impl Args {
    /// Only the mutants, with the seeds and crashes that `sim` takes of itself.
    pub(crate) fn mutants() -> Self {
        Self { mutants: true, rest: Vec::new() }
    }

    /// Whether the mutants are asked for, wherever that stands, and what is left for `sim`.
    fn split(&self) -> (bool, Vec<&OsString>) {
        let (asked, rest): (Vec<_>, Vec<_>) = self.rest.iter().partition(|word| *word == MUTANTS);
        let is_one_named = rest.iter().any(|word| *word == MUTANT);
        (self.mutants || !asked.is_empty() || is_one_named, rest)
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let (mutants, rest) = args.split();
    let mut cargo = cargo();
    cargo.current_dir(&workspace.root).args(["run", "--locked", "--package", "postsync-sim", "--bin", "sim"]);
    if mutants {
        // Not RUSTFLAGS: they mean another build of all dependencies, which takes minutes and changes nothing in them.
        let this = std::env::current_exe().context("the path of this program is not known")?;
        cargo.env("RUSTC_WORKSPACE_WRAPPER", this).env(AS_COMPILER, "1");
        cargo.args(["--", MUTANTS]);
    } else {
        cargo.args(["--release", "--"]);
    }
    run_command(cargo.args(rest))
}

/// Stands in for the compiler of the workspace's own crates: the same call, with the mutants in.
pub(crate) fn compile() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let status = words.next().map(|rustc| Command::new(rustc).args(words).args(["--cfg", "sim_mutant"]).status());
    match status {
        Some(Ok(status)) if status.success() => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("error: the compiler could not be started: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_may_be_asked_for_before_and_behind_other_arguments() {
        let rest = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for (mutants, words, wanted) in [
            (false, ["--seeds", "50"].as_slice(), (false, ["--seeds", "50"].as_slice())),
            (true, &["--seeds", "50"], (true, &["--seeds", "50"])),
            (false, &["--seeds", "50", "--mutants"], (true, &["--seeds", "50"])),
            (false, &["--mutants"], (true, &[])),
            (false, &["--mutant", "gone_ends_it"], (true, &["--mutant", "gone_ends_it"])),
        ] {
            let args = Args { mutants, rest: rest(words) };
            let (asked, left) = args.split();
            assert_eq!((asked, left), (wanted.0, rest(wanted.1).iter().collect()), "{words:?}");
        }
    }
}
