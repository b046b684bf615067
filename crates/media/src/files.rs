//! The blocking steps on files: keep, copy, remove. Each is whole or leaves nothing behind.
//!
//! Symlinks are refused, never followed: the folders of generations are written by a process that has parsed hostile media.
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

/// Ours alone: other users of this machine have no business with users' faces.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Times that a folder is emptied again because something was still being written into it. A killed process ends within
/// milliseconds, but one of its last writes may fall between the emptying and the removal.
const REMOVE_TRIES_MAX: usize = 20;

/// Between two of them: together long enough for a killed process to give back its memory on a busy machine.
const REMOVE_RETRY_AFTER: Duration = Duration::from_millis(20);

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Removes a folder with all in it; symlinks in it are removed, not followed. `false` where there was none.
pub(crate) fn remove_folder(path: &Path) -> io::Result<bool> {
    for _ in 1..REMOVE_TRIES_MAX {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => thread::sleep(REMOVE_RETRY_AFTER),
            Err(error) => return Err(error),
        }
    }
    fs::remove_dir_all(path).map(|()| true)
}

/// Removes every entry of `folder`. Gives how many there were.
pub(crate) fn empty_folder(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // `file_type` does not follow: a symlink to a folder is removed as the link that it is.
        if entry.file_type()?.is_dir() {
            remove_folder(&entry.path())?;
        } else {
            remove_file(&entry.path())?;
        }
        removed += 1;
    }
    Ok(removed)
}

/// What the files two levels below a folder come to, as the media folder has them. One that goes meanwhile counts nothing.
pub(crate) fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for shelf in fs::read_dir(folder)? {
        let shelf = shelf?;
        if !shelf.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf.path())? {
            match file?.metadata() {
                Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

/// How large a file is; nothing where there is none.
pub(crate) fn bytes_of(path: &Path) -> i64 {
    path.symlink_metadata().map_or(0, |metadata| i64::try_from(metadata.len()).unwrap_or(i64::MAX))
}

/// The names in a folder, as far as they are text; none where there is no folder.
pub(crate) fn names(folder: &Path) -> io::Result<impl Iterator<Item = String> + use<>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // An entry that can't be read is one that is not listed: who lists removes nothing for it.
    Ok(entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok()))
}

/// Removes a file. A missing one is fine.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves the regular file `from` to `to`, on disk before it answers: its bytes, then its new name.
pub(crate) fn keep(from: &Path, to: &Path) -> io::Result<()> {
    let file = open_regular(from)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.sync_all()?;
    let folder = parent(to)?;
    if !folder.exists() {
        make_folder(folder)?;
        sync_folder(parent(folder)?)?;
    }
    fs::rename(from, to)?;
    sync_folder(folder)
}

/// Copies the regular file `from` to the new file `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_into(from, to, |to| OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(to))
}

/// `create` must fail where `to` exists, and not follow a symlink there.
fn copy_into(from: &Path, to: &Path, create: impl FnOnce(&Path) -> io::Result<File>) -> io::Result<()> {
    let mut source = open_regular(from)?;
    let mut copy = create(to)?;
    // `io::copy` between files is copy_file_range: where the file system can share blocks, this costs no space either.
    let copied = io::copy(&mut source, &mut copy);
    if copied.is_err() {
        // A full disk must not be kept full by half a file.
        let _ = remove_file(to);
    }
    copied.map(drop)
}

/// Opens a file for reading if it is a regular one; neither a symlink nor, say, a FIFO, which would block us for good.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "no folder above this path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, b"bytes").unwrap();
        let error = copy_into(&from, &to, |to| {
            File::create_new(to)?;
            // What the kernel answers on a full disk, without filling one.
            OpenOptions::new().write(true).open("/dev/full")
        })
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(!to.exists() && from.exists());
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, dir) = (folder.path().join("f"), folder.path().join("l"), folder.path().join("d"));
        fs::write(&file, b"bytes").unwrap();
        fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let socket = folder.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(open_regular(&file).is_ok());
        for other in [&link, &dir, &socket, Path::new("/dev/null")] {
            assert!(open_regular(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn an_existing_target_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to, kept) = (folder.path().join("from"), folder.path().join("to"), folder.path().join("kept"));
        fs::write(&from, b"new").unwrap();
        fs::write(&kept, b"old").unwrap();
        std::os::unix::fs::symlink(&kept, &to).unwrap();
        assert_eq!(copy(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&kept).unwrap(), b"old");
    }

    #[test]
    fn emptying_does_not_follow_links() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
        fs::create_dir_all(inside.join("deep/deeper")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), b"kept").unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("deep/link")).unwrap();
        assert_eq!(empty_folder(&inside).unwrap(), 2);
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
        assert_eq!(fs::read(outside.join("kept")).unwrap(), b"kept");
    }
}
