//! What has ended, for bills.
use postsync_core::change::Change;
use postsync_core::generation::{Ending, Status};
use postsync_core::ids::GenerationId;
use postsync_engine::ports::{Store, UsageQuery, Used};

use super::world::*;

fn all(whose: &str) -> UsageQuery {
    UsageQuery { org: org(whose), since: None, until: None, before: None, limit: 100 }
}

async fn ended(store: &dyn Store, number: u128, whose: &str, ms: i64, ending: Ending) {
    let end = Change::EndGeneration { id: gen_id(number), tries: 0, at: at(ms), ending };
    done(store, vec![add(&generation(number, whose, "mesh-1")), end]).await;
}

async fn found(store: &dyn Store, query: UsageQuery) -> Vec<GenerationId> {
    store.usage(query).await.unwrap().iter().map(|used| used.generation).collect()
}

pub(crate) async fn what_has_ended_is_listed_by_when_it_did(store: &dyn Store) {
    // Not in the order in which they came; two at the same moment.
    for (number, ms, ending) in
        [(1, 300, completed()), (2, 100, failed()), (3, 200, completed()), (4, 200, completed())]
    {
        ended(store, number, "default", ms, ending).await;
    }
    done(store, vec![add(&generation(5, "default", "mesh-1"))]).await;
    ended(store, 6, "acme", 150, completed()).await;
    let query = || all("default");
    let place = |number| Some((at(200), gen_id(number)));
    for (asked, want) in [
        (query(), vec![1, 4, 3, 2]),
        (UsageQuery { limit: 2, ..query() }, vec![1, 4]),
        (UsageQuery { before: place(4), ..query() }, vec![3, 2]),
        (UsageQuery { before: place(3), limit: 9, ..query() }, vec![2]),
        (UsageQuery { since: Some(at(200)), until: Some(at(300)), ..query() }, vec![4, 3]),
        (UsageQuery { since: Some(at(101)), before: place(4), ..query() }, vec![3]),
        (UsageQuery { until: Some(at(200)), before: place(4), ..query() }, vec![2]),
        (UsageQuery { since: Some(at(301)), ..query() }, vec![]),
    ] {
        let want: Vec<GenerationId> = want.into_iter().map(gen_id).collect();
        assert_eq!(found(store, asked.clone()).await, want, "{asked:?}");
    }
    let one = |number, status, ms, duration_ms| {
        let model = "mesh-1".to_owned();
        Used { generation: gen_id(number), model, status, ended_at: at(ms), duration_ms }
    };
    let page = store.usage(query()).await.unwrap();
    assert_eq!(page[0], one(1, Status::Completed, 300, Some(9_980)));
    assert_eq!(page[3], one(2, Status::Failed, 100, None));
    done(store, vec![Change::RemoveGeneration { org: org("default"), id: gen_id(4) }]).await;
    assert_eq!(found(store, query()).await.len(), 3, "one that was deleted is not there");
}
