//! A database with deliveries that are due already: made through the store itself, before the server opens it.
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

/// The program that fills a database.
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
        let mut child = Command::new(&self.0)
            .arg(database)
            .args([kind, &count.to_string()])
            .env("POSTSYNC_MASTER_KEY", MASTER_KEY)
            .stdin(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} can't be run", self.0.display()))?;
        child.stdin.take().context("no standard input")?.write_all(urls.join("\n").as_bytes())?;
        let ended = child.wait()?;
        ensure!(ended.success(), "the database could not be filled");
        Ok(())
    }
}
