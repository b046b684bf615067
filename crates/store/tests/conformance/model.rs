//! Random lists of changes over a handful of ids: memory and SQLite must answer, and afterwards hold, the same.
use futures::executor::block_on;
use postsync_core::access::{AccessChange, USED_AGAIN_MS};
use postsync_core::audit::{AuditChange, Caller, Named, accepted};
use postsync_core::change::Change;
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::feed::Seq;
use postsync_core::generation::Status;
use postsync_core::hold::HoldChange;
use postsync_core::idempotency::{Fingerprint, IdempotencyChange, IdempotencyKey, KEPT_MS, UsedKey};
use postsync_core::ids::{ConsumerName, DeliveryId, EndpointId, KeyId, MadeId, OrgId, SecretId};
use postsync_core::parking::Lane;
use postsync_core::rotation::{Places, SecretOwner, Signing};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{
    Applied, AuditQuery, BacklogQuery, DeliveryFilter, DeliveryQuery, FeedFrom, FeedQuery, GenerationOrder,
    GenerationQuery, Store, StoreError,
};
use postsync_store::memory::Memory;
use postsync_store::sqlite::{Sqlite, can_wait};
use proptest::prelude::*;

use super::world::*;

const ORGS: [&str; 2] = ["default", "acme"];
const MODELS: [&str; 2] = ["mesh-1", "react-1"];
const LANES: [&str; 2] = ["https://a.example:443", "imp_1"];
const STATUSES: [Status; 4] = [Status::Pending, Status::Processing, Status::Completed, Status::Failed];
const FILTERS: [DeliveryFilter; 5] = [
    DeliveryFilter::Pending,
    DeliveryFilter::Due,
    DeliveryFilter::Parked,
    DeliveryFilter::Delivered,
    DeliveryFilter::Exhausted,
];

fn change() -> impl Strategy<Value = Change> {
    let (g, tries) = (1u128..5, 0u32..3);
    prop_oneof![
        4 => (g.clone(), 0..2usize, 0..2usize).prop_map(|(g, o, m)| add(&generation(g, ORGS[o], MODELS[m]))),
        4 => (g.clone(), 1u32..4).prop_map(|(g, tries)| start(g, tries)),
        2 => (g.clone(), tries.clone()).prop_map(|(g, tries)| release(g, tries)),
        3 => (g, tries, any::<bool>()).prop_map(|(g, tries, well)| end(g, tries, if well { completed() } else { failed() })),
        2 => (1u128..5, 0..2usize).prop_map(|(g, o)| Change::RemoveGeneration { org: org(ORGS[o]), id: gen_id(g) }),
        3 => (1u128..5, 0..2usize).prop_map(|(g, o)| {
            let caller = Caller { key: Some(KeyId(20)), address: None };
            accepted(&generation(g, ORGS[o], MODELS[0]), caller, &Named::default()).remove(1)
        }),
        1 => (1u128..5, 0..2usize).prop_map(|(g, o)| {
            Change::Audit(AuditChange::Forget(vec![(org(ORGS[o]), gen_id(g))]))
        }),
        4 => (1i64..5, 0..2usize).prop_map(|(e, o)| add_event(&event(e, 1, ORGS[o]))),
        6 => (10i64..15, 1i64..5, 0..2usize, 0i64..4).prop_map(|(d, e, o, due)| {
            add_delivery(&delivery(d, &event(e, 1, ORGS[o]), ["a", "b"][o], due))
        }),
        8 => (10i64..15, 1u32..4).prop_map(|(d, attempt)| start_attempt(d, attempt)),
        8 => (10i64..15, 1u32..4, 0..4usize).prop_map(|(d, attempt, state)| {
            let gone = State::Exhausted(at(7), ExhaustedReason::Gone);
            settle(d, attempt, [State::Due(at(1)), State::Due(at(9)), State::Delivered(at(7)), gone][state])
        }),
        5 => (10i64..15, 0..2usize, 5i64..9, 0i64..4, 0u32..2)
            .prop_map(|(d, lane, until, probe, attempts)| after(attempts, park_from(d, LANES[lane], until, probe))),
        3 => (10i64..15, 0u32..2).prop_map(|(d, attempts)| after(attempts, unpark(d))),
        2 => (10i64..15, 0u32..2, 5i64..9).prop_map(|(d, attempts, until)| after(attempts, wait_on(d, until))),
        2 => (10i64..15, 0u32..2).prop_map(|(d, attempts)| after(attempts, exhaust(d, 8))),
        4 => (10i64..15, 1u32..4).prop_map(|(d, attempt)| start_probe(d, attempt)),
        1 => (0..2usize, 0i64..3).prop_map(|(o, ms)| Change::AddOrganization(organization(ORGS[o], ms))),
        2 => (20i64..24, 0..2usize, 0u8..4).prop_map(|(k, o, hash)| Change::AddKey(Box::new(key(k, ORGS[o], hash)))),
        1 => (20i64..24, 0..2usize, 0u8..4).prop_map(|(k, o, hash)| {
            Change::Access(AccessChange::MakeKey(Box::new(key(k, ORGS[o], hash))))
        }),
        1 => (20i64..24).prop_map(|k| Change::RevokeKey { id: KeyId(k), at: at(3) }),
        2 => (0..2usize, 0..2usize, 0i64..3).prop_map(|(o, key, day)| use_key(ORGS[o], ["a", "b"][key], at(day * KEPT_MS / 2))),
        2 => (1u128..5, 0..2usize, any::<bool>()).prop_map(|(g, o, waits)| {
            let (org, id) = (org(ORGS[o]), gen_id(g));
            Change::Hold(if waits { HoldChange::Hold { org, id } } else { HoldChange::LetIn { org, id } })
        }),
        1 => (20i64..24, 0i64..3).prop_map(|(k, n)| {
            Change::Access(AccessChange::Used { id: KeyId(k), at: at(n * USED_AGAIN_MS) })
        }),
        1 => (0i64..3, 1usize..3).prop_map(|(day, limit)| {
            Change::Idempotency(IdempotencyChange::Forget { before: at(day * KEPT_MS / 2), limit })
        }),
        3 => (was(), 0..2usize, 0..2usize, places()).prop_map(|(was, o, e, places)| {
            Change::SetSecrets { was, now: Box::new(signing(ORGS[o], [None, Some("end_1")][e], places)) }
        }),
        3 => (0..2usize, 0..2usize, 0i64..4).prop_map(|(o, name, seq)| Change::CommitCursor {
            org: org(ORGS[o]),
            consumer: ConsumerName::new(["a", "b"][name]),
            seq: Seq(seq),
            at: at(seq),
        }),
    ]
}

