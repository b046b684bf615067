//! What goes out, byte for byte, and what each way of answering it comes to.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::support::{Act, Names, OK, SHORT, SOON, Seen, plain, post, raw, rotating, say, settings, signing};
use bytes::Bytes;
use postsync_core::endpoint::CustomHeaders;
use postsync_core::outcome::{Outcome, Phases, RetryAfter, SendError, SendReport};
use postsync_core::time::Timestamp;
use postsync_egress::{Egress, EgressSettings, ResolveFailure};
use postsync_engine::ports::{Post, Sender as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

fn egress() -> Egress {
    Egress::new(settings()).unwrap()
}

async fn send(egress: &Egress, post: Post) -> SendReport {
    timeout(SOON, egress.send(post)).await.expect("every send ends")
}

#[tokio::test]
async fn the_request_byte_for_byte() {
    let mut server = plain(|_, _| say(OK)).await;
    let report = send(&egress(), post(server.http("/webhook?token=a%20b"))).await;
    assert_eq!((report.outcome, report.message.as_str()), (Outcome::Delivered { status: 200 }, ""));
    // The signatures were made with another implementation (Python's hmac).
    let want = [
        "POST /webhook?token=a%20b HTTP/1.1",
        &format!("Host: {}", server.address),
        "Content-Type: application/json",
        concat!("User-Agent: postsync/", env!("CARGO_PKG_VERSION")),
        "Sync-Signature: t=1795422077,v1=cf3f19fc2c9ee9b044197d0e5e1460b511d9188d2a0e452b99b19f4932a29117",
        "Webhook-Id: evt_0000000000001",
        "Webhook-Timestamp: 1795422077",
        "Webhook-Signature: v1,mmiGgKkfgfv6kuXhCX9me0ol7sIyW1+bk1BChhX+Wso=",
        "Postsync-Event: generation.completed",
        "Postsync-Delivery: dlv_0000000000002",
        "Postsync-Attempt: 3",
        "Content-Length: 12",
        "",
        "{\"id\":\"b-1\"}",
    ]
    .join("\r\n");
    assert_eq!(server.request().await.1, want);
}

/// Sync's receivers read one `Sync-Signature` with one `v1`: what else signs stands in headers of its own, under the exact names.
#[tokio::test]
async fn a_rotation_byte_for_byte() {
    let mut server = plain(|_, _| say(OK)).await;
    let rotating = rotating();
    let sent = || Post { signing: rotating.clone(), ..post(server.http("/")) };
    let (in_time, late) = (sent(), Post { at: Timestamp(1_795_422_077_124), ..sent() });
    let mac = |n: u8| {
        let signed =
            postsync_webhook::sign_sync(&postsync_core::Secret::generate([n; 32]), 1_795_422_077, &in_time.body);
        signed.strip_prefix("t=1795422077,v1=").unwrap().to_owned()
    };
    let standard = |n: u8| {
        let secret = postsync_core::Secret::generate([n; 32]);
        postsync_webhook::sign_standard(&secret, &in_time.event.to_string(), 1_795_422_077, &in_time.body).unwrap()
    };
    let lines = |all: bool| {
        let mut lines = vec![
            format!("Sync-Signature: t=1795422077,v1={}", mac(2)),
            format!("Sync-Signature-Next: t=1795422077,v1={}", mac(3)),
        ];
        lines.extend(all.then(|| format!("Sync-Signature-Previous: t=1795422077,v1={}", mac(1))));
        lines.push("Webhook-Id: evt_0000000000001".to_owned());
        lines.push("Webhook-Timestamp: 1795422077".to_owned());
        let signers: &[u8] = if all { &[2, 3, 1] } else { &[2, 3] };
        let signatures: Vec<String> = signers.iter().map(|n| standard(*n)).collect();
        lines.push(format!("Webhook-Signature: {}", signatures.join(" ")));
        lines.join("\r\n")
    };
    let (all, without_previous) = (lines(true), lines(false));
    for (post, want) in [(in_time, all), (late, without_previous)] {
        send(&egress(), post).await;
        let (_, request) = server.request().await;
        assert!(request.contains(&format!("\r\n{want}\r\n")), "{request}\nhas not\n{want}");
        assert_eq!(request.matches("Sync-Signature: ").count(), 1, "{request}");
    }
}

#[tokio::test]
async fn a_replay_says_so() {
    let mut server = plain(|_, _| say(OK)).await;
    send(&egress(), Post { is_replay: true, ..post(server.http("/")) }).await;
    let (_, request) = server.request().await;
    assert!(request.contains("\r\nPostsync-Attempt: 3\r\nPostsync-Replay: true\r\n"), "{request}");
}

#[tokio::test]
async fn an_endpoints_own_headers_follow_ours_in_title_case() {
    let mut server = plain(|_, _| say(OK)).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    // The last one could not have been registered: ours stands all the same.
    let own =
        vec![pair("x-gateway-token", "a: b"), pair("AUTHORIZATION", "Bearer c"), pair("sync-signature", "forged")];
    send(&egress(), Post { custom_headers: CustomHeaders::stored(own), ..post(server.http("/")) }).await;
    let (_, request) = server.request().await;
    let (_, behind) = request.split_once("Postsync-Attempt: 3\r\n").unwrap();
    assert!(behind.starts_with("X-Gateway-Token: a: b\r\nAuthorization: Bearer c\r\n"), "{request}");
    assert!(!request.contains("forged"), "{request}");
}

#[tokio::test]
async fn a_secret_without_a_standard_key_leaves_those_headers_out() {
    let mut server = plain(|_, _| say(OK)).await;
    let secret = postsync_core::Secret::new("whsec_8f14e45fceea167a5a36dedd4bea2543x").unwrap();
    send(&egress(), Post { signing: signing(secret), ..post(server.http("/")) }).await;
    let (_, request) = server.request().await;
    assert!(request.contains("\r\nSync-Signature: t=1795422077,v1=") && !request.contains("Webhook-"), "{request}");
}

#[tokio::test]
async fn the_status_decides() {
    let refused = |status| Outcome::Refused { status, retry_after: None };
    let asked = |status, after| Outcome::Refused { status, retry_after: Some(after) };
    let date = RetryAfter::At(Timestamp(1_792_567_680_000));
    for (head, outcome, message) in [
        ("200 OK\r\nContent-Length: 0", Outcome::Delivered { status: 200 }, ""),
        ("204 No Content", Outcome::Delivered { status: 204 }, ""),
        ("299 Odd\r\nContent-Length: 0", Outcome::Delivered { status: 299 }, ""),
        (
            "301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0",
            refused(301),
            "the receiver answered 301 Moved Permanently; redirects are not followed: use the final URL",
        ),
        ("410 Gone\r\nContent-Length: 0", refused(410), "the receiver answered 410 Gone: it wants no more"),
        (
            "429 Slow\r\nRetry-After: 120\r\nContent-Length: 0",
            asked(429, RetryAfter::Ms(120_000)),
            "the receiver answered 429 Too Many Requests",
        ),
        (
            "503 Later\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0",
            asked(503, date),
            "the receiver answered 503 Service Unavailable",
        ),
        ("599 Odd\r\nContent-Length: 0", refused(599), "the receiver answered 599"),
    ] {
        let server = plain(move |_, _| say(format!("HTTP/1.1 {head}\r\n\r\n"))).await;
        let report = send(&egress(), post(server.http("/"))).await;
        assert_eq!((report.outcome, report.message.as_str()), (outcome, message), "{head}");
    }
}

#[tokio::test]
async fn a_refusal_shows_how_its_answer_begins() {
    let server = plain(|_, _| say("HTTP/1.1 500 No\r\nContent-Length: 22\r\n\r\n{\"error\": \"no such id\"}")).await;
    let report = send(&egress(), post(server.http("/"))).await;
    assert!(report.message.ends_with("; its answer begins: {\"error\": \"no such id\""), "{}", report.message);
}

#[tokio::test]
async fn without_a_complete_head_there_is_a_typed_error() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1_000));
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(17_000));
    let bytes = |text: &str| text.as_bytes().to_vec();
    for (act, error) in [
        (Act::SayAndClose(vec![]), SendError::ResponseReset),
        (Act::SayAndReset(vec![]), SendError::ResponseReset),
        (Act::SayAndClose(bytes("HTTP/1.1 200 OK\r\nContent-")), SendError::ResponseTruncated),
        (Act::SayAndReset(bytes("HTTP/1.1 200 OK\r\nContent-")), SendError::ResponseReset),
        (Act::SayAndClose(bytes("hello, who is there?\r\n\r\n")), SendError::ResponseMalformed),
        (Act::SayAndClose(bytes("HTTP/1.1 2000 OK\r\n\r\n")), SendError::ResponseMalformed),
        (Act::SayAndClose(bytes("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")), SendError::ResponseMalformed),
        (Act::SayAndClose(bytes("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")), SendError::ResponseMalformed),
        (Act::SayAndHang(bytes(&many)), SendError::ResponseTooLarge),
        (Act::SayAndHang(bytes(&long)), SendError::ResponseTooLarge),
        (Act::SayForEver(bytes("HTTP/1.1 200 OK\r\nA: "), vec![b'b'; 1_000]), SendError::ResponseTooLarge),
    ] {
        let server = plain(move |_, _| act.clone()).await;
        let report = send(&egress(), post(server.http("/"))).await;
        assert_eq!(report.outcome, Outcome::Failed(error), "{}", report.message);
        assert!(report.message.is_ascii() && !report.message.is_empty());
        assert_eq!(report.address, Some(server.address));
    }
}

