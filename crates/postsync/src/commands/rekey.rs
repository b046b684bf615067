//! `postsync secret rekey`: another master key, in the database and in the data folder.
//!
//! Promise: the new key is on disk, or in its caller's hands, before anything is sealed with it, and the old one is never
//! removed: backups that were made until now need it. Killed at any point, the same command goes on: `master.key.new` says
//! which key was meant until everything is done.
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use postsync_store::sqlite::{self, Rekeyed};
use postsync_store::{Error, MASTER_KEY_VARIABLE, MasterKey, write_private};

use super::StoreArgs;
use crate::data::{self, Folder};
use crate::settings::{MASTER_KEY_NEW_VARIABLE, Settings};

/// Both keys, and where the new one is to be found from now on.
struct Keys {
    old: MasterKey,
    new: MasterKey,
    /// `None`: it is in the environment of whoever called, and nowhere on this disk.
    file: Option<PathBuf>,
}

pub(super) fn run(store: &StoreArgs) -> anyhow::Result<()> {
    let settings = store.settings()?;
    let folder = data::there(&settings)?;
    let keys = keys(&settings, &folder)?;
    let told = &mut |rows| eprintln!("{rows} secrets re-encrypted");
    let done = sqlite::rekey(&folder.database(), &keys.old, &keys.new, told).map_err(|error| {
        drop_unused(&folder, &keys);
        match error {
            Error::Owned { process, .. } => anyhow::anyhow!(
                "a server{process} runs on {}, and can't take a new master key while it does: stop it first",
                folder.path().display()
            ),
            other => anyhow::Error::new(other),
        }
    })?;
    let kept = keys.file.as_deref().map(|file| put_in_place(&settings, &folder, file, &keys)).transpose()?.flatten();
    tell(&settings, &keys, done, kept.as_deref());
    Ok(())
}

fn keys(settings: &Settings, folder: &Folder) -> anyhow::Result<Keys> {
    let file = folder.master_key();
    let in_file = MasterKey::load(&file)?;
    let old = match &settings.master_key {
        Some(text) => MasterKey::from_base64(text).context(MASTER_KEY_VARIABLE)?,
        None => in_file.clone().with_context(|| {
            format!("the master key is missing: put {} back, or set {MASTER_KEY_VARIABLE}", file.display())
        })?,
    };
    let given = std::env::var(MASTER_KEY_NEW_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let given = given.map(|text| MasterKey::from_base64(&text).context(MASTER_KEY_NEW_VARIABLE)).transpose()?;
    if let (Some(_), Some(new)) = (&settings.master_key, &given) {
        return Ok(Keys { old, new: new.clone(), file: None });
    }
    ensure!(
        in_file.is_none_or(|key| key.id() == old.id()),
        "the new master key would take the place of {}, which holds another key than {MASTER_KEY_VARIABLE}: move it away first",
        file.display()
    );
    let new = on_disk(folder, given)?;
    Ok(Keys { old, new, file: Some(file) })
}

/// The new key, kept in `master.key.new`: the one that is there from a run that was cut short, the given one, or a new one.
fn on_disk(folder: &Folder, given: Option<MasterKey>) -> anyhow::Result<MasterKey> {
    let draft = folder.next_master_key();
    match (MasterKey::load(&draft)?, given) {
        (Some(begun), None) => Ok(begun),
        (Some(begun), Some(given)) if begun.id() == given.id() => Ok(given),
        (Some(begun), Some(_)) if sqlite::next_key(&folder.database())? == Some(begun.id()) => bail!(
            "a change to the master key of {} has begun and is not finished: run this without {MASTER_KEY_NEW_VARIABLE} first",
            draft.display()
        ),
        // Nothing was ever sealed with it.
        (Some(_), Some(given)) => {
            fs::remove_file(&draft)?;
            keep(&draft, given)
        }
        (None, given) => keep(&draft, given.map_or_else(MasterKey::draw, Ok)?),
    }
}

fn keep(draft: &Path, key: MasterKey) -> anyhow::Result<MasterKey> {
    let text = format!("{}\n", key.to_base64());
    write_private(draft, text.as_bytes()).with_context(|| format!("{} can't be written", draft.display()))?;
    Ok(key)
}

/// A refused change leaves no new key behind that nothing is sealed with: the next start would take it for one that was begun.
fn drop_unused(folder: &Folder, keys: &Keys) {
    let used = [sqlite::next_key(&folder.database()), sqlite::current_key(&folder.database())];
    let is_unused = used.iter().all(|used| matches!(used, Ok(id) if id.as_deref() != Some(keys.new.id().as_str())));
    if keys.file.is_some() && is_unused {
        let _ = fs::remove_file(folder.next_master_key());
    }
}

/// The new key takes the old one's place at once; gives where the old one is kept.
fn put_in_place(settings: &Settings, folder: &Folder, file: &Path, keys: &Keys) -> anyhow::Result<Option<PathBuf>> {
    let mut kept = None;
    if settings.master_key.is_none() {
        let old = folder.old_master_key(&keys.old.id());
        match fs::hard_link(file, &old) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("{} can't be written", old.display()));
            }
            _ => kept = Some(old),
        }
    }
    fs::rename(folder.next_master_key(), file).with_context(|| format!("{} can't be replaced", file.display()))?;
    fs::File::open(folder.path())?.sync_all()?;
    Ok(kept)
}

fn tell(settings: &Settings, keys: &Keys, done: Rekeyed, kept: Option<&Path>) {
    match done {
        Rekeyed { was_done: true, .. } => eprintln!("The database is under the master key {} already.", keys.new.id()),
        Rekeyed { rows, .. } => eprintln!("Done: {rows} secrets are under the master key {} now.", keys.new.id()),
    }
    match (&keys.file, settings.master_key.is_some()) {
        (None, _) => eprintln!("Start the server with the new key in {MASTER_KEY_VARIABLE}."),
        (Some(file), true) => {
            eprintln!(
                "The new key is in {}: the server finds it there once {MASTER_KEY_VARIABLE} is unset.",
                file.display()
            );
        }
        (Some(file), false) => eprintln!("The new key is in {}.", file.display()),
    }
    match kept {
        Some(old) => eprintln!(
            "Backups made until now need the old key, kept in {}: remove it with the last of them.",
            old.display()
        ),
        None => eprintln!("Backups made until now need the old key: keep it as long as one of them."),
    }
}
