//! Rows as nouns. A word that no version of us has written is an error: guessing at a state could send what must not be sent.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postsync_core::access::{ApiKey, Organization, Scopes};
use postsync_core::attempt::{Answer, Attempt, AttemptEnd, Word};
use postsync_core::batch::Row as BatchRow;
use postsync_core::delivery::{Delivery, ExhaustedReason, NextReason, Origin, State as DeliveryState};
use postsync_core::error_code::ErrorCode;
use postsync_core::event::{Event, EventType};
use postsync_core::feed::Seq;
use postsync_core::generation::{Ending, Failure, Generation, Output, Request, State, Status};
use postsync_core::ids::{BatchId, DeliveryId, EndpointId, EventId, GenerationId, KeyId, MediaId, OrgId, ReplayId};
use postsync_core::outcome::{Phases, SendError};
use postsync_core::parking::ParkReason;
use postsync_core::replay::{EndedAs, Filter, Original, Replay};
use postsync_core::schedule::Schedule;
use postsync_core::sent::Sent;
use postsync_core::terms::Terms;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{DueDelivery, FedEvent};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use uuid::Uuid;

use crate::sqlite::words;

macro_rules! generation_columns {
    () => {
        "id, org, status, tries, created_at, updated_at, ended_at, model, webhook_url, output_file_name, output_url, \
         output_media, duration_ms, error_code, error, input, options, segments, schedule, timeout_ms, batch, \
         batch_row, request_id"
    };
}

/// Of `deliveries d` and `events e`, with what moves from wherever it stands.
macro_rules! delivery_columns {
    ($attempts:literal, $step:literal, $interrupted:literal, $due_at:literal, $parked:literal) => {
        concat!(
            "d.id, d.event, d.org, d.generation, d.endpoint, d.url, d.shard, d.created_at, ",
            $attempts,
            ", ",
            $step,
            ", ",
            $interrupted,
            ", d.status, d.reason, d.ended_at, ",
            $due_at,
            ", e.org, e.kind, e.generation, e.created_at, ",
            $parked,
            ", d.origin, d.schedule, d.timeout_ms"
        )
    };
}

/// From `due q`.
macro_rules! due_columns {
    () => {
        delivery_columns!("q.attempts", "q.step", "q.interrupted", "q.due_at", "NULL")
    };
}

/// From `parked p`.
macro_rules! parked_columns {
    () => {
        delivery_columns!("p.attempts", "p.step", "p.interrupted", "p.due_at", "p.reason")
    };
}

/// From `due q`, `parked p` or, where it has ended, the history itself.
macro_rules! any_columns {
    () => {
        delivery_columns!(
            "coalesce(q.attempts, p.attempts, d.attempts)",
            "coalesce(q.step, p.step, d.step)",
            "coalesce(q.interrupted, p.interrupted, d.interrupted)",
            "coalesce(q.due_at, p.due_at)",
            "p.reason"
        )
    };
}

/// Where the reason stands why it is parked, if it is.
const PARKED: usize = 19;

/// Where the body stands behind the columns of a delivery, in the statements that read it.
const BODY: usize = 23;

macro_rules! attempt_columns {
    () => {
        "delivery, attempt, step, started_at, ended_at, outcome, http_status, error, message, address, tls, dns_us, \
         connect_us, tls_us, first_byte_us, total_us, next, sent, headers, body, truncated"
    };
}

/// Of a delivery in any state, with what a replay asks beside it: nothing of its event but whether it is there.
macro_rules! original_columns {
    () => {
        concat!(any_columns!(), ", d.replayed_at, e.id IS NOT NULL")
    };
}

macro_rules! replay_columns {
    () => {
        "id, org, created_at, ended_at, of_status, generation, endpoint, since, until, error, again, count, made, skipped, \
         read_to"
    };
}

macro_rules! key_columns {
    () => {
        "id, org, name, scopes, hash, created_at, revoked_at, last_used_at"
    };
}

pub(super) use {
    any_columns, attempt_columns, delivery_columns, due_columns, generation_columns, key_columns, original_columns,
    parked_columns, replay_columns,
};

