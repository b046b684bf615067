//! Batches, change by change; and whose turn it is among what waits.
use postsync_core::batch::{Batch, BatchChange, Counts, End, Row, State, Status, moved};
use postsync_core::change::Change;
use postsync_core::generation::{Generation, State as GenerationState};
use postsync_core::ids::{BatchId, GenerationId, OrgId};
use postsync_engine::ports::{BatchQuery, Store, StoreError, TurnPage, TurnQuery};
use uuid::Uuid;

use super::world::*;

fn batch_id(number: u128) -> BatchId {
    BatchId(Uuid::from_u128(number))
}

fn batch(number: u128, whose: &str, total: u32) -> Batch {
    Batch {
        id: batch_id(number),
        org: org(whose),
        created_at: at(i64::try_from(number).unwrap()),
        webhook_url: number.is_multiple_of(2).then(|| "https://app.example.com/batch".to_owned()),
        counts: Counts { total, ..Counts::default() },
        state: State::Pending,
    }
}

fn add_batch(batch: &Batch) -> Change {
    Change::Batch(BatchChange::Add(Box::new(batch.clone())))
}

/// A generation that is the row of a batch.
fn row(number: u128, whose: &str, model: &str, batch: u128, place: u32) -> Generation {
    let row = Row { batch: batch_id(batch), number: place, request_id: format!("r\u{e9}q-{number}") };
    Generation { row: Some(row), ..generation(number, whose, model) }
}

fn ended(output_url: &str) -> End {
    End { at: at(9_000), output_url: output_url.to_owned() }
}

pub(crate) async fn a_batch_reads_back_whole_with_its_rows(store: &dyn Store) {
    let end = State::Ended(ended("https://lips.example.com/r"));
    let over = Batch { counts: Counts { total: 2, succeeded: 1, failed: 1 }, state: end, ..batch(3, "default", 2) };
    for made in [batch(1, "default", 2), batch(2, "default", 500), over] {
        done(store, vec![add_batch(&made)]).await;
        assert_eq!(store.batch_of_any(made.id).await.unwrap().unwrap(), made);
    }
    assert_eq!(store.batch_of_any(batch_id(9)).await.unwrap(), None);
    assert!(matches!(store.apply(vec![add_batch(&batch(1, "default", 2))]).await, Err(StoreError::Failed(_))));
    let rows = [row(5, "default", "mesh-1", 1, 2), row(6, "default", "mesh-1", 1, 1)];
    done(store, rows.iter().map(add).collect()).await;
    for made in rows {
        assert_eq!(store.generation_of_any(made.id).await.unwrap().unwrap(), made);
    }
}

/// Every change in every state: what the rule in `core` says, and nothing else.
pub(crate) async fn a_batch_moves_as_the_machine_says(store: &dyn Store) {
    let counts = [(1, 0, 0), (2, 0, 0), (2, 1, 0), (3, 1, 1), (2, 1, 1), (2, 0, 2)];
    let counts = counts.map(|(total, succeeded, failed)| Counts { total, succeeded, failed });
    let states = [State::Pending, State::JobsCreated, State::Processing, State::Ended(ended("x"))];
    let mut number = 0;
    let (mut taken, mut refused) = (0, 0);
    for (counts, state) in counts.iter().flat_map(|counts| states.iter().map(move |state| (*counts, state.clone()))) {
        for kind in 0..8 {
            number += 1;
            let id = batch_id(number);
            let before = Batch { counts, state: state.clone(), ..batch(number, "default", 0) };
            let end = |before, succeeded| BatchChange::End { id, before, succeeded, end: ended("https://x.example/r") };
            let change = match kind {
                0 => BatchChange::JobsCreated { id },
                1 => BatchChange::RowBegan { id },
                2 | 3 => BatchChange::RowEnded { id, succeeded: kind == 2 },
                4 | 5 => end(counts, kind == 4),
                6 => end(counts.with(true), true),
                _ => end(Counts { total: counts.total + 1, ..counts }, false),
            };
            done(store, vec![add_batch(&before)]).await;
            let wanted = moved(&before, &change);
            match &wanted {
                Some(_) => done(store, vec![Change::Batch(change.clone())]).await,
                None => stale(store, vec![Change::Batch(change.clone())]).await,
            }
            *if wanted.is_some() { &mut taken } else { &mut refused } += 1;
            let found = store.batch_of_any(id).await.unwrap().unwrap();
            assert_eq!(found, wanted.unwrap_or(before), "{change:?}");
        }
    }
    assert!(taken > 10 && refused > 50, "{taken} taken, {refused} refused");
    stale(store, vec![Change::Batch(BatchChange::RowBegan { id: batch_id(99_999) })]).await;
}

