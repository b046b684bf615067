//! Whether other users of the machine can read the data folder. It holds keys and other people's faces.
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Finding;

/// What the group and all others may do.
const OTHERS: u32 = 0o077;

/// Looks at the folder and at what lies in it; nothing where there is no folder yet, since it is made private.
pub(super) fn look(folder: &Path) -> Option<Finding> {
    if !folder.is_dir() {
        return None;
    }
    if !is_open(folder) {
        return Some((Some(true), format!("only its user can open {}", folder.display())));
    }
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut open: Vec<String> = entries
        .filter(|entry| is_open(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if open.is_empty() {
        let told = "others can look into it, but open nothing there; chmod go= closes it";
        return Some((None, format!("{}: {told}", folder.display())));
    }
    open.sort_unstable();
    let mend = format!("chmod -R go= {}", folder.display());
    Some((Some(false), format!("{} is open to other users, with {}: {mend}", folder.display(), open.join(", "))))
}

fn is_open(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| !found.is_symlink() && found.permissions().mode() & OTHERS != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

    #[test]
    fn a_folder_is_as_private_as_what_can_be_reached_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("master.key");
        write(&key, "").unwrap();
        let looked = |of_folder, of_key| {
            set_permissions(&key, Permissions::from_mode(of_key)).unwrap();
            set_permissions(folder.path(), Permissions::from_mode(of_folder)).unwrap();
            look(folder.path()).unwrap()
        };
        assert_eq!(looked(0o700, 0o644).0, Some(true));
        assert_eq!(looked(0o755, 0o600).0, None);
        let (right, line) = looked(0o755, 0o640);
        assert!(right == Some(false) && line.contains("master.key"), "{line}");
        assert_eq!(look(&folder.path().join("none")), None);
    }
}
