//! `postsync keys` and `postsync orgs`: beside a running server, which honours the change within a second.
use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Subcommand;
use postsync_core::access::{
    AccessChange, DEFAULT_ORG, NAME_CHARS_MAX, OrgLimits, Organization, Scopes, judged_name, key_text,
};
use postsync_core::change::Change;
use postsync_core::ids::{KeyId, OrgId};
use postsync_core::rotation::SecretOwner;
use postsync_engine::first_secret;
use postsync_engine::ports::{AccessStore as _, Applied, Clock as _, Store as _};

use super::{StoreArgs, block_on, open_or_make};
use crate::bootstrap;
use crate::data::{self, Opened, random};
use crate::out::say;
use crate::settings::Settings;
use crate::world::SystemClock;

const CREATE_KEY_HELP: &str = "\
Scopes:
  generate  make, change, cancel and delete generations, batches, assets, projects and voices;
            have webhooks delivered again
  read      see all of that, deliveries, the feed of events, costs, usage and the metrics
  admin     all of it, and keys, signing secrets, registered endpoints and the audit
  worker    nothing yet: it is for a later version

Examples:
  postsync keys create --name app                       # what an application needs: generate,read
  postsync keys create --name grafana --scope read
  KEY=$(postsync keys create --name ops --scope admin --data-dir /var/lib/postsync)";