pub(super) fn generation(row: &Row<'_>) -> Result<Generation> {
    let state = match word(row, 2, Status::parse)? {
        Status::Pending => State::Pending,
        Status::Processing => State::Processing,
        Status::Completed => State::Ended(time(row, 6)?, Ending::Completed(output(row)?)),
        Status::Failed | Status::Rejected => State::Ended(time(row, 6)?, Ending::Failed(failure(row)?)),
    };
    let request = Request {
        model: row.get(7)?,
        webhook_url: row.get(8)?,
        output_file_name: row.get(9)?,
        input: row.get(15)?,
        options: row.get(16)?,
        segments: row.get(17)?,
        terms: terms(row, 18)?,
    };
    Ok(Generation {
        id: GenerationId(uuid(row, 0)?),
        org: org(row, 1)?,
        request,
        created_at: time(row, 4)?,
        updated_at: time(row, 5)?,
        tries: row.get(3)?,
        state,
        row: match row.get::<_, Option<[u8; 16]>>(20)? {
            Some(batch) => {
                let batch = BatchId(Uuid::from_bytes(batch));
                Some(BatchRow { batch, number: row.get(21)?, request_id: row.get(22)? })
            }
            None => None,
        },
    })
}

fn output(row: &Row<'_>) -> Result<Output> {
    let media: Option<[u8; 16]> = row.get(11)?;
    Ok(Output {
        url: row.get(10)?,
        duration_ms: micros(row, 12)?,
        media: media.map(|bytes| MediaId(Uuid::from_bytes(bytes))),
    })
}

fn failure(row: &Row<'_>) -> Result<Failure> {
    Ok(Failure { code: word(row, 13, ErrorCode::parse)?, error: row.get(14)? })
}

/// With the event's body.
pub(super) fn due_delivery(row: &Row<'_>) -> Result<DueDelivery> {
    let body = Bytes::from(row.get::<_, Vec<u8>>(BODY)?);
    with_body(row, body)
}

/// Without it: lists of a thousand would carry a thousand of them.
pub(super) fn listed_delivery(row: &Row<'_>) -> Result<DueDelivery> {
    with_body(row, Bytes::new())
}

fn with_body(row: &Row<'_>, body: Bytes) -> Result<DueDelivery> {
    let delivery = delivery(row)?;
    let event = event_at(row, delivery.event, 15, body)?;
    Ok(DueDelivery { delivery, event })
}

/// One event alone: its id and body, then what [`event_at`] reads.
pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    event_at(row, EventId(row.get(0)?), 2, Bytes::from(row.get::<_, Vec<u8>>(1)?))
}

/// The same, and behind it its place.
pub(super) fn fed(row: &Row<'_>) -> Result<FedEvent> {
    Ok(FedEvent { seq: Seq(row.get(6)?), event: event(row)? })
}

/// Its organization, kind, generation and time, from that column on.
fn event_at(row: &Row<'_>, id: EventId, first: usize, body: Bytes) -> Result<Event> {
    Ok(Event {
        id,
        org: org(row, first)?,
        kind: word(row, first + 1, EventType::parse)?,
        generation: maybe_generation(row, first + 2)?,
        created_at: time(row, first + 3)?,
        body,
    })
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        event: EventId(row.get(1)?),
        org: org(row, 2)?,
        generation: maybe_generation(row, 3)?,
        origin: word(row, 20, Origin::parse)?,
        endpoint: EndpointId::new(row.get_ref(4)?.as_str()?),
        url: row.get(5)?,
        shard: row.get(6)?,
        terms: terms(row, 21)?,
        created_at: time(row, 7)?,
        attempts: row.get(8)?,
        step: row.get(9)?,
        interrupted: row.get(10)?,
        state: delivery_state(row)?,
    })
}

fn delivery_state(row: &Row<'_>) -> Result<DeliveryState> {
    match row.get_ref(11)?.as_str()? {
        words::DUE | words::PARKED => {
            let at = time(row, 14)?;
            let parked = maybe_word(row, PARKED, ParkReason::parse)?;
            Ok(parked.map_or(DeliveryState::Due(at), |reason| DeliveryState::Parked(at, reason)))
        }
        words::DELIVERED => Ok(DeliveryState::Delivered(time(row, 13)?)),
        words::EXHAUSTED => Ok(DeliveryState::Exhausted(time(row, 13)?, word(row, 12, ExhaustedReason::parse)?)),
        other => Err(unknown(11, other)),
    }
}

/// One that has ended.
pub(super) fn attempt(row: &Row<'_>) -> Result<Attempt> {
    Ok(Attempt {
        delivery: DeliveryId(row.get(0)?),
        attempt: row.get(1)?,
        step: row.get(2)?,
        started_at: time(row, 3)?,
        end: Some(attempt_end(row, time(row, 4)?)?),
    })
}

/// One that is open: its row is in `due`.
pub(super) fn open_attempt(row: &Row<'_>) -> Result<Attempt> {
    let delivery = DeliveryId(row.get(0)?);
    Ok(Attempt { delivery, attempt: row.get(1)?, step: row.get(2)?, started_at: time(row, 3)?, end: None })
}

