//! (f) Memory: at rest, and with a thousand TLS connections open. With a million due: see (c).
use crate::figures::{Findings, Row, Verdict};
use crate::load::Clients;
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::{Bench, REST};

const HOSTS: usize = 1_000;

const REST_MB_MAX: f64 = 40.0;
const CONNECTIONS_MB_MAX: f64 = 120.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let hosts = bench.number(HOSTS, 50);
    let mut receiver = Receiver::start(files.path(), hosts, true).await?;
    let server = Server::start(&Setup::new(&bench.binary, &receiver.ca_file)).await?;
    tokio::time::sleep(REST).await;
    let rest_mb = server.memory()?.now_mb;
    let creates = server.api().creates(&receiver.urls())?;
    let mut clients = Clients::open(&[server.api().address], None, bench.accepted.clients).await?;
    // A few on each connection: buffers are made when they are used.
    clients.post(&creates, hosts * 5).await?;
    receiver.reached(hosts * 5).await?;
    let connections_mb = server.memory()?.now_mb;
    server.stop().await?;
    Ok(Findings {
        rows: vec![
            Row::new('f', "the server at rest").memory(rest_mb),
            Row::new('f', "with 1,000 TLS connections open").memory(connections_mb),
        ],
        verdicts: vec![
            Verdict::at_most('f', "memory at rest", REST_MB_MAX, rest_mb, "MB"),
            Verdict::at_most('f', "memory at 1,000 TLS connections", CONNECTIONS_MB_MAX, connections_mb, "MB"),
        ],
    })
}
