//! Five hundred receivers that hold, flood and mislead, all at once: each attempt ends by its deadline under the name of what was
//! done to it, the server stays small, and a receiver that is well is served meanwhile. (What egress makes of each kind alone, and
//! of more kinds, is in its own tests.)
use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::api::passthrough;
use crate::harness::{Receiver, Server, Setup, poll};

/// Of each kind, each with a port of its own: one destination lets few in at a time.
const OF_EACH_KIND: usize = 50;

/// Deliveries to the receiver that is well, while the others hold their attempts.
const HEALTHY: usize = 100;

/// Requests that the test has open at once.
const AT_ONCE: usize = 32;

/// Slower than anybody should wait for.
const DRIP_EVERY: Duration = Duration::from_millis(200);

const GROWTH_BYTES_MAX: u64 = 20 * 1024 * 1024;

#[derive(Clone, Copy)]
enum Kind {
    Silent,
    SilentInTls,
    HalfOpen,
    DripsItsHead,
    DripsItsBody,
    EndlessBody,
    EndlessHead,
    ManyHeaders,
    Garbage,
    Closes,
}

/// Each, and what the log calls it; `None` where the head was whole and said yes.
const KINDS: [(Kind, Option<&str>); 10] = [
    (Kind::Silent, Some("response_timeout")),
    (Kind::SilentInTls, Some("tls_timeout")),
    (Kind::HalfOpen, Some("response_timeout")),
    (Kind::DripsItsHead, Some("response_timeout")),
    (Kind::DripsItsBody, None),
    (Kind::EndlessBody, None),
    (Kind::EndlessHead, Some("response_too_large")),
    (Kind::ManyHeaders, Some("response_too_large")),
    (Kind::Garbage, Some("response_malformed")),
    (Kind::Closes, Some("response_reset")),
];

impl Kind {
    /// The URL of a new one.
    async fn start(self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let scheme = if matches!(self, Self::SilentInTls) { "https" } else { "http" };
        let url = format!("{scheme}://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move {
            if matches!(self, Self::HalfOpen) {
                // The system makes the connection, and nobody ever takes it.
                std::future::pending::<()>().await;
            }
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.treat(stream));
            }
        });
        url
    }

    /// Ends where the other side has hung up.
    async fn treat(self, mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 8192]).await;
        let (head, again): (&[u8], &[u8]) = match self {
            Self::Silent | Self::SilentInTls | Self::HalfOpen => (b"", b""),
            Self::DripsItsHead => (b"HTTP/1.1 200 OK\r\nA: ", b"x"),
            Self::DripsItsBody => (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
            Self::EndlessBody => (b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]),
            Self::EndlessHead => (b"HTTP/1.1 200 OK\r\nA: ", &[b'x'; 4096]),
            Self::ManyHeaders => (b"HTTP/1.1 200 OK\r\n", b"A: b\r\nA: b\r\nA: b\r\nA: b\r\n"),
            Self::Garbage => (b"<html>hello</html>\r\n", b""),
            Self::Closes => return,
        };
        let _ = stream.write_all(head).await;
        let drips = matches!(self, Self::DripsItsHead | Self::DripsItsBody);
        while !again.is_empty() && stream.write_all(again).await.is_ok() {
            if drips {
                tokio::time::sleep(DRIP_EVERY).await;
            }
        }
        while stream.read(&mut [0; 512]).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

/// Sends one webhook to each of so many receivers of each kind; gives what each generation's attempt must come to.
async fn attack(server: &Server, of_each: usize) -> BTreeMap<String, Option<&'static str>> {
    let api = server.api();
    let targets = (0..of_each).flat_map(|_| KINDS);
    let created = futures::stream::iter(targets).map(|(kind, comes_to)| {
        let api = api.clone();
        async move { (api.create(&passthrough(&kind.start().await)).await, comes_to) }
    });
    created.buffer_unordered(AT_ONCE).collect().await
}

async fn all_have_ended(server: &Server) {
    let api = server.api();
    // One row: a long list would be a cost of its own.
    let is_none = async |status: &str| {
        let page = api.get(&format!("/postsync/v1/deliveries?status={status}&limit=1")).await.expect(200);
        page["items"].get(0).is_none()
    };
    poll("every delivery has ended", async || {
        // Held back again between two looks is not ended.
        (is_none("parked").await && is_none("due").await && is_none("parked").await).then_some(())
    })
    .await;
}

/// Bytes, of the server's process.
fn memory(server: &Server, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures are worth a look with --nocapture")]
async fn five_hundred_at_once_end_and_cost_little_and_harm_nobody() {
    let well = Receiver::friendly().await;
    let setup = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s").with("POSTSYNC_DELIVERY_TIMEOUT", "8s");
    let server = setup.start().await;
    let api = server.api();
    // What is made at the first use is no cost of an attempt.
    for _ in 0..HEALTHY {
        api.create(&passthrough(&well.url("/hook"))).await;
    }
    let mut expected = attack(&server, 1).await;
    all_have_ended(&server).await;
    std::fs::write(format!("/proc/{}/clear_refs", server.pid().as_raw_nonzero()), "5").unwrap();
    let before = memory(&server, "VmRSS");

    expected.extend(attack(&server, OF_EACH_KIND).await);
    let mut healthy = Vec::new();
    for _ in 0..HEALTHY {
        healthy.push(api.create(&passthrough(&well.url("/hook"))).await);
    }
    all_have_ended(&server).await;
    let grown = memory(&server, "VmHWM").saturating_sub(before);

    let mut errors: BTreeMap<String, Value> = BTreeMap::new();
    for delivery in api.delivery_details().await {
        assert_eq!(delivery["attempts"], 1, "{delivery}");
        errors
            .insert(delivery["generationId"].as_str().unwrap().to_owned(), delivery["attemptLog"][0]["error"].clone());
    }
    assert_eq!(expected.len(), (OF_EACH_KIND + 1) * KINDS.len());
    for (id, error) in expected {
        assert_eq!(errors[&id], error.map_or(Value::Null, Value::from), "{id}");
    }
    assert!(healthy.iter().all(|id| errors[id].is_null()), "who is well is served meanwhile");
    println!("500 attempts: {grown} bytes more at the most, on {before}");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}
