//! `cargo xtask sim`: the deterministic simulation with more seeds than `cargo test` runs, and with its mutants.
//!
//! A thin forwarder: what seeds, faults and mutants are is the business of `crates/sim`.

use std::ffi::OsString;

use anyhow::Result;

use crate::workspace::{Workspace, cargo, run as run_command};

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

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut cargo = cargo();
    cargo.current_dir(&workspace.root).args(["run", "--locked", "--package", "postsync-sim", "--bin", "sim"]);
    if args.mutants {
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        cargo.env("RUSTFLAGS", format!("{flags} --cfg sim_mutant").trim_start());
        // Other flags mean another build of everything: in the usual folder it would throw that build away each time.
        cargo.env("CARGO_TARGET_DIR", workspace.target_dir.join("sim-mutants"));
        cargo.args(["--", "--mutants"]);
    } else {
        cargo.args(["--release", "--"]);
    }
    run_command(cargo.args(&args.rest))
}
