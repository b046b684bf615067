//! `postsync generate` that is interrupted, and one whose server is killed or stopped in the middle.
use std::io::Write as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{command, ended, made, plays, setup, text};
use crate::footage::Footage;
use crate::harness::api::id_of;
use crate::harness::growing::{self, Growing};
use crate::harness::speech::speech;
use crate::harness::{PATIENCE, poll, processes, sample};

/// Some tenths of a second on the way to the server.
const LARGE_BYTES: u32 = 400_000_000;

/// One that is under way: what it says, and how it ends.
struct Running {
    child: Child,
    said: Growing<String>,
    complained: Growing<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = growing::lines(child.stdout.take().unwrap());
        let complained = growing::lines(child.stderr.take().unwrap());
        Self { child, said, complained }
    }

    /// The id, once it is told.
    async fn id(&self) -> String {
        let line = self.complained.first("the generation's id", |line| line.starts_with("generation ")).await;
        line.trim_start_matches("generation ").to_owned()
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }

    async fn code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().code()
    }
}

#[tokio::test]
async fn ctrl_c_says_how_to_go_on() {
    let setup = setup(4);
    let server = setup.start().await;
    let mut running = Running::start(made(&setup, &server, &["-o", "late.mp4"]));
    let id = running.id().await;
    processes::rendering(server.pid()).await;
    running.interrupt();
    assert_eq!(running.code().await, Some(130));
    let hint = format!("To go on with it: postsync generate --resume {id} -o late.mp4");
    running.complained.first("how to go on", |line| *line == hint).await;
    assert!(running.said.all().is_empty() && !setup.home().join("late.mp4").exists());

    let resumed = ended(&mut command(&setup, &server.api().base, &["--resume", &id, "-o", "late.mp4"])).await;
    assert_eq!((resumed.status.code(), text(&resumed.stdout).as_str()), (Some(0), "late.mp4\n"), "{resumed:?}");
    assert_eq!(plays(&setup.home().join("late.mp4")).await, ["h264", "aac"]);
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_is_waited_for() {
    let setup = setup(4);
    let server = setup.start().await;
    let mut running = Running::start(made(&setup, &server, &["-o", "out.mp4"]));
    let id = running.id().await;
    processes::rendering(server.pid()).await;
    let setup = server.kill().await;
    running
        .complained
        .first("that it waits", |line| line.contains("does not answer") && line.contains("trying again"))
        .await;
    let server = setup.start().await;
    assert_eq!(running.code().await, Some(0), "{:#?}", running.complained.all());
    assert_eq!(running.said.all(), ["out.mp4"]);
    assert_eq!(plays(&setup.home().join("out.mp4")).await, ["h264", "aac"]);
    let all = server.api().get("/v2/generations").await.expect(200);
    assert_eq!((all.as_array().unwrap().len(), id_of(&all[0])), (1, id), "none was made twice");
}

/// A video that is large on its way and small to make: behind the portrait lie bytes that nobody looks at.
fn large(portrait: &Path) {
    let mut file = std::fs::OpenOptions::new().append(true).open(portrait).unwrap();
    let before = file.metadata().unwrap().len();
    file.write_all(&[&LARGE_BYTES.to_be_bytes()[..], b"free"].concat()).unwrap();
    file.set_len(before + u64::from(LARGE_BYTES)).unwrap();
}

#[tokio::test]
async fn an_upload_that_the_server_dies_under_is_sent_again() {
    let setup = setup(0);
    large(&Footage::new(setup.home()).portrait());
    let server = setup.start().await;
    let arguments = ["portrait.mp4", "speech.wav", "--model", "mesh-1", "-o", "out.mp4"];
    let mut running = Running::start(command(&setup, &server.api().base, &arguments));
    let uploads = setup.data().join("uploads");
    poll("the upload is under way", async || {
        let mut files = std::fs::read_dir(&uploads).ok()?.filter_map(|entry| entry.ok()?.metadata().ok());
        files.any(|file| (1..u64::from(LARGE_BYTES)).contains(&file.len())).then_some(())
    })
    .await;
    let setup = server.kill().await;
    running.complained.first("that it waits", |line| line.contains("trying again")).await;
    let server = setup.start().await;
    assert_eq!(running.code().await, Some(0), "{:#?}", running.complained.all());
    assert_eq!(plays(&setup.home().join("out.mp4")).await, ["h264", "aac"]);
    let assets = server.api().get("/v2/assets").await.expect(200);
    assert_eq!(assets["items"].as_array().unwrap().len(), 2, "none was made twice: {assets}");
}

#[tokio::test]
async fn a_stop_ends_the_streams() {
    let server = setup(4).with("POSTSYNC_SHUTDOWN_GRACE", "0s").start().await;
    let created = server.api().upload(sample("astronaut.png"), speech(4), "http://127.0.0.1:1/hook").await.expect(201);
    let mut stream = server.api().watch(&id_of(&created)).await;
    let first = stream.chunk().await.unwrap().unwrap();
    assert!(text(&first).contains("event: progress"), "{first:?}");
    processes::rendering(server.pid()).await;
    server.stop().await;
    let rest = async {
        while let Some(piece) = stream.chunk().await.unwrap() {
            assert!(!text(&piece).contains("event: end"), "it has not ended: {piece:?}");
        }
    };
    timeout(PATIENCE, rest).await.expect("the stream ends, and in good order");
}
