//! What the kernel says: the machine, processor time and memory of processes, and how long its disk takes to sync.
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

use super::figures::Spread;

/// Kernel ticks per second, the same on every Linux that Rust runs on.
const TICKS_PER_S: u64 = 100;

/// What one small commit appends to a write-ahead log, about.
const SYNC_BYTES: usize = 8 * 1024;

/// Nanoseconds on the clock that all processes of the machine share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

/// Processor time, user and system.
#[derive(Clone, Copy)]
pub(crate) struct Cpu(Duration);

impl Cpu {
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    pub(crate) fn of_self() -> anyhow::Result<Self> {
        Self::read("/proc/self/stat")
    }

    fn read(stat: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(stat)?;
        // The name in parentheses may hold anything: the fields are counted after it.
        let fields: Vec<&str> = text.rsplit(')').next().context("no stat")?.split_whitespace().collect();
        let ticks: u64 =
            fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
        Ok(Self(Duration::from_millis(ticks * 1000 / TICKS_PER_S)))
    }

    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Memory of a process, in MB: what it has now, and the most that it ever had.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now_mb: f64,
    pub(crate) peak_mb: f64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let mb = |name: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
            Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
        };
        Ok(Self { now_mb: mb("VmRSS:")?, peak_mb: mb("VmHWM:")? })
    }
}

/// How long a small append takes until it is on disk, `count` times, in a file of that folder.
pub(crate) fn syncs(folder: &Path, count: usize) -> anyhow::Result<Spread> {
    let path = folder.join("sync-test");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut spread = Spread::default();
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&[7; SYNC_BYTES])?;
        file.sync_all()?;
        spread.push(start.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(spread)
}

/// Cores, processor, kernel and compiler, for whoever reads the figures elsewhere.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |model| model.trim_start_matches([' ', '\t', ':']));
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!("{cores} cores, {model}, Linux {}, {rustc}", read("/proc/sys/kernel/osrelease").trim())
}

/// How busy the machine was with all that ran on it.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
