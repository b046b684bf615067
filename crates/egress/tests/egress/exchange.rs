//! Requests to servers that the operator has configured: what goes out, what comes back, and where they may lie.
use std::time::Duration;

use bytes::Bytes;
use postsync_core::egress_rules::EgressRules;
use postsync_core::outcome::{Outcome, RetryAfter, SendError};
use postsync_egress::{Egress, EgressSettings};
use postsync_engine::ports::{
    Exchange as _, ExchangeError, ExchangeFailure, ExchangeRequest, Fetch as _, FetchFailure, FetchRequest, Method,
    Piece, Sender as _, Trust,
};

use crate::support::{Act, SHORT, Server, plain, post, say, settings};

const FOUND: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy";

fn request(url: String, body: Vec<Piece>) -> ExchangeRequest {
    ExchangeRequest {
        method: if body.is_empty() { Method::Get } else { Method::Post },
        url,
        headers: vec![("x-api-key", "key-1".to_owned())],
        body,
        timeout: Duration::from_secs(10),
        answer_bytes_max: 1_000,
    }
}

/// Nothing is open but that server, and only to what is configured.
fn only_configured(server: &Server) -> EgressSettings {
    EgressSettings { rules: EgressRules::default(), configured: vec![server.http("/prefix")], ..settings() }
}

async fn fails(egress: &Egress, request: ExchangeRequest) -> ExchangeError {
    let error = egress.exchange(request).await.unwrap_err();
    assert!(error.message.is_ascii() && !error.message.contains("key-1"), "{error}");
    error
}

#[tokio::test]
async fn a_question_and_its_answer_whatever_the_status_over_one_connection() {
    let mut server = plain(|_, _| say(FOUND)).await;
    let egress = Egress::new(only_configured(&server)).unwrap();
    for _ in 0..2 {
        let answer = egress.exchange(request(server.http("/v2/generate/1"), vec![])).await.unwrap();
        assert_eq!((answer.status, answer.retry_after), (429, Some(RetryAfter::Ms(7_000))));
        assert_eq!(answer.body, Bytes::from_static(b"busy"));
        let (connection, text) = server.request().await;
        assert_eq!(connection, 0);
        let head = format!("GET /v2/generate/1 HTTP/1.1\r\nHost: {}\r\n", server.address);
        assert!(text.starts_with(&head) && text.contains("\r\nX-Api-Key: key-1\r\n"), "{text}");
        assert!(!text.to_lowercase().contains("content-length"), "{text}");
    }
}

#[tokio::test]
async fn files_go_out_as_they_are_read_with_their_length_before_them() {
    let mut server = plain(|_, _| say(FOUND)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "x".repeat(300_000)).unwrap();
    let pieces = vec![Piece::Bytes("<".into()), Piece::File(path), Piece::Bytes(">".into())];
    let egress = Egress::new(only_configured(&server)).unwrap();
    egress.exchange(request(server.http("/"), pieces)).await.unwrap();
    let (head, body) =
        server.request().await.1.split_once("\r\n\r\n").map(|(h, b)| (h.to_owned(), b.to_owned())).unwrap();
    assert!(head.contains("\r\nContent-Length: 300002"), "{head}");
    assert_eq!(body, format!("<{}>", "x".repeat(300_000)));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_our_fault_and_nothing_is_sent() {
    let mut server = plain(|_, _| say(FOUND)).await;
    let egress = Egress::new(only_configured(&server)).unwrap();
    let pieces = vec![Piece::Bytes("<".into()), Piece::File("/nowhere/at/all".into())];
    assert_eq!(fails(&egress, request(server.http("/"), pieces)).await.failure, ExchangeFailure::Storage);
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn answers_are_bounded_in_time_and_size() {
    let large = |_, _| say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1_001)));
    let server = plain(large).await;
    let egress = Egress::new(only_configured(&server)).unwrap();
    assert_eq!(fails(&egress, request(server.http("/"), vec![])).await.failure, ExchangeFailure::TooLarge);
    for (begun, error) in [
        ("", SendError::ResponseTimeout),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx", SendError::ResponseTimeout),
    ] {
        let server = plain(move |_, _| Act::SayAndHang(begun.into())).await;
        let egress = Egress::new(only_configured(&server)).unwrap();
        let late = ExchangeRequest { timeout: SHORT, ..request(server.http("/"), vec![]) };
        assert_eq!(fails(&egress, late).await.failure, ExchangeFailure::Remote(error), "{begun}");
    }
    let server = plain(|_, _| Act::SayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx".into())).await;
    let egress = Egress::new(only_configured(&server)).unwrap();
    let cut = fails(&egress, request(server.http("/"), vec![])).await;
    assert_eq!(cut.failure, ExchangeFailure::Remote(SendError::ResponseTruncated));
}

#[tokio::test]
async fn what_is_configured_is_open_to_its_own_questions_only() {
    let mut server = plain(|_, _| say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).await;
    let other = plain(|_, _| say(FOUND)).await;
    // By a name, whose address is judged only when it is dialled.
    let named = format!("http://app.example.com:{}/", server.address.port());
    let rules = EgressRules { allow_http: true, allow: Vec::new() };
    let egress = Egress::new(EgressSettings { rules, configured: vec![named.clone()], ..settings() }).unwrap();
    egress.exchange(request(named.clone(), vec![])).await.unwrap();
    let closed = ExchangeFailure::Remote(SendError::AddressNotAllowed);
    assert_eq!(fails(&egress, request(other.http("/"), vec![])).await.failure, closed);
    let folder = tempfile::tempdir().unwrap();
    let fetch = |url: String, trust| {
        let request = FetchRequest { url, to: folder.path().join("file"), bytes_max: 100, trust, kind: None };
        egress.fetch(request)
    };
    let refused = FetchFailure::Remote(SendError::AddressNotAllowed);
    assert_eq!(fetch(named.clone(), Trust::Anybody).await.unwrap_err().failure, refused);
    assert_eq!(fetch(other.http("/"), Trust::Configured).await.unwrap_err().failure, refused);
    assert_eq!(fetch(named.clone(), Trust::Configured).await.unwrap().bytes, 2);
    // A webhook to the same place is a stranger's, also over a connection that is open already.
    let sent = egress.send(post(named)).await;
    assert_eq!(sent.outcome, Outcome::Failed(SendError::AddressNotAllowed));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let mut server = plain(|_, _| say("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")).await;
    let egress = Egress::new(only_configured(&server)).unwrap();
    assert_eq!(egress.exchange(request(server.http("/"), vec![])).await.unwrap().status, 302);
    assert!(server.request().await.1.starts_with("GET / "));
    assert_eq!(server.requests(), 0);
}
