//! Generations that another postsync makes: it dies, half of its webhooks are lost, and each of them is made once and delivered.
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::harness::api::id_of;
use crate::harness::receiver::Request;
use crate::harness::server::{KEY, SECRET, Server, free_port};
use crate::harness::speech::speech;
use crate::harness::{Api, Receiver, Reply, Setup, sample};

const GENERATIONS: usize = 200;

/// Webhooks that have come here when the upstream is killed.
const KILLS_AT: [usize; 2] = [40, 110];

/// Creates that are on their way at once.
const AT_ONCE: usize = 16;

/// The fields in which what a client is told must not lead to the upstream.
const OURS: [&str; 2] = ["outputUrl", "segmentOutputUrl"];

/// What became of the upstream's webhooks.
#[derive(Default)]
struct Tally {
    lost: AtomicUsize,
    heard: AtomicUsize,
}

/// Takes the upstream's webhooks in our place: every other one is answered with 200 and thrown away.
async fn loses_half(ours: SocketAddr) -> (Receiver, Arc<Tally>) {
    let (count, tally) = (AtomicUsize::new(0), Arc::new(Tally::default()));
    let (http, told) = (reqwest::Client::builder().no_proxy().build().unwrap(), tally.clone());
    let losing = Receiver::start(None, move |request: &Request| {
        if count.fetch_add(1, Ordering::Relaxed) % 2 == 0 {
            told.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            let path = request.line().split(' ').nth(1).unwrap();
            let post = http
                .post(format!("http://{ours}{path}"))
                .header("content-type", "application/json")
                .header("sync-signature", request.header("Sync-Signature"))
                .body(request.body.clone());
            // Whatever comes of it: the upstream is not told.
            let told = told.clone();
            tokio::spawn(async move {
                let heard = post.send().await.is_ok_and(|answer| answer.status() == 200);
                told.heard.fetch_add(usize::from(heard), Ordering::Relaxed);
            });
        }
        Reply::Status(200)
    });
    (losing.await, tally)
}

/// Something to be fetched that begins as a video does: what is none is not taken for one.
async fn media() -> Receiver {
    let video = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\nConnection: close\r\n\r\n\0\0\0\x18ftypmp42\0\0\0\0isommp42";
    Receiver::start(None, move |_| Reply::Raw(video.to_owned())).await
}

/// A server that has `react-1` and `mesh-1` made by that upstream.
fn relaying(upstream: &Server) -> Setup {
    Setup::new()
        .with("POSTSYNC_MODELS_REACT_1", "sync")
        .with("POSTSYNC_MODELS_MESH_1", "sync")
        .with("POSTSYNC_SYNC_BASE_URL", &format!("http://{}", upstream.address))
        .with("POSTSYNC_SYNC_API_KEY", KEY)
}

