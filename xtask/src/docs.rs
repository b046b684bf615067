//! `cargo xtask docs`: writes the generated documents anew: `docs/STATES.md`, `docs/ERRORS.md`, `docs/CONFIGURATION.md`.
//!
//! The tests that hold them true are also what writes them, so that there is one text and one place where it is made. Everything else in
//! `docs` is written by hand.

use anyhow::Result;

use crate::workspace::{Workspace, cargo, run as run_command};

/// Each test, as cargo is asked for it.
const TESTS: [[&str; 5]; 2] = [
    ["test", "--locked", "--package=postsync-core", "--test=documents", "--"],
    ["test", "--locked", "--package=postsync", "--bin=postsync", "settings::docs"],
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for test in TESTS {
        run_command(cargo().current_dir(&workspace.root).env("UPDATE_DOCS", "1").args(test))?;
    }
    Ok(())
}
