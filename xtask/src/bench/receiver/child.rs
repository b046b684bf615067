//! The process itself: listens, then answers questions until its standard input ends.
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::task::LocalSet;

use super::gate::Gate;
use super::listen::{Authority, listen};
use super::seen::Seen;
use super::{host, special_host};

/// A wait for webhooks that do not come ends.
const REACHED_MAX: Duration = Duration::from_secs(500);

/// Receivers at most: the addresses 127.0.0.x to 127.0.249.x.
const HOSTS_MAX: usize = 250 * 250;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Addresses that take webhooks
    #[arg(long)]
    hosts: usize,
    /// Where the authority's certificate goes
    #[arg(long)]
    ca_file: PathBuf,
    /// Speak TLS
    #[arg(long)]
    tls: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.hosts > HOSTS_MAX {
        bail!("{HOSTS_MAX} hosts at most");
    }
    // A listener and a connection for each host are more than the soft limit of many shells.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    // One thread: what it costs is the floor under the sender's rate, and a second one would only add wake-ups.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(args))
}

async fn serve(args: &Args) -> anyhow::Result<()> {
    let authority = args.tls.then(|| Authority::new(&args.ca_file)).transpose()?;
    if !args.tls {
        Authority::new(&args.ca_file)?;
    }
    let seen = Rc::new(Seen::default());
    let ips: Vec<_> = (0..args.hosts).map(host).chain([special_host(0), special_host(1)]).collect();
    let port = listen(&ips, authority.as_ref(), &seen).await?;
    let gate = Gate::new(special_host(2)).await?;
    println!("{}", json!({"port": port, "gate": gate.port()}));
    let mut questions = BufReader::new(tokio::io::stdin()).lines();
    while let Some(question) = questions.next_line().await? {
        let answer = answer(&question, &seen, &gate).await;
        println!("{}", answer.unwrap_or_else(|error| json!({"error": error.to_string()})));
    }
    Ok(())
}

async fn answer(question: &str, seen: &Seen, gate: &Gate) -> anyhow::Result<Value> {
    if let Some(count) = question.strip_prefix("reached ") {
        return match seen.reached(count.parse()?, REACHED_MAX).await {
            true => Ok(json!(seen.count())),
            false => bail!("only {} webhooks of {count} came", seen.count()),
        };
    }
    Ok(match question {
        "count" => json!(seen.count()),
        "latencies" => seen.take_latencies(),
        "sample" => seen.take_sample(),
        "gate open" => gate.open().await.map(|()| json!({}))?,
        "gate close" => {
            gate.close();
            json!({})
        }
        "gate report" => gate.report(),
        _ => bail!("an unknown question: {question}"),
    })
}
