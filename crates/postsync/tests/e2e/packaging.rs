//! What postsync is installed with: no image is built here, so what can go wrong in these files is looked for in them, also by linters, the
//! health check is run against a server, and systemd judges its unit where it is there.
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::python::with_packages;
use crate::harness::{Setup, repository};

fn read(file: &str) -> String {
    fs::read_to_string(repository().join(file)).unwrap()
}

/// The instructions of the Dockerfile, lines that go on put together.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|one| one.0 == name).map(|one| one.1).collect()
}

#[test]
fn the_image_is_built_from_pinned_ones_with_the_toolchain_of_the_repository() {
    let from = all("FROM");
    for base in &from {
        // Only Docker takes a name without its registry for one of Docker Hub's.
        assert!(base.starts_with("docker.io/library/"), "{base} is not named in full");
        let (_, tag) =
            base.split_whitespace().next().unwrap().split_once(':').unwrap_or_else(|| panic!("{base} has no tag"));
        // `12` would move with each point release, `latest` with everything.
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()) && tag.contains('.'), "{base} is not pinned");
    }
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.split('"').nth(1).unwrap();
    let built_from = format!("docker.io/library/rust:{version}-");
    assert!(from.len() == 2 && from[0].starts_with(&built_from), "{from:?} with {version}");
    // What the second one runs was linked against the C library of the first.
    assert!(from[0].contains("bookworm") && from[1].contains("/debian:12."), "{from:?}");
}

#[test]
fn the_image_runs_as_nobody_and_holds_no_secret() {
    let user: u32 = all("USER").last().unwrap().parse().expect("a number, which an orchestrator can tell from root");
    assert!(user >= 1_000);
    let order: Vec<String> = instructions().into_iter().map(|one| one.0).collect();
    let at = |name: &str| order.iter().rposition(|one| one == name).unwrap();
    assert!(at("USER") < at("ENTRYPOINT") && at("RUN") < at("USER"), "{order:?}");
    assert!(all("ADD").is_empty() && all("ARG").is_empty());
    let set = all("ENV").join(" ");
    assert!(!set.contains("KEY") && !set.contains("SECRET"), "{set}");
    assert!(set.contains(&format!("POSTSYNC_DATA_DIR={}", all("VOLUME")[0])), "{set}");
    assert!(all("ENTRYPOINT")[0].starts_with('['), "a shell in between would keep SIGTERM to itself");
    for ignored in [".git", "target", "postsync-data"] {
        assert!(read(".dockerignore").lines().any(|line| line == ignored), "{ignored} does not go to the build");
    }
}

#[tokio::test]
async fn the_images_health_check_tells_a_server_from_none() {
    let check = &all("HEALTHCHECK")[0];
    let (_, command) = check.split_once("CMD ").unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    let server = Setup::new().start().await;
    let port = server.address.port().to_string();
    let healthy = || {
        let arguments = command[1..].iter().map(|argument| argument.replace("8080", &port));
        Command::new(&command[0]).args(arguments).output().unwrap().status.success()
    };
    assert!(healthy(), "{command:?}");
    server.stop().await;
    assert!(!healthy(), "{command:?}");
}

#[test]
fn what_compose_starts_can_write_to_its_volume_only() {
    let text = read("compose.yaml");
    let lines: Vec<&str> = text.lines().map(|line| line.split(" #").next().unwrap().trim()).collect();
    for wanted in
        ["read_only: true", "init: true", "cap_drop:", "- ALL", "- no-new-privileges:true", "- data:/data", "- /tmp"]
    {
        assert!(lines.contains(&wanted), "{wanted}");
    }
    assert!(lines.contains(&"- 127.0.0.1:8080:8080"), "it speaks plain HTTP: not to the world");
    assert!(all("VOLUME") == ["/data"] && all("EXPOSE") == ["8080"]);
}

