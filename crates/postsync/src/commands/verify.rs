//! `postsync verify`: is this signature right, and if not, what is wrong with it. 0 verified, 1 not, 2 usage.
//!
//! The answer is that of `POST /postsync/v1/verify`. Where the server's database is here, secrets that are in it are recognised, too:
//! it is looked into for `--event`, and after a check that failed.
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use postsync_core::Secret;
use postsync_core::event::Event;
use postsync_core::ids::EventId;
use postsync_core::known::KnownSecrets;
use postsync_core::verify::{Explanation, Known, OnRecord, Question, explain, tolerance};
use postsync_engine::known_secrets;
use postsync_engine::ports::{Clock as _, Store as _};

use super::{StoreArgs, block_on};
use crate::EXIT_USAGE;
use crate::data::{self, Opened};
use crate::out::say;
use crate::world::SystemClock;

/// A webhook's body is under 100 kB; what is longer was not ours.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Organizations whose secrets are looked at after a check that failed.
const ORGANIZATIONS_MAX: usize = 100;

const HELP: &str = "\
Save the header and the body exactly as they came. It says what is wrong, and what to write where in Express, Next.js, FastAPI, Flask, Go \
and axum. For a check of your own that computes another signature than the header has, give it the one that you computed, as \
t=<t of the header>,v1=<yours>: it says how it was made.

In the server's folder, or with --data-dir, it knows the server's secrets: whose secret a webhook was signed with, and with --event the \
bytes that were sent. POST /postsync/v1/verify says the same over HTTP.

Examples:
  postsync verify --signature 't=1795422077,v1=ef22...' --secret whsec_... < body.json
  postsync verify --signature 't=1795422077,v1=ef22...' --event evt_6h0s7cs4m0000 --tolerance none < body.json

Exit codes: 0 verified, 1 not, 2 the command line is wrong.";

#[derive(Debug, Args)]
#[command(
    after_help = HELP
)]
pub(crate) struct VerifyArgs {
    /// The Sync-Signature header as it came. An empty one is a missing header.
    #[arg(long, value_name = "HEADER")]
    signature: String,
    /// The signing secret, whsec_ included; several, separated by commas or each with --secret, while one is changed. With
    /// --event the one in the data folder, where none is given.
    #[arg(long, env = "POSTSYNC_WEBHOOK_SECRET", hide_env_values = true, value_delimiter = ',')]
    secret: Vec<String>,
    /// How old the signature may be; `none` checks no time.
    #[arg(long, default_value = "5m")]
    tolerance: String,
    /// The event's id (the webhook-id header): compares the body with the bytes that the data folder has on record.
    #[arg(long, value_name = "ID")]
    event: Option<EventId>,
    /// As JSON: {"verified": ..., "message": ...}.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// What there is to check a body against.
struct Against {
    secrets: Vec<Known>,
    tolerance: Duration,
    /// Secrets that are on record, where the database was looked into.
    known: Option<KnownSecrets>,
    /// With the bytes that were sent.
    event: Option<Event>,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let mut against = match against(args) {
        Ok(against) => against,
        Err(wrong) => {
            eprintln!("postsync verify: {wrong:#}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    if std::io::stdin().is_terminal() {
        eprintln!("Reading the body from the terminal: end it with Ctrl-D, twice where the line has not ended.");
    }
    let mut body = Vec::new();
    std::io::stdin().lock().take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    let mut explained = against.judge(args, &body);
    if !explained.verified && against.known.is_none() {
        against.known = known_here(args);
        explained = against.judge(args, &body);
    }
    tell(args, &explained)?;
    Ok(if explained.verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(args: &VerifyArgs, explained: &Explanation) -> anyhow::Result<()> {
    let Explanation { verified, message, mends, .. } = explained;
    if args.json {
        say!("{}", serde_json::json!({"verified": verified, "message": explained.in_one_line()}))?;
        return Ok(());
    }
    say!("{}{message}", if *verified { "" } else { "not verified: " })?;
    if !mends.is_empty() {
        say!("To mend it:")?;
    }
    for (framework, what) in mends {
        say!("  {framework}: {what}")?;
    }
    Ok(())
}

impl Against {
    fn judge(&self, args: &VerifyArgs, body: &[u8]) -> Explanation {
        let id = self.event.as_ref().map(|event| event.id.to_string()).unwrap_or_default();
        explain(&Question {
            header: Some(args.signature.as_bytes()).filter(|header| !header.is_empty()),
            body,
            secrets: &self.secrets,
            others: &self.known.clone().map(KnownSecrets::all).unwrap_or_default(),
            on_record: self.event.as_ref().map(|event| OnRecord { id: &id, body: &event.body }),
            now_unix_s: SystemClock.now().unix_s(),
            tolerance: self.tolerance,
        })
    }
}

fn against(args: &VerifyArgs) -> anyhow::Result<Against> {
    let tolerance = tolerance(&args.tolerance)
        .with_context(|| format!("--tolerance: {:?} is not a duration like 5m", args.tolerance))?;
    let texts = args.secret.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let given =
        texts.map(|text| Ok(Known { name: None, secret: Secret::new(text)? })).collect::<anyhow::Result<Vec<_>>>()?;
    let (event, known) = match args.event {
        Some(id) => block_on(on_record(args, id)).map(|(event, known)| (Some(event), Some(known)))?,
        None => (None, None),
    };
    let secrets = match &known {
        Some(known) if given.is_empty() => known.live.clone(),
        _ => given,
    };
    ensure!(
        !secrets.is_empty(),
        "--secret or POSTSYNC_WEBHOOK_SECRET is wanted: `postsync secret show` prints it in the server's folder, where --event ID needs none"
    );
    Ok(Against { secrets, tolerance, known, event })
}

/// While a secret is rotated, what came may be signed with any of them.
async fn on_record(args: &VerifyArgs, id: EventId) -> anyhow::Result<(Event, KnownSecrets)> {
    let opened = data::open(&args.store.settings()?).await?;
    let event = opened.store.event_of_any(id).await?;
    let event = event.with_context(|| format!("--event: {} has no {id}", opened.folder.database().display()))?;
    let known = known_secrets(opened.store.as_ref(), &event.org, SystemClock.now()).await?;
    Ok((event, known))
}

/// All secrets of the database that is here. Where there is none, nothing more can be said; where it can't be read, that is said.
fn known_here(args: &VerifyArgs) -> Option<KnownSecrets> {
    let found = args.store.settings().and_then(|settings| match data::has_database(&settings) {
        true => block_on(async { all_secrets(&data::open(&settings).await?).await }).map(Some),
        false => Ok(None),
    });
    found.unwrap_or_else(|error| {
        eprintln!("The server's own secrets were not compared: {error:#}");
        None
    })
}

async fn all_secrets(opened: &Opened) -> anyhow::Result<KnownSecrets> {
    let now = SystemClock.now();
    let mut all = KnownSecrets::default();
    for organization in opened.store.organizations().await?.iter().take(ORGANIZATIONS_MAX) {
        let KnownSecrets { live, ended } = known_secrets(opened.store.as_ref(), &organization.id, now).await?;
        all.live.extend(live);
        all.ended.extend(ended);
    }
    Ok(all)
}
