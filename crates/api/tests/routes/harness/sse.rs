//! A stream of server-sent events, as a client reads it.
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures::{FutureExt as _, StreamExt as _};
use http::Method;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Answer, App, request};

/// A stream as a client reads it.
pub(crate) struct Stream<'a> {
    app: &'a App,
    body: BodyDataStream,
    text: String,
    /// The last id that was seen.
    pub(crate) id: String,
    /// The name of the last block, where it had one.
    pub(crate) event: Option<String>,
}

/// One block of lines: an event's data, or none.
pub(crate) type Block = Option<Value>;

impl<'a> Stream<'a> {
    pub(crate) async fn open(
        app: &'a App,
        path: &str,
        key: &str,
        last_event_id: Option<&str>,
    ) -> Result<Stream<'a>, Answer> {
        let mut request = request(Method::GET, path, Some(key), Body::empty());
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", id.parse().unwrap());
        }
        let response = app.router.clone().oneshot(request).await.unwrap();
        if response.status() != 200 {
            return Err(Answer::read(response, false).await);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = response.into_body().into_data_stream();
        Ok(Self { app, body, text: String::new(), id: String::new(), event: None })
    }

    /// The next block; `None` at the end. Time goes on in small steps while nothing comes.
    pub(crate) async fn block(&mut self) -> Option<Block> {
        let mut idle = 0;
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                let block = std::mem::replace(&mut self.text, rest);
                return Some(self.read(&block));
            }
            match self.body.next().now_or_never() {
                Some(Some(bytes)) => self.text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap()),
                Some(None) => return None,
                None => {
                    tokio::task::yield_now().await;
                    idle += 1;
                    assert!(idle < 1_000_000, "nothing came");
                    if idle % 100 == 0 {
                        self.app.clock.advance(Duration::from_millis(10));
                    }
                }
            }
        }
    }

    fn read(&mut self, block: &str) -> Block {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let Some(id) = field("id") {
            id.clone_into(&mut self.id);
        }
        self.event = field("event").map(str::to_owned);
        field("data").map(|data| serde_json::from_str(data).unwrap())
    }

    /// The next events, past what keeps the stream alive.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.block().await.expect("the stream goes on"));
        }
        events
    }
}