/// The count of a row stands and falls with the end of its generation.
pub(crate) async fn a_row_is_counted_in_one_list_with_its_end(store: &dyn Store) {
    let jobs = Change::Batch(BatchChange::JobsCreated { id: batch_id(1) });
    let list = vec![add_batch(&batch(1, "default", 2)), add(&row(5, "default", "mesh-1", 1, 1)), jobs];
    done(store, list).await;
    let counted = || Change::Batch(BatchChange::RowEnded { id: batch_id(1), succeeded: true });
    stale(store, vec![end(5, 7, completed()), counted()]).await;
    done(store, vec![end(5, 0, completed()), counted()]).await;
    stale(store, vec![end(5, 0, completed()), counted()]).await;
    let found = store.batch_of_any(batch_id(1)).await.unwrap().unwrap();
    assert_eq!(found.counts, Counts { total: 2, succeeded: 1, failed: 0 });
    // The other row is the last one: whoever believes that it is not takes its end along.
    done(store, vec![add(&row(6, "default", "mesh-1", 1, 2))]).await;
    stale(store, vec![end(6, 0, failed()), Change::Batch(BatchChange::RowEnded { id: batch_id(1), succeeded: false })])
        .await;
    assert!(!store.generation_of_any(gen_id(6)).await.unwrap().unwrap().is_final());
}

pub(crate) async fn batches_are_listed_by_time_and_status(store: &dyn Store) {
    for number in 1..=6 {
        let whose = if number == 4 { "other" } else { "default" };
        done(store, vec![add_batch(&batch(number, whose, 2))]).await;
    }
    let moved = |number| Change::Batch(BatchChange::JobsCreated { id: batch_id(number) });
    done(store, vec![moved(2), moved(5)]).await;
    let none = (None, None, None);
    for (whose, (status, after, before), limit, want) in [
        ("default", none, 99, &[6u128, 5, 3, 2, 1][..]),
        ("default", none, 2, &[6, 5]),
        ("other", none, 99, &[4]),
        ("nobody", none, 99, &[]),
        ("default", (Some(Status::JobsCreated), None, None), 99, &[5, 2]),
        ("default", (Some(Status::JobsCreated), Some(at(2)), None), 99, &[5]),
        ("default", (None, Some(at(2)), Some(at(6))), 99, &[5, 3]),
        ("default", (Some(Status::Pending), None, Some(at(3))), 99, &[1]),
        ("default", (Some(Status::Failed), None, None), 99, &[]),
    ] {
        let query = BatchQuery { org: org(whose), status, after, before, limit };
        let found: Vec<BatchId> = store.batches(query.clone()).await.unwrap().iter().map(|batch| batch.id).collect();
        assert_eq!(found, want.iter().map(|number| batch_id(*number)).collect::<Vec<_>>(), "{query:?}");
    }
}

pub(crate) async fn results_come_in_the_order_of_the_rows(store: &dyn Store) {
    done(store, vec![add_batch(&batch(1, "default", 3))]).await;
    for (number, of, place) in [(5, 1, 3), (6, 1, 1), (7, 1, 2), (8, 2, 1)] {
        done(store, vec![add(&row(number, "default", "mesh-1", of, place))]).await;
    }
    done(store, vec![end(6, 0, completed()), end(5, 0, failed())]).await;
    let found = store.batch_results(batch_id(1)).await.unwrap();
    let rows: Vec<_> = found.iter().map(|row| (row.generation, row.request_id.as_str())).collect();
    assert_eq!(rows, [(gen_id(6), "r\u{e9}q-6"), (gen_id(7), "r\u{e9}q-7"), (gen_id(5), "r\u{e9}q-5")]);
    let states: Vec<_> = found.into_iter().map(|row| row.state).collect();
    let ended = |ending| GenerationState::Ended(at(3_000), ending);
    assert_eq!(states, [ended(completed()), GenerationState::Pending, ended(failed())]);
    assert_eq!(store.batch_results(batch_id(9)).await.unwrap(), []);
}

