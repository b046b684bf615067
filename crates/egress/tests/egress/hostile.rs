//! Receivers that want to hold, to fill or to mislead whoever sends to them. Each attempt ends by its deadlines with a report, what
//! they say costs bounded memory, and nobody else waits for them.
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use postsync_core::egress_rules::{Allow, EgressRules};
use postsync_core::outcome::{Outcome, SendReport};
use postsync_egress::{Egress, EgressSettings};
use postsync_engine::ports::{Post, Sender as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::certificates::Authority;
use crate::support::dns::name_server;
use crate::support::{Act, OK, SHORT, plain, post, raw, say, settings, tls};

/// Attempts under way at a time.
const ATTEMPTS: usize = 500;

/// What they may cost together.
const GROWTH_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// Of each phase of an attempt to a hostile receiver.
const PHASE_MAX: Duration = Duration::from_secs(3);

/// All phases one after the other, and as much again for a machine that is busy with other things.
const ATTEMPT_MAX: Duration = Duration::from_secs(2 * 5 * PHASE_MAX.as_secs());

/// Where the process that is measured finds its receivers: a line each, with the name, what it comes to, and the URL.
const RECEIVERS: &str = "HOSTILE_RECEIVERS";
const NAME_SERVER: &str = "HOSTILE_NAME_SERVER";

/// A hostile receiver, and what an attempt comes to there.
struct Hostile {
    name: &'static str,
    comes_to: &'static str,
    url: String,
}

fn hostile(name: &'static str, comes_to: &'static str, url: String) -> Hostile {
    Hostile { name, comes_to, url }
}

/// As many zeros as a packed body can stand for: 258 for each 13 bits.
fn gzip_bomb(bytes: usize) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let (mut held, mut bits) = (0u32, 0);
    let mut put = |value: u32, count: u32| {
        held |= value << bits;
        bits += count;
        while bits >= 8 {
            packed.push(held.to_le_bytes()[0]);
            held >>= 8;
            bits -= 8;
        }
    };
    // The last block, with fixed codes; a zero; then again and again the longest copy of what stands one byte before.
    put(0b011, 3);
    put(0b0000_1100, 8);
    for _ in 0..bytes * 8 / 13 {
        put(0b1010_0011, 8);
        put(0, 5);
    }
    packed
}

/// Writes a byte again and again, slower than anybody should wait for.
async fn drip(mut stream: TcpStream, head: &'static [u8]) {
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(head).await;
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(SHORT).await;
    }
}

async fn hold(stream: TcpStream) {
    let _held = stream;
    std::future::pending().await
}

/// A server whose connections are made by the system and never taken: for whoever sends, one that has vanished.
async fn half_open() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let _listener = listener;
        std::future::pending::<()>().await;
    });
    port
}

async fn answers(name: &'static str, comes_to: &'static str, act: Act) -> Hostile {
    hostile(name, comes_to, plain(move |_, _| act.clone()).await.http("/"))
}

/// Those that take time or room before there is a head.
async fn before_the_head() -> Vec<Hostile> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(100_000));
    let early = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
    let dripping = raw(|stream| drip(stream, b"HTTP/1.1 200 OK\r\nA: ")).await;
    let slow_tls = raw(|stream| drip(stream, &[0x16, 3, 3, 0x20, 0])).await;
    let holding = raw(hold).await;
    vec![
        hostile("a byte at a time of the head", "response_timeout", format!("http://{dripping}/")),
        hostile("a byte at a time of the handshake", "tls_timeout", format!("https://{slow_tls}/")),
        hostile("nothing of the handshake", "tls_timeout", format!("https://{holding}/")),
        hostile("half open", "response_timeout", format!("http://127.0.0.1:{}/", half_open().await)),
        answers("100,000 headers", "response_too_large", Act::SayAndHang(many.into_bytes())).await,
        answers("a header without an end", "response_too_large", {
            Act::SayForEver(bytes("HTTP/1.1 200 OK\r\nA: "), vec![b'b'; 1_000])
        })
        .await,
        answers("interim heads without an end", "response_too_large", Act::SayForEver(vec![], early)).await,
        answers("HTTP/0.9", "response_malformed", Act::SayAndClose(bytes("<html>hello</html>\r\n"))).await,
        answers("a name that is no UTF-8", "response_malformed", {
            Act::SayAndHang(b"HTTP/1.1 200 OK\r\nX-\xff: a\r\n\r\n".to_vec())
        })
        .await,
        answers("a close before it", "response_reset", Act::SayAndClose(vec![])).await,
        answers("two lengths", "response_malformed", {
            Act::SayAndHang(bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"))
        })
        .await,
    ]
}