#[tokio::test]
async fn a_server_that_speaks_first_is_no_web_server() {
    let address = raw(|mut stream| async move {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 512]).await;
    })
    .await;
    let report = send(&egress(), post(format!("http://{address}/"))).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::ResponseMalformed), "{}", report.message);
}

#[tokio::test]
async fn silence_and_drips_end_with_the_deadline() {
    for act in [Act::SayAndHang(vec![]), Act::SayAndHang(b"HTTP/1.1 200 OK\r\nA: ".to_vec())] {
        let mut server = plain(move |_, _| act.clone()).await;
        let report = send(&egress(), Post { timeout: SHORT, ..post(server.http("/")) }).await;
        assert_eq!(report.outcome, Outcome::Failed(SendError::ResponseTimeout), "{}", report.message);
        server.request().await;
        assert_eq!(server.seen().await, Seen::Closed(0), "nobody holds the connection");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_read_ends_with_the_deadline_of_writing() {
    let address = raw(|stream| async move {
        let _held = stream;
        std::future::pending().await
    })
    .await;
    let mut settings = settings();
    settings.deadlines.write = SHORT;
    // More than the buffers of both sides hold.
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let report = send(&Egress::new(settings).unwrap(), Post { body, ..post(format!("http://{address}/")) }).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::WriteReset), "{}", report.message);
    assert!(report.message.contains("did not take the request within 200ms"), "{}", report.message);
}

