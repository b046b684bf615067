//! `postsync restore FILE`: a data folder from a backup. Nothing is put in place before it is known to be whole, to be of this
//! version or an older one, and to open with the master key.
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use postsync_store::sqlite::{Copied, restore};
use postsync_store::{Error, MASTER_KEY_VARIABLE, MasterKey};
use tempfile::NamedTempFile;

use super::StoreArgs;
use super::copying::{self, Copying};
use crate::data::{self, Folder};
use crate::out::say;
use crate::settings::Settings;

/// A fresh volume has it, and it is nobody's data.
const NOBODYS: &str = "lost+found";

#[derive(Debug, Args)]
#[command(
    after_help = "The data folder must be empty, or not there. POSTSYNC_MASTER_KEY has the master key of the backup.\n\
Start no second server from one backup: both would send what is due.\n\n\
Example:\n  POSTSYNC_MASTER_KEY=$(cat master.key) postsync restore copy.db --data-dir /var/lib/postsync"
)]
pub(crate) struct RestoreArgs {
    /// What `postsync backup` made.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What was restored as JSON, one object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let settings = args.store.settings()?;
    let file = &args.file;
    ensure!(file.is_file(), "{} is not there, or not a file", file.display());
    let master_key = master_key(&settings)?;
    let was_there = settings.data_dir.exists();
    empty(&settings.data_dir)?;
    let folder = data::make(&settings)?;
    let mut copying = Copying::begin("restoring")?;
    let copied = put_in_place(&folder, file, &master_key, &mut copying);
    copying.end();
    if copied.is_err() && !was_there {
        // Only if it is still empty: what somebody else has put there meanwhile is theirs.
        let _ = std::fs::remove_dir(folder.path());
    }
    match copied {
        Err(error) if matches!(error.downcast_ref(), Some(Error::Stopped)) => return copying.stopped(),
        copied => tell(args, &folder, copied?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// From the environment or the configuration, never from the folder: it is empty.
fn master_key(settings: &Settings) -> anyhow::Result<MasterKey> {
    let text = settings.master_key.as_deref().with_context(|| {
        format!(
            "a backup is restored with the master key that it was made under: set {MASTER_KEY_VARIABLE} to it (what \
             stands in the master.key of the old data folder)"
        )
    })?;
    MasterKey::from_base64(text).context(MASTER_KEY_VARIABLE)
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("the data folder {} can't be used", folder.display())),
    };
    for entry in entries {
        let name = entry?.file_name();
        ensure!(
            name == NOBODYS,
            "the data folder {} is not empty ({} is in it): a backup is restored only where nothing can be overwritten",
            folder.display(),
            name.display()
        );
    }
    Ok(())
}

fn put_in_place(folder: &Folder, file: &Path, master_key: &MasterKey, copying: &mut Copying) -> anyhow::Result<Copied> {
    let database = folder.database();
    let draft: NamedTempFile = tempfile::Builder::new()
        .prefix(".postsync-restore-")
        .tempfile_in(folder.path())
        .with_context(|| format!("the data folder {} can't be written", folder.path().display()))?;
    let copied = restore(file, draft.path(), master_key, &mut copying.watch())?;
    let kept = draft.persist_noclobber(&database).map_err(|error| error.error);
    kept.with_context(|| format!("{} can't be written", database.display()))?;
    copying::sync_folder_of(&database)?;
    Ok(copied)
}

fn tell(args: &RestoreArgs, folder: &Folder, copied: Copied) -> anyhow::Result<()> {
    let (database, media, token_key) = (folder.database(), folder.media(), folder.token_key_file());
    if args.json {
        say!(
            "{}",
            serde_json::json!({
                "database": database, "bytes": copied.bytes, "schema": copied.schema,
                "mediaFolder": media, "tokenKey": token_key,
            })
        )?;
        return Ok(());
    }
    say!("{}: {}, whole and checked", database.display(), copying::size(copied.bytes))?;
    say!("Before the first start copy what belongs to it:")?;
    say!("  {}/  the videos and uploads that it names", media.display())?;
    say!("  {}  without it the result URLs that were given out stop working", token_key.display())?;
    say!(
        "The server needs the master key too: in {MASTER_KEY_VARIABLE}, or in {} (mode 0600).",
        folder.master_key().display()
    )?;
    say!("What was being sent when the backup was taken reads interrupted, and is sent again.")?;
    Ok(())
}
