//! The server under test, and what the kernel says of processes.
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

/// Kernel ticks per second, the same on every Linux that Rust runs on.
const TICKS_PER_S: u64 = 100;

/// Between two looks whether it answers, and how often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 200;

/// A running postsync on a data folder of its own, gone with it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) api_key: String,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        // Beside the binary: the system's temporary folder may be memory, where a sync costs nothing.
        let parent = binary.parent().context("the binary has no folder")?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?;
        let address = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let api_key = "bench-key-0123456789".to_owned();
        let child = Command::new(binary)
            .arg("serve")
            .env("POSTSYNC_LISTEN", address.to_string())
            .env("POSTSYNC_DATA_DIR", folder.path().join("data"))
            .env("POSTSYNC_BOOTSTRAP_API_KEY", &api_key)
            .env("POSTSYNC_EGRESS_ALLOW", "127.0.0.1/32")
            .env("POSTSYNC_EGRESS_ALLOW_HTTP", "true")
            .env("POSTSYNC_MODELS_LIPSYNC_2", "passthrough")
            .env("POSTSYNC_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be run", binary.display()))?;
        let server = Self { child, address, api_key, _folder: folder };
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
        bail!("the server does not answer")
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        Cpu::of(&format!("/proc/{}/stat", self.pid()?))
    }

    pub(crate) fn memory_kb(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// Processor time of a process, user and system.
pub(crate) struct Cpu(Duration);

impl Cpu {
    fn of(stat: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(stat)?;
        // The name in parentheses may hold anything: the fields are counted after it.
        let fields: Vec<&str> = text.rsplit(')').next().context("no stat")?.split_whitespace().collect();
        let ticks: u64 =
            fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
        Ok(Self(Duration::from_millis(ticks * 1000 / TICKS_PER_S)))
    }

    pub(crate) fn of_self() -> anyhow::Result<Self> {
        Self::of("/proc/self/stat")
    }

    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn since_self(&self) -> anyhow::Result<Duration> {
        Ok(Self::of_self()?.since(self))
    }
}

/// Cores and kernel, for whoever reads the figures elsewhere.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':']));
    let load = read("/proc/loadavg");
    format!(
        "{cores} cores, {model}, Linux {}, load {}",
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or("?")
    )
}
