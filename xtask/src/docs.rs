//! `cargo xtask docs`: writes the generated documents anew: `docs/STATES.md`, `docs/ERRORS.md`, `docs/CONFIGURATION.md`, and the blocks
//! of other documents that show a file.
//!
//! The tests that hold them true are also what writes them, so that there is one text and one place where it is made. Everything else in
//! `docs` is written by hand.

use anyhow::{Context as _, Result};

use crate::tidy::blocks;
use crate::workspace::{Workspace, cargo, run as run_command};

/// Each test, as cargo is asked for it.
const TESTS: [[&str; 5]; 2] = [
    ["test", "--locked", "--package=postsync-core", "--test=documents", "--"],
    ["test", "--locked", "--package=postsync", "--bin=postsync", "settings::docs"],
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    write_blocks(workspace)?;
    for test in TESTS {
        run_command(cargo().current_dir(&workspace.root).env("UPDATE_DOCS", "1").args(test))?;
    }
    Ok(())
}

fn write_blocks(workspace: &Workspace) -> Result<()> {
    for file in workspace.files()?.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let path = workspace.root.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| file.display().to_string())?;
        let fresh = blocks::refreshed(&text, |shown| std::fs::read_to_string(workspace.root.join(shown)).ok());
        if let Some(fresh) = fresh {
            std::fs::write(&path, fresh).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}
