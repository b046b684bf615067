//! Generations that wait for room, and the rest of what is known of organizations and keys.
use postsync_core::access::{AccessChange, ApiKey, OrgLimits, Organization, USED_AGAIN_MS};
use postsync_core::change::Change;
use postsync_core::generation::Status;
use postsync_core::hold::HoldChange;
use postsync_core::ids::{GenerationId, KeyId, OrgId};
use postsync_engine::ports::Store;

use super::world::*;

fn hold(number: u128, whose: &str) -> Change {
    Change::Hold(HoldChange::Hold { org: org(whose), id: gen_id(number) })
}

fn let_in(number: u128, whose: &str) -> Change {
    Change::Hold(HoldChange::LetIn { org: org(whose), id: gen_id(number) })
}

async fn open(store: &dyn Store) -> Vec<GenerationId> {
    let open = store.open_generations(&["mesh-1", "react-1"], None, 99).await.unwrap();
    open.iter().map(|generation| generation.id).collect()
}

async fn held(store: &dyn Store) -> Vec<(OrgId, GenerationId)> {
    store.held(None, 99).await.unwrap()
}

pub(crate) async fn what_is_held_is_offered_to_nobody_until_it_is_let_in(store: &dyn Store) {
    assert_eq!(store.oldest_held().await, Ok(None));
    for (number, whose, model) in [(1, "default", "mesh-1"), (2, "default", "react-1"), (3, "acme", "mesh-1")] {
        done(store, vec![add(&generation(number, whose, model)), hold(number, whose)]).await;
    }
    done(store, vec![add(&generation(4, "default", "mesh-1"))]).await;
    assert_eq!(open(store).await, [gen_id(4)]);
    let all = [(org("acme"), gen_id(3)), (org("default"), gen_id(1)), (org("default"), gen_id(2))];
    assert_eq!(held(store).await, all);
    assert_eq!(store.held(Some(all[0].clone()), 1).await.unwrap(), all[1..2]);
    assert_eq!(store.generation_of_any(gen_id(1)).await.unwrap().unwrap().status(), Status::Pending);

    assert_eq!(store.oldest_held().await, Ok(Some(gen_id(1))));

    done(store, vec![let_in(2, "default")]).await;
    stale(store, vec![let_in(2, "default")]).await;
    stale(store, vec![let_in(3, "default")]).await;
    stale(store, vec![let_in(4, "default")]).await;
    assert_eq!(held(store).await, [all[0].clone(), all[1].clone()]);
    assert_eq!(open(store).await.len(), 2);
    assert!(open(store).await.contains(&gen_id(2)));
}

pub(crate) async fn what_ended_while_it_was_held_waits_no_more(store: &dyn Store) {
    done(store, vec![add(&generation(1, "default", "mesh-1")), hold(1, "default")]).await;
    done(store, vec![add(&generation(2, "default", "mesh-1")), hold(2, "default")]).await;
    done(store, vec![end(1, 0, failed())]).await;
    assert_eq!(held(store).await, [(org("default"), gen_id(2))]);
    assert_eq!(store.oldest_held().await, Ok(Some(gen_id(2))));
    stale(store, vec![let_in(1, "default")]).await;
    stale(store, vec![end(2, 0, failed()), let_in(9, "default")]).await;
    assert_eq!(held(store).await.len(), 1, "what is taken back with its list waits on");
    done(store, vec![let_in(2, "default"), end(2, 0, failed())]).await;
    assert_eq!((open(store).await, held(store).await), (vec![], vec![]));
    stale(store, vec![hold(1, "default")]).await;
    stale(store, vec![hold(9, "default")]).await;
}

/// What a start counts against a limit: each that has not ended once, wherever it stood when the last process died.
pub(crate) async fn what_counts_against_a_limit_is_open_or_waits(store: &dyn Store) {
    for number in 1..=6 {
        done(store, vec![add(&generation(number, "default", "mesh-1"))]).await;
    }
    for number in 3..=6 {
        done(store, vec![hold(number, "default")]).await;
    }
    done(store, vec![start(1, 1)]).await;
    done(store, vec![end(2, 0, failed())]).await;
    done(store, vec![let_in(3, "default"), start(3, 1)]).await;
    done(store, vec![let_in(4, "default")]).await;
    done(store, vec![end(5, 0, failed())]).await;
    let mut open = vec![];
    for status in [Status::Pending, Status::Processing] {
        open.extend(store.in_status(&org("default"), status, None, 99).await.unwrap());
    }
    open.sort_unstable();
    assert_eq!(open, [1, 3, 4, 6].map(gen_id), "what waits is PENDING as well");
    assert_eq!(held(store).await, [(org("default"), gen_id(6))]);
    done(store, vec![end(6, 0, failed()), end(3, 1, completed()), end(4, 0, failed()), end(1, 1, completed())]).await;
    assert_eq!((held(store).await, store.oldest_held().await), (vec![], Ok(None)));
    for status in [Status::Pending, Status::Processing] {
        assert_eq!(store.in_status(&org("default"), status, None, 99).await, Ok(vec![]));
    }
}

