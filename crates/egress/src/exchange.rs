//! Requests to servers that the operator has configured: the way there is guarded as any other, but for the server itself, whose
//! address need not be public.
//!
//! Promise: one request on the wire per call at most; a connection from the pool that turns out dead is replaced only where
//! nothing was written. A large body is read from its files while it is sent, and may take as long as it moves.
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use postsync_core::outcome::{Phases, SendError};
use postsync_engine::ports::{Exchange, ExchangeAnswer, ExchangeError, ExchangeFailure, ExchangeRequest, Piece, Trust};

use crate::answer::idle_for;
use crate::connection::{Connection, Late, NoFrame, NoHead, Patience};
use crate::content::{Broken, Content, Pieces};
use crate::route::Route;
use crate::trouble::Trouble;
use crate::{Egress, Inner, io_errors, request, retry_after};

#[async_trait]
impl Exchange for Egress {
    async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError> {
        self.inner.exchange_once(&request).await
    }
}

/// Why there is no answer over one connection.
enum Unanswered {
    /// Nothing was written, so another connection may be tried.
    Unwritten,
    Error(ExchangeError),
}

impl Inner {
    async fn exchange_once(&self, request: &ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError> {
        let dialler = self.dialler_of(Trust::Configured, &request.url);
        let route = Route::new(&dialler.rules, &request.url).map_err(remote)?;
        // Not the webhooks' connections: those must have passed the rules for everybody.
        let key: Arc<str> = format!("configured {}", route.key).into();
        if let Some(connection) = self.pool.take(&key) {
            match self.ask(connection, &route, &key, request).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered::Error(error)) => return Err(error),
                Err(Unanswered::Unwritten) => {}
            }
        }
        let dialled = dialler.dial(&route.target, &mut Phases::default()).await;
        let dialled = dialled.map_err(|undialled| remote(undialled.trouble))?;
        let connection = Connection::open(dialled)
            .await
            .map_err(|error| remote(Trouble::new(SendError::ConnectReset, error.to_string())))?;
        match self.ask(connection, &route, &key, request).await {
            Ok(answer) => Ok(answer),
            Err(Unanswered::Error(error)) => Err(error),
            Err(Unanswered::Unwritten) => {
                let message = format!("{} closed the connection as soon as it was open", route.target.host);
                Err(remote(Trouble::new(SendError::ConnectReset, message)))
            }
        }
    }

    async fn ask(
        &self,
        mut connection: Connection,
        route: &Route,
        key: &Arc<str>,
        request: &ExchangeRequest,
    ) -> Result<ExchangeAnswer, Unanswered> {
        let head = request::of_exchange(route, request).map_err(|trouble| Unanswered::Error(remote(trouble)))?;
        let (content, broken) = content(&request.body).await.map_err(|error| Unanswered::Error(unread(&error)))?;
        let mut patience = Patience::while_it_moves(self.dialler.deadlines.write, request.timeout);
        let answer = connection.exchange(head, content, &mut patience).await;
        let (head, body) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(NoHead::Unwritten) => return Err(Unanswered::Unwritten),
            Err(_) if broken.told() => {
                let gone = std::io::Error::other("a file changed while it was sent");
                return Err(Unanswered::Error(unread(&gone)));
            }
            Err(no_head) => return Err(Unanswered::Error(remote(no_answer(no_head, &connection)))),
        };
        let body = whole(&mut connection, body, &mut patience, request.answer_bytes_max).await;
        let body = body.map_err(Unanswered::Error)?;
        self.pool.put(key.clone(), connection, idle_for(&head.headers));
        Ok(ExchangeAnswer { status: head.status.as_u16(), retry_after: retry_after::read(&head.headers), body })
    }
}

/// A body of one piece goes as webhooks do; files are opened here, so that one that is gone is no half request.
async fn content(body: &[Piece]) -> std::io::Result<(Content, Broken)> {
    let broken = Broken::default();
    let content = match body {
        [] => Content::Bytes(Bytes::new()),
        [Piece::Bytes(bytes)] => Content::Bytes(bytes.clone()),
        pieces => Content::Pieces(Pieces::open(pieces, broken.clone()).await?),
    };
    Ok((content, broken))
}

async fn whole(
    connection: &mut Connection,
    mut body: Incoming,
    patience: &mut Patience,
    bytes_max: usize,
) -> Result<Bytes, ExchangeError> {
    let mut all = BytesMut::new();
    loop {
        match connection.frame(&mut body, patience).await {
            Ok(None) => return Ok(all.freeze()),
            Ok(Some(frame)) => all.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(NoFrame::Broken) => {
                return Err(remote(Trouble::new(SendError::ResponseTruncated, "its answer was cut off or malformed")));
            }
            Err(NoFrame::Late) => {
                return Err(remote(Trouble::new(SendError::ResponseTimeout, "its answer did not end in time")));
            }
        }
        if all.len() > bytes_max {
            let message = format!("its answer is longer than {bytes_max} bytes");
            return Err(ExchangeError { failure: ExchangeFailure::TooLarge, message });
        }
    }
}

fn no_answer(no_head: NoHead, connection: &Connection) -> Trouble {
    match no_head {
        NoHead::Broken(error) => io_errors::trouble(&error, &connection.meter),
        NoHead::Unwritten => Trouble::new(SendError::ConnectReset, "it closed the connection at once"),
        NoHead::TooLarge => io_errors::too_large(),
        NoHead::Late(Late::Writing) => {
            Trouble::new(SendError::WriteReset, "it did not take the request; it may have been received")
        }
        NoHead::Late(Late::Answering) => {
            Trouble::new(SendError::ResponseTimeout, "it did not answer in time; it may have been received")
        }
    }
}

fn remote(trouble: Trouble) -> ExchangeError {
    ExchangeError { failure: ExchangeFailure::Remote(trouble.error), message: trouble.message }
}

fn unread(error: &std::io::Error) -> ExchangeError {
    tracing::error!(%error, "a file could not be read while it was to be sent");
    ExchangeError { failure: ExchangeFailure::Storage, message: "this server could not read the file".to_owned() }
}
