//! What must be there before the first request: the default organization, its signing secret, its first API key.
//!
//! Promise: bootstrap values apply only where that key or secret never existed. A revoked key stays revoked, an imported or
//! rotated secret stays.
use std::io::IsTerminal as _;

use anyhow::Context as _;
use postsync_core::access::{ApiKey, DEFAULT_ORG, Organization, Scope, Scopes, key_hash, key_text};
use postsync_core::change::Change;
use postsync_core::ids::{KeyId, OrgId};
use postsync_core::rotation::SecretOwner;
use postsync_engine::first_secret;
use postsync_engine::ports::{Applied, Clock as _, Store as _};
use postsync_store::write_private;

use crate::data::{Opened, random};
use crate::settings::Settings;
use crate::world::SystemClock;

/// Makes what is missing.
///
/// # Errors
/// When the database or the data folder can't be written.
pub(crate) async fn prepare(opened: &mut Opened, settings: &Settings) -> anyhow::Result<()> {
    let org = OrgId::new(DEFAULT_ORG);
    // Stale means that it is there already.
    let _ = add_organization(opened, &org, DEFAULT_ORG).await?;
    let made = match &settings.bootstrap_webhook_secret {
        Some(secret) => opened.stored(secret.clone()),
        None => opened.new_secret(),
    };
    first_secret(opened.store.as_ref(), &SecretOwner::org(&org), made).await?;
    if let Some(text) = &settings.bootstrap_api_key {
        // Stale means that it existed before, perhaps revoked since: so it stays.
        let _ = add_key(opened, &org, "bootstrap", &Scopes::new(&[Scope::Admin]), text).await?;
    } else if opened.store.keys(&org).await?.is_empty() {
        first_key(opened, &org).await?;
    }
    Ok(())
}

/// An organization whose plan is in the settings no more has the server's figures: its limits may be gone with it.
///
/// # Errors
/// When the database can't be read.
pub(crate) async fn warn_of_unknown_plans(opened: &Opened, settings: &Settings) -> anyhow::Result<()> {
    for organization in opened.store.organizations().await? {
        if let Some(plan) = organization.plan.filter(|plan| settings.plans.named(plan).is_none()) {
            tracing::warn!(organization = %organization.id, plan, "no setting knows its plan; it has the server's own limits");
        }
    }
    Ok(())
}

/// Adds an organization; `Stale` where its id is taken.
///
/// # Errors
/// When the database can't be written.
pub(crate) async fn add_organization(opened: &Opened, id: &OrgId, name: &str) -> anyhow::Result<Applied> {
    let organization = Organization {
        id: id.clone(),
        name: name.to_owned(),
        plan: None,
        concurrency: None,
        created_at: SystemClock.now(),
    };
    Ok(opened.store.apply(vec![Change::AddOrganization(organization)]).await?)
}

/// Adds a key with that text; `Stale` where it ever existed.
///
/// # Errors
/// When the database can't be written.
pub(crate) async fn add_key(
    opened: &mut Opened,
    org: &OrgId,
    name: &str,
    scopes: &Scopes,
    text: &str,
) -> anyhow::Result<Applied> {
    let key = ApiKey {
        id: KeyId(opened.new_id()),
        org: org.clone(),
        name: name.to_owned(),
        scopes: scopes.clone(),
        hash: key_hash(text),
        created_at: SystemClock.now(),
        revoked_at: None,
        last_used_at: None,
    };
    Ok(opened.store.apply(vec![Change::AddKey(Box::new(key))]).await?)
}

/// The first key: shown once on a terminal, else left in a file, because a log is no place for it.
async fn first_key(opened: &mut Opened, org: &OrgId) -> anyhow::Result<()> {
    let text = key_text(random());
    let scopes = Scopes::new(&[Scope::Admin]);
    if std::io::stderr().is_terminal() {
        let _ = add_key(opened, org, "first", &scopes, &text).await?;
        eprintln!("The first API key (admin). It is shown only now:\n\n    {text}\n");
        return Ok(());
    }
    // The file first: a key that nobody was told of could never be used, and no second one would be made.
    let path = opened.folder.first_api_key();
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    write_private(&path, format!("{text}\n").as_bytes())
        .with_context(|| format!("{} can't be written", path.display()))?;
    let _ = add_key(opened, org, "first", &scopes, &text).await?;
    tracing::info!(path = %path.display(), "made the first API key; read it there and remove the file");
    Ok(())
}
