//! `postsync backup FILE`: a copy of the database beside a running server. The file is there only once it is whole.
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use postsync_store::sqlite::{Copied, back_up};
use postsync_store::{Error, MASTER_KEY_VARIABLE};
use tempfile::NamedTempFile;

use super::StoreArgs;
use super::copying::{self, Copying};
use crate::data::{self, Folder};
use crate::out::say;
use crate::settings::Settings;

#[derive(Debug, Args)]
#[command(after_help = "The server may run meanwhile: everything that it has acknowledged before is in the file.\n\
Copy the media folder after it, and keep the master key apart from both.\n\n\
Example:\n  postsync backup /backups/postsync-$(date +%F).db --data-dir /var/lib/postsync")]
pub(crate) struct BackupArgs {
    /// The file to make.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
    /// What was made as JSON, one object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let settings = args.store.settings()?;
    let file = &args.file;
    judge(file, args.force)?;
    let folder = data::there(&settings)?;
    ensure!(
        !is_the_servers(file, &folder),
        "{} is a file of the data folder that is to be backed up: name another",
        file.display()
    );
    let draft = draft_beside(file)?;
    let mut copying = Copying::begin("backing up")?;
    let copied = back_up(&folder.database(), draft.path(), &mut copying.watch());
    let copied = match copied {
        Err(Error::Stopped) => return copying.stopped(),
        done => done?,
    };
    copying.end();
    keep(draft, file, args.force)?;
    tell(args, &folder, &settings, copied)?;
    Ok(ExitCode::SUCCESS)
}

/// Before the work: nobody waits for minutes to be told that it can't be kept.
fn judge(file: &Path, force: bool) -> anyhow::Result<()> {
    ensure!(file.as_os_str() != "-", "a database can't be written to stdout: name a file");
    ensure!(file.file_name().is_some(), "{} does not name a file", file.display());
    let there = file.symlink_metadata();
    ensure!(there.as_ref().map_or(true, |it| it.is_file()), "{} is there and is not a file", file.display());
    ensure!(force || there.is_err(), "{} exists; --force replaces it", file.display());
    let folder = copying::folder_of(file);
    ensure!(folder.is_dir(), "{} can't be written: the folder {} is not there", file.display(), folder.display());
    Ok(())
}

/// Whether it would take the place of what the server works with, or lie where SQLite looks for a log of the database.
fn is_the_servers(file: &Path, folder: &Folder) -> bool {
    let in_it = copying::folder_of(file).canonicalize().is_ok_and(|parent| parent == folder.path());
    let (database, name) = (folder.database(), file.file_name().unwrap_or_default());
    let of_database = name.to_string_lossy().starts_with(&*database.file_name().unwrap_or_default().to_string_lossy());
    in_it && (of_database || file.exists())
}

/// Its user's only, and gone again if this ends before it is kept.
fn draft_beside(file: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = copying::folder_of(file);
    tempfile::Builder::new()
        .prefix(".postsync-backup-")
        .tempfile_in(folder)
        .map_err(|error| error.kind())
        .map_err(std::io::Error::from)
        .with_context(|| format!("{} can't be written into the folder {}", file.display(), folder.display()))
}

fn keep(draft: NamedTempFile, file: &Path, force: bool) -> anyhow::Result<()> {
    let kept = if force { draft.persist(file) } else { draft.persist_noclobber(file) };
    kept.map_err(|error| error.error).with_context(|| format!("{} can't be written", file.display()))?;
    copying::sync_folder_of(file)
}

fn tell(args: &BackupArgs, folder: &Folder, settings: &Settings, copied: Copied) -> anyhow::Result<()> {
    let file = std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone());
    let (media, token_key) = (folder.media(), folder.token_key_file());
    let master_key = match settings.master_key {
        Some(_) => MASTER_KEY_VARIABLE.to_owned(),
        None => folder.master_key().display().to_string(),
    };
    if args.json {
        say!(
            "{}",
            serde_json::json!({
                "file": file, "bytes": copied.bytes, "schema": copied.schema,
                "mediaFolder": media, "tokenKey": token_key, "masterKey": master_key,
            })
        )?;
        return Ok(());
    }
    say!("{}: {}, whole and checked", file.display(), copying::size(copied.bytes))?;
    say!("Not in it, and to be copied after it:")?;
    say!("  {}/  the videos and uploads that it names", media.display())?;
    say!("  {}  without it the result URLs that were given out stop working", token_key.display())?;
    say!("Keep the master key ({master_key}) apart from both: without it the backup can't be restored.")?;
    Ok(())
}
