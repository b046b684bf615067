//! Room 7: signs the frozen bytes at send time, POSTs once, says what came of it.
//!
//! Promise: one request on the wire per call at most. A connection from the pool that turns out dead is replaced only where
//! nothing of the request was written; whatever may have been received is reported, never repeated. Dropping the future closes
//! the connection; a head that was complete by then is told in the post.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use postsync_core::attempt::Answer;
use postsync_core::moment;
use postsync_core::outcome::{Outcome, Phases, SendError, SendReport};
use postsync_core::sent::Sent;
use postsync_engine::ports::{Post, Sender};

use crate::answer::{drain, idle_for, judge, record, sentence};
use crate::connection::{Connection, Late, NoHead, Patience};
use crate::dial::{Undialled, micros};
use crate::route::Route;
use crate::trouble::Trouble;
use crate::{Egress, Inner, io_errors, request};

/// For who measures how soon a POST follows the commit of its event: `cargo xtask bench` reads these words.
fn name_sent(post: &Post, sent_at: Option<tokio::time::Instant>) {
    if let (true, Some(sent_at)) = (tracing::enabled!(tracing::Level::TRACE), sent_at) {
        let us_ago = u64::try_from(sent_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::trace!(event = %post.event, us_ago, "a webhook was sent");
    }
}

#[async_trait]
impl Sender for Egress {
    async fn send(&self, post: Post) -> SendReport {
        let start = Instant::now();
        let mut known = Known::default();
        let (outcome, message) = match self.inner.attempt(&post, &mut known).await {
            Ok(answered) => answered,
            Err(trouble) => (Outcome::Failed(trouble.error), trouble.message),
        };
        known.phases.total_us = Some(micros(start));
        let Known { phases, address, tls, sent, answer } = known;
        SendReport { outcome, message, address, phases, tls: tls.map(str::to_owned), sent, answer }
    }
}

/// What becomes known while an attempt goes on.
#[derive(Default)]
struct Known {
    phases: Phases,
    address: Option<SocketAddr>,
    tls: Option<&'static str>,
    sent: Sent,
    answer: Option<Answer>,
}

impl Known {
    fn remember(&mut self, connection: &Connection) {
        self.address = Some(connection.address);
        self.tls = connection.tls;
    }
}

/// Why there is no answer.
enum Unanswered {
    /// Nothing was written, so another connection may be tried.
    Unwritten,
    Trouble(Trouble),
}

impl Inner {
    async fn attempt(&self, post: &Post, known: &mut Known) -> Result<(Outcome, String), Trouble> {
        let route = self.routes.of(&self.dialler.rules, &post.url)?;
        if let Some(connection) = self.pool.take(&route.key) {
            match self.exchange(connection, &route, post, known).await {
                Ok(answered) => return Ok(answered),
                Err(Unanswered::Trouble(trouble)) => return Err(trouble),
                // It died in the moment that it was taken. A fresh one settles it: the next idle one may be as dead.
                Err(Unanswered::Unwritten) => {}
            }
        }
        let connection = self.connect(&route, known).await?;
        let heard = connection.meter.clone();
        match self.exchange(connection, &route, post, known).await {
            Ok(answered) => Ok(answered),
            Err(Unanswered::Trouble(trouble)) => Err(trouble),
            Err(Unanswered::Unwritten) if heard.heard() => Err(Trouble::new(
                SendError::ResponseMalformed,
                "the server spoke before it was asked, so it is no web server; check the port",
            )),
            Err(Unanswered::Unwritten) => Err(Trouble::new(
                SendError::ConnectReset,
                format!("{} closed the connection as soon as it was open", route.target.host),
            )),
        }
    }

    async fn connect(&self, route: &Route, known: &mut Known) -> Result<Connection, Trouble> {
        let dialled = match self.dialler.dial(&route.target, &mut known.phases).await {
            Ok(dialled) => dialled,
            Err(Undialled { trouble, address }) => {
                known.address = address;
                return Err(trouble);
            }
        };
        let connection = Connection::open(dialled)
            .await
            .map_err(|error| Trouble::new(SendError::ConnectReset, format!("{}: {error}", route.target.host)))?;
        known.remember(&connection);
        moment::passes("post connected");
        Ok(connection)
    }

    /// One request and its answer. The connection goes back to the pool where the answer was read whole.
    async fn exchange(
        &self,
        mut connection: Connection,
        route: &Arc<Route>,
        post: &Post,
        known: &mut Known,
    ) -> Result<(Outcome, String), Unanswered> {
        known.remember(&connection);
        let (head, sent) = request::post(route, post).map_err(Unanswered::Trouble)?;
        known.sent = sent;
        let start = tokio::time::Instant::now();
        let mut patience = Patience::new(self.dialler.deadlines.write, post.timeout);
        let answer = connection.exchange(head, post.body.clone(), &mut patience).await;
        known.phases.first_byte_us = connection
            .meter
            .first_byte_at()
            .map(|at| u64::try_from(at.saturating_duration_since(start).as_micros()).unwrap_or(u64::MAX));
        name_sent(post, connection.meter.sent_at());
        let (head, body) = answer.map_err(|no_head| self.unanswered(no_head, &connection, post))?.into_parts();
        let outcome = judge(&head);
        post.heard.tell(outcome);
        let body = drain(&mut connection, body, &mut patience).await.masked(&post.custom_headers);
        if body.fault.is_none() {
            self.pool.put(route.key.clone(), connection, idle_for(&head.headers));
        }
        let said = sentence(outcome, &body);
        known.answer = Some(record(&head.headers, body, &post.custom_headers));
        Ok((outcome, said))
    }

    fn unanswered(&self, no_head: NoHead, connection: &Connection, post: &Post) -> Unanswered {
        Unanswered::Trouble(match no_head {
            NoHead::Unwritten => return Unanswered::Unwritten,
            NoHead::Broken(error) => io_errors::trouble(&error, &connection.meter),
            NoHead::TooLarge => io_errors::too_large(),
            NoHead::Late(Late::Writing) => Trouble::new(
                SendError::WriteReset,
                format!(
                    "the receiver did not take the request within {:?}; it may have been received",
                    self.dialler.deadlines.write
                ),
            ),
            NoHead::Late(Late::Answering) => Trouble::new(
                SendError::ResponseTimeout,
                format!(
                    "no complete answer within {:?}; it may have been received; answer 2xx first and work afterwards, or raise the timeout: delivery.timeout, or its endpoint's or generation's own",
                    post.timeout
                ),
            ),
        })
    }
}
