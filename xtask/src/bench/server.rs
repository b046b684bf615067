//! The server under test: the release binary on a data folder of its own.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::api::Api;
use super::host::{Cpu, Memory};

/// Base64 of 32 bytes: the folder's database is written by others before the server opens it again.
pub(crate) const MASTER_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

const API_KEY: &str = "bench-key-0123456789";

/// Between two looks whether it answers, and how often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 600;

/// A stop hands back what is under way first.
const STOP_MAX: Duration = Duration::from_secs(60);

/// How it is started.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    /// Of the receivers' authority, where there are any.
    ca_file: Option<PathBuf>,
    pub(crate) log_level: String,
}

impl Setup {
    pub(crate) fn new(binary: &Path, ca_file: &Path) -> Self {
        Self { ca_file: Some(ca_file.to_owned()), ..Self::without_receivers(binary) }
    }

    /// For what sends no webhooks.
    pub(crate) fn without_receivers(binary: &Path) -> Self {
        Self { binary: binary.to_owned(), ca_file: None, log_level: "warn".to_owned() }
    }

    /// A folder that is gone with the run. Beside the binary: the system's temporary folder may be memory, where a sync
    /// costs nothing.
    pub(crate) fn folder(&self) -> anyhow::Result<TempDir> {
        let parent = self.binary.parent().context("the binary has no folder")?;
        Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?)
    }
}

pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
}

impl Server {
    /// On a new data folder.
    pub(crate) async fn start(setup: &Setup) -> anyhow::Result<Self> {
        Self::start_on(setup, setup.folder()?).await
    }

    /// On that folder, whatever is in it.
    pub(crate) async fn start_on(setup: &Setup, folder: TempDir) -> anyhow::Result<Self> {
        let address = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = Command::new(&setup.binary)
            .arg("serve")
            .env("POSTSYNC_LISTEN", address.to_string())
            .env("POSTSYNC_DATA_DIR", folder.path().join("data"))
            .env("POSTSYNC_MASTER_KEY", MASTER_KEY)
            .env("POSTSYNC_BOOTSTRAP_API_KEY", API_KEY)
            .env("POSTSYNC_EGRESS_ALLOW", "127.0.0.0/8")
            .env("POSTSYNC_EGRESS_ALLOW_HTTP", "true")
            .envs(setup.ca_file.iter().map(|file| ("POSTSYNC_EGRESS_CA_FILE", file)))
            .env("POSTSYNC_MODELS_LIPSYNC_2", "passthrough")
            .env("POSTSYNC_LOG_LEVEL", &setup.log_level)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be run", setup.binary.display()))?;
        let server = Self { child, folder, address };
        server.ready().await?;
        Ok(server)
    }

    async fn ready(&self) -> anyhow::Result<()> {
        for _ in 0..LOOKS_MAX {
            if tokio::net::TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("the server does not answer: {}", self.log()?)
    }

    pub(crate) fn api(&self) -> Api {
        Api { address: self.address, key: API_KEY }
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("the server has ended: {}", self.log().unwrap_or_default()))
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        Cpu::of(self.pid()?)
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.pid()?)
    }

    /// What it has said.
    pub(crate) fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("log"))?)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Lets it hand back what is under way, and gives its folder.
    pub(crate) async fn stop(mut self) -> anyhow::Result<TempDir> {
        let pid = i32::try_from(self.pid()?)?;
        kill_process(Pid::from_raw(pid).context("no process")?, Signal::TERM)?;
        let ended = tokio::time::timeout(STOP_MAX, self.child.wait()).await.context("the server does not stop")??;
        ensure!(ended.success(), "the server ended with {ended}: {}", self.log()?);
        Ok(self.folder)
    }
}
