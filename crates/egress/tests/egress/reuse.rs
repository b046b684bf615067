//! Connections are used again, and never at the price of a second POST.
use crate::support::{Act, OK, Seen, plain, post, say, settings};
use postsync_core::outcome::{Outcome, SendError};
use postsync_egress::{Egress, EgressSettings};
use postsync_engine::ports::Sender as _;

const DELIVERED: Outcome = Outcome::Delivered { status: 200 };

#[tokio::test]
async fn one_connection_carries_many_posts() {
    let mut server = plain(|_, _| say(OK)).await;
    let egress = Egress::new(settings()).unwrap();
    for nth in 0..20 {
        let report = egress.send(post(server.http("/"))).await;
        assert_eq!(report.outcome, DELIVERED);
        assert_eq!(report.phases.connect_us.is_some(), nth == 0);
        assert_eq!(report.address, Some(server.address));
        assert_eq!(server.request().await.0, 0);
    }
}

#[tokio::test]
async fn posts_at_the_same_time_do_not_share_one() {
    let mut server = plain(|_, _| say(OK)).await;
    let egress = Egress::new(settings()).unwrap();
    let posts = (0..8).map(|_| egress.send(post(server.http("/"))));
    let reports = futures::future::join_all(posts).await;
    assert!(reports.iter().all(|report| report.outcome == DELIVERED));
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(server.request().await.0);
    }
    connections.sort_unstable();
    assert_eq!(connections, (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_to_be_closed_is_not_used_again() {
    for head in
        ["1 200 OK\r\nConnection: close", "1 200 OK\r\nKeep-Alive: timeout=1", "0 200 OK", "1 101 Up", "1 200 OK"]
    {
        let answer = format!("HTTP/1.{head}\r\nContent-Length: 0\r\n\r\n");
        let mut server = plain(move |_, _| say(&answer)).await;
        let idle_max = if head == "1 200 OK" { 0 } else { 8 };
        let egress = Egress::new(EgressSettings { idle_max, ..settings() }).unwrap();
        for connection in 0..3 {
            let status = egress.send(post(server.http("/"))).await.outcome.status();
            assert_eq!(status, Some(if head == "1 101 Up" { 101 } else { 200 }), "{head}");
            assert_eq!(server.request().await.0, connection, "{head}");
            assert_eq!(server.seen().await, Seen::Closed(connection));
        }
    }
}

#[tokio::test]
async fn one_that_died_while_idle_is_replaced() {
    for act in [
        Act::SayAndClose(OK.as_bytes().to_vec()),
        Act::SayAndReset(OK.as_bytes().to_vec()),
        // As some proxies take their leave.
        Act::SayAndClose(format!("{OK}HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").into_bytes()),
    ] {
        let mut server = plain(move |_, _| act.clone()).await;
        let egress = Egress::new(settings()).unwrap();
        for connection in 0..5 {
            assert_eq!(egress.send(post(server.http("/"))).await.outcome, DELIVERED);
            assert_eq!(server.request().await.0, connection);
        }
        assert_eq!(server.requests(), 0);
    }
}

#[tokio::test]
async fn what_may_have_been_received_is_not_sent_again() {
    for last in [Act::SayAndClose(vec![]), Act::SayAndReset(vec![])] {
        let mut server = plain(move |_, nth| if nth == 0 { say(OK) } else { last.clone() }).await;
        let egress = Egress::new(settings()).unwrap();
        assert_eq!(egress.send(post(server.http("/"))).await.outcome, DELIVERED);
        let report = egress.send(post(server.http("/"))).await;
        assert_eq!(report.outcome, Outcome::Failed(SendError::ResponseReset), "{}", report.message);
        assert_eq!(server.requests(), 2);
    }
}