fn request(media: &Receiver, number: usize, webhook_url: &str) -> Value {
    json!({
        "model": "react-1",
        "input": [
            {"type": "video", "url": media.url(&format!("/{number}.mp4"))},
            {"type": "audio", "url": media.url("/a.wav")},
        ],
        "webhookUrl": webhook_url,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_loses_webhooks_and_dies_loses_nothing() {
    let (media, receiver) = (media().await, Receiver::friendly().await);
    let mut upstream = Setup::new().with("POSTSYNC_MODELS_REACT_1", "passthrough").start().await;
    let port = free_port();
    let (losing, tally) = loses_half(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let ours = relaying(&upstream)
        .with("POSTSYNC_LISTEN", &format!("127.0.0.1:{port}"))
        .with("POSTSYNC_PUBLIC_URL", &losing.url(""))
        .with("POSTSYNC_SYNC_WEBHOOK_SECRET", SECRET)
        .start()
        .await;
    let creating = tokio::spawn(create_all(ours.api(), media.clone(), receiver.url("/hook")));
    for enough in KILLS_AT {
        receiver.requests.count("webhooks have come", enough).await;
        upstream = upstream.kill().await.start().await;
    }
    let ids = creating.await.unwrap();
    // Ours dies too, with some of them on their way.
    let ours = ours.kill().await.start().await;
    let ended = ours.api().all_ended(&ids).await;
    let failed: Vec<&Value> = ended.iter().filter(|generation| generation["status"] != "COMPLETED").collect();
    assert!(failed.is_empty(), "{failed:?}");
    for generation in &ended {
        let urls = OURS.map(|field| generation[field].as_str().unwrap_or_default());
        assert!(urls[0].starts_with(&losing.url("/v2/generations/")), "{generation}");
        assert!(urls.iter().all(|url| !url.contains(&upstream.address.to_string())), "{generation}");
    }
    for id in &ids {
        let _ = ours.api().delivery_in(id, &["delivered"]).await;
    }
    let told: BTreeSet<String> = receiver.requests.all().iter().map(|request| id_of(&request.json())).collect();
    assert_eq!(told, ids.into_iter().collect(), "each was told of");
    made_once(&upstream.api()).await;
    for count in [&tally.lost, &tally.heard] {
        assert!(count.load(Ordering::Relaxed) > GENERATIONS / 4, "half are lost, half are heard: {count:?}");
    }
}

async fn create_all(api: Api, media: Receiver, webhook_url: String) -> Vec<String> {
    let bodies = (0..GENERATIONS).map(|number| request(&media, number, &webhook_url));
    let creates = bodies.map(|body| {
        let api = api.clone();
        async move { api.create(&body).await }
    });
    futures::stream::iter(creates).buffered(AT_ONCE).collect().await
}

/// Counted at the upstream, by what each is made from.
async fn made_once(upstream: &Api) {
    let (mut times, mut cursor) = (BTreeMap::<String, usize>::new(), String::new());
    loop {
        let page = upstream.get(&format!("/v2/generations?limit=100{cursor}")).await.expect(200);
        let page = page.as_array().unwrap();
        for generation in page {
            *times.entry(generation["input"][0]["url"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        match page.last() {
            Some(last) if page.len() == 100 => cursor = format!("&cursor={}", id_of(last)),
            _ => break,
        }
    }
    assert_eq!(times.len(), GENERATIONS);
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "submitted more than once: {twice:?}");
}

#[tokio::test]
async fn uploads_go_up_and_the_video_comes_back_without_a_public_url() {
    let receiver = Receiver::friendly().await;
    let upstream = Setup::new().start().await;
    let ours = relaying(&upstream).start().await;
    let made = ours.api().upload(sample("astronaut.png"), speech(1), &receiver.url("/hook")).await.expect(201);
    let ended = ours.api().ended(&id_of(&made)).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    let url = ended["outputUrl"].as_str().unwrap();
    assert!(url.starts_with(&ours.api().base), "{url}");
    let video = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    assert_eq!(video.headers()["content-type"], "video/mp4");
    assert!(ended["outputDuration"].as_f64().unwrap() > 0.5, "{ended}");
    let sent = receiver.requests.count("the webhook", 1).await.remove(0).json();
    assert_eq!(sent, ended);
    let theirs = upstream.api().get("/v2/generations").await.expect(200);
    assert_eq!((theirs.as_array().unwrap().len(), &theirs[0]["webhookUrl"]), (1, &Value::Null));
}

#[tokio::test]
async fn what_the_operator_must_mend_is_said() {
    let media = media().await;
    let upstream = Setup::new().with("POSTSYNC_MODELS_REACT_1", "passthrough").start().await;
    let ours = relaying(&upstream).with("POSTSYNC_SYNC_API_KEY", "not-a-key-of-the-upstream").start().await;
    let id = ours.api().create(&request(&media, 1, &media.url("/hook"))).await;
    let ended = ours.api().ended(&id).await;
    assert_eq!(ended["status"], "FAILED");
    assert!(ended["error"].as_str().unwrap().contains("sync.api_key"), "{ended}");
    let shown = ours.setup().printed(&["config", "show"]).await;
    assert!(!shown.contains("not-a-key-of-the-upstream") && shown.contains("sync.api_key"), "{shown}");
    let said = Setup::new().with("POSTSYNC_MODELS_REACT_1", "sync").refused().await;
    assert!(said.contains("models.react-1") && said.contains("POSTSYNC_SYNC_API_KEY"), "{said}");
}

#[tokio::test]
async fn a_cancel_here_is_one_at_the_upstream() {
    // The upstream waits for its inputs, for as long as it likes.
    let media = Receiver::start(None, |_| Reply::Hold).await;
    let upstream = Setup::new().start().await;
    let ours = relaying(&upstream).start().await;
    let mut asked = request(&media, 1, "https://app.example.com/unused");
    asked["model"] = "mesh-1".into();
    asked.as_object_mut().unwrap().remove("webhookUrl");
    let id = ours.api().create(&asked).await;
    media.requests.count("the upstream fetches", 1).await;
    let canceled = ours.api().post(&format!("/postsync/v1/generations/{id}/cancel"), &json!({})).await.expect(200);
    assert_eq!((&canceled["status"], &canceled["error_code"]), (&"FAILED".into(), &"generation_canceled".into()));
    let theirs = upstream.api().get("/v2/generations").await.expect(200);
    assert_eq!(theirs.as_array().unwrap().len(), 1, "{theirs}");
    let theirs = upstream.api().ended(&id_of(&theirs[0])).await;
    assert_eq!((&theirs["status"], &theirs["error_code"]), (&"FAILED".into(), &"generation_canceled".into()));
}