async fn in_turn(store: &dyn Store, known: &[u128], after: Option<&str>, limit: usize) -> (Vec<u128>, bool) {
    let query = TurnQuery {
        models: vec!["mesh-1", "lipsync-2"],
        known: known.iter().map(|number| gen_id(*number)).collect(),
        after: after.map(OrgId::new),
        limit,
    };
    let TurnPage { found, is_all } = store.in_turn(query).await.unwrap();
    let number = |id: GenerationId| id.0.as_u128();
    (found.iter().map(|g| number(g.id)).collect(), is_all)
}

pub(crate) async fn what_waits_is_shared_out_by_turns(store: &dyn Store) {
    assert_eq!(in_turn(store, &[], None, 9).await, (vec![], true));
    // Org a: a batch of four, one of two, and two alone; org b: two alone that came last; and what another generator makes.
    for number in 1..=4 {
        done(store, vec![add(&row(number, "a", "mesh-1", 1, u32::try_from(number).unwrap()))]).await;
    }
    done(store, vec![add(&row(5, "a", "lipsync-2", 2, 1)), add(&row(6, "a", "mesh-1", 2, 2))]).await;
    done(store, vec![add(&generation(7, "a", "lipsync-2")), add(&generation(8, "a", "mesh-1"))]).await;
    done(store, vec![add(&generation(9, "b", "mesh-1")), add(&generation(10, "b", "lipsync-2"))]).await;
    done(store, vec![add(&generation(11, "c", "sync-3"))]).await;
    assert_eq!(in_turn(store, &[], None, 99).await, (vec![7, 9, 1, 10, 5, 8, 2, 6, 3, 4], true));
    assert_eq!(in_turn(store, &[], Some("a"), 99).await.0[..2], [9, 7], "the one behind it begins");
    assert_eq!(in_turn(store, &[], Some("b"), 99).await.0[..2], [7, 9], "behind the last one comes the first");
    assert_eq!(in_turn(store, &[], None, 4).await, (vec![7, 9, 1, 10], false), "each has a part of a short page");
    assert_eq!(in_turn(store, &[7, 9], None, 4).await, (vec![8, 10, 1], false));
    assert_eq!(in_turn(store, &[], None, 1).await, (vec![7], false));
    assert_eq!(in_turn(store, &[], Some("a"), 1).await, (vec![9], false));
    assert_eq!(
        in_turn(store, &[9, 10], Some("a"), 1).await,
        (vec![7], false),
        "who has nothing waiting is passed over"
    );
    let all: Vec<u128> = (1..=10).collect();
    assert_eq!(in_turn(store, &all, Some("b"), 9).await, (vec![], true));
    assert_eq!(in_turn(store, &all[..9], None, 9).await, (vec![10], true));
    done(store, vec![start(7, 1)]).await;
    assert_eq!(in_turn(store, &[], None, 1).await.0, [7], "one whose work was cut is open");
    done(store, vec![end(7, 1, completed())]).await;
    assert_eq!(in_turn(store, &[], None, 99).await, (vec![8, 9, 1, 10, 5, 2, 6, 3, 4], true));
}

/// Everything comes at last, however small the pages are and whatever is at work meanwhile.
pub(crate) async fn every_turn_comes(store: &dyn Store) {
    for number in 1..=30u128 {
        let whose = ["a", "b", "c"][usize::try_from(number * number % 3).unwrap()];
        let made = match number % 4 {
            0 => generation(number, whose, "mesh-1"),
            of => row(number, whose, "mesh-1", 10 * of + number % 3, u32::try_from(number).unwrap()),
        };
        done(store, vec![add(&made)]).await;
    }
    for limit in 1..5 {
        let (mut known, mut last) = (Vec::new(), None);
        loop {
            let (page, is_all) = in_turn(store, &known, last.as_deref(), limit).await;
            assert!(page.len() <= limit && (!page.is_empty() || is_all));
            assert!(page.iter().all(|id| !known.contains(id)));
            known.extend(&page);
            if is_all {
                break;
            }
            let id = gen_id(*page.last().unwrap());
            last = store.generation_of_any(id).await.unwrap().map(|g| g.org.to_string());
        }
        known.sort_unstable();
        assert_eq!(known, (1..=30).collect::<Vec<_>>(), "with pages of {limit}");
    }
}