/// Those whose head is whole, and whose body lies.
async fn in_the_body() -> Vec<Hostile> {
    let says = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let chunk: Vec<u8> = b"400\r\n".iter().copied().chain([b'x'; 1024]).chain(*b"\r\n").collect();
    let mut bomb = says("Content-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n");
    bomb.extend_from_slice(&gzip_bomb(100_000));
    let dripping = raw(|stream| drip(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")).await;
    vec![
        hostile("a byte at a time of the body", "delivered", format!("http://{dripping}/")),
        answers("chunks without an end", "delivered", {
            Act::SayForEver(says("Transfer-Encoding: chunked\r\n\r\n"), chunk)
        })
        .await,
        answers("a body without a length and an end", "delivered", Act::SayForEver(says("\r\n"), vec![b'x'; 1024]))
            .await,
        answers("a gzip bomb", "delivered", Act::SayAndHang(bomb)).await,
        answers("too short", "delivered", Act::SayAndClose(says("Content-Length: 9\r\n\r\nabc"))).await,
        answers("too long", "delivered", Act::SayAndClose(says("Content-Length: 1\r\n\r\nabc"))).await,
        answers("bad chunks", "delivered", Act::SayAndClose(says("Transfer-Encoding: chunked\r\n\r\nZZ\r\n"))).await,
        answers("a close after the head", "delivered", Act::SayAndClose(says("Content-Length: 9\r\n\r\n"))).await,
        answers("a value that is no UTF-8", "delivered", {
            Act::Say(b"HTTP/1.1 200 OK\r\nX-A: \xff\xfe\r\nContent-Length: 0\r\n\r\n".to_vec())
        })
        .await,
        answers("a redirect to a private address", "redirect", {
            say("HTTP/1.1 307 Away\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n")
        })
        .await,
    ]
}

/// Those that lie about who they are.
async fn on_the_way() -> Vec<Hostile> {
    let stranger = Authority::new();
    let certified = tls(stranger.server(&["app.example.com"], 2020, 2090, |_| {}), |_, _| say(OK)).await;
    let expired = tls(stranger.server(&["app.example.com"], 2020, 2021, |_| {}), |_, _| say(OK)).await;
    let speaks_http = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    });
    let speaks_http = speaks_http.await.port();
    vec![
        hostile("a public and a private address", "address_not_allowed", "http://mixed.example.com:8080/".into()),
        hostile("a private address", "address_not_allowed", "http://private.example.com:8080/".into()),
        hostile("a name server that says nothing", "dns_timeout", "http://silent.example.com:8080/".into()),
        hostile("a stranger's certificate", "tls_unknown_ca", certified.https("app.example.com")),
        hostile("an old certificate of a stranger", "tls_expired", expired.https("app.example.com")),
        hostile("plain http on the TLS port", "tls_not_spoken", format!("https://app.example.com:{speaks_http}/")),
    ]
}

async fn all() -> Vec<Hostile> {
    [before_the_head().await, in_the_body().await, on_the_way().await].into_iter().flatten().collect()
}

fn came_to(report: &SendReport) -> &'static str {
    report.outcome.error().map_or("delivered", |error| error.as_str())
}

