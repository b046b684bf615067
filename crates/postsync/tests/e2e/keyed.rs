//! `Idempotency-Key` over `kill -9`: a client that got no answer sends the same again, and there is one generation.
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;

use crate::harness::api::{id_of, passthrough};
use crate::harness::{Receiver, Setup, poll};

const SIGKILL: i32 = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_before_and_after_a_crash_gives_one_generation() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new();
    let body = passthrough(&receiver.url("/hook")).to_string();
    let mut ids = BTreeSet::new();
    for (i, (moment, is_there)) in
        [("create written", false), ("create committed", true), ("end committed", true)].into_iter().enumerate()
    {
        let key = format!("order-{i}");
        let dying = setup.clone().with("DIE_AT_MOMENT", moment).start().await;
        // Whether it was answered depends on the moment; a client that was not sends again.
        let first = dying.api().try_create_keyed(&body, &key).await;
        assert_eq!(dying.ended().await.signal(), Some(SIGKILL), "it died at {moment}");
        let server = setup.start().await;
        let again = server.api().try_create_keyed(&body, &key).await.unwrap();
        let replayed = again.headers.get("idempotency-replayed").is_some();
        assert_eq!(replayed, is_there, "{moment}: {again:?}");
        let id = id_of(&again.expect(201));
        if let Ok(first) = first {
            assert_eq!(id_of(&first.expect(201)), id, "{moment}");
        }
        assert_eq!(id_of(&server.api().try_create_keyed(&body, &key).await.unwrap().expect(201)), id);
        let other = passthrough(&receiver.url("/other")).to_string();
        let refused = server.api().try_create_keyed(&other, &key).await.unwrap().expect(409);
        assert_eq!(refused["errorCode"], "IDEMPOTENCY_KEY_REUSED");
        server.api().ended(&id).await;
        ids.insert(id);
        server.stop().await;
    }
    let server = setup.start().await;
    let all = server.api().get("/v2/generations").await.expect(200);
    let made: BTreeSet<String> = all.as_array().unwrap().iter().map(id_of).collect();
    assert_eq!(made, ids, "one generation for each key");
    poll("every delivery has ended", async || server.api().pending().await.is_empty().then_some(())).await;
    let told: BTreeSet<String> = receiver.requests.all().iter().map(|request| id_of(&request.json())).collect();
    assert_eq!(told, ids);
}
