//! What comes before the answer: interim heads (1xx), which decide nothing and must not go on for ever.
use crate::support::{Act, OK, Seen, plain, post, say, settings};
use postsync_core::outcome::{Outcome, SendError};
use postsync_egress::Egress;
use postsync_engine::ports::Sender as _;

#[tokio::test]
async fn interim_heads_are_passed_over_and_the_connection_is_used_again() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let mut server = plain(move |_, _| say(format!("{interim}{OK}"))).await;
    let egress = Egress::new(settings()).unwrap();
    for _ in 0..2 {
        let report = egress.send(post(server.http("/"))).await;
        assert_eq!(report.outcome, Outcome::Delivered { status: 200 }, "{}", report.message);
        assert_eq!(server.request().await.0, 0);
    }
}

#[tokio::test]
async fn interim_heads_without_an_end_are_too_large() {
    let again = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
    let mut server = plain(move |_, _| Act::SayForEver(vec![], again.clone())).await;
    let report = Egress::new(settings()).unwrap().send(post(server.http("/"))).await;
    assert_eq!(report.outcome, Outcome::Failed(SendError::ResponseTooLarge), "{}", report.message);
    server.request().await;
    assert_eq!(server.seen().await, Seen::Closed(0));
}