const CREATE_ORG_HELP: &str = "\
Example:
  ORG=$(postsync orgs create \"Second Film\" --plan growth)
  postsync keys create --name app --org \"$ORG\"";

const SET_ORG_HELP: &str = "\
Examples:
  postsync orgs set default --plan scale
  postsync orgs set org_3f0c... --no-plan --concurrency 8";

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key. Prints only the key; it can't be shown again.
    #[command(after_help = CREATE_KEY_HELP)]
    Create {
        /// What people call it.
        #[arg(long)]
        name: String,
        /// Whose it is.
        #[arg(long, default_value = DEFAULT_ORG)]
        org: String,
        /// What it may do, comma-separated: admin, generate, read, worker; see below.
        #[arg(long, default_value = "generate,read")]
        scope: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// List an organization's keys (never their text).
    List {
        /// Whose.
        #[arg(long, default_value = DEFAULT_ORG)]
        org: String,
        /// As JSON, one array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Make a key stop working.
    Revoke {
        /// Its id, as `keys list` shows it.
        id: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrgsCommand {
    /// Make an organization with a signing secret of its own. Prints only its id.
    #[command(after_help = CREATE_ORG_HELP)]
    Create {
        /// What people call it.
        name: String,
        /// Its plan: one of the settings, or free, hobbyist, creator, growth, scale, enterprise, sync-2025.
        #[arg(long, value_name = "PLAN")]
        plan: Option<String>,
        /// Generations that it may have at once, whatever its plan says; 0 is no limit.
        #[arg(long, value_name = "N")]
        concurrency: Option<u32>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Change an organization's plan or limit. A running server goes by it within a second.
    #[command(after_help = SET_ORG_HELP)]
    Set {
        /// Its id, as `orgs list` shows it.
        id: String,
        #[command(flatten)]
        to: NewLimits,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// List the organizations.
    List {
        /// As JSON, one array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// What `orgs set` changes: one of these at least.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct NewLimits {
    /// Its plan from now on: one of the settings, or free, hobbyist, creator, growth, scale, enterprise, sync-2025.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// No plan of its own any more: the server's usual one.
    #[arg(long, conflicts_with = "plan")]
    no_plan: bool,
    /// Generations that it may have at once, whatever its plan says; 0 is no limit.
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// No figure of its own any more: as its plan has it.
    #[arg(long, conflicts_with = "concurrency")]
    no_concurrency: bool,
}

impl NewLimits {
    fn of(&self, was: &OrgLimits) -> OrgLimits {
        let plan = if self.no_plan { None } else { self.plan.clone().or_else(|| was.plan.clone()) };
        let concurrency = if self.no_concurrency { None } else { self.concurrency.or(was.concurrency) };
        OrgLimits { plan, concurrency }
    }
}

pub(crate) fn keys(command: &KeysCommand) -> anyhow::Result<ExitCode> {
    block_on(async {
        match command {
            KeysCommand::Create { name, org, scope, store } => create_key(name, org, scope, store).await?,
            KeysCommand::List { org, json, store } => list_keys(org, *json, store).await?,
            KeysCommand::Revoke { id, store } => revoke_key(id, store).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) fn orgs(command: &OrgsCommand) -> anyhow::Result<ExitCode> {
    block_on(async {
        match command {
            OrgsCommand::Create { name, plan, concurrency, store } => {
                create_org(name, plan.as_deref(), *concurrency, store).await?;
            }
            OrgsCommand::Set { id, to, store } => set_org(id, to, store).await?,
            OrgsCommand::List { json, store } => list_orgs(*json, store).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The organization of that id.
///
/// # Errors
/// Where there is none, with what there is.
pub(super) async fn organization(opened: &Opened, id: &str) -> anyhow::Result<OrgId> {
    let all = opened.store.organizations().await?;
    match all.iter().find(|org| org.id.as_str() == id) {
        Some(org) => Ok(org.id.clone()),
        // A server that has never run has no row for it yet, and it is there from the start all the same.
        None if id == DEFAULT_ORG => {
            let org = OrgId::new(DEFAULT_ORG);
            let _ = bootstrap::add_organization(opened, &org, DEFAULT_ORG).await?;
            Ok(org)
        }
        None => bail!(
            "there is no organization {id:?}; `postsync orgs list` shows them, `postsync orgs create NAME` makes one"
        ),
    }
}

fn named<'a>(name: &'a str, what: &str) -> anyhow::Result<&'a str> {
    match judged_name(name) {
        Some(name) => Ok(name),
        None => bail!("{what} has 1 to {NAME_CHARS_MAX} printable characters"),
    }
}

async fn create_key(name: &str, org: &str, scope: &str, store: &StoreArgs) -> anyhow::Result<()> {
    let name = named(name, "a key's name")?;
    let scopes = Scopes::parse(scope)
        .map_err(|word| anyhow::anyhow!("{word:?} is not a scope; --scope takes admin, generate, read, worker"))?;
    let mut opened = open_or_make(&store.settings()?).await?;
    let org = organization(&opened, org).await?;
    let text = key_text(random());
    let applied = bootstrap::add_key(&mut opened, &org, name, &scopes, &text).await?;
    ensure!(applied == Applied::Done, "the key was not kept; try again");
    say!("{text}")?;
    Ok(())
}

async fn list_keys(org: &str, json: bool, store: &StoreArgs) -> anyhow::Result<()> {
    let opened = data::open(&store.settings()?).await?;
    let keys = opened.store.keys(&organization(&opened, org).await?).await?;
    if json {
        let rows: Vec<_> = keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "id": key.id.to_string(), "name": key.name, "scope": key.scopes.to_string(),
                    "createdAt": key.created_at.to_string(), "revokedAt": key.revoked_at.map(|at| at.to_string()),
                    "lastUsedAt": key.last_used_at.map(|at| at.to_string()),
                })
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    say!("{:<18}  {:<16}  {:<24}  {:<24}  {:<9}  NAME", "ID", "SCOPE", "CREATED", "LAST USED", "STATE")?;
    for key in keys {
        let state = if key.revoked_at.is_some() { "revoked" } else { "works" };
        let used = key.last_used_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        say!(
            "{:<18}  {:<16}  {:<24}  {used:<24}  {:<9}  {}",
            key.id.to_string(),
            key.scopes.to_string(),
            key.created_at.to_string(),
            state,
            key.name
        )?;
    }
    Ok(())
}

async fn revoke_key(id: &str, store: &StoreArgs) -> anyhow::Result<()> {
    let Ok(id) = id.parse::<KeyId>() else { bail!("{id:?} is not the id of a key; `postsync keys list` shows them") };
    let opened = data::open(&store.settings()?).await?;
    match opened.store.apply(vec![Change::RevokeKey { id, at: SystemClock.now() }]).await? {
        Applied::Done => eprintln!("{id} does not work any more; a running server knows it within a second."),
        Applied::Stale => bail!("there is no working key {id}"),
    }
    Ok(())
}

async fn create_org(name: &str, plan: Option<&str>, concurrency: Option<u32>, store: &StoreArgs) -> anyhow::Result<()> {
    let name = named(name, "an organization's name")?;
    let settings = store.settings()?;
    known_plan(&settings, plan)?;
    let mut opened = open_or_make(&settings).await?;
    let id = OrgId::new(&format!("org_{}", hex::encode(random::<8>())));
    let (plan, created_at) = (plan.map(str::to_owned), SystemClock.now());
    let made = Organization { id: id.clone(), name: name.to_owned(), plan, concurrency, created_at };
    let applied = opened.store.apply(vec![Change::AddOrganization(made)]).await?;
    ensure!(applied == Applied::Done, "the organization was not kept; try again");
    let secret = opened.new_secret();
    first_secret(opened.store.as_ref(), &SecretOwner::org(&id), secret).await?;
    say!("{id}")?;
    Ok(())
}

fn known_plan(settings: &Settings, plan: Option<&str>) -> anyhow::Result<()> {
    let Some(plan) = plan else { return Ok(()) };
    let known = settings.plans.names();
    ensure!(known.contains(&plan), "there is no plan {plan:?}; there are {}", known.join(", "));
    Ok(())
}

async fn set_org(id: &str, to: &NewLimits, store: &StoreArgs) -> anyhow::Result<()> {
    let settings = store.settings()?;
    known_plan(&settings, to.plan.as_deref())?;
    let opened = data::open(&settings).await?;
    let id = organization(&opened, id).await?;
    let found = opened.store.organization(&id).await?;
    let found = found.ok_or_else(|| anyhow::anyhow!("the organization {id} is gone"))?;
    let (was, org) = (found.limits(), id.clone());
    let now = to.of(&was);
    let applied = opened.store.apply(vec![Change::Access(AccessChange::Limit { org, was, now: now.clone() })]).await?;
    ensure!(applied == Applied::Done, "somebody else has just changed {id}; try again");
    let plan = now.plan.as_deref().unwrap_or("none of its own");
    let concurrency = now.concurrency.map_or_else(|| "as its plan has it".to_owned(), |count| count.to_string());
    eprintln!("{id}: plan {plan}, concurrency {concurrency}; a running server knows it within a second.");
    Ok(())
}

async fn list_orgs(json: bool, store: &StoreArgs) -> anyhow::Result<()> {
    let opened = data::open(&store.settings()?).await?;
    organization(&opened, DEFAULT_ORG).await?;
    let all = opened.store.organizations().await?;
    if json {
        let row = |org: &Organization| {
            serde_json::json!({
                "id": org.id.as_str(), "name": org.name, "plan": org.plan, "concurrency": org.concurrency,
                "createdAt": org.created_at.to_string(),
            })
        };
        say!("{}", serde_json::to_string_pretty(&all.iter().map(row).collect::<Vec<_>>())?)?;
        return Ok(());
    }
    say!("{:<20}  {:<24}  {:<12}  {:<11}  NAME", "ID", "CREATED", "PLAN", "CONCURRENCY")?;
    for org in all {
        let concurrency = org.concurrency.map_or_else(|| "-".to_owned(), |count| count.to_string());
        say!(
            "{:<20}  {:<24}  {:<12}  {concurrency:<11}  {}",
            org.id.as_str(),
            org.created_at.to_string(),
            org.plan.as_deref().unwrap_or("-"),
            org.name
        )?;
    }
    Ok(())
}
