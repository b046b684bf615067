//! A database with deliveries that are due already, or with a million generations: made through the store itself, before the server
//! opens it.
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::server::{MASTER_KEY, Server, Setup};

/// What is due.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    /// First attempts, in the order in which they were made.
    First,
    /// Second attempts, in random order, each with a failed first one on record.
    Retries,
}

/// The programs that fill a database: the folder with the store's examples.
#[derive(Clone)]
pub(crate) struct Filler(pub(crate) PathBuf);

impl Filler {
    /// A new data folder with `count` deliveries to those URLs in turn.
    pub(crate) async fn folder(
        &self,
        setup: &Setup,
        due: Due,
        count: usize,
        urls: &[String],
    ) -> anyhow::Result<TempDir> {
        // The server itself makes the folder, with its organization, its key and its secret.
        let folder = Server::start(setup).await?.stop().await?;
        self.fill(&folder.path().join("data/postsync.db"), due, count, urls)?;
        Ok(folder)
    }

    /// Adds `count` deliveries to a database that no server has open.
    pub(crate) fn fill(&self, database: &Path, due: Due, count: usize, urls: &[String]) -> anyhow::Result<()> {
        let kind = match due {
            Due::First => "first",
            Due::Retries => "retries",
        };
        let mut command = Command::new(self.0.join("backlog"));
        run(command.arg(database).args([kind, &count.to_string()]), &urls.join("\n"))
    }

    /// A new data folder with `count` generations that have ended, and as many assets; with URLs also as many deliveries to these.
    pub(crate) async fn lists(&self, setup: &Setup, count: usize, urls: &[String]) -> anyhow::Result<TempDir> {
        let folder = Server::start(setup).await?.stop().await?;
        let mut command = Command::new(self.0.join("lists"));
        run(command.arg(folder.path().join("data/postsync.db")).arg(count.to_string()), &urls.join("\n"))?;
        Ok(folder)
    }
}

fn run(command: &mut Command, input: &str) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    command.env("POSTSYNC_MASTER_KEY", MASTER_KEY).stdin(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{program} can't be run"))?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let ended = child.wait()?;
    ensure!(ended.success(), "the database could not be filled");
    Ok(())
}
