//! `cargo xtask bench`: one table, each figure beside the raw limit that the same machine reached in the same minute.
//!
//! Promise: release builds of the real binary, a real receiver and real clients on loopback, bounded in count and time. The
//! ratios are the result; the rates say as much about the machine and its neighbours.
mod load;
mod process;
mod receiver;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use crate::workspace::{self, Workspace};
use load::Target;
use process::{Cpu, Server};
use receiver::Receiver;
use report::Row;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Generations of the passthrough run
    #[arg(long, default_value_t = 50_000)]
    jobs: usize,
    /// Clients at once
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Leave out the speed of mesh-1
    #[arg(long)]
    no_lipsync: bool,
}

/// A run that has not ended by then has lost something.
const RUN_MAX: Duration = Duration::from_secs(300);

/// Before the memory at rest is read: start-up's own allocations have settled.
const REST: Duration = Duration::from_secs(2);

pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let binary = match &args.binary {
        Some(binary) => binary.canonicalize()?,
        None => build(workspace)?,
    };
    println!("machine: {}", process::machine());
    let rows = Runtime::new()?.block_on(passthrough(&binary, args))?;
    report::print(&rows);
    if !args.no_lipsync {
        println!("\nmesh-1, from probe to finished file (release, no child limits):");
        lipsync(workspace)?;
    }
    Ok(())
}

fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let build = ["build", "--release", "--locked", "-p", "postsync"];
    workspace::run(workspace::cargo().current_dir(&workspace.root).args(build))?;
    Ok(workspace.target_dir.join("release/postsync"))
}

/// Raw, product, raw: the limit is measured on both sides of what is held against it.
async fn passthrough(binary: &Path, args: &Args) -> anyhow::Result<Vec<Row>> {
    let receiver = Arc::new(Receiver::start().await?);
    let server = Server::start(binary).await?;
    tokio::time::sleep(REST).await;
    let rest_kb = server.memory_kb()?;
    let mut rows = vec![Row::memory("server at rest, RSS", rest_kb)];
    let hook = format!("http://{}/webhook", receiver.address());
    // Also warms up caches, allocators and the connection pool.
    product(&server, &receiver, &hook, args.clients, args.jobs / 10).await?;
    let body = receiver.last_body().context("the receiver saw no webhook")?;
    let before = raw(&receiver, &body, args).await?;
    let made = product(&server, &receiver, &hook, args.clients, args.jobs).await?;
    let after = raw(&receiver, &body, args).await?;
    rows.extend([before, made, after]);
    rows.push(Row::memory("server after the run, RSS", server.memory_kb()?));
    server.stop().await?;
    Ok(rows)
}

/// The same bodies, posted straight to the same receiver.
async fn raw(receiver: &Receiver, body: &bytes::Bytes, args: &Args) -> anyhow::Result<Row> {
    let target = Target { address: receiver.address(), path: "/webhook".to_owned(), api_key: None, status: 200 };
    let (start, cpu) = (Instant::now(), Cpu::of_self()?);
    load::post(&target, args.clients, args.jobs, body).await?;
    Ok(Row::rate("raw: the same bodies straight to the receiver", args.jobs, start.elapsed(), None, cpu.since_self()?))
}

/// Created, completed and delivered: from the first create to the last webhook's arrival.
async fn product(server: &Server, receiver: &Receiver, hook: &str, clients: usize, jobs: usize) -> anyhow::Result<Row> {
    let target = Target {
        address: server.address,
        path: "/v2/generate".to_owned(),
        api_key: Some(server.api_key.clone()),
        status: 201,
    };
    let create = bytes::Bytes::from(
        serde_json::json!({
            "model": "lipsync-2",
            "input": [
                {"type": "video", "url": "https://media.example.com/in.mp4"},
                {"type": "audio", "url": "https://media.example.com/in.wav"},
            ],
            "options": {"sync_mode": "loop"},
            "webhookUrl": hook,
        })
        .to_string(),
    );
    let arrived = receiver.count();
    let (start, own, theirs) = (Instant::now(), Cpu::of_self()?, server.cpu()?);
    load::post(&target, clients, jobs, &create).await?;
    tokio::time::timeout(RUN_MAX, receiver.reached(arrived + jobs)).await.context("not every webhook arrived")?;
    let elapsed = start.elapsed();
    let server_cpu = server.cpu()?.since(&theirs);
    Ok(Row::rate("postsync: created, completed, delivered", jobs, elapsed, Some(server_cpu), own.since_self()?))
}

fn lipsync(workspace: &Workspace) -> anyhow::Result<()> {
    let example = ["run", "--quiet", "--release", "--locked", "-p", "postsync-lipsync", "--example", "speed"];
    workspace::run(workspace::cargo().current_dir(&workspace.root).args(example))
}
