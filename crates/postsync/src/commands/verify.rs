//! `postsync verify`: is this signature right, and if not, what is wrong with it. 0 verified, 1 not, 2 usage.
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use postsync_core::event::Event;
use postsync_core::ids::EventId;
use postsync_core::rotation::SecretOwner;
use postsync_core::schedule::parse_duration;
use postsync_engine::ports::{Clock as _, Store as _};
use postsync_webhook::{Secret, VerifyError, first_difference, verify_sync};

use super::{StoreArgs, block_on};
use crate::EXIT_USAGE;
use crate::data;
use crate::out::{say, sentence};
use crate::world::SystemClock;

/// A webhook's body is under 100 kB; what is longer was not ours.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  curl -s ... | postsync verify --signature 't=1795422077,v1=ef22...' --secret whsec_..."
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
    secrets: Vec<Secret>,
    tolerance: Duration,
    /// With the bytes that were sent.
    event: Option<Event>,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let against = match against(args) {
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
    let header = Some(args.signature.as_bytes()).filter(|header| !header.is_empty());
    let verdict = verify_sync(header, &body, &against.secrets, SystemClock.now().unix_s(), against.tolerance);
    let (verified, mut told) = match verdict {
        Ok(verified) => {
            (true, format!("verified: signed at {} (Unix time) with this secret", verified.signed_at_unix_s))
        }
        Err(error) => (false, refusal(&error, against.event.as_ref(), &body)),
    };
    if let Some(event) = against.event {
        told = format!("{} {}", sentence(&told), compared(&event, &body));
    }
    if args.json {
        say!("{}", serde_json::json!({"verified": verified, "message": told}))?;
    } else if verified {
        say!("{told}")?;
    } else {
        say!("not verified: {told}")?;
    }
    Ok(if verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The error's own sentence; where the body is known to be right, the secret alone is left of what may be wrong.
fn refusal(error: &VerifyError, event: Option<&Event>, body: &[u8]) -> String {
    let is_right = event.is_some_and(|event| first_difference(&event.body, body).is_none());
    match error {
        VerifyError::OtherSecret { tried } if is_right => format!(
            "The signature was made with another secret than the {tried} that were tried: one from before a rotation, or that of a \
             registered endpoint (`postsync secret show --endpoint ID`). Give it with --secret."
        ),
        error => error.to_string(),
    }
}

/// What the bytes on record say to the bytes that came.
fn compared(event: &Event, body: &[u8]) -> String {
    match first_difference(&event.body, body) {
        None => format!("The body is that of {}, byte for byte.", event.id),
        Some(difference) => format!("Compared with the bytes of {}, {difference}.", event.id),
    }
}

fn against(args: &VerifyArgs) -> anyhow::Result<Against> {
    let tolerance = match args.tolerance.as_str() {
        "none" => Duration::MAX,
        text => parse_duration(text).with_context(|| format!("--tolerance: {text:?} is not a duration like 5m"))?,
    };
    let texts = args.secret.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let mut secrets = texts.map(Secret::new).collect::<Result<Vec<_>, _>>()?;
    let (event, kept) = match args.event {
        Some(id) => block_on(on_record(args, id)).map(|(event, secrets)| (Some(event), secrets))?,
        None => (None, Vec::new()),
    };
    if secrets.is_empty() {
        secrets.extend(kept);
    }
    ensure!(
        !secrets.is_empty(),
        "--secret or POSTSYNC_WEBHOOK_SECRET is wanted: `postsync secret show` prints it in the server's folder, where --event ID needs none"
    );
    Ok(Against { secrets, tolerance, event })
}

async fn on_record(args: &VerifyArgs, id: EventId) -> anyhow::Result<(Event, Vec<Secret>)> {
    let opened = data::open(&args.store.settings()?).await?;
    let event = opened.store.event_of_any(id).await?;
    let event = event.with_context(|| format!("--event: {} has no {id}", opened.folder.database().display()))?;
    let signing = opened.store.signing(&SecretOwner::org(&event.org)).await?;
    // While a secret is rotated, what came may be signed with any of them.
    let secrets = signing.map_or(vec![], |signing| {
        let signers = signing.signers(SystemClock.now());
        [Some(signers.current), signers.next, signers.previous].into_iter().flatten().cloned().collect()
    });
    Ok((event, secrets))
}
