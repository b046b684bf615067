//! (i) A file of 5 GiB put to its signed URL: what the server's memory grows by, how fast it is beside a bare write of as much to the
//! same disk, and whether the hash that it answers with is that of the file that it keeps.
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::figures::{Findings, Row, Spread, Verdict};
use crate::server::{Server, Setup};

use super::raw::beside;
use super::{Bench, REST};

const FILE_MB: usize = 5 * 1024;

const MB: usize = 1024 * 1024;

const GROWS_MB_MAX: f64 = 20.0;

/// The beginning of an MP4: what the file is judged by.
const HEAD: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";

/// What is answered is an asset: a few hundred bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

struct Put {
    asset: Value,
    took: Duration,
    /// From the last byte to the answer.
    answered: Duration,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Findings> {
    let server = Server::start(&Setup::without_receivers(&bench.binary)).await?;
    let megabytes = bench.number(FILE_MB, 64);
    let raw_per_s = raw_mb_per_s(&server.data().join("raw"), megabytes)?;
    tokio::time::sleep(REST).await;
    let before = server.memory()?.now_mb;
    let put = put(&server, megabytes).await?;
    let memory = server.memory()?;
    let stored = sha256(&largest(&server.data())?.context("no file was kept")?.1)?;
    let said = put.asset["sha256"].as_str().unwrap_or_default().to_owned();
    server.stop().await?;
    let per_s = megabytes as f64 / put.took.as_secs_f64();
    let row = Row::new('i', "5 GiB put to a signed URL, in MB; raw: a write and sync of as much");
    let mut answered = Spread::default();
    answered.push(put.answered);
    let rows = vec![
        beside(Row { per_s: Some(per_s), ..row }.memory(memory.peak_mb), raw_per_s),
        Row::new('i', "from its last byte to the answer, the sync to disk within").latency(&answered),
    ];
    let grows = memory.peak_mb - before;
    let verdicts = vec![
        Verdict::at_most('i', "memory grows by, at most", GROWS_MB_MAX, grows, "MB"),
        Verdict::new('i', "the answer's SHA-256", "the file's".to_owned(), shortened(&said), said == stored),
    ];
    Ok(Findings { rows, verdicts })
}

fn shortened(hash: &str) -> String {
    hash.chars().take(8).collect()
}

/// As fast as the connection takes it, a megabyte at a time.
async fn put(server: &Server, megabytes: usize) -> anyhow::Result<Put> {
    let (api, size) = (server.api(), megabytes * MB);
    let mut client = Client::open(api.address, None).await?;
    let wanted = json!({"fileName": "large.mp4", "contentType": "video/mp4", "size": size});
    let target = api.post(&mut client, "/v2/assets/upload", &wanted).await?;
    let url = target["uploadUrl"].as_str().context("no URL to put it to")?;
    // Whatever host the URL names: this is the server that is measured.
    let path = url.splitn(4, '/').nth(3).context("a URL without a path")?;
    let mut stream = TcpStream::connect(api.address).await?;
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: video/mp4\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n"
    );
    let begun = Instant::now();
    stream.write_all(head.as_bytes()).await?;
    for chunk in Chunks::of(megabytes) {
        stream.write_all(&chunk).await?;
    }
    let sent = Instant::now();
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    let (took, answered) = (begun.elapsed(), sent.elapsed());
    ensure!(answer.starts_with("HTTP/1.1 200 "), "the upload was answered {answer}");
    let body = answer.split_once("\r\n\r\n").context("an answer without a body")?.1;
    Ok(Put { asset: serde_json::from_str(body)?, took, answered })
}

/// The same write to the same disk with nobody in between.
fn raw_mb_per_s(path: &Path, megabytes: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut file = File::create(path)?;
    for chunk in Chunks::of(megabytes) {
        file.write_all(&chunk)?;
    }
    file.sync_all()?;
    let took = begun.elapsed();
    std::fs::remove_file(path)?;
    Ok(megabytes as f64 / took.as_secs_f64())
}

/// A megabyte each, no two of them the same.
struct Chunks {
    chunk: Vec<u8>,
    left: usize,
}

impl Chunks {
    fn of(megabytes: usize) -> Self {
        let mut chunk: Vec<u8> = (0..MB).map(|nth| (nth.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
        chunk[..HEAD.len()].copy_from_slice(HEAD);
        Self { chunk, left: megabytes }
    }
}

impl Iterator for Chunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        let chunk = self.chunk.clone();
        let end = self.chunk.len() - size_of::<usize>();
        self.chunk[end..].copy_from_slice(&self.left.to_le_bytes());
        Some(chunk)
    }
}

/// The largest file in a folder and those in it.
fn largest(folder: &Path) -> anyhow::Result<Option<(u64, PathBuf)>> {
    let mut largest = None;
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = {
            let entry = entry?;
            (entry.path(), entry.metadata()?)
        };
        let found = if kind.is_dir() { self::largest(&path)? } else { Some((kind.len(), path)) };
        largest = largest.max(found);
    }
    Ok(largest)
}

/// By another program than the one that is measured.
fn sha256(path: &Path) -> anyhow::Result<String> {
    let output = Command::new("sha256sum").arg(path).output().context("sha256sum can't be run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_begins_as_a_video_and_repeats_nothing() {
        let chunks: Vec<Vec<u8>> = Chunks::of(3).collect();
        assert_eq!((chunks.len(), chunks[0].len()), (3, MB));
        assert!(chunks[0].starts_with(HEAD));
        assert!(chunks[0] != chunks[1] && chunks[1] != chunks[2]);
    }
}
