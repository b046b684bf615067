//! A Python with packages for tests, installed once into the target folder.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::PATIENCE;

/// The interpreter of an environment with exactly the packages of `source/requirements.txt`.
pub(crate) async fn with_packages(source: &Path, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python").join(name);
    fs::create_dir_all(&folder).unwrap();
    // Several test processes: one installs, the others wait. Freed when the file is closed.
    let lock = File::create(folder.join("lock")).unwrap();
    let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().unwrap();
    let requirements = source.join("requirements.txt");
    let (wanted, installed) = (fs::read(&requirements).unwrap(), folder.join("installed.txt"));
    let python = folder.join("venv/bin/python");
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        let venv = folder.join("venv");
        install(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv)).await;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        install(Command::new(&python).args(pip).arg(requirements)).await;
        fs::write(&installed, &wanted).unwrap();
    }
    python
}

async fn install(command: &mut Command) {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(5 * PATIENCE, output).await.expect("the installation does not end").expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
