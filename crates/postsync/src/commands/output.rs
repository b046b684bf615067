//! The video that `demo` and `lipsync` write: judged before the work, so that nobody waits for minutes to be told that the
//! folder can't be written.
use std::path::Path;

use anyhow::{Context as _, ensure};

/// Whether a video can be put there.
///
/// # Errors
/// Why not, with the path.
pub(super) fn judge(output: &Path) -> anyhow::Result<()> {
    ensure!(output.as_os_str() != "-", "-o - would write a video to stdout, which an mp4 does not allow: name a file");
    let there = output.metadata();
    ensure!(there.as_ref().map_or(true, std::fs::Metadata::is_file), "{} is there and is not a file", output.display());
    ensure!(output.file_name().is_some(), "{} does not name a file", output.display());
    let folder = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made and gone at once: permissions alone do not tell a read-only file system.
    tempfile::Builder::new()
        .prefix(".postsync-")
        .tempfile_in(folder)
        .map_err(|error| error.kind())
        .map_err(std::io::Error::from)
        .with_context(|| format!("{} can't be written: the folder {}", output.display(), folder.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        for (output, word) in [
            (Path::new("-").to_path_buf(), "stdout"),
            (at("none/out.mp4"), "none"),
            (at("file/out.mp4"), "file"),
            (folder.path().to_path_buf(), "is not a file"),
            (Path::new("/dev/null").to_path_buf(), "is not a file"),
        ] {
            let told = format!("{:#}", judge(&output).unwrap_err());
            assert!(told.contains(word), "{told}");
        }
        judge(&at("out.mp4")).unwrap();
        judge(&at("file")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
    }
}
