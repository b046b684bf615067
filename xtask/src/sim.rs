//! `cargo xtask sim`: the deterministic simulation with more seeds than `cargo test` runs, and with its mutants.
//!
//! A thin forwarder: what seeds, faults and mutants are is the business of `crates/sim`.

use std::ffi::OsString;

use anyhow::Result;

use crate::workspace::{Workspace, cargo, run as run_command};

/// As it is written here and for `sim` itself.
const MUTANTS: &str = "--mutants";

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
        (self.mutants || !asked.is_empty(), rest)
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let (mutants, rest) = args.split();
    let mut cargo = cargo();
    cargo.current_dir(&workspace.root).args(["run", "--locked", "--package", "postsync-sim", "--bin", "sim"]);
    if mutants {
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        cargo.env("RUSTFLAGS", format!("{flags} --cfg sim_mutant").trim_start());
        // Other flags mean another build of everything: in the usual folder it would throw that build away each time.
        cargo.env("CARGO_TARGET_DIR", workspace.target_dir.join("sim-mutants"));
        cargo.args(["--", MUTANTS]);
    } else {
        cargo.args(["--release", "--"]);
    }
    run_command(cargo.args(rest))
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
        ] {
            let args = Args { mutants, rest: rest(words) };
            let (asked, left) = args.split();
            assert_eq!((asked, left), (wanted.0, rest(wanted.1).iter().collect()), "{words:?}");
        }
    }
}
