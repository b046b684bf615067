//! The fence around the file system and the network: Landlock, where the kernel has it (Linux 5.13; TCP from 6.7, signals
//! from 6.12).
//!
//! Inside: the child's folder, to write; its inputs, to read; the system's programs and libraries, to run. Everything else, above all the data
//! folder with its database and master key, does not open. On an older kernel what it lacks is left out; `doctor` says so.
use std::env;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    Scope, path_beneath_rules,
};

use crate::order::ChildLimits;

/// The newest rules that were tried here.
const TRIED: ABI = ABI::V6;

/// Where programs and libraries are, on Debian, Fedora, Alpine, Nix and Guix.
const SYSTEM: [&str; 8] = ["/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/nix/store", "/gnu/store"];

/// What ffmpeg's libraries read as they load. None of it is a secret.
const READ: [&str; 10] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld-musl-x86_64.path",
    "/etc/alternatives",
    "/etc/gnutls/config",
    "/etc/ssl/openssl.cnf",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system",
    "/dev/urandom",
];

/// Puts the fence up for this thread and all that it starts.
pub(super) fn put_on(folder: &Path, inputs: &[PathBuf], readable: &[PathBuf]) -> io::Result<()> {
    fenced(folder, inputs, readable).map_err(io::Error::other)
}

fn fenced(folder: &Path, inputs: &[PathBuf], readable: &[PathBuf]) -> Result<(), landlock::RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TRIED))?
        // Handled and never granted: no connection out, no port open.
        .handle_access(AccessNet::from_all(TRIED))?
        // No signal, and no abstract socket, to anything that was there before us.
        .scope(Scope::from_all(TRIED))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, run))?
        .add_rules(path_beneath_rules(readable, run))?
        .add_rules(path_beneath_rules(READ, read))?
        .add_rules(path_beneath_rules(inputs, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([folder], in_folder()))?
        .restrict_self()?;
    Ok(())
}

/// Everything but running, and but what is neither a file nor a folder: no symlinks, sockets or devices for us to find.
fn in_folder() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        // The encoder's folder is below; the finished file is moved up from there.
        | AccessFs::Refer
}

/// What may be read and run beside the system: what the limits name, and the tools themselves wherever they are.
pub(super) fn readable(limits: &ChildLimits, tools: &[PathBuf]) -> Vec<PathBuf> {
    let tools = tools.iter().filter_map(|tool| find(tool));
    limits.readable.iter().cloned().chain(tools).collect()
}

/// Where a tool is: a bare name is looked up on `PATH`, and links are followed to the file that will be run.
fn find(tool: &Path) -> Option<PathBuf> {
    if tool.components().count() > 1 {
        return tool.canonicalize().ok();
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file())?.canonicalize().ok()
}
