//! `postsync listen`: every event reaches the application once and in order, whatever happens to the connection, the server or the
//! application; what was answered stands in the attempt log.
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use postsync_webhook::{Secret, verify_sync};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::harness::api::passthrough;
use crate::harness::growing::{self, Growing};
use crate::harness::receiver::Request;
use crate::harness::server::{KEY, free_port};
use crate::harness::{Api, PATIENCE, Receiver, Reply, SECRET, Server, Setup, poll};

/// Creates that are on their way at once.
const AT_ONCE: usize = 16;

/// The life of a connection through the [`cutter`].
const CUT_EVERY: Duration = Duration::from_millis(100);

/// A running `postsync listen`; killed when it is dropped.
struct Listening {
    child: Child,
    lines: Growing<String>,
    notes: Growing<String>,
}

impl Listening {
    /// Starts one, and waits until it is connected.
    async fn start(server: &Server, at: SocketAddr, arguments: &[&str]) -> Self {
        let listening = Self::spawn(&server.setup(), at, arguments);
        listening.notes.first("it is connected", |line| line.contains("Listening as ")).await;
        listening
    }

    fn spawn(setup: &Setup, at: SocketAddr, arguments: &[&str]) -> Self {
        let mut command = setup.command(&[&["listen"], arguments].concat());
        command.env("POSTSYNC_SERVER", format!("http://{at}")).env("POSTSYNC_API_KEY", KEY);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = growing::lines(child.stdout.take().unwrap());
        let notes = growing::lines(child.stderr.take().unwrap());
        Self { child, lines, notes }
    }

    /// How it ended, and what it said.
    async fn ended(mut self) -> (Option<i32>, String) {
        let ended = timeout(PATIENCE, self.child.wait()).await.unwrap_or_else(|_| panic!("{:?}", self.notes.all()));
        (ended.unwrap().code(), self.notes.all().join("\n"))
    }
}

/// The same on a terminal, as `script` makes one.
struct Terminal(Listening);

impl Terminal {
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let program = format!("{} listen {}", env!("CARGO_BIN_EXE_postsync"), arguments.join(" "));
        let mut command = Command::new("script");
        command.args(["-qec", &program, "/dev/null"]).stdin(Stdio::piped()).kill_on_drop(true);
        command.env("POSTSYNC_SERVER", format!("http://{}", server.address)).env("POSTSYNC_API_KEY", KEY);
        Self(Listening::of(command))
    }

    async fn prints(&self, text: &str) {
        self.0.lines.first("it is printed", |line| line.contains(text)).await;
    }

    async fn press(&mut self, key: &str) {
        let keys = self.0.child.stdin.as_mut().unwrap();
        keys.write_all(key.as_bytes()).await.unwrap();
        keys.flush().await.unwrap();
    }
}

/// Passes connections on to the server, and cuts each after a while.
async fn cutter(to: SocketAddr, cuts: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut outside, _)) = listener.accept().await {
            let cuts = cuts.clone();
            tokio::spawn(async move {
                let mut inside = TcpStream::connect(to).await?;
                let both = copy_bidirectional(&mut outside, &mut inside);
                if cuts.load(Ordering::Relaxed) {
                    // Over is over: that the time has passed is what is wanted here.
                    let _ = timeout(CUT_EVERY, both).await;
                    return Ok(());
                }
                both.await.map(|_| ())
            });
        }
    });
    address
}

/// Makes so many events. None of them has a `webhookUrl`.
async fn make(api: &Api, count: usize) {
    let mut body = passthrough("");
    body.as_object_mut().unwrap().remove("webhookUrl");
    let made = futures::stream::iter(0..count).map(|_| api.create(&body)).buffer_unordered(AT_ONCE);
    made.for_each(|_| async {}).await;
}

/// The ids of all that has happened, in order.
async fn feed(api: &Api) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/postsync/v1/events/poll?consumer=test&limit=1000{after}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        if items.is_empty() {
            return ids;
        }
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        after = format!("&after={}", page["nextCursor"].as_str().unwrap());
    }
}

