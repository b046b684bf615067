//! Nouns to fill a store with. Small numbers name them, so that a failing check can be read.
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use postsync_core::access::{ApiKey, Organization, Scope, Scopes, StoredSecret};
use postsync_core::attempt::{Answer, AttemptEnd, Word};
use postsync_core::change::{Change, Parking, Settlement};
use postsync_core::delivery::{Delivery, ExhaustedReason, NextReason, Origin, State};
use postsync_core::event::{Event, EventType};
use postsync_core::generation::{self, Ending, Failure, Generation, NewGeneration, Output, Request};
use postsync_core::ids::{DeliveryId, EndpointId, EventId, GenerationId, KeyId, MediaId, OrgId, SecretId};
use postsync_core::outcome::{Phases, SendError};
use postsync_core::parking::{Lane, ParkReason};
use postsync_core::rotation::{Places, Previous, SecretOwner, Signing};
use postsync_core::schedule::Schedule;
use postsync_core::sent::Sent;
use postsync_core::terms::Terms;
use postsync_core::time::Timestamp;
use postsync_core::{Secret, error_code};
use postsync_engine::ports::{Applied, DueDelivery, Store, StoreError};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Fate, Options, Sqlite};
use uuid::Uuid;

pub(crate) const START: Timestamp = Timestamp(1_795_420_800_000);

pub(crate) fn master() -> MasterKey {
    MasterKey::generate([7; 32])
}

pub(crate) fn sqlite_in(folder: &Path) -> Sqlite {
    Sqlite::open(&folder.join("postsync.db"), &master(), Options::default()).unwrap()
}

pub(crate) fn sqlite_in_memory() -> Sqlite {
    Sqlite::open_in_memory(&master(), Options::default()).unwrap()
}

pub(crate) fn at(ms: i64) -> Timestamp {
    START.plus_ms(ms)
}

pub(crate) fn org(name: &str) -> OrgId {
    OrgId::new(name)
}

pub(crate) fn gen_id(number: u128) -> GenerationId {
    GenerationId(Uuid::from_u128(number))
}