fn attempt_end(row: &Row<'_>, at: Timestamp) -> Result<AttemptEnd> {
    Ok(AttemptEnd {
        at,
        outcome: word(row, 5, Word::parse)?,
        http_status: row.get(6)?,
        error: maybe_word(row, 7, SendError::parse)?,
        message: row.get(8)?,
        address: maybe_word(row, 9, |text| text.parse().ok())?,
        tls: row.get(10)?,
        phases: Phases {
            dns_us: micros(row, 11)?,
            connect_us: micros(row, 12)?,
            tls_us: micros(row, 13)?,
            first_byte_us: micros(row, 14)?,
            total_us: micros(row, 15)?,
        },
        next: maybe_word(row, 16, NextReason::parse)?,
        sent: Sent::unpacked(bytes(row, 17)?),
        answer: answer(row)?,
    })
}

fn answer(row: &Row<'_>) -> Result<Option<Answer>> {
    let Some(headers) = row.get::<_, Option<Vec<u8>>>(18)? else { return Ok(None) };
    let truncated = row.get::<_, Option<bool>>(20)?.unwrap_or(false);
    Ok(Some(Answer { headers: headers.into(), body: bytes(row, 19)?.into(), truncated }))
}

/// None where there are none.
fn bytes(row: &Row<'_>, column: usize) -> Result<Vec<u8>> {
    Ok(row.get::<_, Option<Vec<u8>>>(column)?.unwrap_or_default())
}

/// Where the body would stand.
pub(super) fn original(row: &Row<'_>) -> Result<Original> {
    Ok(Original { delivery: delivery(row)?, replayed_at: maybe_time(row, BODY)?, has_event: row.get(BODY + 1)? })
}

pub(super) fn replay(row: &Row<'_>) -> Result<Replay> {
    let endpoint: Option<String> = row.get(6)?;
    let filter = Filter {
        status: maybe_word(row, 4, EndedAs::parse)?,
        generation: maybe_generation(row, 5)?,
        endpoint: endpoint.map(|id| EndpointId::new(&id)),
        since: maybe_time(row, 7)?,
        until: maybe_time(row, 8)?,
        error: maybe_word(row, 9, SendError::parse)?,
        again: row.get(10)?,
    };
    let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(Replay {
        id: ReplayId(row.get(0)?),
        org: org(row, 1)?,
        filter,
        created_at: time(row, 2)?,
        count: micros(row, 11)?,
        made: count(12)?,
        skipped: count(13)?,
        read_to: DeliveryId(row.get(14)?),
        ended_at: maybe_time(row, 3)?,
    })
}

pub(super) fn key(row: &Row<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        id: KeyId(row.get(0)?),
        org: org(row, 1)?,
        name: row.get(2)?,
        scopes: word(row, 3, |text| Scopes::parse(text).ok())?,
        hash: row.get(4)?,
        created_at: time(row, 5)?,
        revoked_at: maybe_time(row, 6)?,
        last_used_at: maybe_time(row, 7)?,
    })
}

pub(super) fn organization(row: &Row<'_>) -> Result<Organization> {
    Ok(Organization {
        id: org(row, 0)?,
        name: row.get(1)?,
        plan: row.get(2)?,
        concurrency: row.get(3)?,
        created_at: time(row, 4)?,
    })
}

pub(in crate::sqlite) fn org(row: &Row<'_>, column: usize) -> Result<OrgId> {
    Ok(OrgId::new(row.get_ref(column)?.as_str()?))
}

/// `schedule` and `timeout_ms`, from that column on.
pub(super) fn terms(row: &Row<'_>, first: usize) -> Result<Terms> {
    let timeout_ms: Option<i64> = row.get(first + 1)?;
    Ok(Terms {
        schedule: maybe_word(row, first, |text| Schedule::parse(text).ok())?.map(Arc::new),
        timeout: timeout_ms.map(|ms| Duration::from_millis(ms.unsigned_abs())),
    })
}

fn maybe_generation(row: &Row<'_>, column: usize) -> Result<Option<GenerationId>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(|bytes| GenerationId(Uuid::from_bytes(bytes))))
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(super) fn maybe_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

fn micros(row: &Row<'_>, column: usize) -> Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
}

pub(in crate::sqlite) fn word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| unknown(column, text))
}

pub(super) fn maybe_word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| unknown(column, text)),
    }
}

pub(super) fn unknown(column: usize, text: &str) -> Error {
    Error::FromSqlConversionFailure(
        column,
        Type::Text,
        format!("the word {text:?} is not known to this version").into(),
    )
}
