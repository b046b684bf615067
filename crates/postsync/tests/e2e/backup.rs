//! A backup that is taken in the middle of the load, and a server on what comes of it: nothing that was acknowledged before
//! is missing, and what was on its way is finished.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use serde_json::Value;

use crate::harness::api::{id_of, passthrough};
use crate::harness::speech::speech;
use crate::harness::{Api, Receiver, Reply, Setup, poll, sample};

/// Acknowledged before the backup begins.
const BEFORE: usize = 400;

/// And while it is made, at least.
const MEANWHILE: usize = 20;

/// Creates that are on their way at once: enough to keep the store's commits full.
const AT_ONCE: usize = 32;

/// Every so many-th POST is not answered before the end of the first server, so that attempts are open in the backup.
const HELD_EVERY: usize = 16;

type Ids = Arc<Mutex<Vec<String>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_is_in_it() {
    let count = AtomicUsize::new(0);
    let receiver = Receiver::start(None, move |_| match count.fetch_add(1, Ordering::Relaxed) % HELD_EVERY {
        0 => Reply::Hold,
        _ => Reply::Status(200),
    })
    .await;
    let server = Setup::new().start().await;
    let (api, setup) = (server.api(), server.setup());
    let made = id_of(&api.upload(sample("astronaut.png"), speech(1), &receiver.url("/made")).await.expect(201));
    let video = api.ended(&made).await;
    assert_eq!(video["status"], "COMPLETED");
    let accepted = Ids::default();
    let load = tokio::spawn(accept(api.clone(), receiver.url("/hook"), accepted.clone()));
    poll("enough is acknowledged", async || (accepted.lock().unwrap().len() >= BEFORE).then_some(())).await;
    receiver.requests.count("webhooks are on their way", BEFORE / 2).await;

    let mut before = accepted.lock().unwrap().clone();
    before.push(made.clone());
    let file = setup.home().join("backup.db");
    let json = setup.printed(&["backup", file.to_str().unwrap(), "--json"]).await;
    let told: Value = serde_json::from_str(&json).unwrap();
    poll("the server goes on taking work", async || {
        (accepted.lock().unwrap().len() >= before.len() + MEANWHILE).then_some(())
    })
    .await;
    drop(server.kill().await);
    load.await.unwrap();
    receiver.release();

    let restored = restored(&setup, &file, &told).await;
    let seen_by_first = receiver.requests.all().len();
    let server = restored.start().await;
    let api = server.api();
    for ended in api.all_ended(&before).await {
        assert_eq!(ended["status"], "COMPLETED", "{ended}");
    }
    let deliveries = api.deliveries("").await;
    let of: BTreeSet<&str> = deliveries.iter().map(|delivery| delivery["generationId"].as_str().unwrap()).collect();
    assert!(before.iter().all(|id| of.contains(id.as_str())), "each has its delivery");
    poll("every delivery has ended", async || api.pending().await.is_empty().then_some(())).await;
    let log = api.delivery_details().await;
    let interrupted = log.iter().filter(|delivery| outcomes(delivery).contains(&"interrupted")).count();
    assert!(interrupted > 0, "what was being sent when the backup was taken reads interrupted");
    assert!(receiver.requests.all().len() >= seen_by_first + interrupted, "and is sent again");

    // The video is where it was: its URL names the old server's address, so only its path is asked for.
    let url = video["outputUrl"].as_str().unwrap();
    let path = url.splitn(4, '/').nth(3).unwrap();
    let answer = reqwest::get(format!("{}/{path}", api.base)).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    drop(server.kill().await);
}

fn outcomes(delivery: &Value) -> Vec<&str> {
    delivery["attemptLog"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

/// Does what the commands say: restores elsewhere, with the master key, and copies what they name.
async fn restored(setup: &Setup, file: &Path, told: &Value) -> Setup {
    let master = fs::read_to_string(told["masterKey"].as_str().unwrap()).unwrap();
    let restored = setup.clone().with_data(setup.home().join("elsewhere")).with("POSTSYNC_MASTER_KEY", master.trim());
    let json = restored.printed(&["restore", file.to_str().unwrap(), "--json"]).await;
    let put: Value = serde_json::from_str(&json).unwrap();
    let path = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let copied = std::process::Command::new("cp")
        .args(["-a", &path(told, "mediaFolder"), &path(&put, "mediaFolder")])
        .status()
        .unwrap();
    assert!(copied.success());
    fs::copy(path(told, "tokenKey"), path(&put, "tokenKey")).unwrap();
    restored
}

/// Sends creates until the server dies; notes the ids of those that were answered with 201.
async fn accept(api: Api, webhook: String, accepted: Ids) {
    let body = passthrough(&webhook).to_string();
    let mut answers = std::pin::pin!(
        futures::stream::repeat_with(|| {
            let (api, body) = (api.clone(), body.clone());
            async move { api.try_create(&body).await }
        })
        .buffer_unordered(AT_ONCE)
    );
    while let Some(Ok(answer)) = answers.next().await {
        accepted.lock().unwrap().push(id_of(&answer.expect(201)));
    }
}
