//! `postsync replay`: events again, over HTTP. The server does it, and goes on when this command is gone.
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use postsync_core::ids::{DeliveryId, GenerationId};
use postsync_core::outcome::SendError;
use postsync_core::schedule::parse_duration;
use postsync_core::time::Timestamp;
use postsync_engine::ports::Clock as _;
use serde_json::{Value, json};

use super::client::{Client, Failure, ServerArgs};
use super::interrupt::Signals;
use crate::EXIT_USAGE;
use crate::out::say;
use crate::world::SystemClock;

/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Between two lines about it, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How long a server may be away, as while it is started again, before we stop looking.
const AWAY_MAX: Duration = Duration::from_secs(60);

const HELP: &str = "\
A delivery that has ended is made anew: the same event, webhook-id and bytes under a new delivery, with a new time in the \
signature, the header Postsync-Replay: true, and the whole schedule from now on.

Unless --status says otherwise only exhausted deliveries are meant, those that were given up. One that was replayed before is \
left out unless --again is given, so that the same command twice sends nothing twice. What was delivered goes out once with each command, however often it was replayed. --since and --until are compared with \
createdAt of a delivery: when its event happened, not when it was given up.

The server does it, even over a restart, and stays behind what is new. Ctrl-C ends only the looking on. The key in \
POSTSYNC_API_KEY needs the scopes generate, to begin, and read, to look on; an admin key has both.

Examples:
  How many of the last two hours were given up; then deliver those again:
    postsync replay --since 2h --dry-run
    postsync replay --since 2h
  The receiver has lost what it took in these two hours:
    postsync replay --status delivered --since 2026-11-24T08:00:00Z --until 2026-11-24T10:00:00Z
  What an expired certificate has cost:
    postsync replay --since 4d --error tls_expired
  One delivery, whatever became of it:
    postsync replay --id dlv_6h0s7cwtg0001

Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 130 and 143 after Ctrl-C and SIGTERM.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ReplayArgs {
    /// Events of that time and later: 2h or 3d ago, or a time like 2026-11-24T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Events of that time and earlier.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How they ended [default: exhausted].
    #[arg(long)]
    status: Option<Status>,
    /// Those for one endpoint (endpointId of a delivery).
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// Those of one generation.
    #[arg(long, value_name = "ID")]
    generation: Option<GenerationId>,
    /// Those whose last attempt came to this: connect_refused, http_status, tls_expired, ...
    #[arg(long, value_name = "NAME", value_parser = error)]
    error: Option<SendError>,
    /// Exhausted ones that were replayed before, too.
    #[arg(long)]
    again: bool,
    /// Every one, where nothing else says which.
    #[arg(long)]
    all: bool,
    /// One delivery, however often it was replayed.
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["since", "until", "status", "endpoint", "generation", "error", "again", "all", "dry_run"]
    )]
    id: Option<DeliveryId>,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    /// Do not look on until it is done.
    #[arg(long)]
    no_wait: bool,
    /// As JSON: one object in the end.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    Exhausted,
    Delivered,
    Any,
}

fn error(text: &str) -> Result<SendError, String> {
    SendError::parse(text).ok_or_else(|| "no attempt comes to that; docs/ERRORS.md has the names".to_owned())
}

pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let request = match request(args, SystemClock.now()) {
        Ok(request) => request,
        Err(wrong) => {
            eprintln!("postsync replay: {wrong:#}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let client = Client::new(&args.server)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        if let Some(id) = args.id {
            return one(args, &client, id).await;
        }
        if args.dry_run {
            return count(args, &client, &request).await;
        }
        many(args, &client, &request).await
    })
}

/// The body of the request; refuses what would mean everything without saying so.
fn request(args: &ReplayArgs, now: Timestamp) -> anyhow::Result<Value> {
    let says = args.since.is_some() || args.until.is_some() || args.status.is_some() || args.endpoint.is_some();
    ensure!(
        says || args.generation.is_some() || args.error.is_some() || args.id.is_some() || args.all,
        "say which deliveries: --since, --until, --status, --endpoint, --generation, --error or --id; --all where every \
         exhausted one is meant. --dry-run only counts them"
    );
    let status = match args.status.unwrap_or(Status::Exhausted) {
        Status::Exhausted => Some("exhausted"),
        Status::Delivered => Some("delivered"),
        Status::Any => None,
    };
    // What was said on the command line is enough for us; a status alone is everything of it, and wants --all where it is not that
    // of what has never arrived.
    ensure!(
        status == Some("exhausted")
            || args.all
            || args.since.is_some()
            || args.until.is_some()
            || args.endpoint.is_some()
            || args.generation.is_some()
            || args.error.is_some(),
        "--status delivered or any alone means everything that is kept, also what has arrived: say --all if it is meant"
    );
    let filter = json!({
        "since": time(args.since.as_deref(), "--since", now)?,
        "until": time(args.until.as_deref(), "--until", now)?,
        "status": status,
        "endpointId": args.endpoint,
        "generationId": args.generation.map(|id| id.to_string()),
        "error": args.error.map(|error| error.as_str()),
        "again": args.again,
    });
    Ok(json!({"filter": filter, "dryRun": args.dry_run, "all": args.all}))
}

