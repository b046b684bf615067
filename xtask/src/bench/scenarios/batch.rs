//! (h) A batch of 500 rows, from its request to the 201, which says that all of them are on disk: alone, beside the work of those before
//! it, and with rows as large as they may be.
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};

use crate::api::Api;
use crate::client::Client;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::receiver::Receiver;
use crate::server::{Server, Setup};

use super::Bench;

const ROWS: usize = 500;

/// 500 of these are a little less than the 5 MiB that the file of a batch may have.
const LARGE_ROW_BYTES: usize = 10_400;

const ACCEPTED_MS_MAX: f64 = 1_000.0;

const BOUNDARY: &str = "bench-boundary";

/// When the next batch is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// When all webhooks of the last one have come.
    Delivered,
    /// When the last one is accepted.
    Accepted,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let files = tempfile::tempdir()?;
    let mut receiver = Receiver::start(files.path(), 1, false).await?;
    let server = Server::start(&Setup::new(&bench.binary, &receiver.ca_file)).await?;
    let url = receiver.urls().remove(0);
    let (small, large) = (form(&url, 0), form(&url, LARGE_ROW_BYTES));
    let (many, few) = (bench.number(200, 4), bench.number(100, 2));
    measure(&server, &mut receiver, &small, bench.number(5, 1), Next::Delivered).await?;
    let alone = measure(&server, &mut receiver, &small, many, Next::Delivered).await?;
    let beside = measure(&server, &mut receiver, &small, many, Next::Accepted).await?;
    let largest = measure(&server, &mut receiver, &large, few, Next::Delivered).await?;
    let memory = server.memory()?.peak_mb;
    server.stop().await?;
    let rows = vec![
        Row::new('h', "a batch of 500 rows, from the request to the 201: alone").latency(&alone),
        Row::new('h', "the same, one right after the other, beside the work of those before").latency(&beside),
        Row::new('h', "the same alone, with 5 MB of rows").latency(&largest).memory(memory),
    ];
    let verdict = |what: &str, spread: &Spread| {
        Verdict::at_most('h', &format!("500 rows accepted, p99: {what}"), ACCEPTED_MS_MAX, spread.p99_ms(), "ms")
    };
    let verdicts = vec![verdict("alone", &alone), verdict("one after the other", &beside), verdict("5 MB", &largest)];
    Ok(Findings { rows, verdicts })
}

/// Sends so many, one after the other; ends when all of their webhooks have come.
async fn measure(
    server: &Server,
    receiver: &mut Receiver,
    form: &Bytes,
    count: usize,
    next: Next,
) -> anyhow::Result<Spread> {
    let (api, mut arrived) = (server.api(), receiver.count().await?);
    let mut client = Client::open(api.address, None).await?;
    let mut spread = Spread::default();
    for _ in 0..count {
        let request = request(&api, form)?;
        let sent = Instant::now();
        client.exchange(request, 201).await?;
        spread.push(sent.elapsed());
        // One for each row, and one for the batch.
        arrived += ROWS + 1;
        if next == Next::Delivered {
            receiver.reached(arrived).await?;
        }
    }
    receiver.reached(arrived).await?;
    Ok(spread)
}

fn request(api: &Api, form: &Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
    let mut request = Request::post("/v2/batch").body(Full::new(form.clone()))?;
    request.headers_mut().clone_from(&api.headers()?);
    request.headers_mut().insert("content-type", format!("multipart/form-data; boundary={BOUNDARY}").parse()?);
    Ok(request)
}

/// As the SDKs send it: the rows as a file, and where the batch's own webhook goes. Each row is made at least so large.
fn form(url: &str, row_bytes: usize) -> Bytes {
    let rows: Vec<String> = (0..ROWS).map(|nth| row(nth, url, row_bytes).to_string()).collect();
    let part =
        |head: &str, text: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n");
    let lines = part(r#"name="input"; filename="rows.jsonl""#, &rows.join("\n"));
    Bytes::from(format!("{lines}{}--{BOUNDARY}--\r\n", part(r#"name="webhook_url""#, url)))
}

/// What makes a row large is a face's place in each frame.
fn row(nth: usize, url: &str, row_bytes: usize) -> Value {
    let whole = |boxes: usize| {
        let mut payload: Value = serde_json::from_slice(&crate::api::create(url)).unwrap_or_default();
        if boxes > 0 {
            payload["options"]["active_speaker_detection"] =
                json!({"bounding_boxes": vec![[100, 100, 300, 300]; boxes]});
        }
        json!({"request_id": format!("row-{nth}"), "endpoint": "/v2/generate", "payload": payload})
    };
    let least = whole(1).to_string().len();
    let each = whole(2).to_string().len() - least;
    whole(row_bytes.saturating_sub(least) / each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_rows_fill_the_file_that_a_batch_may_have() {
        let url = "http://127.0.0.1:65535/webhook";
        let (small, large) = (form(url, 0).len(), form(url, LARGE_ROW_BYTES).len());
        assert!(small < 300_000, "{small}");
        assert!((5_000_000..5 * 1024 * 1024).contains(&large), "{large}");
        assert_eq!(row(7, url, 0)["payload"]["options"].as_object().map(serde_json::Map::len), Some(1));
    }
}
