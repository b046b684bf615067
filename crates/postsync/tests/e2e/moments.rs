//! `kill -9` at each moment of an event's life, on one data folder: every accepted job is delivered, every POST that came is in
//! the log, and what came twice was under way when the server died and is marked so.
#![expect(clippy::print_stdout, reason = "its figures are part of what it shows")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use postsync_core::moment;
use serde_json::Value;

use crate::crash::{accept, attempt_of};
use crate::harness::api::id_of;
use crate::harness::{Receiver, Reply, Setup, poll};

/// Jobs over all moments.
const JOBS: usize = 2_000;

/// POSTs to one receiver at once, at most: what a death can cut.
const IN_FLIGHT_MAX: usize = 32;

/// Every so many-th POST is refused where it is a first one, so that there are starts that do not ride in the commit of their event.
const REFUSED_EVERY: usize = 8;

/// How often a moment passes before the server dies at it.
fn dies_at_the(moment: &str) -> u32 {
    match moment {
        // Connections are used again: there may be no more than these two.
        "post connected" => 2,
        // One in eight POSTs comes to a start of its own.
        "start written" | "start committed" => 20,
        _ => 150,
    }
}

const SIGKILL: i32 = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_moment_loses_nothing() {
    let count = AtomicUsize::new(0);
    let receiver = Receiver::start(None, move |request| {
        let is_refused = count.fetch_add(1, Ordering::Relaxed).is_multiple_of(REFUSED_EVERY) && request.attempt() == 1;
        Reply::Status(if is_refused { 500 } else { 200 })
    })
    .await;
    let setup = Setup::new().with("POSTSYNC_DELIVERY_SCHEDULE", "0s,100ms,200ms,1s,2s,3s,4s,5s,6s,7s,8s,9s,10s");
    let mut ids = Vec::new();
    for moment in moment::ALL.into_iter().filter(|moment| *moment != "recovery") {
        ids.extend(dies_at(&setup, &receiver, moment, dies_at_the(moment)).await);
    }
    dies_in_recovery(&setup).await;
    let server = setup.start().await;
    let missing = JOBS.saturating_sub(ids.len());
    ids.extend(accept(server.api(), receiver.url("/hook"), missing).await);
    let ended = server.api().all_ended(&ids).await;
    assert!(ended.iter().all(|generation| generation["status"] == "COMPLETED"));
    poll("every delivery has ended", async || server.api().pending().await.is_empty().then_some(())).await;
    let cut = judge(&server.api().delivery_details().await, &receiver, &ids);
    println!("{} jobs, {} POSTs, {cut} cut", ids.len(), receiver.requests.all().len());
}

/// One life on the common folder, ended at `moment`; gives the jobs that it accepted.
async fn dies_at(setup: &Setup, receiver: &Receiver, moment: &str, times: u32) -> Vec<String> {
    let armed = setup.clone().with("DIE_AT_MOMENT", &format!("{moment}:{times}"));
    let (before, begun) = (receiver.requests.all().len(), Instant::now());
    let server = match armed.try_start().await {
        Ok(server) => server,
        // What the life before left to do came to the moment before the first request.
        Err(_) => return Vec::new(),
    };
    let accepting = tokio::spawn(accept(server.api(), receiver.url("/hook"), JOBS));
    let status = server.ended().await;
    assert_eq!(status.signal(), Some(SIGKILL), "it died at {moment}");
    let ids = accepting.await.unwrap();
    println!(
        "{moment}: {} accepted, {} POSTs, {:?}",
        ids.len(),
        receiver.requests.all().len() - before,
        begun.elapsed()
    );
    ids
}

/// A server that dies while it writes down what the one before it has left open.
async fn dies_in_recovery(setup: &Setup) {
    let hanging = Receiver::start(None, |_| Reply::Hold).await;
    let server = setup.start().await;
    for _ in 0..4 {
        server.api().create(&crate::harness::api::passthrough(&hanging.url("/held"))).await;
    }
    hanging.requests.count("POSTs are under way", 2).await;
    server.kill().await;
    let again = setup.clone().with("DIE_AT_MOMENT", "recovery:2").try_start().await;
    assert!(again.is_err(), "it died in recovery");
    hanging.release();
    let (begun, before) = (Instant::now(), hanging.requests.all().len());
    let server = setup.start().await;
    hanging.requests.count("the first redelivery", before + 1).await;
    println!("first redelivery {:?} after the process was started", begun.elapsed());
    hanging.requests.count("every redelivery", before + 2).await;
    server.stop().await;
}

/// Holds what the receiver saw against what the log says; gives how many attempts were cut.
fn judge(deliveries: &[Value], receiver: &Receiver, ids: &[String]) -> usize {
    let mut logged: BTreeMap<(String, u32), String> = BTreeMap::new();
    for delivery in deliveries {
        assert_eq!(delivery["status"], "delivered", "{delivery}");
        for (i, attempt) in delivery["attemptLog"].as_array().unwrap().iter().enumerate() {
            assert_eq!(attempt["attempt"], i + 1, "attempts rise by one: {delivery}");
            let outcome = attempt["outcome"].as_str().unwrap().to_owned();
            logged.insert((id_of(delivery), u32::try_from(i + 1).unwrap()), outcome);
        }
    }
    let seen = receiver.requests.all();
    let told: BTreeSet<String> = seen.iter().map(|request| id_of(&request.json())).collect();
    for id in ids {
        assert!(told.contains(id), "{id} was accepted, and its webhook never came");
    }
    let mut answers_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for request in &seen {
        let outcome = logged.get(&attempt_of(request)).unwrap_or_else(|| panic!("not in the log: {}", request.head));
        answers_of.entry(request.header("webhook-id")).or_default().push(outcome);
    }
    // Whatever came again came again for a reason that is on record: all of its attempts but one.
    for (event, outcomes) in answers_of {
        let taken = outcomes.iter().filter(|outcome| **outcome == "delivered").count();
        assert_eq!(taken, 1, "{event}: {outcomes:?}");
    }
    let cut = logged.values().filter(|outcome| *outcome == "interrupted").count();
    let deaths = moment::ALL.len() + 1;
    assert!(cut <= deaths * IN_FLIGHT_MAX, "{cut} attempts were cut by {deaths} deaths");
    assert!(cut > 0, "deaths that cut nothing show nothing");
    cut
}
