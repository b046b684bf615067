//! Push, poll and stream tell the same: the same events in the same bytes, whatever is killed or stopped meanwhile.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::harness::api::{id_of, passthrough};
use crate::harness::growing::Growing;
use crate::harness::{Api, Receiver, Reply, Server, Setup, script};

/// Creates that are on their way at once.
const AT_ONCE: usize = 16;

/// Every so many-th POST is refused at first, so that push has another order than the feed.
const REFUSED_EVERY: usize = 9;

/// A stop that readers hold up takes `shutdown.grace`, 20 seconds.
const STOP_MAX: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_poll_and_stream_tell_the_same_under_restarts() {
    tell_the_same(1_500, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes long: the same in full"]
async fn push_poll_and_stream_tell_the_same_under_restarts_in_full() {
    tell_the_same(10_000, 20).await;
}

/// An event as a reader has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    seq: i64,
    kind: String,
    body: String,
}

type Events = BTreeMap<String, Seen>;

/// What the readers share: where the server is, and whether it is there.
#[derive(Clone)]
struct Reading {
    api: Api,
    up: watch::Receiver<bool>,
    seen: Arc<Mutex<Events>>,
    /// Ids of what was read, each once.
    read: Growing<String>,
}

impl Reading {
    /// Keeps an event. One that comes again must be the same.
    fn keep(&self, item: &Value) {
        let (id, event) = read(item);
        let before = self.seen.lock().unwrap().insert(id.clone(), event.clone());
        match before {
            Some(before) => assert_eq!(before, event),
            None => self.read.push(id),
        }
    }

    /// What was read, once that is so many events.
    async fn all(&self, reader: tokio::task::JoinHandle<()>, count: usize) -> Events {
        self.read.count("every event is read", count).await;
        reader.abort();
        // A reader that has failed says why.
        assert!(reader.await.is_err_and(|end| end.is_cancelled()));
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Waits until the server is started again. Whoever asks has just been cut off.
    async fn until_up(&self) {
        let _ = self.up.clone().wait_for(|up| *up).await;
    }
}

async fn tell_the_same(events: usize, restarts: usize) {
    let refused = std::sync::atomic::AtomicUsize::new(0);
    let receiver = Receiver::start(None, move |request| {
        let count = refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if request.attempt() == 1 && count.is_multiple_of(REFUSED_EVERY) {
            Reply::Status(500)
        } else {
            Reply::Status(200)
        }
    })
    .await;
    // No two attempts at once and hours apart: what was refused must come again while the test runs.
    let setup = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s,1s,2s,4s,8s");
    let server = setup.start().await;
    let (set_up, up) = watch::channel(true);
    let api = server.api();
    let reading = || Reading { api: api.clone(), up: up.clone(), seen: Arc::default(), read: Growing::default() };
    let (polling, streaming) = (reading(), reading());
    let poller = tokio::spawn(poll(polling.clone()));
    let (opened, open) = oneshot::channel();
    let streamer = tokio::spawn(stream(streaming.clone(), opened));
    // A stream begins with what happens once it is open.
    open.await.unwrap();
    let accepted = Growing::default();
    let creators = create(api.clone(), up.clone(), receiver.url("/hook"), accepted.clone(), events);
    let creators = tokio::spawn(creators);

    let mut server = server;
    for restart in 1..=restarts {
        accepted.count("creates are accepted", events * restart / (restarts + 1)).await;
        set_up.send_replace(false);
        let setup = if restart.is_multiple_of(2) { in_good_order(server).await } else { server.kill().await };
        server = setup.start().await;
        set_up.send_replace(true);
    }
    creators.await.unwrap();
    api.all_ended(&accepted.all()).await;

    let listed = list(&api).await;
    // What was created and not answered before a kill has happened, too.
    assert!(listed.len() >= events, "{} of {events}", listed.len());
    let pushed = pushed(&receiver, listed.len()).await;
    let polled = polling.all(poller, listed.len()).await;
    let streamed = streaming.all(streamer, listed.len()).await;
    let (seqs, whole): (Vec<i64>, Vec<i64>) = (sorted(&listed), (1..=i64::try_from(listed.len()).unwrap()).collect());
    assert_eq!(seqs, whole, "places have no gaps");
    assert!(polled == listed, "poll: {}", difference(&polled, &listed));
    assert!(streamed == listed, "stream: {}", difference(&streamed, &listed));
    let bodies = listed.iter().map(|(id, seen)| (id.clone(), (seen.kind.clone(), seen.body.clone())));
    assert_eq!(pushed, bodies.collect(), "push");
}

fn sorted(events: &Events) -> Vec<i64> {
    let mut seqs: Vec<i64> = events.values().map(|seen| seen.seq).collect();
    seqs.sort_unstable();
    seqs
}

fn difference(seen: &Events, listed: &Events) -> String {
    let odd = listed.iter().find(|(id, event)| seen.get(*id) != Some(event));
    format!("{} of {}, first {odd:?}", seen.len(), listed.len())
}

async fn in_good_order(server: Server) -> Setup {
    let begin = Instant::now();
    let setup = server.stop().await;
    assert!(begin.elapsed() < STOP_MAX, "readers held the stop up for {:?}", begin.elapsed());
    setup
}

/// Creates until so many are accepted.
async fn create(api: Api, up: watch::Receiver<bool>, webhook: String, accepted: Growing<String>, count: usize) {
    let (api, body) = (Arc::new(api), passthrough(&webhook).to_string());
    futures::stream::iter(0..count)
        .for_each_concurrent(AT_ONCE, |_| {
            let (api, body, mut up, accepted) = (api.clone(), body.clone(), up.clone(), accepted.clone());
            async move {
                loop {
                    match api.try_create(&body).await {
                        Ok(answer) if answer.status == 201 => return accepted.push(id_of(&answer.json())),
                        _ => _ = up.wait_for(|up| *up).await,
                    }
                    tokio::task::yield_now().await;
                }
            }
        })
        .await;
}

/// One consumer: polls, keeps, commits; for ever.
async fn poll(reading: Reading) {
    loop {
        let Ok(answer) = reading.api.try_get("/postsync/v1/events/poll?consumer=e2e&wait=30&limit=50").await else {
            reading.until_up().await;
            continue;
        };
        if answer.status == 503 {
            reading.until_up().await;
            continue;
        }
        let page = answer.expect(200);
        page["items"].as_array().unwrap().iter().for_each(|item| reading.keep(item));
        let commit = json!({"consumer": "e2e", "cursor": page["nextCursor"]});
        let _ = reading.api.try_post("/postsync/v1/events/commit", &commit).await;
    }
}

/// An item, by its id.
fn read(item: &Value) -> (String, Seen) {
    let text = |name: &str| item[name].as_str().unwrap_or_else(|| panic!("{item}")).to_owned();
    (text("id"), Seen { seq: item["seq"].as_i64().unwrap(), kind: text("type"), body: text("body") })
}

/// One stream, opened again behind the last id whenever it ends.
async fn stream(reading: Reading, opened: oneshot::Sender<()>) {
    let (mut seen, mut last_id, mut opened) = (0, String::new(), Some(opened));
    loop {
        let response = match reading.api.try_stream(&last_id).await {
            Ok(response) if response.status() == 200 => response,
            Ok(response) if response.status() != 503 => panic!("{response:?}"),
            _ => {
                reading.until_up().await;
                continue;
            }
        };
        opened.take().into_iter().for_each(|opened| _ = opened.send(()));
        let (mut bytes, mut text) = (response.bytes_stream(), Vec::new());
        while let Some(Ok(chunk)) = bytes.next().await {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = text.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                if let Some(data) = field("data: ") {
                    let item: Value = serde_json::from_str(&data).unwrap();
                    seen += 1;
                    assert_eq!(item["seq"], seen, "in order, each once");
                    reading.keep(&item);
                }
                last_id = field("id: ").unwrap_or(last_id);
            }
        }
    }
}

/// Every event, by the list.
async fn list(api: &Api) -> Events {
    let (mut seen, mut cursor) = (Events::new(), String::new());
    loop {
        let page = api.get(&format!("/postsync/v1/events?limit=500{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(read));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

/// What the receiver was sent, once it was sent that many events. What came twice must be the same.
async fn pushed(receiver: &Receiver, count: usize) -> BTreeMap<String, (String, String)> {
    let (mut seen, mut looked_at) = (BTreeMap::new(), 0);
    receiver
        .requests
        .until("every event is pushed", |all| {
            for request in &all[looked_at..] {
                let body = String::from_utf8(request.body.clone()).unwrap();
                let event = (request.header("Postsync-Event").to_owned(), body);
                let before = seen.insert(request.header("Webhook-Id").to_owned(), event.clone());
                assert!(before.is_none_or(|before| before == event));
            }
            looked_at = all.len();
            (seen.len() >= count).then_some(())
        })
        .await;
    seen
}

fn passthrough_without_webhook() -> Value {
    let mut body = passthrough("https://unused.example/");
    body.as_object_mut().unwrap().remove("webhookUrl");
    body
}

#[tokio::test]
async fn the_documented_loop_reads_what_nobody_was_sent() {
    let server = Setup::new().start().await;
    let api = server.api();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(api.create(&passthrough_without_webhook()).await);
    }
    api.all_ended(&ids).await;
    let consumer = script::feed_consumer(&api, "billing");
    let said = consumer.deliveries(5).await;
    assert_eq!(said.iter().map(id_of).collect::<Vec<_>>(), ids_in_order(&api).await);
    all_committed(&api).await;
    // What comes after its server was killed under its wait.
    let _server = server.kill().await.start().await;
    let late = api.create(&passthrough_without_webhook()).await;
    assert_eq!(id_of(&consumer.deliveries(6).await[5]), late);
    all_committed(&api).await;
    drop(consumer);
    // Another run of it goes on where the first has committed.
    let later = api.create(&passthrough_without_webhook()).await;
    let again = script::feed_consumer(&api, "billing").deliveries(1).await;
    assert_eq!(id_of(&again[0]), later);
}

#[tokio::test]
async fn the_documented_loop_says_what_it_lacks() {
    let mut command = script::feed_reader();
    let ran = command.env_remove("POSTSYNC_API_KEY").output().await.unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.starts_with("POSTSYNC_API_KEY is not set") && said.lines().count() == 1, "{said}");
}

/// Waits until the consumer has committed all that there is: who is cut before gets the same once more.
async fn all_committed(api: &Api) {
    crate::harness::poll("all is committed", async || {
        let page = api.get("/postsync/v1/events/poll?consumer=billing").await.expect(200);
        page["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
}

async fn ids_in_order(api: &Api) -> Vec<String> {
    let mut events: Vec<Seen> = list(api).await.into_values().collect();
    events.sort_by_key(|seen| seen.seq);
    events.iter().map(|seen| id_of(&serde_json::from_str(&seen.body).unwrap())).collect()
}