fn ids(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| request.header("Webhook-Id").to_owned()).collect()
}

fn is_signed(request: &Request) {
    let now = request.header("Webhook-Timestamp").parse().unwrap();
    let signature = Some(request.header("Sync-Signature").as_bytes());
    verify_sync(signature, &request.body, &[Secret::new(SECRET).unwrap()], now, Duration::from_secs(1)).unwrap();
}

async fn listener(api: &Api) -> Value {
    let page = api.get("/postsync/v1/listeners").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    page["items"][0].clone()
}

/// The application gets exactly what is in the feed, in that order.
async fn gets_the_feed(api: &Api, receiver: &Receiver, count: usize) {
    poll("all have ended", async || {
        let waiting = api.get("/v2/generations/count?status=PENDING,PROCESSING").await.expect(200);
        (waiting["count"] == 0).then_some(())
    })
    .await;
    let want = feed(api).await;
    assert_eq!(want.len(), count);
    let enough = |all: &[Request]| (all.len() >= count).then(|| all.to_vec());
    let got = receiver.requests.until_closed_within(PATIENCE * 3, "all of them come", enough).await.unwrap();
    assert_eq!(ids(&got), want, "each once, in order");
    got.iter().for_each(is_signed);
    poll("the server knows that all were answered", async || (listener(api).await["behind"] == 0).then_some(())).await;
    let answered = api.deliveries("status=delivered").await;
    let of_listener: Vec<&Value> = answered.iter().filter(|delivery| delivery["origin"] == "listener").collect();
    assert_eq!(of_listener.len(), count, "each answer is on record once");
    assert_eq!(receiver.requests.len(), count, "none came twice meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_every_100_ms_loses_and_doubles_nothing() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let cuts = Arc::new(AtomicBool::new(true));
    let at = cutter(server.address, cuts.clone()).await;
    let listening = Listening::start(&server, at, &["--forward-to", &receiver.url("/webhook"), "--name", "cut"]).await;
    let api = server.api();
    make(&api, 1_000).await;
    gets_the_feed(&api, &receiver, 1_000).await;
    assert!(listening.notes.all().iter().any(|line| line.contains("Connecting again")), "it was cut");
    assert_eq!(listening.lines.count("a line for each", 1_000).await.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_nobody_listens_comes_later_in_order() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let (api, to) = (server.api(), receiver.url("/webhook"));
    let arguments = ["--forward-to", &to, "--name", "laptop"];
    drop(Listening::start(&server, server.address, &arguments).await);
    make(&api, 3_600).await;
    poll("it is known as gone, and behind", async || {
        let listener = listener(&api).await;
        (listener["connected"] == false && listener["behind"] == 3_600).then_some(())
    })
    .await;
    let _listening = Listening::start(&server, server.address, &arguments).await;
    gets_the_feed(&api, &receiver, 3_600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_and_an_application_that_is_away_change_nothing() {
    let port = free_port();
    let server = Setup::new().start().await;
    let (api, to) = (server.api(), format!("{port}/webhook?secret=1"));
    let listening = Listening::start(&server, server.address, &["--forward-to", &to, "--name", "a"]).await;
    make(&api, 20).await;
    let held = poll("the first one is held", async || {
        let listener = listener(&api).await;
        listener["holding"].is_object().then(|| listener["holding"].clone())
    })
    .await;
    assert_eq!(
        (&held["eventId"], &held["error"]),
        (&json!(feed(&api).await[0]), &json!(format!("nothing listens on localhost:{port}")))
    );
    assert!(listening.notes.all().iter().any(|line| line.contains("is held and tried again")));

    // A stop is told, a death is not; from both it goes on.
    let server = server.stop().await.start().await;
    listening.notes.first("the stop is told", |line| line.contains("the server stops")).await;
    let server = server.kill().await.start().await;
    let receiver = Receiver::at(port, |request| Reply::Status(if request.attempt() > 1 { 503 } else { 200 })).await;
    gets_the_feed(&api, &receiver, 20).await;
    let first = &receiver.requests.all()[0];
    assert!(first.attempt() > 1, "the tries before are counted: {}", first.head);
    assert_eq!(first.line(), "POST /webhook?secret=1 HTTP/1.1");

    // Any answer acknowledges; what it was is told.
    let all = api.deliveries("status=delivered").await;
    let details = api.delivery(all.last().unwrap()["id"].as_str().unwrap()).await;
    let attempt = &details["attemptLog"][0];
    assert_eq!((&attempt["httpStatus"], &attempt["outcome"]), (&json!(503), &json!("failed")), "{details}");
    assert_eq!(details["attempts"].as_u64().unwrap(), u64::from(first.attempt()));
    assert_eq!(details["url"], format!("http://localhost:{port}/webhook?secret=1"));
    let replay =
        api.post(&format!("/postsync/v1/deliveries/{}/replay", details["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(replay.status, 409, "the server does not reach a developer's machine: {replay:?}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_name_takes_over_and_another_one_hears_everything_too() {
    let (first, second, other) = (Receiver::friendly().await, Receiver::friendly().await, Receiver::friendly().await);
    let server = Setup::new().start().await;
    let (api, at) = (server.api(), server.address);
    let one = Listening::start(&server, at, &["--forward-to", &first.url("/"), "--name", "me"]).await;
    let _other = Listening::start(&server, at, &["--forward-to", &other.url("/"), "--name", "other"]).await;
    make(&api, 3).await;
    first.requests.count("the first one hears", 3).await;
    poll("which is on record", async || {
        let page = api.get("/postsync/v1/listeners").await.expect(200);
        page["items"].as_array().unwrap().iter().all(|listener| listener["behind"] == 0).then_some(())
    })
    .await;
    let _two = Listening::start(&server, at, &["--forward-to", &second.url("/"), "--name", "me"]).await;
    let (code, said) = one.ended().await;
    assert_eq!(code, Some(1));
    assert!(said.contains("has taken over") && said.contains("--name"), "{said}");
    make(&api, 3).await;
    second.requests.count("the second one goes on", 3).await;
    assert_eq!(other.requests.count("the other one hears all", 6).await.len(), 6);
    assert_eq!((first.requests.len(), second.requests.len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_events_come_and_only_the_kinds_that_were_asked_for() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let to = receiver.url("/webhook");
    let arguments = ["--forward-to", &to, "--events", "generation.failed", "batch.completed", "--json"];
    let listening = Listening::start(&server, server.address, &arguments).await;
    make(&server.api(), 5).await;
    for event in ["generation.completed", "generation.failed", "batch.completed"] {
        let mut command = server.setup().command(&["trigger", event]);
        command.env("POSTSYNC_SERVER", format!("http://{}", server.address)).env("POSTSYNC_API_KEY", KEY);
        let output = command.output().await.unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told.contains("also to the listener "), event != "generation.completed", "{told}");
    }
    let got = receiver.requests.count("both come", 2).await;
    let kinds: Vec<&str> = got.iter().map(|request| request.header("Postsync-Event")).collect();
    assert_eq!(kinds, ["generation.failed", "batch.completed"]);
    got.iter().for_each(is_signed);
    assert!(got[0].json().to_string().contains("postsync-test"));
    let lines = listening.lines.count("a line for each", 2).await;
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(
        (&line["type"], &line["status"], &line["again"]),
        (&json!("generation.failed"), &json!(200), &json!(false))
    );
    poll("it passes over what it does not take", async || (listener(&server.api()).await["behind"] == 0).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_happened_can_be_had_again_and_the_last_one_with_a_key() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let (api, to) = (server.api(), receiver.url("/webhook"));
    make(&api, 30).await;
    api.deliveries("").await;
    let quiet = Listening::start(&server, server.address, &["--forward-to", &to, "--name", "new"]).await;
    assert!(quiet.notes.all()[0].contains("what happens from now on"));
    drop(quiet);

    let mut terminal = Terminal::start(&server, &["--forward-to", &to, "--name", "new", "--replay-since", "1h"]);
    let got = receiver.requests.count("all come again", 30).await;
    assert_eq!(ids(&got), feed(&api).await);
    terminal.prints(got[29].header("Webhook-Id")).await;
    terminal.press("r").await;
    let again = receiver.requests.count("the last one comes again", 31).await[30].clone();
    assert_eq!(again.header("Webhook-Id"), got[29].header("Webhook-Id"));
    assert_ne!(again.header("Postsync-Delivery"), got[29].header("Postsync-Delivery"));
    is_signed(&again);
    terminal.prints(" again").await;
    terminal.press("q").await;
    assert_eq!(terminal.0.ended().await.0, Some(0));

    // Who goes back a little does not pass over what waits.
    make(&api, 2).await;
    let arguments = ["--forward-to", &to, "--name", "new", "--replay-since", "1ms"];
    let _later = Listening::start(&server, server.address, &arguments).await;
    let all = receiver.requests.count("what waits comes", 33).await;
    assert_eq!(ids(&all[31..]), feed(&api).await[30..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_is_held_as_all_else_and_goes_on() {
    let is_away = Arc::new(AtomicBool::new(false));
    let away = is_away.clone();
    let reply = move |_: &Request| if away.load(Ordering::Relaxed) { Reply::Cut } else { Reply::Status(200) };
    let receiver = Receiver::start(None, reply).await;
    let server = Setup::new().start().await;
    let (api, to) = (server.api(), receiver.url("/webhook"));
    let mut terminal = Terminal::start(&server, &["--forward-to", &to, "--name", "new"]);
    terminal.prints("Listening as ").await;
    make(&api, 1).await;
    terminal.prints("  200 in ").await;
    is_away.store(true, Ordering::Relaxed);
    terminal.press("r").await;
    terminal.prints("is held and tried again").await;
    make(&api, 2).await;
    is_away.store(false, Ordering::Relaxed);
    let first = receiver.requests.all()[0].header("Webhook-Id").to_owned();
    poll("the others happen", async || (feed(&api).await.len() == 3).then_some(())).await;
    poll("and come behind it", async || (listener(&api).await["behind"] == 0).then_some(())).await;
    let got = ids(&receiver.requests.all());
    let (held, others) = got.split_at(got.len() - 2);
    assert!(held.len() > 2 && held.iter().all(|id| *id == first), "{got:?}");
    assert_eq!(others, &feed(&api).await[1..]);
    terminal.press("q").await;
    assert_eq!(terminal.0.ended().await.0, Some(0));
}

#[tokio::test]
async fn what_can_not_be_is_told() {
    let server = Setup::new().start().await;
    let setup = server.setup();
    let run = async |key: &str, arguments: &[&str]| {
        let mut command = setup.command(&[&["listen"], arguments].concat());
        command.env("POSTSYNC_SERVER", format!("http://{}", server.address)).env("POSTSYNC_API_KEY", key);
        let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(run(KEY, &["--print-secret"]).await, (Some(0), format!("{SECRET}\n"), String::new()));
    for (key, arguments, code, said) in [
        (KEY, &[][..], 2, "--forward-to"),
        (KEY, &["--forward-to", "ftp://x/"], 2, "it is no URL such as"),
        (KEY, &["--forward-to", "3000", "--name", "a b"], 2, "letters, digits"),
        (
            KEY,
            &["--forward-to", "3000", "--events", "generation.nothing"],
            2,
            "generation.completed, generation.failed",
        ),
        (KEY, &["--forward-to", "3000", "--replay-since", "yesterday"], 2, "a duration such as 1h"),
        ("psk-wrong", &["--forward-to", "3000"], 1, "does not know the key in POSTSYNC_API_KEY"),
    ] {
        let (ended, _, complaint) = run(key, arguments).await;
        assert!(ended == Some(code) && complaint.contains(said), "{arguments:?}: {ended:?} {complaint}");
    }
}
