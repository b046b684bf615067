//! `postsync verify`: is this signature right, and if not, what is wrong with it. 0 verified, 1 not, 2 usage.
use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use postsync_core::schedule::parse_duration;
use postsync_engine::ports::Clock as _;
use postsync_webhook::{Secret, verify_sync};

use crate::EXIT_USAGE;
use crate::out::say;
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
    /// The signing secret, whsec_ included.
    #[arg(long, env = "POSTSYNC_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// How old the signature may be; `none` checks no time.
    #[arg(long, default_value = "5m")]
    tolerance: String,
    /// As JSON: {"verified": ..., "message": ...}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let (secret, tolerance) = match usage(args) {
        Ok(usage) => usage,
        Err(wrong) => {
            eprintln!("postsync verify: {wrong}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let mut body = Vec::new();
    std::io::stdin().lock().take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    let header = Some(args.signature.as_bytes()).filter(|header| !header.is_empty());
    let verdict = verify_sync(header, &body, &[secret], SystemClock.now().unix_s(), tolerance);
    let (verified, told) = match verdict {
        Ok(verified) => {
            (true, format!("verified: signed at {} (Unix time) with this secret", verified.signed_at_unix_s))
        }
        Err(error) => (false, error.to_string()),
    };
    if args.json {
        say!("{}", serde_json::json!({"verified": verified, "message": told}))?;
    } else if verified {
        say!("{told}")?;
    } else {
        say!("not verified: {told}")?;
    }
    Ok(if verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn usage(args: &VerifyArgs) -> Result<(Secret, Duration), String> {
    let text = args.secret.as_ref().ok_or("--secret or POSTSYNC_WEBHOOK_SECRET is wanted")?;
    let secret = Secret::new(text.trim()).map_err(|error| error.to_string())?;
    let tolerance = match args.tolerance.as_str() {
        "none" => Duration::MAX,
        text => parse_duration(text).ok_or(format!("--tolerance: {text:?} is not a duration like 5m"))?,
    };
    Ok((secret, tolerance))
}