fn time(text: Option<&str>, name: &str, now: Timestamp) -> anyhow::Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let ago = parse_duration(text).map(|ago| now.plus_ms(-i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)));
    let at = ago.or_else(|| Timestamp::parse_rfc3339(text));
    let at = at.with_context(|| format!("{name}: {text:?} is neither like 2h nor a time like 2026-11-24T08:00:00Z"))?;
    // Rust prints what is not a date as milliseconds, which the server would not know.
    let shown = at.to_string();
    ensure!(Timestamp::parse_rfc3339(&shown).is_some(), "{name}: {text:?} is too long ago");
    Ok(Some(shown))
}

async fn one(args: &ReplayArgs, client: &Client, id: DeliveryId) -> anyhow::Result<ExitCode> {
    let made = client.post(&format!("/postsync/v1/deliveries/{id}/replay"), &json!({})).await?;
    if args.json {
        say!("{made}")?;
    } else {
        say!("{} delivers {} again, to {}", text(&made, "id"), text(&made, "eventId"), text(&made, "url"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn count(args: &ReplayArgs, client: &Client, request: &Value) -> anyhow::Result<ExitCode> {
    let counted = client.post("/postsync/v1/replays", request).await?;
    if args.json {
        say!("{counted}")?;
    } else {
        say!("{} would be delivered again", deliveries(&counted["count"]))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn many(args: &ReplayArgs, client: &Client, request: &Value) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let begun = client.post("/postsync/v1/replays", request).await?;
    let id = text(&begun, "id").to_owned();
    ensure!(!id.is_empty(), "the server's answer names no replay: {begun}");
    if args.no_wait {
        return told(args, &begun, &format!("{id} has begun: {}", deliveries(&begun["count"])));
    }
    eprintln!("{id}: {} to be delivered again", deliveries(&begun["count"]));
    let done = tokio::select! {
        done = look_on(args, client, &id) => done?,
        came = signals.came() => {
            eprintln!("The server goes on with {id}.");
            return Ok(came.code());
        }
    };
    let skipped = match done["skipped"].as_u64() {
        Some(skipped) if skipped > 0 => {
            format!("; {skipped} skipped, whose bodies are not kept any more or whose endpoint is disabled")
        }
        _ => String::new(),
    };
    told(args, &done, &format!("{id} is done: {} made anew{skipped}", deliveries(&done["done"])))
}

fn told(args: &ReplayArgs, object: &Value, sentence: &str) -> anyhow::Result<ExitCode> {
    if args.json {
        say!("{object}")?
    } else {
        say!("{sentence}")?
    }
    Ok(ExitCode::SUCCESS)
}

/// Until it is done. A server that is started again meanwhile goes on with it, so we wait for that one.
async fn look_on(args: &ReplayArgs, client: &Client, id: &str) -> anyhow::Result<Value> {
    let sight = Sight::new(args.json);
    let mut away: Option<Instant> = None;
    let mut line_at = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let replay = match client.get(&format!("/postsync/v1/replays/{id}")).await {
            Ok(replay) => replay,
            Err(Failure::Passing(error)) => {
                if away.get_or_insert_with(Instant::now).elapsed() > AWAY_MAX {
                    bail!("{error:#}; the server goes on with {id} once it is back");
                }
                continue;
            }
            Err(Failure::Lasting(error)) => return Err(error),
        };
        away = None;
        sight.show(&replay, &mut line_at);
        if replay["status"] == "done" {
            sight.bar.finish_and_clear();
            return Ok(replay);
        }
    }
}

/// What is seen of it: a bar on a terminal, a line now and then elsewhere.
struct Sight {
    bar: ProgressBar,
    has_lines: bool,
}

impl Sight {
    fn new(is_json: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {human_pos} of {human_len} {elapsed}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
        Self { bar: bar.with_style(style).with_message("making anew"), has_lines: !is_terminal && !is_json }
    }

    fn show(&self, replay: &Value, line_at: &mut Instant) {
        let done = replay["done"].as_u64().unwrap_or(0) + replay["skipped"].as_u64().unwrap_or(0);
        // What has ended since it was counted is made anew as well.
        let count = replay["count"].as_u64().unwrap_or(0).max(done);
        self.bar.set_length(count);
        self.bar.set_position(done);
        if self.has_lines && line_at.elapsed() > LINE_EVERY {
            *line_at = Instant::now();
            eprintln!("{done} of {count}");
        }
    }
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

fn deliveries(count: &Value) -> String {
    match count.as_u64() {
        Some(1) => "1 delivery".to_owned(),
        Some(count) => format!("{count} deliveries"),
        None => "so many deliveries that they are not counted".to_owned(),
    }
}
