//! A full disk: what can't be kept is refused with a 503 that says when to come back, and nothing that was accepted is lost.
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::api::passthrough;
use crate::harness::{Api, Receiver, Reply, Server, Setup, poll, sample};

const DISK_BYTES: u64 = 8 << 20;

/// What the disk gives at once.
const PAGE_BYTES: usize = 4096;

/// A start needs less than this.
const ROOM_BYTES_MAX: u64 = 1 << 20;

/// A small disk; unmounted when it is dropped.
struct Disk(TempDir);

impl Disk {
    /// `None` where this user may not mount.
    fn mount() -> Option<Self> {
        let at = tempfile::Builder::new().prefix("postsync-e2e-disk-").tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_BYTES},mode=0700"), "tmpfs"]).arg(at.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Makes that much room on the full disk.
    fn leave(&self, bytes: u64) {
        let ballast = fs::File::options().write(true).open(self.ballast()).unwrap();
        ballast.set_len(ballast.metadata().unwrap().len() - bytes).unwrap();
    }

    /// Fills it to the last byte, or empties it again.
    fn fill(&self, full: bool) {
        if full {
            let mut file = fs::File::create(self.ballast()).unwrap();
            let error = std::io::copy(&mut std::io::repeat(0), &mut file).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        } else {
            fs::remove_file(self.ballast()).unwrap();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server that has it open ends at the same moment.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// A refusal for want of space.
fn assert_full(answer: &crate::harness::Answer) {
    let body = answer.expect(503);
    assert_eq!(body["errorCode"], "generation_infra_storage_error", "{body}");
    let after: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(after > 0);
}

/// Creates until one is refused; gives those that were accepted.
async fn create_until_full(api: &Api, webhook: &str) -> Vec<String> {
    let body = passthrough(webhook).to_string();
    let mut accepted = Vec::new();
    poll("a create is refused", async || {
        let answer = api.create_text(&body).await;
        if answer.status == 201 {
            accepted.push(crate::harness::api::id_of(&answer.json()));
            return None;
        }
        assert_full(&answer);
        Some(())
    })
    .await;
    accepted
}

/// Starts a server with a little more room each time, so that it runs out at each of the steps of a start.
async fn start_in_little_room(setup: &Setup, disk: &Disk) -> Server {
    for room_bytes in (0..ROOM_BYTES_MAX).step_by(PAGE_BYTES) {
        disk.fill(true);
        disk.leave(room_bytes);
        let started = setup.try_start().await;
        disk.fill(false);
        match started {
            Ok(server) => return server,
            Err(said) => assert!(said.contains("postsync: "), "refused, not crashed: {said}"),
        }
    }
    panic!("{ROOM_BYTES_MAX} bytes are not enough for a start");
}

/// What was made must be whole: half a key would refuse every later start.
#[tokio::test]
async fn a_start_without_room_spoils_nothing() {
    let setup = Setup::bare().with("POSTSYNC_LISTEN", "127.0.0.1:0");
    let Some(disk) = Disk::mount() else {
        eprintln!("skipped: this user can't mount a small disk");
        return;
    };
    let setup = setup.with_data(disk.0.path().join("data"));
    start_in_little_room(&setup, &disk).await.stop().await;
    // Once more with the database there already: then this one is what there is no room for.
    fs::remove_file(setup.data().join("token.key")).unwrap();
    let server = start_in_little_room(&setup, &disk).await;
    let key = fs::read_to_string(setup.data().join("first-api-key")).unwrap();
    Api::new(server.address, key.trim()).get("/v2/generations").await.expect(200);
    let names = fs::read_dir(setup.data()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let drafts: Vec<String> = names.filter(|name| name.contains("key.")).collect();
    assert!(drafts.is_empty(), "no draft of a key is left: {drafts:?}");
    drop(server.kill().await);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_accepted() {
    let setup = Setup::new();
    let Some(disk) = Disk::mount() else {
        eprintln!("skipped: this user can't mount a small disk");
        return;
    };
    let setup = setup.with_data(disk.0.path().join("data"));
    let receiver = Receiver::start(None, |_| Reply::Hold).await;
    let server = setup.start().await;
    let api = server.api();
    // Under way before the disk is full: their outcomes must be written when there is no room for them.
    let mut accepted = Vec::new();
    for _ in 0..8 {
        accepted.push(api.create(&passthrough(&receiver.url("/hook"))).await);
    }
    // To one that has never answered no more than two go at once.
    receiver.requests.count("two POSTs are under way", 2).await;

    disk.fill(true);
    let large = vec![0; 1 << 20];
    assert_full(&api.upload(sample("astronaut.png"), [sample("arctic_a0009.wav"), large].concat(), "").await);
    accepted.extend(create_until_full(&api, &receiver.url("/hook")).await);
    receiver.release();
    server.log.first("an outcome finds no room", |line| line.contains("trying again")).await;
    assert_eq!(fs::read_dir(setup.data().join("uploads")).unwrap().count(), 0, "no half of an upload stays");

    disk.fill(false);
    let generations = poll("the server takes generations again", async || {
        let answer = api.create_text(&passthrough(&receiver.url("/hook")).to_string()).await;
        (answer.status == 201).then(|| crate::harness::api::id_of(&answer.json()))
    });
    accepted.push(generations.await);
    for id in &accepted {
        assert_eq!(api.ended(id).await["status"], "COMPLETED");
        api.delivery_in(id, &["delivered"]).await;
    }
    drop(server.kill().await);
}

/// A tenth of a small disk is kept free: what is under way can still be written when nothing new is taken any more.
#[tokio::test]
async fn work_is_refused_before_the_disk_is_full() {
    let setup = Setup::new();
    let Some(disk) = Disk::mount() else {
        eprintln!("skipped: this user can't mount a small disk");
        return;
    };
    let receiver = Receiver::start(None, |_| Reply::Hold).await;
    let server = setup.with_data(disk.0.path().join("data")).start().await;
    let api = server.api();
    let accepted = api.create(&passthrough(&receiver.url("/hook"))).await;
    receiver.requests.count("its POST is under way", 1).await;
    disk.fill(true);
    disk.leave(DISK_BYTES / 20);
    poll("the server is not ready", async || (api.get("/readyz").await.status == 503).then_some(())).await;
    assert_full(&api.create_text(&passthrough(&receiver.url("/hook")).to_string()).await);
    assert!(api.get("/metrics").await.text.contains("postsync_storage_short 1"), "the metric says so");
    receiver.release();
    api.delivery_in(&accepted, &["delivered"]).await;
    server.log.first("the log says what is short", |line| line.contains("storage.free_bytes_min")).await;
    assert!(!server.log.all().iter().any(|line| line.contains("trying again")), "the outcome found its room");

    disk.fill(false);
    poll("the server is ready again", async || (api.get("/readyz").await.status == 200).then_some(())).await;
    api.create(&passthrough(&receiver.url("/hook"))).await;
    drop(server.kill().await);
}