#[tokio::test]
async fn a_connection_that_breaks_while_we_write_is_a_write_reset() {
    let address = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 512]).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let report = send(&egress(), Post { body, ..post(format!("http://{address}/")) }).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::WriteReset), "{}", report.message);
}

#[tokio::test]
async fn an_early_answer_counts_although_not_all_was_taken() {
    let address = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 512]).await;
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        std::future::pending().await
    })
    .await;
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let report = send(&egress(), Post { body, ..post(format!("http://{address}/")) }).await;
    assert_eq!(report.outcome, Outcome::Refused { status: 413, retry_after: None }, "{}", report.message);
}

/// What is dropped in the middle of the body has told its outcome; one whose head is not whole has none.
#[tokio::test]
async fn a_head_is_told_before_its_body_has_come() {
    let head = "HTTP/1.1 204 No\r\nContent-Type: text/plain\r\n";
    for (status, rest) in [(200, "Content-Length: 10\r\n\r\nabc"), (503, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc")]
    {
        let says = head.replace("204", &status.to_string()) + rest;
        let server = plain(move |_, _| Act::SayAndHang(says.clone().into_bytes())).await;
        let (egress, post) = (egress(), post(server.http("/")));
        let heard = post.heard.clone();
        let mut sending = egress.send(post);
        let told = std::future::poll_fn(|cx| match (sending.as_mut().poll(cx), heard.outcome()) {
            (Poll::Ready(report), _) => panic!("the body never ends: {report:?}"),
            (Poll::Pending, Some(outcome)) => Poll::Ready(outcome),
            (Poll::Pending, None) => Poll::Pending,
        });
        assert_eq!(timeout(SOON, told).await.expect("a head").status(), Some(status));
    }
    let server = plain(move |_, _| Act::SayAndHang(head.as_bytes().to_vec())).await;
    let post = Post { timeout: SHORT, ..post(server.http("/")) };
    let heard = post.heard.clone();
    let report = send(&egress(), post).await;
    assert_eq!((report.outcome, heard.outcome()), (Outcome::Failed(SendError::ResponseTimeout), None));
}

#[tokio::test]
async fn a_body_changes_no_outcome() {
    let head = "HTTP/1.1 200 OK\r\n";
    let says = |rest: &str| format!("{head}{rest}").into_bytes();
    for (act, note) in [
        (Act::SayAndClose(says("Content-Length: 10\r\n\r\nabc")), "cut off"),
        (Act::SayAndReset(says("Content-Length: 10\r\n\r\n")), "cut off"),
        (Act::SayAndClose(says("Transfer-Encoding: chunked\r\n\r\nZZ\r\n")), "malformed"),
        (
            Act::SayForEver(
                says("Transfer-Encoding: chunked\r\n\r\n"),
                b"400\r\n".iter().copied().chain([b'x'; 1024]).chain(*b"\r\n").collect(),
            ),
            "16 KiB",
        ),
        (Act::SayForEver(says("Content-Length: 99999999999\r\n\r\n"), vec![b'x'; 1024]), "16 KiB"),
        (Act::SayAndHang(says("Content-Length: 10\r\n\r\nabc")), "did not end in time"),
    ] {
        let mut server = plain(move |_, _| act.clone()).await;
        let timeout = if note.contains("in time") { Duration::from_secs(2) } else { SOON };
        let report = send(&egress(), Post { timeout, ..post(server.http("/")) }).await;
        assert_eq!(report.outcome, Outcome::Delivered { status: 200 });
        assert!(report.message.contains(note), "{} lacks {note}", report.message);
        server.request().await;
    }
}

#[tokio::test]
async fn dropping_the_send_closes_the_connection() {
    let mut server = plain(|_, _| Act::SayAndHang(vec![])).await;
    let egress = egress();
    {
        let send = egress.send(post(server.http("/")));
        tokio::pin!(send);
        tokio::select! {
            report = &mut send => panic!("it ended: {report:?}"),
            _ = server.request() => {}
        }
    }
    assert_eq!(server.seen().await, Seen::Closed(0));
}

#[tokio::test]
async fn the_way_there_has_typed_errors() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let names = Names(HashMap::from([
        ("private.example.com", Ok(vec![ip("10.0.0.1")])),
        ("mixed.example.com", Ok(vec![ip("127.0.0.1"), ip("169.254.169.254")])),
        ("empty.example.com", Ok(vec![])),
        ("servfail.example.com", Err(ResolveFailure::Servfail)),
        ("silent.example.com", Err(ResolveFailure::Timeout)),
        ("down.example.com", Err(ResolveFailure::ResolverDown)),
    ]));
    let egress = Egress::new(EgressSettings { resolver: Some(Arc::new(names)), ..settings() }).unwrap();
    for (url, error, part) in [
        (format!("http://{closed}/"), SendError::ConnectRefused, "nothing listens at 127.0.0.1"),
        ("http://127.0.0.2:8080/".into(), SendError::AddressNotAllowed, "the URL points at 127.0.0.2, a loopback"),
        ("http://private.example.com/".into(), SendError::AddressNotAllowed, "resolves to 10.0.0.1, a private"),
        ("http://mixed.example.com/".into(), SendError::AddressNotAllowed, "169.254.169.254"),
        ("http://nowhere.example.com/".into(), SendError::DnsNotFound, "NXDOMAIN"),
        ("http://empty.example.com/".into(), SendError::DnsNoAddress, "no address record"),
        ("http://servfail.example.com/".into(), SendError::DnsServfail, "SERVFAIL"),
        ("http://silent.example.com/".into(), SendError::DnsTimeout, "not resolved within 5s"),
        ("http://down.example.com/".into(), SendError::ResolverDown, "no configured resolver"),
    ] {
        let report = send(&egress, post(url)).await;
        assert_eq!(report.outcome, Outcome::Failed(error), "{}", report.message);
        assert!(report.message.contains(part) && report.message.is_ascii(), "{}", report.message);
        assert!(report.phases.total_us.is_some());
    }
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_refuses() {
    let server = plain(|_, _| say(OK)).await;
    let ips = ["127.0.0.9", "127.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap());
    let names = Names(HashMap::from([("two.example.com", Ok(ips.to_vec()))]));
    let rules = postsync_core::egress_rules::EgressRules {
        allow_http: true,
        allow: postsync_core::egress_rules::Allow::parse_list("two.example.com").unwrap(),
    };
    let egress = Egress::new(EgressSettings { resolver: Some(Arc::new(names)), rules, ..settings() }).unwrap();
    let report = send(&egress, post(format!("http://two.example.com:{}/", server.address.port()))).await;
    assert_eq!((report.outcome, report.address), (Outcome::Delivered { status: 200 }, Some(server.address)));
    let Phases { dns_us, connect_us, tls_us, first_byte_us, .. } = report.phases;
    assert!(dns_us.is_some() && connect_us.is_some() && tls_us.is_none() && first_byte_us.is_some());
}

#[tokio::test]
async fn what_goes_out_verifies_as_it_stands() {
    let mut server = plain(|_, _| say(OK)).await;
    let sent = Post { body: Bytes::from("{\"text\":\"caf\u{e9} \u{1f3ac}\"}"), ..post(server.http("/")) };
    let secrets = [sent.signing.current.secret.clone()];
    send(&egress(), sent).await;
    let (_, request) = server.request().await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let found: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect();
        assert_eq!(found.len(), 1, "{name} in {head}");
        Some(found[0].as_bytes())
    };
    let (now, tolerance) = (1_795_422_077, Duration::ZERO);
    let standard = postsync_webhook::StandardHeaders {
        id: header("Webhook-Id"),
        timestamp: header("Webhook-Timestamp"),
        signature: header("Webhook-Signature"),
    };
    postsync_webhook::verify_sync(header("Sync-Signature"), body.as_bytes(), &secrets, now, tolerance).unwrap();
    postsync_webhook::verify_standard(standard, body.as_bytes(), &secrets, now, tolerance).unwrap();
}
