//! A full disk refuses, and is forgotten once there is room.
use futures::executor::block_on;
use postsync_core::generation::Request;
use postsync_engine::ports::{Store, StoreError};

use super::world::*;

/// The most pages that SQLite takes: no cap.
const UNCAPPED: u32 = u32::MAX - 1;

#[test]
fn a_full_disk_refuses_whole_lists_and_the_writer_lives_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_in(folder.path());
    let big = |number| {
        let mut made = generation(number, "default", "mesh-1");
        made.request = Request { options: Some("x".repeat(1 << 20)), ..made.request };
        made
    };
    block_on(async {
        done(&store, vec![add(&generation(1, "default", "mesh-1"))]).await;
        let pages = store.cap_pages(1).await.unwrap();
        assert!(pages > 1, "a cap is never below what is there");
        for _ in 0..3 {
            let list = vec![add(&generation(2, "default", "mesh-1")), start(1, 1), add(&big(3))];
            assert_eq!(store.apply(list).await, Err(StoreError::Full));
        }
        assert_eq!(store.generation_of_any(gen_id(2)).await, Ok(None));
        assert_eq!(store.generation_of_any(gen_id(1)).await.unwrap().unwrap().tries, 0);

        store.cap_pages(UNCAPPED).await.unwrap();
        let list = vec![add(&generation(2, "default", "mesh-1")), start(1, 1), add(&big(3))];
        done(&store, list).await;
        assert_eq!(store.generation_of_any(gen_id(3)).await, Ok(Some(big(3))));
        store.check().await.unwrap();
    });
}
