//! The workspace as cargo and git see it: its root, its packages, its files; and cargo as a child process.
//!
//! Everything is read once, at the start. Nothing here writes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Names of what is never a source, for a checkout without git.
const NOT_SOURCES: [&str; 6] = [".git", "target", "node_modules", ".venv", "__pycache__", "postsync-data"];

/// The checkout that this command works on.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target_dir: PathBuf,
    /// What `cargo metadata` says, all dependencies included.
    pub(crate) metadata: Value,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .output()
            .context("cargo could not be started: install Rust as rust-toolchain.toml says")?;
        if !output.status.success() {
            bail!("`cargo metadata --locked` failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
        let path = |key: &str| -> Result<PathBuf> {
            Ok(metadata[key].as_str().with_context(|| format!("cargo metadata has no {key}"))?.into())
        };
        Ok(Self { root: path("workspace_root")?, target_dir: path("target_directory")?, metadata })
    }

    /// All files that belong to the repository, relative to its root, in order. Without git: all files but build output.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = self.tracked().unwrap_or_default();
        if files.is_empty() {
            walk(&self.root, Path::new(""), &mut files)?;
        }
        // A file that is deleted but not yet committed is still listed.
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        Ok(files)
    }

    fn tracked(&self) -> Option<Vec<PathBuf>> {
        let output = Command::new("git")
            // A build machine's checkout may belong to another user, which git would refuse to read.
            .args(["-c", "safe.directory=*", "ls-files", "-z"])
            .current_dir(&self.root)
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let names = String::from_utf8(output.stdout).ok()?;
        Some(names.split_terminator('\0').map(PathBuf::from).collect())
    }
}

/// The cargo that started us, so that the toolchain stays the same.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command with our own output; an error names what failed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let path = root.join(folder);
    for entry in path.read_dir().with_context(|| format!("{} could not be read", path.display()))? {
        let entry = entry?;
        // Whatever it is: in a worktree `.git` is a file.
        if NOT_SOURCES.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let relative = folder.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(root, &relative, files)?;
        } else if kind.is_file() {
            files.push(relative);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_without_git_has_the_same_sources() {
        let workspace = Workspace::find().unwrap();
        let mut walked = Vec::new();
        walk(&workspace.root, Path::new(""), &mut walked).unwrap();
        for file in ["Cargo.toml", "xtask/src/main.rs", ".cargo/config.toml"] {
            assert!(walked.contains(&PathBuf::from(file)), "{file}");
            assert!(workspace.files().unwrap().contains(&PathBuf::from(file)), "{file}");
        }
        assert!(!walked.iter().any(|file| file.starts_with(".git")));
    }

    #[test]
    fn a_worktree_has_its_sources_and_no_git() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".git"), "gitdir: elsewhere").unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let mut walked = Vec::new();
        walk(folder.path(), Path::new(""), &mut walked).unwrap();
        assert_eq!(walked, [PathBuf::from("Cargo.toml")]);
    }

    #[test]
    fn a_failed_command_is_named() {
        let error = run(Command::new("false").arg("--now")).unwrap_err().to_string();
        assert!(error.starts_with("`false --now` ended with"), "{error}");
    }
}
