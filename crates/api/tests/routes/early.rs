//! Answers that go out before the body has come in, over a real socket: the client must see them, not a broken pipe.
use std::time::Duration;

use postsync_api::ApiSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{ADMIN, App};

const BODY_BYTES: usize = 20 * 1024 * 1024;

/// Sends head and body to a server, whole, and only then reads. Gives the status line and the connection.
async fn talk(app: &App, head: &str) -> (String, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(axum::serve(listener, app.router.clone()).into_future());
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&vec![b'x'; BODY_BYTES]).await.expect("the server takes all of it");
    let line = status_line(&mut client).await;
    (line, client)
}

async fn status_line(client: &mut TcpStream) -> String {
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(Duration::from_secs(20), client.read(&mut answer)).await;
    let bytes = read.expect("an answer in time").expect("an answer, not a reset");
    String::from_utf8_lossy(&answer[..bytes]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_refusal_of_a_large_body_is_seen_and_the_connection_goes_on() {
    let app = App::with(ApiSettings { json_bytes_max: 1_000, input_bytes_max: 1_000, ..ApiSettings::default() }).await;
    let form = "content-type: multipart/form-data; boundary=B\r\n";
    for (headers, want) in [
        (String::new(), "401"),
        (format!("x-api-key: {ADMIN}\r\n"), "413"),
        (format!("x-api-key: {ADMIN}\r\n{form}"), "400"),
    ] {
        let head = format!("POST /v2/generate HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY_BYTES}\r\n{headers}\r\n");
        let (line, mut client) = talk(&app, &head).await;
        assert_eq!(line.split(' ').nth(1), Some(want), "{line}");
        client.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(status_line(&mut client).await, "HTTP/1.1 200 OK");
    }
}
