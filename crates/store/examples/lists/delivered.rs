//! What became of a generation's webhook: nearly all delivered, one in fifty exhausted, one in a thousand due in an hour.
use std::time::Duration;

use bytes::Bytes;
use postsync_core::attempt::{Answer, AttemptEnd, Word};
use postsync_core::change::{Change, Settlement};
use postsync_core::delivery::{Delivery, ExhaustedReason, NextReason, State};
use postsync_core::event::{Event, EventType};
use postsync_core::generation::{self, Generation};
use postsync_core::ids::{DeliveryId, EventId, IdSequence};
use postsync_core::outcome::{Phases, SendError};
use postsync_core::sent::Sent;
use postsync_core::target::{Destination, implicit_endpoint};
use postsync_core::time::Timestamp;

/// One in so many was given up.
const EXHAUSTED_EVERY: usize = 50;

/// One in so many is tried again later.
const DUE_EVERY: usize = 1_000;

/// Behind any run, however old it is: what is due stays so, and stands in its destination's backlog.
const LATER: Duration = Duration::from_secs(60 * 24 * 3_600);

/// What is kept of a request's head, about.
const SENT_BYTES: usize = 82;

/// The event, its delivery and the attempt.
pub(super) fn of(generation: &Generation, nth: usize, now: Timestamp, ids: &mut IdSequence) -> Vec<Change> {
    let url = generation.request.webhook_url.clone().unwrap_or_default();
    let event = Event {
        id: EventId(ids.next(now)),
        org: generation.org.clone(),
        kind: EventType::GenerationCompleted,
        generation: Some(generation.id),
        created_at: now,
        body: Bytes::from(generation::wire(generation)),
    };
    let shard = Destination::of(&url).map_or(0, |destination| destination.shard());
    let endpoint = implicit_endpoint(&generation.org, &url);
    let mut delivery = Delivery::new(DeliveryId(ids.next(now)), &event, endpoint, url, shard);
    let (end, state) = if nth % DUE_EVERY == DUE_EVERY - 1 {
        (failed(now, Some(NextReason::Schedule)), State::Due(now.plus(LATER)))
    } else if nth.is_multiple_of(EXHAUSTED_EVERY) {
        (failed(now, None), State::Exhausted(now, ExhaustedReason::ScheduleEnded))
    } else {
        (taken(now), State::Delivered(now))
    };
    let step = u32::from(!matches!(state, State::Delivered(_)));
    vec![
        Change::AddEvent(Box::new(event)),
        Change::AddDelivery(Box::new(delivery.clone())),
        delivery.start(now),
        Change::SettleAttempt(Box::new(Settlement {
            delivery: delivery.id,
            attempt: 1,
            end,
            step,
            interrupted: 0,
            state,
        })),
    ]
}

fn taken(now: Timestamp) -> AttemptEnd {
    let answer = Answer {
        headers: Bytes::from_static(
            b"content-length: 2\ncontent-type: text/plain\ndate: Thu, 26 Nov 2026 04:00:00 GMT\n",
        ),
        body: Bytes::from_static(b"ok"),
        truncated: false,
    };
    AttemptEnd {
        outcome: Word::Delivered,
        http_status: Some(200),
        error: None,
        message: String::new(),
        answer: Some(answer),
        next: None,
        ..failed(now, None)
    }
}

fn failed(now: Timestamp, next: Option<NextReason>) -> AttemptEnd {
    AttemptEnd {
        at: now,
        outcome: Word::Failed,
        http_status: None,
        error: Some(SendError::ConnectRefused),
        message: "nobody listens on this port".to_owned(),
        address: Some(([203, 0, 113, 7], 443).into()),
        phases: Phases {
            dns_us: Some(812),
            connect_us: Some(9_180),
            tls_us: Some(18_442),
            first_byte_us: Some(31_007),
            total_us: Some(31_250),
        },
        tls: Some("TLSv1.3".to_owned()),
        sent: Sent::unpacked(vec![7; SENT_BYTES]),
        answer: None,
        next,
    }
}
