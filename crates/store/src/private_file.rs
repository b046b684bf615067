//! New files for secrets: a key, or the text of one.
//!
//! Promise: only its owner can read it; it is whole or not there, and on disk when this returns: half a key after a crash or
//! on a full disk would refuse every later start. Never replaces a file. Fails with what went wrong first, not with what
//! clearing up after it met.
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Writes a new file that only its owner can read.
///
/// # Errors
/// Where it exists already, and where its folder can't be written.
pub fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = draft_of(file);
    // A link, not a rename: it fails where the name is taken, so that two first starts can't both believe in their own key.
    let linked = write_draft(&draft, bytes).and_then(|()| std::fs::hard_link(&draft, file));
    let removed = std::fs::remove_file(&draft);
    linked.and(removed)?;
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn write_draft(draft: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    out.write_all(bytes)?;
    out.sync_all()
}

fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn the_first_error_is_told() {
        let folder = tempfile::tempdir().unwrap();
        // Not a folder: the draft can't be made in it, nor removed from it.
        let occupied = folder.path().join("file");
        std::fs::write(&occupied, "").unwrap();
        assert_eq!(write_private(&occupied.join("key"), b"x").unwrap_err().kind(), ErrorKind::NotADirectory);
        let draft_taken = folder.path().join("key");
        std::fs::create_dir(draft_of(&draft_taken)).unwrap();
        assert_eq!(write_private(&draft_taken, b"x").unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    #[test]
    fn a_file_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write_private(&file, b"first").unwrap();
        assert_eq!(write_private(&file, b"second").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}
