//! Clients with odd manners. A flood of connections that say nothing: it takes its share of the process, and the webhooks go out all the same.
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::api::passthrough;
use crate::harness::server::KEY;
use crate::harness::{Receiver, Setup, poll};

const OPEN_FILES_MAX: u32 = 100;

/// More than the process could hold; those that it does not take wait in the kernel's queue.
const CONNECTIONS: usize = 120;

#[tokio::test]
async fn silent_connections_do_not_stop_a_webhook() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().with_open_files_max(OPEN_FILES_MAX).start().await;
    // The client keeps the connection of its first request for the second.
    let api = server.api();
    api.get("/healthz").await.expect(200);
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let descriptors = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    let open = || std::fs::read_dir(&descriptors).unwrap().count();
    poll("the flood has its share", async || (open() > OPEN_FILES_MAX as usize / 2).then_some(())).await;
    let id = api.create(&passthrough(&receiver.url("/hook"))).await;
    receiver.requests.first("the webhook", |request| request.json()["id"] == id.as_str()).await;
    assert!(open() < OPEN_FILES_MAX as usize, "{} descriptors", open());
}

#[tokio::test]
async fn who_closes_his_half_gets_the_answer() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().start().await;
    let body = passthrough(&receiver.url("/hook")).to_string();
    let head = format!(
        "POST /v2/generate HTTP/1.1\r\nhost: a\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer:?}");
    }
}
