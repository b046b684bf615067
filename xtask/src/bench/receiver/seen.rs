//! What came in, counted.
use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::host;

/// Latencies that are kept until they are asked for.
const LATENCIES_MAX: usize = 1_000_000;

#[derive(Default)]
pub(super) struct Seen {
    count: Cell<usize>,
    /// Told when there is one more than somebody waits for.
    wanted: Cell<usize>,
    reached: Notify,
    latencies_us: RefCell<Vec<u64>>,
    sample: RefCell<Option<(HeaderMap, Bytes)>>,
}

impl Seen {
    /// `query` may name the time from which this one's way is counted.
    pub(super) fn note(&self, query: Option<&str>, headers: &HeaderMap, body: &Bytes) {
        if let Some(sent_ns) = query.and_then(|query| query.strip_prefix("t=")).and_then(|at| at.parse::<u64>().ok()) {
            let mut latencies = self.latencies_us.borrow_mut();
            if latencies.len() < LATENCIES_MAX {
                latencies.push(host::now_ns().saturating_sub(sent_ns) / 1000);
            }
        }
        if self.sample.borrow().is_none() {
            self.sample.replace(Some((headers.clone(), body.clone())));
        }
        self.count.set(self.count.get() + 1);
        if self.count.get() == self.wanted.get() {
            self.reached.notify_one();
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count.get()
    }

    pub(super) async fn reached(&self, count: usize, longest: Duration) -> bool {
        self.wanted.set(count);
        if self.count.get() >= count {
            return true;
        }
        tokio::time::timeout(longest, self.reached.notified()).await.is_ok()
    }

    pub(super) fn take_latencies(&self) -> Value {
        json!(self.latencies_us.take())
    }

    pub(super) fn take_sample(&self) -> Value {
        let Some((headers, body)) = self.sample.take() else { return json!({}) };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: serde_json::Map<String, Value> =
            headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()).into())).collect();
        json!({"headers": headers, "body": text(&body)})
    }
}