pub(crate) fn generation(number: u128, whose: &str, model: &str) -> Generation {
    let request = Request {
        model: model.to_owned(),
        input: format!(r#"[{{"type":"video","url":"https://media.example.com/{number}.mp4"}}]"#),
        options: number.is_multiple_of(2).then(|| r#"{"sync_mode":"loop"}"#.to_owned()),
        segments: number.is_multiple_of(3).then(|| r#"[{"startTime":1}]"#.to_owned()),
        webhook_url: Some("https://app.example.com/webhook?x=1".to_owned()),
        output_file_name: number.is_multiple_of(5).then(|| "final.mp4".to_owned()),
        terms: terms(number.is_multiple_of(7)),
    };
    let accepted = i64::try_from(number).unwrap();
    generation::accept(NewGeneration { org: org(whose), request }, gen_id(number), at(accepted))
}

/// Their own, or the server's.
pub(crate) fn terms(own: bool) -> Terms {
    let schedule = Arc::new(Schedule::parse("0s,90s,1h").unwrap());
    if own { Terms { schedule: Some(schedule), timeout: Some(Duration::from_millis(1_500)) } } else { Terms::default() }
}

pub(crate) fn add(generation: &Generation) -> Change {
    Change::AddGeneration(Box::new(generation.clone()))
}

pub(crate) fn start(number: u128, tries: u32) -> Change {
    Change::StartGeneration { id: gen_id(number), tries, at: at(1_000) }
}

pub(crate) fn release(number: u128, tries: u32) -> Change {
    Change::ReleaseGeneration { id: gen_id(number), tries, at: at(2_000) }
}

pub(crate) fn end(number: u128, tries: u32, ending: Ending) -> Change {
    Change::EndGeneration { id: gen_id(number), tries, at: at(3_000), ending }
}

pub(crate) fn completed() -> Ending {
    let media = Some(MediaId(Uuid::from_u128(99)));
    Ending::Completed(Output { url: "https://lips.example.com/r/1".to_owned(), duration_ms: Some(9_980), media })
}

pub(crate) fn failed() -> Ending {
    Ending::Failed(Failure::new(error_code::GENERATION_TIMEOUT, "It took too long."))
}

pub(crate) fn event(number: i64, generation: u128, whose: &str) -> Event {
    let kind = if number % 2 == 0 { EventType::GenerationCompleted } else { EventType::GenerationFailed };
    let body = Bytes::from(format!(r#"{{"id":"{number}"}}"#));
    Event {
        id: EventId(number),
        org: org(whose),
        kind,
        generation: Some(gen_id(generation)),
        created_at: at(number),
        body,
    }
}

pub(crate) fn add_event(event: &Event) -> Change {
    Change::AddEvent(Box::new(event.clone()))
}

/// Due at `due_ms` after the start of time.
pub(crate) fn delivery(number: i64, event: &Event, endpoint: &str, due_ms: i64) -> Delivery {
    let url = format!("https://{endpoint}.example.com/webhook");
    let made = Delivery::new(DeliveryId(number), event, EndpointId::new(endpoint), url, 200);
    let origin = if number % 3 == 0 { Origin::Replay } else { Origin::Event };
    Delivery { state: State::Due(at(due_ms)), terms: terms(number % 2 == 0), origin, ..made }
}

pub(crate) fn add_delivery(delivery: &Delivery) -> Change {
    Change::AddDelivery(Box::new(delivery.clone()))
}

pub(crate) fn start_attempt(delivery: i64, attempt: u32) -> Change {
    let started_at = at(10_000 + i64::from(attempt));
    Change::StartAttempt { delivery: DeliveryId(delivery), attempt, step: attempt - 1, started_at }
}

pub(crate) fn attempt_end(outcome: Word) -> AttemptEnd {
    let well = outcome == Word::Delivered;
    let phases =
        Phases { dns_us: Some(1), connect_us: Some(2), tls_us: None, first_byte_us: Some(4), total_us: Some(u64::MAX) };
    AttemptEnd {
        at: at(20_000),
        outcome,
        http_status: well.then_some(204),
        error: (!well).then_some(SendError::ConnectRefused),
        message: if well { String::new() } else { "Nobody listens there.".to_owned() },
        address: Some("[2001:db8::7]:8443".parse().unwrap()),
        phases: if well { phases } else { Phases::default() },
        tls: well.then(|| "TLSv1.3".to_owned()),
        sent: if well { Sent::unpacked(vec![7; 82]) } else { Sent::default() },
        answer: well.then(|| answer(b"\xff\0{}", true)),
        next: (!well).then_some(NextReason::RetryAfter),
    }
}

pub(crate) fn answer(body: &'static [u8], truncated: bool) -> Answer {
    Answer { headers: Bytes::from_static(b"x-a: \xe9\n"), body: Bytes::from_static(body), truncated }
}

pub(crate) fn settle(delivery: i64, attempt: u32, state: State) -> Change {
    let word = if matches!(state, State::Delivered(_)) { Word::Delivered } else { Word::Failed };
    let end = attempt_end(word);
    let delivery = DeliveryId(delivery);
    Change::SettleAttempt(Box::new(Settlement { delivery, attempt, end, step: attempt, interrupted: 1, state }))
}

/// Held back in a lane, until then.
pub(crate) fn park(delivery: i64, lane: &str, until_ms: i64) -> Change {
    park_from(delivery, lane, until_ms, 0)
}

/// And not to be a probe before `probe_ms`. Odd ones are for another host than even ones.
pub(crate) fn park_from(delivery: i64, lane: &str, until_ms: i64, probe_ms: i64) -> Change {
    Change::Park(Box::new(Parking {
        id: DeliveryId(delivery),
        attempts: 0,
        lane: Lane::stored(lane),
        reason: ParkReason::Down,
        expires_at: at(until_ms),
        probe_at: at(probe_ms),
        destination: ["https://b.example:443", "https://a.example:443"][usize::from(delivery % 2 == 1)].to_owned(),
    }))
}

pub(crate) fn exhaust(delivery: i64, ms: i64) -> Change {
    let (id, reason) = (DeliveryId(delivery), ExhaustedReason::DestinationDown);
    Change::Exhaust { id, attempts: 0, at: at(ms), reason }
}

pub(crate) fn unpark(delivery: i64) -> Change {
    Change::Unpark { id: DeliveryId(delivery), attempts: 0 }
}

pub(crate) fn wait_on(delivery: i64, until_ms: i64) -> Change {
    Change::WaitOn { id: DeliveryId(delivery), attempts: 0, expires_at: at(until_ms) }
}

/// The same of a delivery that so many attempts were started of.
pub(crate) fn after(attempts: u32, change: Change) -> Change {
    match change {
        Change::Park(parking) => Change::Park(Box::new(Parking { attempts, ..*parking })),
        Change::Unpark { id, .. } => Change::Unpark { id, attempts },
        Change::WaitOn { id, expires_at, .. } => Change::WaitOn { id, attempts, expires_at },
        Change::Exhaust { id, at, reason, .. } => Change::Exhaust { id, attempts, at, reason },
        other => other,
    }
}

pub(crate) fn end_pending(delivery: i64, ms: i64) -> Change {
    Change::ExhaustPending { id: DeliveryId(delivery), at: at(ms), reason: ExhaustedReason::EndpointDisabled }
}

pub(crate) fn start_probe(delivery: i64, attempt: u32) -> Change {
    Change::StartProbe { delivery: DeliveryId(delivery), attempt, step: 0, started_at: at(20) }
}

pub(crate) fn organization(name: &str, ms: i64) -> Organization {
    Organization { id: org(name), name: format!("The {name}"), plan: None, concurrency: None, created_at: at(ms) }
}

pub(crate) fn key(number: i64, whose: &str, hash: u8) -> ApiKey {
    ApiKey {
        id: KeyId(number),
        org: org(whose),
        name: format!("key {number}"),
        scopes: Scopes::new(&[Scope::Read, Scope::Generate]),
        hash: [hash; 32],
        created_at: at(number),
        revoked_at: None,
        last_used_at: None,
    }
}

pub(crate) fn secret(number: i64, byte: u8) -> StoredSecret {
    StoredSecret { id: SecretId(number), secret: Secret::generate([byte; 32]), created_at: at(number) }
}

/// Secrets that stand where `places` says; the bytes of each are its number, the previous one ends at 9.
pub(crate) fn signing(whose: &str, endpoint: Option<&str>, places: Places) -> Signing {
    let of = |id: SecretId| secret(id.0, u8::try_from(id.0).unwrap());
    Signing {
        owner: SecretOwner { org: org(whose), endpoint: endpoint.map(EndpointId::new) },
        current: of(places.current),
        next: places.next.map(of),
        previous: places.previous.map(|id| Previous { secret: of(id), expires_at: at(9) }),
    }
}

/// The first secret of an organization.
pub(crate) fn first_secret(number: i64, whose: &str, byte: u8) -> Change {
    let signing = Signing::first(SecretOwner::org(&org(whose)), secret(number, byte));
    Change::SetSecrets { was: None, now: Box::new(signing) }
}

pub(crate) async fn done(store: &dyn Store, changes: Vec<Change>) {
    let shown = format!("{changes:?}");
    assert_eq!(store.apply(changes).await, Ok(Applied::Done), "{shown}");
}

pub(crate) async fn stale(store: &dyn Store, changes: Vec<Change>) {
    let shown = format!("{changes:?}");
    assert_eq!(store.apply(changes).await, Ok(Applied::Stale), "{shown}");
}

/// A delivery with its event and nothing else.
pub(crate) async fn deliver(store: &dyn Store, number: i64, due_ms: i64) -> Delivery {
    let event = event(number + 1_000, 1, "default");
    let delivery = delivery(number, &event, "app", due_ms);
    done(store, vec![add_event(&event), add_delivery(&delivery)]).await;
    delivery
}

pub(crate) fn numbers(found: &[DueDelivery]) -> Vec<i64> {
    found.iter().map(|due| due.delivery.id.0).collect()
}

/// Longer than anything that is waited for takes: only a failing check waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds each commit back until the test lets it go.
pub(crate) struct Gate {
    reached: Receiver<()>,
    fates: Sender<Fate>,
}

impl Gate {
    pub(crate) fn new() -> (Self, Options) {
        let (reaching, reached) = channel();
        let (fates, fate) = channel();
        let fate = Mutex::new(fate);
        let before_commit = move || {
            let _ = reaching.send(());
            fate.lock().unwrap().recv_timeout(PATIENCE).unwrap_or(Fate::Fail)
        };
        let options = Options { before_commit: Some(Arc::new(before_commit)), ..Options::default() };
        (Self { reached, fates }, options)
    }

    /// Returns once everything of a commit is written but the commit itself.
    pub(crate) fn wait(&self) {
        self.reached.recv_timeout(PATIENCE).expect("no commit was reached");
    }

    pub(crate) fn let_go(&self, commits: usize) {
        (0..commits).for_each(|_| self.fates.send(Fate::Commit).unwrap());
    }
}

/// Hands all lists over while a commit of another one is held back, so that they share the next commit; gives their answers.
pub(crate) async fn in_one_commit(
    store: &Sqlite,
    gate: &Gate,
    lists: Vec<Vec<Change>>,
) -> Vec<Result<Applied, StoreError>> {
    let mut first = Box::pin(store.check());
    assert!(futures::poll!(&mut first).is_pending());
    gate.wait();
    let mut answers = futures::future::join_all(lists.into_iter().map(|list| store.apply(list)));
    assert!(futures::poll!(&mut answers).is_pending());
    // One for the check, two for all of them, and none held back where they have nothing to commit. Not earlier: a check
    // that finds the gate open may be answered before it is first polled.
    gate.let_go(3);
    first.await.unwrap();
    answers.await
}
