//! The binary as a child process: set up, started, asked, killed, started again on the same data folder and address.
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::growing::{self, Growing};
use super::{Api, LOOK_EVERY, PATIENCE};

/// The bootstrap key of every test server.
pub(crate) const KEY: &str = "psk-e2e-0123456789abcdef";

/// The bootstrap signing secret of every test server.
pub(crate) const SECRET: &str = "whsec_ZTJlLXRlc3RzLXNpZ24td2l0aC10aGlzLWtleSE=";

const POSTSYNC: &str = env!("CARGO_BIN_EXE_postsync");

/// A data folder, an address and variables: all that a server is started with. Clones share the folder.
#[derive(Clone)]
pub(crate) struct Setup {
    home: Arc<TempDir>,
    data: PathBuf,
    variables: BTreeMap<String, String>,
    open_files_max: Option<u32>,
}

impl Setup {
    /// A fresh folder, a fixed free port, the bootstrap key and secret, `lipsync-2` as passthrough, `http` and 127.0.0.1 open.
    pub(crate) fn new() -> Self {
        Self::bare()
            .with("POSTSYNC_LISTEN", &format!("127.0.0.1:{}", free_port()))
            .with("POSTSYNC_BOOTSTRAP_API_KEY", KEY)
            .with("POSTSYNC_BOOTSTRAP_WEBHOOK_SECRET", SECRET)
            .with("POSTSYNC_EGRESS_ALLOW", "127.0.0.1")
            .with("POSTSYNC_EGRESS_ALLOW_HTTP", "true")
            .with("POSTSYNC_MODELS_LIPSYNC_2", "passthrough")
    }

    /// A fresh folder and nothing else: as somebody starts it for the first time.
    pub(crate) fn bare() -> Self {
        let home = tempfile::Builder::new().prefix("postsync-e2e-").tempdir().unwrap();
        let data = home.path().join("data");
        Self { home: Arc::new(home), data, variables: BTreeMap::new(), open_files_max: None }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same, on a system that lets a process have so many files and connections open.
    pub(crate) fn with_open_files_max(mut self, max: u32) -> Self {
        self.open_files_max = Some(max);
        self
    }

    /// The same, with its data elsewhere.
    pub(crate) fn with_data(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    pub(crate) fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    pub(crate) fn data(&self) -> &std::path::Path {
        &self.data
    }

    /// A command on this folder, with none of the variables of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.open_files_max {
            None => Command::new(POSTSYNC),
            Some(max) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", r#"ulimit -n "$0" && exec "$@""#, &max.to_string(), POSTSYNC]);
                shell
            }
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTSYNC_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.home()).kill_on_drop(true);
        command.env("POSTSYNC_DATA_DIR", &self.data).envs(&self.variables).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        timeout(PATIENCE, output).await.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap()
    }

    /// What a command prints; it must succeed.
    pub(crate) async fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaints}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts a server that must refuse to start; gives what it says.
    pub(crate) async fn refused(&self) -> String {
        let output = self.run(&["serve"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }

    /// Starts a server and waits until it takes requests.
    pub(crate) async fn start(&self) -> Server {
        self.try_start().await.unwrap_or_else(|said| panic!("the server did not start: {said}"))
    }

    /// The same; or what a server says that ends instead.
    pub(crate) async fn try_start(&self) -> Result<Server, String> {
        let mut child = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = growing::lines(child.stderr.take().unwrap());
        let look = |lines: &[String]| lines.iter().find_map(|line| listening(line));
        match log.until_closed("the server takes requests", look).await {
            Some(address) => Ok(Server { child, log, address, setup: self.clone() }),
            None => Err(log.all().join("\n")),
        }
    }
}

/// The address in the line that says that requests are taken.
fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    fields["message"].as_str()?.ends_with("takes requests").then(|| fields["listen"].as_str()?.parse().ok())?
}

/// A port that is free, below those that the system gives to outgoing connections: a server that is started again must get
/// the same one, and between its two lives somebody else's connection could have taken it.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test processes at once begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    (0..COUNT)
        .map(|_| FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) log: Growing<String>,
    pub(crate) address: SocketAddr,
    setup: Setup,
}

impl Server {
    /// A client with the bootstrap key.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.address, KEY)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap()
    }

    /// `kill -9`; gives the setup to start again with.
    pub(crate) async fn kill(mut self) -> Setup {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
        self.setup()
    }

    /// What it was started with.
    pub(crate) fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// How it ended, after [`Server::terminate`].
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("the server does not end: {:#?}", self.log.all())).unwrap()
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) -> Setup {
        let setup = self.setup();
        self.terminate();
        assert_eq!(self.ended().await.code(), Some(0));
        setup
    }
}

impl Drop for Server {
    /// Not before it is gone: it would write in the folder that is about to be removed.
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
