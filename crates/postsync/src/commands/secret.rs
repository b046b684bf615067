//! `postsync secret`: the secret that signs an organization's webhooks.
use std::borrow::Cow;
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use postsync_core::Secret;
use postsync_core::access::DEFAULT_ORG;
use postsync_core::rotation::{SecretOwner, Step};
use postsync_engine::ports::Clock as _;
use postsync_engine::{first_secret, step_secrets};

use super::{StoreArgs, access, block_on};
use crate::data;
use crate::out::say;
use crate::world::SystemClock;

/// Of what is read from stdin; more is no secret.
const SECRET_BYTES_MAX: u64 = 4096;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Print the secret. Receivers verify Sync-Signature with the whole of it, whsec_ included.
    Show {
        /// Whose.
        #[arg(long, default_value = DEFAULT_ORG)]
        org: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Take over a secret from elsewhere: who moves from Sync keeps the receivers as they are.
    Import {
        /// whsec_..., or - to read it from stdin, where no list of processes and no shell history shows it.
        secret: String,
        /// Whose.
        #[arg(long, default_value = DEFAULT_ORG)]
        org: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

pub(crate) fn run(command: &SecretCommand) -> anyhow::Result<ExitCode> {
    block_on(async {
        match command {
            SecretCommand::Show { org, store } => show(org, store).await?,
            SecretCommand::Import { secret, org, store } => import(secret, org, store).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn show(org: &str, store: &StoreArgs) -> anyhow::Result<()> {
    let mut opened = data::open(&store.settings()?).await?;
    let org = access::organization(&opened, org).await?;
    let fresh = opened.new_secret();
    let secret = first_secret(opened.store.as_ref(), &SecretOwner::org(&org), fresh).await?.current.secret;
    say!("{}", secret.expose())?;
    explain(&secret);
    Ok(())
}

async fn import(text: &str, org: &str, store: &StoreArgs) -> anyhow::Result<()> {
    let secret = Secret::new(given(text)?.trim())?;
    let mut opened = data::open_or_make(&store.settings()?).await?;
    let org = access::organization(&opened, org).await?;
    let owner = SecretOwner::org(&org);
    let given = opened.stored(secret.clone());
    let found = first_secret(opened.store.as_ref(), &owner, given.clone()).await?;
    if found.current.id != given.id {
        step_secrets(opened.store.as_ref(), &owner, Step::Import(given), SystemClock.now()).await?;
    }
    eprintln!("Imported {}. A running server signs with it within a second.", secret.masked());
    explain(&secret);
    Ok(())
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
}
