//! A flood of connections that say nothing: it takes its share of the process, and the webhooks go out all the same.
use tokio::net::TcpStream;

use crate::harness::api::passthrough;
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