fn use_key(whose: &str, key: &str, at: Timestamp) -> Change {
    let (org, key, fingerprint) = (org(whose), IdempotencyKey::parse(key).unwrap(), Fingerprint([1; 32]));
    Change::Idempotency(IdempotencyChange::Use(Box::new(UsedKey {
        org,
        key,
        fingerprint,
        made: MadeId(gen_id(1).0),
        at,
    })))
}

/// Few, so that they meet: the places of one list are often what the next one says it has found.
fn places() -> impl Strategy<Value = Places> {
    prop_oneof![
        Just((30, None, None)),
        Just((30, Some(31), None)),
        Just((31, None, Some(30))),
        Just((32, Some(33), Some(31)))
    ]
    .prop_map(|(current, next, previous): (i64, Option<i64>, Option<i64>)| Places {
        current: SecretId(current),
        next: next.map(SecretId),
        previous: previous.map(SecretId),
    })
}

fn was() -> impl Strategy<Value = Option<Places>> {
    prop_oneof![Just(None), places().prop_map(Some)]
}

fn exposed(signing: &Signing) -> Vec<String> {
    let signers = signing.signers(at(0));
    let all = [Some(signers.current), signers.next, signers.previous];
    all.into_iter().flatten().map(|secret| secret.expose().to_owned()).collect()
}

/// The kind of an answer: sentences of failures differ.
fn kind(answer: &Result<Applied, StoreError>) -> &'static str {
    match answer {
        Ok(Applied::Done) => "done",
        Ok(Applied::Stale) => "stale",
        Err(StoreError::Failed(_)) => "failed",
        Err(_) => "other",
    }
}

