//! SIGTERM: what can end within the grace ends, the rest is handed back unharmed, the exit code is 0.
use crate::harness::api::{id_of, passthrough};
use crate::harness::speech::speech;
use crate::harness::{Receiver, Reply, Setup, processes, sample};

/// One more than the tries that a generation has: each stop that counted as one would be fatal to it.
const STOPS: usize = 4;

#[tokio::test]
async fn a_generation_that_is_handed_back_keeps_its_tries() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new().with("POSTSYNC_SHUTDOWN_GRACE", "0s");
    let mut server = setup.start().await;
    let made = server.api().upload(sample("astronaut.png"), speech(4), &receiver.url("/made")).await.expect(201);
    for _ in 0..STOPS {
        let group = processes::rendering(server.pid()).await;
        let setup = server.stop().await;
        processes::gone(group).await;
        assert_eq!(std::fs::read_dir(setup.data().join("jobs")).unwrap().count(), 0, "no job folder is left");
        server = setup.start().await;
    }
    let ended = server.api().ended(&id_of(&made)).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    let request = receiver.requests.count("the webhook", 1).await.remove(0);
    assert_eq!((request.json()["id"].clone(), request.attempt()), (made["id"].clone(), 1));

    let url = ended["outputUrl"].as_str().unwrap();
    let video = reqwest::get(url).await.unwrap();
    assert_eq!((video.status().as_u16(), &video.headers()["content-type"]), (200, &"video/mp4".parse().unwrap()));
    assert_eq!(&video.bytes().await.unwrap()[4..8], b"ftyp");
}

#[tokio::test]
async fn a_generation_that_can_end_within_the_grace_ends() {
    let receiver = Receiver::friendly().await;
    let server = Setup::new().with("POSTSYNC_SHUTDOWN_GRACE", "50s").start().await;
    let made = server.api().upload(sample("astronaut.png"), speech(1), &receiver.url("/made")).await.expect(201);
    processes::rendering(server.pid()).await;
    let server = server.stop().await.start().await;
    let shown = server.api().get(&format!("/v2/generate/{}", id_of(&made))).await.expect(200);
    assert_eq!(shown["status"], "COMPLETED", "ended before the stop did: {shown}");
    receiver.requests.count("the webhook", 1).await;
}

#[tokio::test]
async fn sends_end_within_the_grace_or_read_interrupted() {
    let slow = Receiver::start(None, |_| Reply::Hold).await;
    let hanging = Receiver::start(None, |request| match request.attempt() {
        1 => Reply::Hold,
        _ => Reply::Status(200),
    })
    .await;
    let server = Setup::new().with("POSTSYNC_SHUTDOWN_GRACE", "2s").start().await;
    let api = server.api();
    let slow_id = api.create(&passthrough(&slow.url("/slow"))).await;
    let hanging_id = api.create(&passthrough(&hanging.url("/hanging"))).await;
    slow.requests.count("a POST is under way", 1).await;
    hanging.requests.count("a POST is under way", 1).await;

    server.terminate();
    server.log.first("the server says that it stops", |line| line.contains("stopping")).await;
    slow.release();
    let refused = api.try_create(&passthrough(&slow.url("/late")).to_string()).await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status == 503), "nothing new is taken");
    let setup = server.setup();
    assert_eq!(server.ended().await.code(), Some(0));

    let server = setup.start().await;
    let delivery = server.api().delivery_in(&slow_id, &["delivered"]).await;
    assert_eq!(delivery["attempts"], 1, "it ended within the grace: {delivery}");
    let delivery = server.api().delivery_in(&hanging_id, &["delivered"]).await;
    let outcomes: Vec<_> = delivery["attemptLog"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["interrupted", "delivered"]);
    assert_eq!(delivery["attemptLog"][1]["step"], 0, "an interruption of ours uses no step");
    assert_eq!(slow.requests.all().len(), 1, "and was not sent again");
}
