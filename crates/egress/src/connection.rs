//! One HTTP/1.1 connection: hyper's state machine, driven by whoever uses it.
//!
//! There is no task behind it: dropping it closes it, so a cut attempt, a full pool and a stopped server leave nothing running,
//! and an answer wakes the one who waits for it without a detour. While it is idle nobody reads; [`Connection::is_usable`] looks.
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep};

use crate::content::Content;
use crate::dial::Dialled;
use crate::wire::{Meter, Payload, Wire};

/// The head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Headers of an answer.
const HEADERS_MAX: usize = 128;

type Driver = http1::Connection<TokioIo<Wire>, Payload>;

/// All heads of an answer together, the interim ones (1xx) too: each alone may be small, and they may never end.
const HEADS_BYTES_MAX: u64 = 4 * HEAD_BYTES_MAX as u64;

pub(crate) struct Connection {
    sender: SendRequest<Payload>,
    /// `None` once it has ended: polling it again would panic. Boxed, because the pool moves connections about.
    driver: Option<Box<Driver>>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<&'static str>,
}

/// Why there is no complete head.
pub(crate) enum NoHead {
    /// The connection was dead and nothing of the request was written: another one may take it.
    Unwritten,
    /// It broke.
    Broken(hyper::Error),
    /// Interim answers without an end.
    TooLarge,
    /// A deadline passed.
    Late(Late),
}

/// Why a body ends without its end.
pub(crate) enum NoFrame {
    Broken,
    Late,
}

/// Which phase was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// The other side does not take the request.
    Writing,
    /// It took it and does not answer.
    Answering,
}

impl Connection {
    pub(crate) async fn open(dialled: Dialled) -> Result<Self, hyper::Error> {
        let meter = Arc::new(Meter::new());
        let wire = Wire::new(dialled.stream, meter.clone());
        let (sender, driver) = http1::Builder::new()
            // Receivers that compare header names by case exist.
            .title_case_headers(true)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(wire))
            .await?;
        Ok(Self { sender, driver: Some(Box::new(driver)), meter, address: dialled.address, tls: dialled.tls })
    }

    /// Whether it can take a request. Looks for what came while it was idle: a close, or bytes that nobody asked for.
    pub(crate) fn is_usable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(
        &mut self,
        head: http::request::Parts,
        content: impl Into<Content>,
        patience: &mut Patience,
    ) -> Result<Response<Incoming>, NoHead> {
        let request = Request::from_parts(head, Payload::new(content.into(), &self.meter));
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            drive(&mut self.driver, cx);
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|mut error| match error.take_message() {
                    Some(_) => NoHead::Unwritten,
                    None if !self.meter.wrote() => NoHead::Unwritten,
                    None => NoHead::Broken(error.into_error()),
                }));
            }
            if self.meter.read_bytes() > HEADS_BYTES_MAX {
                return Poll::Ready(Err(NoHead::TooLarge));
            }
            patience.poll(cx, &self.meter).map(|late| Err(NoHead::Late(late)))
        })
        .await
    }

    /// The next piece of an answer's body; `None` at its end.
    pub(crate) async fn frame(
        &mut self,
        body: &mut Incoming,
        patience: &mut Patience,
    ) -> Result<Option<Frame<Bytes>>, NoFrame> {
        poll_fn(|cx| {
            // Asking for a piece is what makes the driver read it: so the second look finds it without another wake-up.
            for _ in 0..2 {
                self.drive(cx);
                if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                    return Poll::Ready(frame.transpose().map_err(|_| NoFrame::Broken));
                }
            }
            patience.poll(cx, &self.meter).map(|_| Err(NoFrame::Late))
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }
}

/// Errors are not lost: hyper hands them to the request, or to the body, that they concern.
fn drive(driver: &mut Option<Box<Driver>>, cx: &mut Context<'_>) {
    if driver.as_mut().is_some_and(|driver| Pin::new(driver.as_mut()).poll(cx).is_ready()) {
        *driver = None;
    }
}

/// How long to wait: for the request to be taken, then for the answer, head and body together, from when it was taken.
pub(crate) struct Patience {
    write_by: Instant,
    answer_max: Duration,
    /// Set for a body that is judged by its silence, whatever the whole takes.
    frame_by: Option<Instant>,
    /// Set for a request that may take as long as it moves: the longest that it may stand still, and how far it was at the last look.
    moving: Option<(Duration, u64)>,
    sleep: Pin<Box<Sleep>>,
}

impl Patience {
    pub(crate) fn new(write_max: Duration, answer_max: Duration) -> Self {
        let now = Instant::now();
        let sleep = Box::pin(tokio::time::sleep_until(now + write_max.min(answer_max)));
        Self { write_by: now + write_max, answer_max, frame_by: None, moving: None, sleep }
    }

    /// For a large request: each `still_max` in which something leaves gives it another one.
    pub(crate) fn while_it_moves(still_max: Duration, answer_max: Duration) -> Self {
        Self { moving: Some((still_max, 0)), ..Self::new(still_max, answer_max) }
    }

    /// Whether something has left since the last look; then it has more time.
    fn has_moved(&mut self, meter: &Meter, now: Instant) -> bool {
        let Some((still_max, seen)) = &mut self.moving else { return false };
        let written = meter.written_bytes();
        if written == std::mem::replace(seen, written) {
            return false;
        }
        self.write_by = now + *still_max;
        true
    }

    /// From here on: until the next piece of the body.
    pub(crate) fn until_frame(&mut self, idle_max: Duration) {
        let by = Instant::now() + idle_max;
        self.frame_by = Some(by);
        self.sleep.as_mut().reset(by);
    }

    fn poll(&mut self, cx: &mut Context<'_>, meter: &Meter) -> Poll<Late> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let sent_at = meter.sent_at();
            let answer_by = sent_at.map(|at| at + self.answer_max);
            let (by, late) = match self.frame_by.or(answer_by) {
                Some(by) => (by, Late::Answering),
                None => (self.write_by, Late::Writing),
            };
            if now >= by && !(late == Late::Writing && self.has_moved(meter, now)) {
                return Poll::Ready(late);
            }
            let by = if now >= by { self.write_by } else { by };
            // Not sent yet: when it is, its answer has `answer_max` from then, so no look before that can be too late.
            let sent = sent_at.is_some() || self.frame_by.is_some();
            self.sleep.as_mut().reset(if sent { by } else { by.min(now + self.answer_max) });
        }
        Poll::Pending
    }
}
