//! Node projects for tests: a copy of a committed `package.json` and lock file, installed once into the target folder.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::PATIENCE;

/// What says that the packages of this lock file are there.
const INSTALLED: &str = "installed-lock.json";

/// A folder with the packages of `source` (its `package.json` and `package-lock.json`) and fresh copies of `files`.
pub(crate) async fn project(source: &Path, name: &str, files: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node").join(name);
    fs::create_dir_all(&folder).unwrap();
    // Several tests, perhaps of several processes: one installs, the others wait. Freed when the file is closed.
    let lock = File::create(folder.join("lock")).unwrap();
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().unwrap();
    let wanted = fs::read(source.join("package-lock.json")).unwrap();
    if fs::read(folder.join(INSTALLED)).ok().as_ref() != Some(&wanted) {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), folder.join(file)).unwrap();
        }
        install(&folder).await;
        fs::write(folder.join(INSTALLED), &wanted).unwrap();
    }
    for file in files {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    drop(lock);
    folder
}

async fn install(folder: &Path) {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
    let output = npm.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(5 * PATIENCE, output).await.expect("npm ci does not end").expect("npm is there");
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
}
