//! One run of the binary in a folder of its own, with none of the variables of whoever runs the tests.
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const POSTSYNC: &str = env!("CARGO_BIN_EXE_postsync");

/// A folder in which commands run; the data folder is made in it.
pub(crate) struct Home(TempDir);

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("postsync-cli-").tempdir().unwrap())
    }

    /// With a data folder, as a server has made it.
    pub(crate) fn with_database() -> Self {
        let home = Self::new();
        home.done(&["migrate"]);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A command in this folder, with no terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(POSTSYNC);
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// Gives any program the same folder and environment.
    pub(crate) fn prepare(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTSYNC_")) {
            command.env_remove(name);
        }
        command.current_dir(self.path()).stdin(Stdio::null()).env("COLUMNS", "100").env("NO_COLOR", "1");
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// A run that must end well.
    pub(crate) fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran
    }

    /// A run with something on stdin.
    pub(crate) fn fed(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let path = self.file("stdin");
        File::create(&path).unwrap().write_all(stdin).unwrap();
        Ran::of(self.command(arguments).stdin(File::open(&path).unwrap()))
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The only line on stdout.
    pub(crate) fn line(&self) -> &str {
        let line = self.out.strip_suffix('\n').unwrap_or_else(|| panic!("{self:?}"));
        assert!(!line.contains('\n') && !line.is_empty(), "one line: {self:?}");
        line
    }

    /// It ended with that code, and stderr says all of these.
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} in {self:?}");
        }
    }
}
