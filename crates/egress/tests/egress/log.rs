//! What the log keeps of an attempt, and tells of it: the request as it went out, the answer as it came.
use postsync_core::Secret;
use postsync_core::attempt::Attempt;
use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, Origin, settle};
use postsync_core::endpoint::CustomHeaders;
use postsync_core::event::Event;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::outcome::SendReport;
use postsync_core::schedule::Schedule;
use postsync_core::time::Timestamp;
use postsync_egress::Egress;
use postsync_engine::ports::{Post, Sender as _};

use crate::support::{Act, OK, plain, post, rotating, say, settings, signing};

fn egress() -> Egress {
    Egress::new(settings()).unwrap()
}

/// The log keeps few of a request's bytes, and tells all of its head.
#[tokio::test]
async fn the_log_tells_the_head_as_it_went_out() {
    let mut server = plain(|_, _| say(OK)).await;
    let odd = Secret::new("whsec_8f14e45fceea167a5a36dedd4bea2543x").unwrap();
    let plain = signing(Secret::generate([7; 32]));
    for (signing, is_replay) in [(plain.clone(), false), (plain, true), (signing(odd), false), (rotating(), false)] {
        let post = Post { signing, is_replay, ..post(server.http("/webhook?token=a%20b")) };
        let report = egress().send(post.clone()).await;
        let (_, request) = server.request().await;
        let (head, _) = request.split_once("\r\n\r\n").unwrap();
        let (_, headers) = head.split_once("\r\n").unwrap();
        let told: Vec<String> =
            told(&post, report).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(told.join("\r\n"), headers);
    }
}

#[tokio::test]
async fn an_endpoints_own_headers_are_told_without_their_values() {
    let mut server = plain(|_, _| say(OK)).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let own = CustomHeaders::stored(vec![pair("x-gateway-TOKEN", "geheim"), pair("Authorization", "Bearer geheim")]);
    let post = Post { custom_headers: own, ..post(server.http("/")) };
    let report = egress().send(post.clone()).await;
    let (_, request) = server.request().await;
    let (_, headers) = request.split_once("\r\n\r\n").unwrap().0.split_once("\r\n").unwrap();
    let told: Vec<String> = told(&post, report).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(told.join("\r\n"), headers.replace("Bearer geheim", "***").replace("geheim", "***"));
}

/// Some receivers answer with what they got.
#[tokio::test]
async fn an_answer_that_repeats_an_endpoints_own_headers_is_kept_without_their_values() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let own = vec![pair("X-Gateway", "streng-geheim"), pair("Authorization", "Bearer streng/geheimer")];
    let filler = "x".repeat(190);
    for (body, kept, said) in [
        ("no streng-geheim".to_owned(), "no ***", "its answer begins: no ***"),
        (r#"{"got":"streng\/geheimer"}"#.to_owned(), r#"{"got":"***"}"#, r#"its answer begins: {"got":"***"}"#),
        // Across the end of what the sentence takes of it.
        (format!("{filler} streng-geheim"), "x ***", "xx ***"),
    ] {
        let head = "HTTP/1.1 500 Oops\r\nX-Echo: Bearer streng/geheimer;q=1\r\n";
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let server = plain(move |_, _| say(&answer)).await;
        let post = Post { custom_headers: CustomHeaders::stored(own.clone()), ..post(server.http("/")) };
        let report = egress().send(post).await;
        let answer = report.answer.unwrap();
        assert!(answer.header_lines().any(|line| line == ("x-echo", "***;q=1".to_owned())), "{answer:?}");
        assert!(String::from_utf8_lossy(&answer.body).ends_with(kept), "{answer:?}");
        assert!(report.message.ends_with(said), "{}", report.message);
    }
}

/// What the log makes of the rows: the event's, the delivery's, and the attempt's with this end.
fn told(post: &Post, report: SendReport) -> Vec<(String, String)> {
    let event = Event {
        id: post.event,
        org: OrgId::new("default"),
        kind: post.kind,
        generation: None,
        created_at: Timestamp(0),
        body: post.body.clone(),
    };
    let made = Delivery::new(post.delivery, &event, EndpointId::new("e"), post.url.clone(), 0);
    let delivery = if post.is_replay { Delivery { origin: Origin::Replay, ..made } } else { made };
    let started = Delivery { attempts: post.attempt, ..delivery.clone() };
    let schedule = Schedule::parse("0s").unwrap();
    let Change::SettleAttempt(settled) = settle(&started, &report, &schedule, post.at, 0.0) else { unreachable!() };
    // The start is on record earlier, and in another second.
    let started_at = post.at.plus_ms(-1_500);
    let attempt =
        Attempt { delivery: post.delivery, attempt: post.attempt, step: 0, started_at, end: Some(settled.end) };
    postsync_core::sent::request(&delivery, &event, &attempt).headers
}

#[tokio::test]
async fn an_answer_is_kept_as_it_came_and_bounded() {
    let head = "HTTP/1.1 200 OK\r\nX-Odd: caf\u{e9}\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n";
    let lines = "x-odd: caf\u{e9}\nset-cookie: a=1\nset-cookie: b=2\n";
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let endless = [b'x'; 40_000];
    for (body, want, truncated) in
        [(&b""[..], &b""[..], false), (&packed, &packed, false), (&endless, &endless[..16 * 1024], true)]
    {
        let mut answer = format!("{head}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        let server = plain(move |_, _| Act::SayAndHang(answer.clone())).await;
        let kept = egress().send(post(server.http("/"))).await.answer.unwrap();
        let lines = format!("{lines}content-encoding: gzip\ncontent-length: {}\n", body.len());
        assert_eq!(String::from_utf8_lossy(&kept.headers), lines);
        assert_eq!((&kept.body[..], kept.truncated), (want, truncated));
    }
    let closed = egress().send(post("http://127.0.0.1:1")).await;
    assert_eq!(closed.answer, None);
}
