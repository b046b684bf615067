//! `cargo xtask dist`: the archive of a release, `target/dist/postsync-<version>-<target>.tar.gz`, with its checksum beside it.
//!
//! The same files make the same bytes, whoever packs them, when and where: names in order, one time, no owner, two modes. That holds for
//! the archive, not for the program in it: a compiler writes paths of its machine into what it makes. GNU tar and gzip pack it, and the
//! program itself is started for its pages of the manual: it is always one of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, cargo, run as run_command};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Pack this program, and build none
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where the archive goes instead of target/dist
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// What of the repository goes along, besides `docs`, under the same names: what the documents say to type holds in the archive, too.
const FILES: [&str; 8] = [
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "NOTICE",
    "README.md",
    "SECURITY.md",
    "packaging/postsync.service",
    "packaging/postsync.sysusers",
];

/// Each shell, and where its completions lie in the archive.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "completions/bash/postsync"),
    ("fish", "completions/fish/postsync.fish"),
    ("zsh", "completions/zsh/_postsync"),
];

/// Where the pages of the manual lie.
const MAN: &str = "man/man1";

/// What makes no difference between two archives: order, time (1980, the earliest that every format knows), owner, modes.
const SAME: [&str; 7] = [
    "--format=ustar",
    "--sort=name",
    "--mtime=@315532800",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX,go=rX",
];

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => build(workspace)?,
    };
    let out = args.out.clone().unwrap_or_else(|| workspace.target_dir.join("dist"));
    let archive = pack(workspace, &binary, &out)?;
    println!("{}", archive.display());
    Ok(())
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    let build = ["build", "--release", "--locked", "--package", "postsync"];
    run_command(cargo().current_dir(&workspace.root).args(build))?;
    Ok(workspace.target_dir.join("release/postsync"))
}

/// Gives the path of the archive.
fn pack(workspace: &Workspace, binary: &Path, out: &Path) -> Result<PathBuf> {
    let name = format!("postsync-{}-{}", version(workspace)?, host()?);
    let stage = tempfile::tempdir().context("there is no room for temporary files")?;
    fill(workspace, binary, &stage.path().join(&name))?;
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let file = format!("{name}.tar.gz");
    // Without -n, gzip writes down when it ran.
    let tar = ["--use-compress-program=gzip -n -9", "--create", "--file"];
    let mut command = Command::new("tar");
    command.env_remove("TAR_OPTIONS").env_remove("GZIP").env("LC_ALL", "C");
    run_command(command.args(tar).arg(out.join(&file)).args(SAME).arg("--directory").arg(stage.path()).arg(&name))
        .context("GNU tar and gzip pack the archive")?;
    let sum = Command::new("sha256sum").arg(&file).current_dir(out).output().context("sha256sum is missing")?;
    anyhow::ensure!(sum.status.success(), "sha256sum: {}", String::from_utf8_lossy(&sum.stderr));
    fs::write(out.join(format!("{file}.sha256")), sum.stdout)?;
    Ok(out.join(file))
}

/// The folder that is packed.
fn fill(workspace: &Workspace, binary: &Path, folder: &Path) -> Result<()> {
    copy(binary, &folder.join("postsync"))?;
    let documents = workspace.files()?.into_iter().filter(|file| file.starts_with("docs"));
    for file in FILES.into_iter().map(PathBuf::from).chain(documents) {
        copy(&workspace.root.join(&file), &folder.join(&file))?;
    }
    ask(binary, folder)
}

/// What the program says of itself.
fn ask(binary: &Path, folder: &Path) -> Result<()> {
    let binary = binary.canonicalize().with_context(|| binary.display().to_string())?;
    run_command(Command::new(&binary).args(["man", "--out"]).arg(folder.join(MAN)).current_dir(folder))?;
    for (shell, file) in COMPLETIONS {
        let output = Command::new(&binary).args(["completions", shell]).current_dir(folder).output();
        let output = output.with_context(|| binary.display().to_string())?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "there are no completions for {shell}: {complaint}");
        make_folder_of(&folder.join(file))?;
        fs::write(folder.join(file), output.stdout).with_context(|| file.to_owned())?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    make_folder_of(to)?;
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

fn make_folder_of(file: &Path) -> Result<()> {
    let parent = file.parent().context("a file of the archive is in a folder")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())
}

fn version(workspace: &Workspace) -> Result<String> {
    let packages = workspace.metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let postsync = packages.iter().find(|package| package["name"] == "postsync").context("there is no postsync")?;
    Ok(postsync["version"].as_str().context("postsync has no version")?.to_owned())
}

/// The target that this machine's compiler builds for, such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().context("rustc could not be started")?;
    let said = String::from_utf8(output.stdout).context("rustc says its version in no UTF-8")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Says of itself what postsync does, in fewer words.
    const STAND_IN: &str = r#"#!/bin/sh
set -eu
case "$1" in
  man) mkdir -p "$3" && echo page > "$3/postsync.1" ;;
  completions) echo "for $2" ;;
esac
"#;

    /// Written by a process of its own: what this one has open for writing while another test starts a child, nobody can start.
    fn program(folder: &Path, mode: u32) -> PathBuf {
        let file = folder.join("built");
        said(Command::new("sh").args(["-c", r#"printf %s "$0" > "$1""#, STAND_IN]).arg(&file));
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn said(command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_same_files_make_the_same_bytes_whoever_packs_them() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let first = pack(&workspace, &program(folder.path(), 0o755), &one).unwrap();
        // Another moment and other modes.
        let second = pack(&workspace, &program(folder.path(), 0o700), &two).unwrap();
        assert_eq!(first.file_name(), second.file_name());
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "the archives differ");
        let sum = format!("{}.sha256", second.display());
        let checked = said(Command::new("sha256sum").arg("--check").arg(sum).current_dir(&two));
        assert!(checked.ends_with(".tar.gz: OK\n") && checked.starts_with("postsync-"), "{checked}");
    }

    #[test]
    fn the_archive_has_one_folder_with_everything_and_nobodys_name() {
        let workspace = Workspace::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let archive = pack(&workspace, &program(folder.path(), 0o711), folder.path()).unwrap();
        let name = archive.file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap();
        assert!(name.starts_with("postsync-0.") && name.contains("-linux-"), "{name}");
        let list = said(Command::new("tar").args(["--utc", "-tvzf"]).arg(&archive));
        for line in list.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (mode, owner, time, file) = (fields[0], fields[1], &fields[3..5], fields[5]);
            let runs = file.ends_with('/') || file == format!("{name}/postsync");
            assert!(mode.ends_with(if runs { "rwxr-xr-x" } else { "rw-r--r--" }), "{line}");
            assert!(owner == "0/0" && time == ["1980-01-01", "00:00"] && file.starts_with(name), "{line}");
        }
        let made = ["man/man1/postsync.1", "completions/bash/postsync", "completions/zsh/_postsync"];
        let copied =
            ["postsync", "README.md", "NOTICE", "packaging/postsync.service", "docs/INSTALL.md", "docs/demo.png"];
        for file in made.into_iter().chain(copied) {
            assert!(list.contains(&format!(" {name}/{file}\n")), "{file} in {list}");
        }
    }
}
