//! `cargo deny`: licenses, bans and sources of the dependencies, as deny.toml has them.
//!
//! cargo-deny is the one tool that Rust does not bring along. It is never installed unasked.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, cargo, run as run_command};

pub(crate) fn run(workspace: &Workspace, install_missing: bool) -> Result<()> {
    if !installed() {
        if !install_missing {
            bail!(
                "cargo-deny is not installed. Install it with `cargo install --locked cargo-deny`, or run `cargo xtask ci --install-missing`."
            );
        }
        install().context("cargo-deny could not be installed")?;
    }
    run_command(cargo().current_dir(&workspace.root).args(["deny", "--locked", "check", "licenses", "bans", "sources"]))
}

fn installed() -> bool {
    cargo()
        .args(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Builds apart from the workspace: the tool's dependencies have no place among ours, and cargo's lock would hold up everyone else.
fn install() -> Result<()> {
    run_command(
        cargo()
            .args(["install", "--locked", "cargo-deny"])
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(std::env::temp_dir()),
    )
}
