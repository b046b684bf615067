//! `postsync secret`: what signs an organization's webhooks or those of one endpoint, its rotation, and the master key.
//!
//! All but `rekey` work beside a running server, which honours what they do within a second.
use std::borrow::Cow;
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use postsync_core::Secret;
use postsync_core::access::DEFAULT_ORG;
use postsync_core::ids::EndpointId;
use postsync_core::rotation::{SecretOwner, Signing, Stage, Step};
use postsync_core::schedule::parse_duration;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Clock as _, Store as _};
use postsync_engine::{Stepped, first_secret, step_secrets};
use postsync_webhook::SECRET_PREFIX;

use super::{StoreArgs, access, block_on, open_or_make, rekey};
use crate::data::{self, Opened};
use crate::out::say;
use crate::world::SystemClock;

/// Of what is read from stdin; more is no secret.
const SECRET_BYTES_MAX: u64 = 4096;

/// So many bytes behind the prefix have too few possibilities to be tried out in vain.
const FEW_BYTES: usize = 16;

const IMPORT_HELP: &str = "\
Examples:
  postsync secret import - < secret.txt          # every other secret ends
  postsync secret import --next whsec_...        # beside the current one, until rotate --switch";

const ROTATE_HELP: &str = "\
Example, so that no webhook is refused meanwhile:
  postsync secret rotate --prepare       # prints the new one: give it to the receivers beside the old
  postsync secret rotate --switch        # the old one signs for 24 hours more
  postsync secret rotate --expire 0      # or until now, where somebody has stolen it";

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Print the secret. Receivers verify Sync-Signature with the whole of it, whsec_ included.
    Show {
        #[command(flatten)]
        whose: Whose,
        /// As JSON, with the next and the previous one and the stage of the rotation.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Give way to a new secret in stages. Without a flag: prepare and switch at once, which receivers that read
    /// Sync-Signature alone do not survive: for them use --prepare, give them the new one, then --switch.
    Rotate(RotateArgs),
    /// Take over a secret from elsewhere: who moves from Sync keeps the receivers as they are.
    #[command(after_help = IMPORT_HELP)]
    Import {
        /// whsec_..., or - to read it from stdin, where no list of processes and no shell history shows it.
        secret: String,
        /// Not at once, which ends every other secret, but as the next one.
        #[arg(long)]
        next: bool,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Change the master key, under which all secrets are encrypted. The server must be stopped.
    #[command(
        after_help = "The new key is that of POSTSYNC_MASTER_KEY_NEW (base64 of 32 bytes), else one is made. Killed in between, it goes on \
                      where it was when it is run again."
    )]
    Rekey(StoreArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Whose.
    #[arg(long, default_value = DEFAULT_ORG)]
    org: String,
    /// Of one of its registered endpoints.
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = ROTATE_HELP)]
pub(crate) struct RotateArgs {
    /// A next secret signs beside the current one, in Sync-Signature-Next. Prints it.
    #[arg(long, group = "step")]
    prepare: bool,
    /// The next one is the current one; the old one signs for 24 hours more, in Sync-Signature-Previous.
    #[arg(long, group = "step")]
    switch: bool,
    /// The old one ends so long from now on: 1h, 7d at most, 0 = now.
    #[arg(long, group = "step", value_name = "DURATION", num_args = 0..=1, default_missing_value = "24h")]
    expire: Option<String>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(command: &SecretCommand) -> anyhow::Result<ExitCode> {
    block_on(async {
        match command {
            SecretCommand::Show { whose, json, store } => show(whose, *json, store).await?,
            SecretCommand::Rotate(args) => rotate(args).await?,
            SecretCommand::Import { secret, next, whose, store } => import(secret, *next, whose, store).await?,
            SecretCommand::Rekey(store) => rekey::run(store)?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn show(whose: &Whose, json: bool, store: &StoreArgs) -> anyhow::Result<()> {
    let mut opened = data::open(&store.settings()?).await?;
    let signing = signing(&mut opened, whose).await?;
    let now = SystemClock.now();
    if json {
        say!("{}", serde_json::to_string_pretty(&as_json(&signing, now))?)?;
    } else {
        say!("{}", signing.current.secret.expose())?;
        explain_stage(&signing, now);
    }
    explain(&signing.current.secret);
    Ok(())
}

/// As `GET /postsync/v1/secret` answers.
fn as_json(signing: &Signing, now: Timestamp) -> serde_json::Value {
    let signers = signing.signers(now);
    serde_json::json!({
        "secret": signers.current.expose(),
        "next": signers.next.map(Secret::expose),
        "previous": signers.previous.map(Secret::expose),
        "stage": signing.stage(now).as_str(),
        "expiresAt": signing.previous_at(now).map(|previous| previous.expires_at.to_string()),
    })
}

/// What else signs; nothing where that is all.
fn explain_stage(signing: &Signing, now: Timestamp) {
    if signing.stage(now) != Stage::Stable {
        eprintln!("Stage: {}.", signing.stage(now).as_str());
    }
    if let Some(next) = &signing.next {
        eprintln!("Next (Sync-Signature-Next): {}", next.secret.expose());
    }
    if let Some(previous) = signing.previous_at(now) {
        let text = previous.secret.secret.expose();
        eprintln!("Previous (Sync-Signature-Previous), until {}: {text}", previous.expires_at);
    }
}

async fn rotate(args: &RotateArgs) -> anyhow::Result<()> {
    let lasts = args.expire.as_deref().map(duration).transpose()?;
    let mut opened = data::open(&args.store.settings()?).await?;
    let step = match lasts {
        Some(lasts) => Step::Expire(lasts),
        None if args.prepare => Step::Prepare(opened.new_secret()),
        None if args.switch => Step::Switch,
        None => Step::Rotate(opened.new_secret()),
    };
    let before = signing(&mut opened, &args.whose).await?;
    let Stepped { before, after } = take(&opened, &before.owner, step).await?;
    let now = SystemClock.now();
    match (&after.next, after.previous_at(now)) {
        (Some(next), _) if args.prepare => {
            say!("{}", next.secret.expose())?;
            eprintln!(
                "Prepared: it signs in Sync-Signature-Next. Give it to the receivers, then: postsync secret rotate --switch"
            );
        }
        (_, previous) if lasts.is_some() => match previous {
            Some(previous) => eprintln!("The previous secret signs until {}.", previous.expires_at),
            None => eprintln!("The previous secret has ended."),
        },
        (_, previous) => {
            say!("{}", after.current.secret.expose())?;
            let until = previous.map_or_else(String::new, |previous| previous.expires_at.to_string());
            eprintln!("Switched: the old secret signs in Sync-Signature-Previous until {until}.");
            if before.previous_at(now).is_some() {
                eprintln!("The one before it, which still signed, has ended.");
            }
        }
    }
    Ok(())
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    parse_duration(text).with_context(|| format!("--expire: {text:?} is not a duration like 30m, 24h or 7d, or 0"))
}

async fn import(text: &str, next: bool, whose: &Whose, store: &StoreArgs) -> anyhow::Result<()> {
    let secret = Secret::new(given(text)?.trim())?;
    let mut opened = open_or_make(&store.settings()?).await?;
    let stored = opened.stored(secret.clone());
    let step = if next { Step::ImportNext(stored) } else { Step::Import(stored) };
    let before = signing(&mut opened, whose).await?;
    let Stepped { before, .. } = take(&opened, &before.owner, step).await?;
    if next {
        let folder = opened.folder.path().display();
        eprintln!(
            "Prepared {}: a server that runs on {folder} signs with it in Sync-Signature-Next within a second.",
            secret.masked()
        );
    } else {
        let folder = opened.folder.path().display();
        eprintln!("Imported {}. A server that runs on {folder} signs with it within a second.", secret.masked());
        if before.stage(SystemClock.now()) != Stage::Stable {
            eprintln!("The rotation that was under way is over: every other secret has ended.");
        }
    }
    explain(&secret);
    Ok(())
}

/// The secrets that are meant; an organization gets its first one here.
async fn signing(opened: &mut Opened, whose: &Whose) -> anyhow::Result<Signing> {
    let org = access::organization(opened, &whose.org).await?;
    match &whose.endpoint {
        None => {
            let fresh = opened.new_secret();
            Ok(first_secret(opened.store.as_ref(), &SecretOwner::org(&org), fresh).await?)
        }
        Some(id) => {
            let owner = SecretOwner::endpoint(&org, &EndpointId::new(id));
            let found = opened.store.signing(&owner).await?;
            found.with_context(|| format!("organization {org} has no registered endpoint {id:?}"))
        }
    }
}

async fn take(opened: &Opened, owner: &SecretOwner, step: Step) -> anyhow::Result<Stepped> {
    match step_secrets(opened.store.as_ref(), owner, step, SystemClock.now()).await? {
        Some(stepped) => Ok(stepped),
        None => bail!("{owner} was removed meanwhile"),
    }
}

/// The secret itself, from the command line or from stdin.
fn given(text: &str) -> anyhow::Result<Cow<'_, str>> {
    if text != "-" {
        return Ok(Cow::Borrowed(text));
    }
    if std::io::stdin().is_terminal() {
        eprintln!("Reading the secret from the terminal: end it with Enter and Ctrl-D.");
    }
    let mut read = String::new();
    std::io::stdin().lock().take(SECRET_BYTES_MAX).read_to_string(&mut read).context("the secret can't be read")?;
    Ok(Cow::Owned(read))
}

/// What a person should know of a secret that only half of the headers can be made with.
fn explain(secret: &Secret) {
    if secret.standard_key().is_none() {
        eprintln!(
            "Note: what follows whsec_ is not base64 of 24 to 64 bytes, so the Standard Webhooks headers \
             (webhook-id, webhook-timestamp, webhook-signature) are left out. Sync-Signature works."
        );
    }
    if secret.expose().len() < SECRET_PREFIX.len() + FEW_BYTES {
        eprintln!(
            "Note: it is so short that whoever has one webhook can find it by trying, and sign what you take for ours. Rotate to a \
             secret that was made by `postsync secret rotate --prepare`."
        );
    }
}