/// Everything that the port shows, as text.
async fn shown(store: &dyn Store) -> Vec<String> {
    let mut all = vec![format!("{:?}", store.open_generations(&MODELS, None, 99).await)];
    all.push(format!("{:?}", store.held(None, 9).await));
    all.push(format!("{:?}", store.due(at(99), None, 99).await));
    all.push(format!("{:?}", store.open_attempts(None, 99).await));
    all.push(format!("{:?} {:?}", store.last_id().await, store.organizations().await));
    for ms in -1..10 {
        all.push(format!("{:?} {:?}", store.next_due(at(ms)).await, store.parked_until(at(ms), 3).await));
    }
    all.push(format!("{:?}", store.parked_lanes(None, 9).await));
    for lane in LANES.map(Lane::stored) {
        let behind = store.parked_lanes(Some(lane.clone()), 1).await;
        all.push(format!("{:?} {behind:?}", store.parked(&lane, 3, usize::MAX).await));
        all.push(format!("{:?}", store.probes(&lane, at(2), 3).await));
    }
    for whose in ORGS.map(org) {
        all.push(format!("{:?}", store.keys(&whose).await));
        all.extend(counted_and_audited(store, &whose).await);
        for endpoint in [None, Some(EndpointId::new("end_1"))] {
            let signing = store.signing(&SecretOwner { org: whose.clone(), endpoint }).await;
            all.push(format!("{signing:?} {:?}", signing.as_ref().map(|s| s.as_ref().map(exposed))));
        }
        let backlogs = BacklogQuery { org: whose.clone(), after: None, limit: 9 };
        all.push(format!("{:?}", store.backlogs(backlogs).await));
        for from in
            [FeedFrom::After(Seq(0)), FeedFrom::After(Seq(2)), FeedFrom::Before(None), FeedFrom::Before(Some(Seq(2)))]
        {
            all.push(format!(
                "{:?}",
                store.feed(FeedQuery { org: whose.clone(), from, limit: 3, bytes_max: 99 }).await
            ));
        }
        for name in ["a", "b"] {
            let key = IdempotencyKey::parse(name).unwrap();
            all.push(format!("{:?}", store.used_key(&whose, &key).await));
            all.push(format!("{:?}", store.consumer(&whose, &ConsumerName::new(name)).await));
        }
        for order in [GenerationOrder::OldestFirst, GenerationOrder::NewestFirst] {
            for statuses in [vec![], STATUSES[..2].to_vec(), STATUSES[1..].to_vec()] {
                let base = GenerationQuery { org: whose.clone(), statuses, ids: vec![], order, after: None, limit: 3 };
                let behind = GenerationQuery { after: Some(gen_id(2)), ..base.clone() };
                all.push(format!("{:?} {:?}", store.generations(base).await, store.generations(behind).await));
            }
        }
        for status in FILTERS.map(Some).into_iter().chain([None]) {
            for endpoint in [None, Some(postsync_core::ids::EndpointId::new("a"))] {
                let base =
                    DeliveryQuery { org: whose.clone(), status, generation: None, endpoint, after: None, limit: 3 };
                let of = DeliveryQuery { generation: Some(gen_id(1)), after: Some(DeliveryId(13)), ..base.clone() };
                all.push(format!("{:?} {:?}", store.deliveries(base).await, store.deliveries(of).await));
            }
        }
        for number in 10..15 {
            all.push(format!("{:?}", store.delivery(&whose, DeliveryId(number)).await));
        }
    }
    all
}

/// What is kept beside the rows of generations.
async fn counted_and_audited(store: &dyn Store, whose: &OrgId) -> Vec<String> {
    let mut all = Vec::new();
    for status in STATUSES {
        all.push(format!("{status:?} {:?}", store.count_generations(whose, vec![status]).await));
    }
    let (since, until) = (None, None);
    let audit = AuditQuery { org: whose.clone(), generation: None, key: None, since, until, before: None, limit: 9 };
    let of_key = AuditQuery { key: Some(KeyId(20)), ..audit.clone() };
    all.push(format!("{:?} {:?}", store.audit(audit).await, store.audit(of_key).await));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn memory_and_sqlite_are_one(lists in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 1..40)) {
        let (memory, sqlite) = (Memory::new(), sqlite_in_memory());
        block_on(async {
            for list in lists {
                let (a, b) = (memory.apply(list.clone()).await, sqlite.apply(list.clone()).await);
                prop_assert_eq!(kind(&a), kind(&b), "{:?}: {:?} and {:?}", list, a, b);
            }
            prop_assert_eq!(shown(&memory).await, shown(&sqlite).await);
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever its neighbours in the commit come to, each list gets the answer that it would have got alone.
    #[test]
    fn lists_that_share_a_commit_do_not_feel_each_other(
        lists in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 2..30)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (gate, options) = Gate::new();
        let sqlite = Sqlite::open(&folder.path().join("postsync.db"), &master(), options).unwrap();
        let memory = Memory::new();
        block_on(async {
            let together = in_one_commit(&sqlite, &gate, lists.clone()).await;
            // Handed over at once they have no order but the writer's: what can wait comes behind.
            let mut pairs: Vec<_> = lists.into_iter().zip(together).collect();
            pairs.sort_by_key(|(list, _)| can_wait(list));
            for (list, b) in pairs {
                let a = memory.apply(list.clone()).await;
                prop_assert_eq!(kind(&a), kind(&b), "{:?}: {:?} and {:?}", list, a, b);
            }
            prop_assert_eq!(shown(&memory).await, shown(&sqlite).await);
            Ok(())
        })?;
        prop_assert!(sqlite.written().commits <= 2);
    }
}
