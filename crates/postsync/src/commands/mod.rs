//! The command line: one file per command.
mod access;
mod backup;
mod client;
mod completions;
mod config;
mod copying;
mod demo;
mod doctor;
mod generate;
mod interrupt;
mod lipsync;
mod listen;
mod migrate;
mod output;
mod receiver;
mod rekey;
mod replay;
mod restore;
mod secret;
mod serve;
mod trigger;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::data::{self, Opened};
use crate::settings::{self, Settings, Values};

/// Self-hosted lip-sync generation that speaks Sync's v2 API and never loses a webhook.
#[derive(Debug, Parser)]
#[command(name = "postsync", version, max_term_width = 100)]
#[command(
    after_help = "Start with `postsync demo`, then `postsync serve`. Every setting has a variable: see `postsync config show`."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server. Works with no configuration at all.
    Serve(serve::ServeArgs),
    /// Make one lip-synced video on this machine and deliver its signed webhook to a receiver that verifies it.
    Demo(demo::DemoArgs),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Keys(access::KeysCommand),
    /// Make, change and list organizations.
    #[command(subcommand)]
    Orgs(access::OrgsCommand),
    /// Show, rotate or import the secret that signs webhooks; change the master key.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Have a server make a video: uploads the files, shows how far it is, saves what was made.
    Generate(generate::GenerateArgs),
    /// Lip-sync one file, without a server.
    Lipsync(lipsync::LipsyncArgs),
    /// Say whether a webhook's signature is right, and if not, what is wrong. The body comes on stdin.
    Verify(verify::VerifyArgs),
    /// Bring the organization's webhooks to an application on this machine, without a tunnel.
    Listen(listen::ListenArgs),
    /// Make an event up and deliver it, to try a receiver. Says what became of it.
    Trigger(trigger::TriggerArgs),
    /// Deliver events again: what a receiver lost, or could not take.
    Replay(replay::ReplayArgs),
    /// Show the settings in force.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look at everything that a server needs: ffmpeg, disk, database, clock, resolver, limits of the media process.
    #[command(after_help = settings::ASKS_NO_SERVER)]
    Doctor(StoreArgs),
    /// Copy the database into a file, beside a running server.
    Backup(backup::BackupArgs),
    /// Make a data folder from what `backup` made.
    Restore(restore::RestoreArgs),
    /// Bring the database to this version, without starting the server.
    Migrate(StoreArgs),
    /// Print what makes a shell complete the commands and their options.
    Completions(completions::CompletionsArgs),
    /// Print the manual, or write a page for each command.
    Man(completions::ManArgs),
}

/// Which data folder and configuration.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Configuration file [default: postsync.toml where it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

impl StoreArgs {
    fn values(&self) -> anyhow::Result<Values> {
        settings::read(self.config.as_deref(), &[("data_dir", self.data_dir.clone())])
    }

    /// Judged, for a command that opens the data folder: from now on, what it makes is its user's only.
    fn settings(&self) -> anyhow::Result<Settings> {
        data::make_files_private();
        settings::judge(&self.values()?)
    }
}

/// Runs a command.
///
/// # Errors
/// What a person should read; the exit code is 1 then.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Keys(command) => access::keys(&command),
        Command::Orgs(command) => access::orgs(&command),
        Command::Secret(command) => secret::run(&command),
        Command::Generate(args) => generate::run(&args),
        Command::Lipsync(args) => lipsync::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Listen(args) => listen::run(&args),
        Command::Trigger(args) => trigger::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Config(command) => config::run(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => completions::man(&args),
    }
}

/// Opens the data folder's database. Where there is none one is made, and that is told: whoever is in the wrong folder would take
/// what is printed for the server's.
async fn open_or_make(settings: &Settings) -> anyhow::Result<Opened> {
    let is_new = !data::has_database(settings);
    let opened = data::open_or_make(settings).await?;
    if is_new {
        eprintln!("Made a new database in {}.", opened.folder.path().display());
    }
    Ok(opened)
}

/// Runs one short piece of async work.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
