//! Whatever removes events, readers of the feed in front of them are told.
use futures::executor::block_on;
use postsync_core::feed::{Misplaced, Seq, Span};
use postsync_engine::ports::{FeedFrom, FeedQuery, Store as _};

use crate::world::*;

#[test]
fn a_removed_event_moves_the_beginning_of_its_own_feed_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_in(folder.path());
    block_on(async {
        for (number, whose) in [(1, "default"), (2, "default"), (3, "default"), (4, "default"), (5, "acme")] {
            done(&store, vec![add_event(&event(number, 1, whose))]).await;
        }
        let conn = rusqlite::Connection::open(folder.path().join("postsync.db")).unwrap();
        // 1 stays: what is kept for another reason is behind the hole of 2 and 3, and no reader may step over that.
        conn.execute("DELETE FROM events WHERE id IN (3, 2)", []).unwrap();
        let feed = async |whose, from| {
            let query = FeedQuery { org: org(whose), from, limit: 9, bytes_max: usize::MAX };
            let page = store.feed(query).await.unwrap();
            (page.span, page.events.iter().map(|fed| fed.seq.0).collect::<Vec<_>>())
        };
        let span = Span { forgotten: Seq(3), last: Seq(4) };
        for from in [FeedFrom::After(Seq(0)), FeedFrom::After(Seq(3)), FeedFrom::Before(None)] {
            assert_eq!(feed("default", from).await, (span, vec![4]));
        }
        assert_eq!(span.judge(Seq(0)), Err(Misplaced::Expired { oldest: Seq(3) }));
        assert_eq!(feed("acme", FeedFrom::After(Seq(0))).await.0, Span { forgotten: Seq(0), last: Seq(1) });
        conn.execute("DELETE FROM events WHERE org = 'default'", []).unwrap();
        done(&store, vec![add_event(&event(9, 1, "default"))]).await;
        let span = Span { forgotten: Seq(4), last: Seq(5) };
        assert_eq!(feed("default", FeedFrom::After(Seq(0))).await, (span, vec![5]), "no place is given twice");
    });
}