/// The servers are here, what is measured is not: their memory must not be counted.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures are worth a look with --nocapture")]
async fn five_hundred_at_a_time_end_and_cost_little_and_harm_nobody() {
    let mut receivers = String::new();
    for Hostile { name, comes_to, url } in all().await {
        writeln!(receivers, "{name}\t{comes_to}\t{url}").unwrap();
    }
    let well = plain(|_, _| say(OK)).await;
    writeln!(receivers, "well\tdelivered\t{}", well.http("/")).unwrap();
    let measured = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::the_one_who_sends", "--ignored", "--nocapture"])
        .env(RECEIVERS, receivers)
        .env(NAME_SERVER, name_server().await.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let out = timeout(2 * ATTEMPT_MAX, measured).await.expect("it ends").unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    println!("{}", said.lines().find(|line| line.contains(" attempts: ")).unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of its own, which the test before this one starts"]
#[expect(clippy::print_stdout, reason = "it tells its figures to the one who started it")]
async fn the_one_who_sends() {
    let told = std::env::var(RECEIVERS).expect("started by the test of 500 attempts");
    let told = told.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let mut receivers: Vec<(String, String, String)> =
        told.map(|line| (line[0].to_owned(), line[1].to_owned(), line[2].to_owned())).collect();
    let (_, _, well) = receivers.pop().unwrap();
    let sender = sender();

    // What is made once, at the first use, is no cost of an attempt.
    attempts(&sender, &receivers, receivers.len()).await;
    let (before, ended) = (resident_anew(), Arc::new(AtomicBool::new(false)));
    let healthy = tokio::spawn(keep_delivering(sender.clone(), well, ended.clone()));
    attempts(&sender, &receivers, ATTEMPTS).await;
    let grown = status("VmHWM").saturating_sub(before);
    ended.store(true, Ordering::Relaxed);
    let delivered = healthy.await.unwrap();
    println!("{ATTEMPTS} attempts: {grown} bytes more at the most, {delivered} delivered beside them");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
    assert!(delivered > 100, "the receiver that is well is served meanwhile: {delivered}");
}

fn sender() -> Egress {
    let name_server = std::env::var(NAME_SERVER).unwrap().parse().unwrap();
    let mut settings = EgressSettings {
        rules: EgressRules { allow_http: true, allow: Allow::parse_list("127.0.0.1").unwrap() },
        name_servers: vec![name_server],
        ..EgressSettings::default()
    };
    let deadlines = &mut settings.deadlines;
    (deadlines.dns, deadlines.connect, deadlines.tls, deadlines.write) = (PHASE_MAX, PHASE_MAX, PHASE_MAX, PHASE_MAX);
    Egress::new(settings).unwrap()
}

/// So many at a time, to each receiver in turn. Each ends in time, and as it must.
async fn attempts(sender: &Egress, receivers: &[(String, String, String)], count: usize) {
    let attempts = receivers.iter().cycle().take(count).cloned().map(|(name, comes_to, url)| {
        let sender = sender.clone();
        tokio::spawn(async move {
            let post = Post { timeout: PHASE_MAX, ..post(url) };
            let report = timeout(ATTEMPT_MAX, sender.send(post)).await.unwrap_or_else(|_| panic!("{name} holds us"));
            assert_eq!(came_to(&report), comes_to, "{name}: {}", report.message);
        })
    });
    for attempt in join_all(attempts).await {
        attempt.unwrap();
    }
}

async fn keep_delivering(sender: Egress, url: String, ended: Arc<AtomicBool>) -> u32 {
    let mut delivered = 0;
    while !ended.load(Ordering::Relaxed) {
        let report = sender.send(post(url.clone())).await;
        assert_eq!(report.outcome, Outcome::Delivered { status: 200 }, "{}", report.message);
        delivered += 1;
    }
    delivered
}

/// What is resident now; the peak is counted from here.
fn resident_anew() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    status("VmRSS")
}

/// Bytes, of this process.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_gzip_bomb_is_kept_as_it_came() {
    let bomb = gzip_bomb(100_000);
    assert!(bomb.len() > 99_000, "16 MB, once unpacked");
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n".to_vec();
    answer.extend_from_slice(&bomb);
    let server = plain(move |_, _| Act::SayAndHang(answer.clone())).await;
    let report = Egress::new(settings()).unwrap().send(post(server.http("/"))).await;
    let kept = report.answer.unwrap();
    assert_eq!((&kept.body[..], kept.truncated), (&bomb[..16 * 1024], true));
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let mut private = plain(|_, _| say(OK)).await;
    let to = format!("HTTP/1.1 308 Away\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", private.http("/"));
    let server = plain(move |_, _| say(&to)).await;
    let report = Egress::new(settings()).unwrap().send(post(server.http("/"))).await;
    assert_eq!(came_to(&report), "redirect", "{}", report.message);
    assert_eq!(private.requests(), 0);
    assert_eq!(report.answer.unwrap().header_lines().next().unwrap().0, "location", "the log shows where to");
}
