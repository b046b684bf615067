//! The commands of the documentation that are marked `<!-- run -->`, as somebody types them who begins: each terminal is a shell, all
//! are in a folder that looks like a clone.
//!
//! Three things are as they are not for a user: ports are replaced by free ones, the variables that follow from that are set, and cargo
//! is a stand-in that puts the tested binary where cargo would have put it, because to build it takes minutes.
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::harness::growing::{self, Growing};
use crate::harness::server::free_port;
use crate::harness::{poll, repository, script};

/// What a user types where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// In a terminal of its own, where it stays: the server.
    Server,
    /// The same: the receiver.
    Receiver,
    /// In the third terminal, to its end.
    Here,
    /// The same, once the receiver has said that it got the webhook.
    Afterwards,
}

use Where::{Afterwards, Here, Receiver, Server};

/// Every marked block there is. A new one needs a test that runs it.
const MARKED: [(&str, &[Where]); 4] = [
    ("README.md", &[Server, Receiver, Here, Afterwards]),
    ("docs/FIRST_WEBHOOK.md", &[Server, Receiver, Here, Afterwards, Afterwards, Afterwards]),
    ("docs/INSTALL.md", &[Here, Here, Here]),
    ("docs/WEBHOOKS.md", &[Receiver]),
];

#[test]
fn every_marked_block_is_run_by_a_test() {
    let mut files = vec!["README.md".to_owned()];
    let documents = fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let documents = documents.map(|name| format!("docs/{}", name.to_str().unwrap()));
    files.extend(documents.filter(|file| Path::new(file).extension().is_some_and(|e| e == "md")));
    files.sort();
    let marked = files.iter().map(|file| (file.as_str(), blocks(file).iter().map(|block| block.0).collect::<Vec<_>>()));
    let marked: Vec<_> = marked.filter(|(_, found)| !found.is_empty()).collect();
    assert_eq!(marked, MARKED.map(|(file, wanted)| (file, wanted.to_vec())));
}

#[tokio::test]
async fn what_install_says_leads_to_a_program_and_a_machine_that_is_fit() {
    let clone = Clone::new(Cargo::Install);
    let mut here = clone.terminal();
    let mut said = Vec::new();
    for (_, script) in blocks("docs/INSTALL.md") {
        said.push(here.run(&script).await);
    }
    assert!(said[1].contains(&format!("postsync {}\n", env!("CARGO_PKG_VERSION"))), "{said:?}");
}

#[tokio::test]
async fn the_first_webhook_arrives_and_is_repeated() {
    let (mut walk, afterwards) = Walk::to_the_webhook("docs/FIRST_WEBHOOK.md", "docs/FIRST_WEBHOOK.md").await;
    walk.is_delivered(&afterwards[0]).await;
    walk.here.run(&afterwards[1]).await;
    let second = walk.receiver.says(2).await;
    assert_eq!((&second["verified"], &second["repeated"]), (&true.into(), &true.into()), "{second}");
    let said = walk.here.run(&afterwards[2]).await;
    let third = walk.receiver.says(3).await;
    assert_eq!((&third["verified"], &third["repeated"]), (&true.into(), &false.into()), "{third}");
    assert!(said.contains("\ntalking.mp4\n") && said.contains(third["id"].as_str().unwrap()), "{said}");
}

#[tokio::test]
async fn the_readmes_first_webhook_arrives() {
    let (mut walk, afterwards) = Walk::to_the_webhook("README.md", "README.md").await;
    walk.is_delivered(&afterwards[0]).await;
}

#[tokio::test]
async fn a_receiver_that_is_started_as_webhooks_says_gets_one() {
    Walk::to_the_webhook("docs/FIRST_WEBHOOK.md", "docs/WEBHOOKS.md").await;
}

/// The marked blocks of a document, in their order.
fn blocks(file: &str) -> Vec<(Where, String)> {
    let text = fs::read_to_string(repository().join(file)).unwrap();
    let marks = text.split("<!-- run").skip(1).map(|rest| {
        let (mark, rest) =
            rest.split_once("-->\n```sh\n").unwrap_or_else(|| panic!("no block in {file} below {rest:.40}"));
        let place = match mark.trim_matches([':', ' ']) {
            "server" => Server,
            "receiver" => Receiver,
            "" => Here,
            "after the webhook" => Afterwards,
            other => panic!("{file}: where is {other:?}?"),
        };
        (place, rest.split_once("```").unwrap().0.to_owned())
    });
    marks.collect()
}

/// A server and a receiver that were started as a document says, and the terminal beside them.
struct Walk {
    _server: Terminal,
    receiver: Terminal,
    here: Terminal,
    _clone: Clone,
}