pub(crate) async fn open_ones_are_found_by_organization_and_status(store: &dyn Store) {
    for number in 1..=4 {
        done(store, vec![add(&generation(number, if number == 4 { "acme" } else { "default" }, "mesh-1"))]).await;
    }
    done(store, vec![start(2, 1)]).await;
    let found = async |status, after, limit| store.in_status(&org("default"), status, after, limit).await.unwrap();
    assert_eq!(found(Status::Pending, None, 9).await, [gen_id(1), gen_id(3)]);
    assert_eq!(found(Status::Pending, None, 1).await, [gen_id(1)]);
    assert_eq!(found(Status::Pending, Some(gen_id(1)), 9).await, [gen_id(3)]);
    assert_eq!(found(Status::Processing, None, 9).await, [gen_id(2)]);
    assert_eq!(found(Status::Completed, None, 9).await, []);
}

pub(crate) async fn a_keys_use_is_written_down_now_and_then(store: &dyn Store) {
    let made = key(1, "default", 1);
    let used = |ms| Change::Access(AccessChange::Used { id: KeyId(1), at: at(ms) });
    stale(store, vec![used(1)]).await;
    done(store, vec![Change::AddKey(Box::new(made.clone()))]).await;
    done(store, vec![used(1)]).await;
    stale(store, vec![used(USED_AGAIN_MS)]).await;
    assert_eq!(store.key(KeyId(1)).await.unwrap(), Some(ApiKey { last_used_at: Some(at(1)), ..made.clone() }));
    done(store, vec![used(1 + USED_AGAIN_MS)]).await;
    let last = Some(at(1 + USED_AGAIN_MS));
    assert_eq!(store.key_by_hash([1; 32]).await.unwrap(), Some(ApiKey { last_used_at: last, ..made }));
}

pub(crate) async fn keys_come_newest_first(store: &dyn Store) {
    for (number, whose) in [(1, "default"), (2, "default"), (3, "acme"), (4, "default")] {
        done(store, vec![Change::AddKey(Box::new(key(number, whose, u8::try_from(number).unwrap())))]).await;
    }
    let found = async |before: Option<i64>, limit| {
        let page = store.newest_keys(&org("default"), before.map(KeyId), limit).await.unwrap();
        page.iter().map(|key| key.id.0).collect::<Vec<_>>()
    };
    assert_eq!(found(None, 9).await, [4, 2, 1]);
    assert_eq!(found(None, 2).await, [4, 2]);
    assert_eq!(found(Some(4), 9).await, [2, 1]);
}

pub(crate) async fn an_organizations_limits_change_from_where_they_were_found(store: &dyn Store) {
    done(store, vec![Change::AddOrganization(organization("acme", 1))]).await;
    let limits = |plan: Option<&str>, concurrency| OrgLimits { plan: plan.map(str::to_owned), concurrency };
    let (none, growth) = (limits(None, None), limits(Some("growth"), Some(0)));
    let change = |whose: &str, was: &OrgLimits, now: &OrgLimits| {
        Change::Access(AccessChange::Limit { org: org(whose), was: was.clone(), now: now.clone() })
    };
    stale(store, vec![change("nobody", &none, &growth)]).await;
    stale(store, vec![change("acme", &growth, &none)]).await;
    done(store, vec![change("acme", &none, &growth)]).await;
    let now = Organization { plan: growth.plan.clone(), concurrency: Some(0), ..organization("acme", 1) };
    assert_eq!(store.organization(&org("acme")).await.unwrap(), Some(now));
    stale(store, vec![change("acme", &none, &growth)]).await;
    done(store, vec![change("acme", &growth, &none)]).await;
    assert_eq!(store.organization(&org("acme")).await.unwrap(), Some(organization("acme", 1)));
}

pub(crate) async fn an_organization_keeps_its_plan(store: &dyn Store) {
    let made = Organization { plan: Some("growth".into()), concurrency: Some(7), ..organization("acme", 1) };
    done(store, vec![Change::AddOrganization(made.clone())]).await;
    done(store, vec![Change::AddOrganization(organization("default", 2))]).await;
    assert_eq!(store.organization(&org("acme")).await.unwrap(), Some(made.clone()));
    assert_eq!(store.organization(&org("nobody")).await.unwrap(), None);
    assert_eq!(store.organizations().await.unwrap(), [made, organization("default", 2)]);
}
