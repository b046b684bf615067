//! `postsync secret`: the secret that signs an organization's webhooks.
use std::process::ExitCode;

use clap::Subcommand;
use postsync_core::Secret;
use postsync_core::access::{DEFAULT_ORG, StoredSecret};
use postsync_core::change::Change;
use postsync_core::ids::SecretId;
use postsync_engine::new_secret;
use postsync_engine::ports::{Clock as _, Store as _};

use super::{StoreArgs, access, block_on};
use crate::data::{self, random};
use crate::out::say;
use crate::world::SystemClock;

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
        /// whsec_...
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
    let secret = match opened.store.secret(&org).await? {
        Some(stored) => stored.secret,
        None => {
            let made = new_secret(SecretId(opened.new_id()), &org, random(), SystemClock.now());
            let _ = opened.store.apply(vec![Change::SetSecret(Box::new(made.clone()))]).await?;
            made.secret
        }
    };
    say!("{}", secret.expose())?;
    explain(&secret);
    Ok(())
}

async fn import(text: &str, org: &str, store: &StoreArgs) -> anyhow::Result<()> {
    let secret = Secret::new(text)?;
    let mut opened = data::open(&store.settings()?).await?;
    let org = access::organization(&opened, org).await?;
    let stored =
        StoredSecret { id: SecretId(opened.new_id()), org, secret: secret.clone(), created_at: SystemClock.now() };
    let _ = opened.store.apply(vec![Change::SetSecret(Box::new(stored))]).await?;
    eprintln!("Imported {}. A running server signs with it within a second.", secret.masked());
    explain(&secret);
    Ok(())
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