#[tokio::test]
async fn who_knows_what_goes_wrong_in_such_files_finds_nothing_in_them() {
    let source = repository().join("crates/postsync/tests/e2e/packaging");
    let programs = with_packages(&source, "packaging").await.parent().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let broken = |file: &str, from: &str, to: &str| {
        let (text, path) = (read(file), folder.path().join(file));
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert_ne!(text, fs::read_to_string(&path).unwrap(), "{from} is in {file}");
        path
    };
    let (dockerfile, compose) = (repository().join("Dockerfile"), repository().join("compose.yaml"));
    let unpinned = broken("Dockerfile", ":12.15-slim", "");
    let unknown = broken("compose.yaml", "read_only:", "readonly:");
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    for (program, arguments, file, fine) in [
        ("hadolint", &[][..], &dockerfile, true),
        ("hadolint", &[], &unpinned, false),
        ("check-jsonschema", &schema, &compose, true),
        ("check-jsonschema", &schema, &unknown, false),
    ] {
        let output = Command::new(programs.join(program)).args(arguments).arg(file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), fine, "{program} of {}: {said}", file.display());
    }
}

/// With the program of these tests: one for a release takes minutes to build.
#[test]
fn the_archive_of_a_release_is_unpacked_as_install_says() {
    let folder = tempfile::tempdir().unwrap();
    let dist =
        ["run", "--locked", "--quiet", "--package", "xtask", "--", "dist", "--binary", env!("CARGO_BIN_EXE_postsync")];
    let packed =
        Command::new(env!("CARGO")).current_dir(repository()).args(dist).arg("--out").arg(folder.path()).output();
    let packed = packed.unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let install = read("docs/INSTALL.md");
    let (_, section) = install.split_once("## From an archive").unwrap();
    let script = section.split("```").nth(1).unwrap().strip_prefix("sh\n").unwrap();
    let target = folder.path().join("usr");
    let script = script.replace("sudo install -m 755", "install -D -m 755").replace("sudo ", "");
    let script = script.replace("/usr/local", target.to_str().unwrap());
    let unpacked = Command::new("bash").args(["-eu", "-c", &script]).current_dir(folder.path()).output().unwrap();
    assert!(unpacked.status.success(), "{script}: {}", String::from_utf8_lossy(&unpacked.stderr));
    let said = Command::new(target.join("bin/postsync")).arg("--version").output().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&said), format!("postsync {}\n", env!("CARGO_PKG_VERSION")));
    for file in ["man/man1/postsync.1", "man/man1/postsync-serve.1", "bash-completion/completions/postsync"] {
        let text =
            fs::read_to_string(target.join("share").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains("postsync"), "{file}");
    }
}

#[test]
fn the_unit_is_shut_and_systemd_takes_it() {
    let unit = read("packaging/postsync.service");
    let set = |name: &str| unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).next_back();
    for (name, value) in [
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("User", "postsync"),
        ("StateDirectoryMode", "0700"),
        ("WorkingDirectory", "/etc/postsync"),
        // That folder is root's, and not the user's as the others are: what only root may enter, the server could not start in.
        ("ConfigurationDirectoryMode", "0755"),
        ("UMask", "0077"),
    ] {
        assert_eq!(set(name), Some(value), "{name}");
    }
    assert!(read("packaging/postsync.sysusers").lines().any(|line| line.starts_with("u postsync ")));
    systemd_takes(&unit);
}

/// The program and the user of the unit are not on the machine that tests: those that are there stand in for them.
fn systemd_takes(unit: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("postsync.service");
    let unit =
        unit.replace("/usr/local/bin/postsync", "/bin/true").replace("=postsync\nGroup=postsync", "=root\nGroup=root");
    fs::write(&file, unit).unwrap();
    let analyze = |arguments: &[&str], file: &Path| Command::new("systemd-analyze").args(arguments).arg(file).output();
    let Ok(output) = analyze(&["verify"], &file) else {
        eprintln!("left out: there is no systemd-analyze here to judge packaging/postsync.service");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("postsync.service:"), "{said}");
    let as_it_is = repository().join("packaging/postsync.service");
    let output = analyze(&["security", "--offline=true", "--no-pager", EXPOSURE_MAX], &as_it_is).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unrecognized option") {
        return eprintln!("left out: this systemd-analyze is older than 250 and judges no unit that is not loaded");
    }
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
}

/// 1.7, of 10 that are open: what docs/INSTALL.md says.
const EXPOSURE_MAX: &str = "--threshold=17";
