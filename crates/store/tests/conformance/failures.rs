//! Dead letters by what their last attempt came to.
use postsync_core::attempt::Word;
use postsync_core::change::{Change, Settlement};
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::ids::{DeliveryId, EndpointId};
use postsync_core::outcome::SendError;
use postsync_engine::ports::{FailureQuery, Store};

use super::world::*;

async fn exhausted(store: &dyn Store, number: i64, whose: &str, endpoint: &str, error: SendError) {
    let event = event(number + 100, 1, whose);
    let delivery = delivery(number, &event, endpoint, 0);
    let end = postsync_core::attempt::AttemptEnd { error: Some(error), ..attempt_end(Word::Failed) };
    let state = State::Exhausted(at(5), ExhaustedReason::Gone);
    let id = DeliveryId(number);
    let settled = Settlement { delivery: id, attempt: 1, end, step: 1, interrupted: 0, state };
    done(store, vec![add_event(&event), add_delivery(&delivery)]).await;
    done(store, vec![start_attempt(number, 1), Change::SettleAttempt(Box::new(settled))]).await;
}

pub(crate) async fn dead_letters_are_found_by_their_last_error(store: &dyn Store) {
    use SendError::{ConnectRefused, HttpStatus};
    for (number, endpoint, error) in [
        (1, "a", ConnectRefused),
        (2, "b", HttpStatus),
        (3, "a", HttpStatus),
        (4, "b", ConnectRefused),
        (5, "a", ConnectRefused),
    ] {
        exhausted(store, number, "default", endpoint, error).await;
    }
    exhausted(store, 6, "acme", "a", ConnectRefused).await;
    let pending = event(107, 1, "default");
    done(store, vec![add_event(&pending), add_delivery(&delivery(7, &pending, "a", 0))]).await;

    let of = |error| FailureQuery { org: org("default"), endpoint: None, error, after: None, look: 99, limit: 99 };
    let refused = || of(ConnectRefused);
    let behind = |number| Some(DeliveryId(number));
    let endpoint = || Some(EndpointId::new("a"));
    for (query, want, read_to) in [
        (refused(), vec![5, 4, 1], None),
        (of(HttpStatus), vec![3, 2], None),
        (FailureQuery { endpoint: endpoint(), ..refused() }, vec![5, 1], None),
        (FailureQuery { limit: 2, ..refused() }, vec![5, 4], behind(4)),
        (FailureQuery { after: behind(4), ..refused() }, vec![1], None),
        // Few fit: the walk ends where it has looked at enough, and says how far it is.
        (FailureQuery { look: 3, ..of(HttpStatus) }, vec![3], behind(3)),
        (FailureQuery { look: 3, after: behind(3), ..of(HttpStatus) }, vec![2], None),
        (FailureQuery { look: 1, endpoint: endpoint(), ..of(HttpStatus) }, vec![], behind(5)),
        (FailureQuery { org: org("nobody"), ..refused() }, vec![], None),
    ] {
        let page = store.failures(query.clone()).await.unwrap();
        let found: Vec<i64> = page.found.iter().map(|due| due.delivery.id.0).collect();
        assert_eq!((found, page.read_to), (want, read_to), "{query:?}");
        assert!(page.found.iter().all(|due| due.event.body.is_empty()), "a list carries no bodies");
    }
}