impl Walk {
    /// Up to the line that says that a webhook was verified; gives what is to be typed after it.
    async fn to_the_webhook(document: &str, receivers: &str) -> (Self, Vec<String>) {
        let clone = Clone::new(if document == "README.md" { Cargo::Build } else { Cargo::Installed });
        let of = |file: &str, place: Where| {
            let all = blocks(file).into_iter().filter(move |block| block.0 == place);
            all.map(|block| block.1).collect::<Vec<_>>()
        };
        let (mut server, mut receiver, mut here) = (clone.terminal(), clone.terminal(), clone.terminal());
        server.begin(&of(document, Server)[0]).await;
        let ready = format!("http://127.0.0.1:{}/readyz", clone.ports[0]);
        poll("the server takes requests", async || reqwest::get(&ready).await.ok()?.error_for_status().ok()).await;
        receiver.begin(&of(receivers, Receiver)[0]).await;
        receiver.said.first("the receiver listens", |line| line.contains("listening on http")).await;
        for script in of(document, Here) {
            here.run(&script).await;
        }
        let first = receiver.says(1).await;
        assert_eq!((&first["verified"], &first["status"]), (&true.into(), &"COMPLETED".into()), "{first}");
        assert_eq!((&first["attempt"], &first["repeated"]), (&1.into(), &false.into()), "{first}");
        let afterwards = of(document, Afterwards);
        (Self { _server: server, receiver, here, _clone: clone }, afterwards)
    }

    /// The receiver speaks before the server has written down that it was answered.
    async fn is_delivered(&mut self, list: &str) {
        poll("the delivery is listed as delivered", async || {
            self.here.run(list).await.contains(r#""status":"delivered""#).then_some(())
        })
        .await;
    }
}

/// What `cargo` is in the clone.
#[derive(Clone, Copy)]
enum Cargo {
    /// `postsync` is there already.
    Installed,
    /// It comes by `cargo install`.
    Install,
    /// It comes by `cargo build --release`.
    Build,
}

/// A folder with what of a clone the commands need, and a `PATH` before that of the system.
struct Clone {
    home: TempDir,
    /// In place of 8080 and 3000.
    ports: [u16; 2],
}

impl Clone {
    fn new(cargo: Cargo) -> Self {
        let home = tempfile::Builder::new().prefix("postsync-docs-").tempdir().unwrap();
        let (root, bin) = (home.path().join("clone"), home.path().join("bin"));
        script::copy_all(&repository().join("examples"), &root.join("examples"));
        symlink(repository().join("crates"), root.join("crates")).unwrap();
        fs::create_dir(&bin).unwrap();
        let (command, target) = match cargo {
            Cargo::Installed => ("", bin.join("postsync")),
            Cargo::Install => ("install --locked --path crates/postsync", bin.join("postsync")),
            Cargo::Build => ("build --release --locked -p postsync", root.join("target/release/postsync")),
        };
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let binary = env!("CARGO_BIN_EXE_postsync");
        if command.is_empty() {
            symlink(binary, target).unwrap();
        } else {
            let stand_in =
                format!("#!/bin/sh\nset -eu\n[ \"$*\" = '{command}' ]\nln -s '{binary}' '{}'\n", target.display());
            fs::write(bin.join("cargo"), stand_in).unwrap();
            fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { home, ports: [free_port(), free_port()] }
    }

    /// A shell in the clone.
    fn terminal(&self) -> Terminal {
        let path = format!("{}:{}", self.home.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash");
        shell
            .args(["-c", "exec 2>&1 bash -eu -o pipefail"])
            .current_dir(self.home.path().join("clone"))
            .env("PATH", path);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTSYNC_")) {
            shell.env_remove(name);
        }
        let address = format!("127.0.0.1:{}", self.ports[0]);
        shell.env("POSTSYNC_SERVER", format!("http://{address}")).env("POSTSYNC_LISTEN", address).env("no_proxy", "*");
        // A group of its own, so that what it has started ends with it.
        let mut shell = shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = growing::lines(shell.stdout.take().unwrap());
        Terminal { input: shell.stdin.take().unwrap(), shell, said, ports: self.ports, typed: 0 }
    }
}

/// A shell, with everything that it and its children have said; ended with the value.
struct Terminal {
    shell: Child,
    input: ChildStdin,
    said: Growing<String>,
    ports: [u16; 2],
    typed: usize,
}

impl Terminal {
    /// Types a block.
    async fn begin(&mut self, script: &str) {
        let [api, receiver] = self.ports.map(|port| port.to_string());
        let script = script.replace("8080", &api).replace("3000", &receiver);
        self.typed += 1;
        self.input.write_all(format!("{script}\necho; echo 'done: {}'\n", self.typed).as_bytes()).await.unwrap();
    }

    /// The same, to its end, which must be a good one; gives what was said.
    async fn run(&mut self, script: &str) -> String {
        let before = self.said.len();
        self.begin(script).await;
        let end = format!("done: {}", self.typed);
        self.said.first(&format!("this ends, and well: {script}"), |line| *line == end).await;
        self.said.all()[before..].join("\n")
    }

    /// The receiver's line about a delivery.
    async fn says(&self, number: usize) -> Value {
        let line = |lines: &[String]| lines.iter().filter(|line| line.starts_with('{')).nth(number - 1).cloned();
        serde_json::from_str(&self.said.until("the receiver was sent a webhook", line).await).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let id = self.shell.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        // It may have ended already.
        let _ = id.map(|id| kill_process_group(id, Signal::KILL));
    }
}
