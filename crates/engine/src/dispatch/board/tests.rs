//! The board alone: what it decides, without a store or a receiver.
use postsync_core::endpoint_limits::EndpointRules;
use postsync_core::event::{Event, EventType};
use postsync_core::health::FAILURES_MAX;
use postsync_core::ids::EventId;

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn board() -> Board {
    Board::new(Limits {
        in_flight_max: 64,
        again_max: 48,
        queue_max: 100,
        queued_max: 1_000,
        queued_bytes_max: 160_000,
    })
}

/// A delivery of an endpoint to a URL.
fn due(id: i64, endpoint: &str, url: &str) -> DueDelivery {
    let event = Event {
        id: EventId(id),
        org: OrgId::new("default"),
        kind: EventType::GenerationCompleted,
        generation: None,
        created_at: NOW,
        body: bytes::Bytes::from_static(b"{}"),
    };
    let delivery = Delivery::new(DeliveryId(id), &event, EndpointId::new(endpoint), url.to_owned(), 0);
    DueDelivery { delivery, event }
}

#[test]
fn a_lane_that_something_was_parked_in_while_it_was_read_stays() {
    let mut board = board();
    let due = due(1, "imp_1", "https://a.example/hook");
    let lane = Lane::stored("https://a.example:443");
    board.note_parked(&lane, &due, NOW);
    let before = board.lanes_last_note();
    board.note_parked(&lane, &due, NOW);
    board.lane_is_empty(&lane, before);
    assert!(board.knows_lane(&lane), "parked again since it was read");
    board.lane_is_empty(&lane, board.lanes_last_note());
    assert!(!board.knows_lane(&lane));
}

#[test]
fn a_slot_is_not_kept_for_the_probe_of_a_lane_that_wants_none() {
    let mut board =
        Board::new(Limits { in_flight_max: 1, again_max: 1, queue_max: 9, queued_max: 9, queued_bytes_max: 9_000 });
    let probe = due(1, "imp_1", "https://a.example/hook");
    let lane = Lane::of_endpoint(&probe.delivery.endpoint);
    let path = path_of(&probe).unwrap();
    board.note_parked(&lane, &probe, NOW);
    board.levels.both(&path, None)[1].assume_down(NOW);
    board.offer(due(2, "imp_2", "https://b.example/hook"), NOW, true, false);
    let other = board.next(NOW, NOW).unwrap().ticket;
    assert!(board.probe(&probe, &lane, NOW, NOW).is_none(), "there is no slot for it");
    board.set_rules(&probe.delivery.endpoint, EndpointRules { is_paused: true, ..EndpointRules::default() }, |_| true);
    board.land(&other, None, NOW, 0.0, |_| true);
    assert_eq!(board.slots_taken(), 0, "it is paused");
}

#[test]
fn large_bodies_fill_a_queue_sooner_and_leave_room_for_others() {
    let mut board = board();
    let large = |id: i64, url: &str| {
        let due = due(id, &format!("imp_{id}"), url);
        DueDelivery { event: Event { body: vec![0; 4_000].into(), ..due.event }, ..due }
    };
    let queued = |board: &mut Board, ids: std::ops::Range<i64>, url: &str| {
        let offered = ids.map(|id| board.offer(large(id, url), NOW, true, false));
        offered.filter(|offered| *offered == Offered::Queued).count()
    };
    // Half of three quarters of the bytes, and half of what that leaves; the row that reaches it is the last.
    assert_eq!(queued(&mut board, 0..50, "https://a.example/hook"), 15);
    assert_eq!(queued(&mut board, 100..150, "https://b.example/hook"), 8);
    for n in 2..60 {
        queued(&mut board, n * 100..n * 100 + 50, &format!("https://c{n}.example/hook"));
    }
    let bytes = board.queued().bytes;
    assert!((150_000..=165_000).contains(&bytes), "{bytes} bytes wait in memory");
}

#[test]
fn however_many_are_slow_the_next_one_finds_room() {
    let limits =
        Limits { in_flight_max: 1, again_max: 1, queue_max: 2_048, queued_max: 4_096, queued_bytes_max: usize::MAX };
    let mut board = Board::new(limits);
    let queued = |board: &mut Board, destination: usize| {
        let url = |n: usize| format!("https://a{destination}.example/hook{}", n % 4);
        let offered = (0..2_000).map(|n| {
            let id = i64::try_from(destination * 2_000 + n).unwrap();
            board.offer(due(id, &format!("imp_{destination}_{}", n % 4), &url(n)), NOW, true, false)
        });
        offered.filter(|offered| *offered == Offered::Queued).count()
    };
    assert!(queued(&mut board, 0) > 1_000, "one alone has much");
    for destination in 1..36 {
        assert!(queued(&mut board, destination) >= 4, "number {destination} has a place for each of its endpoints");
    }
}

#[test]
fn retries_are_read_however_much_is_new() {
    let limits =
        Limits { in_flight_max: 1, again_max: 1, queue_max: 9_999, queued_max: 99_999, queued_bytes_max: usize::MAX };
    let mut board = Board::new(limits);
    let at = |ms| NOW.plus_ms(ms);
    for id in 0..2_000 {
        let due = due(id, &format!("imp_{id}"), &format!("https://a{id}.example/hook"));
        board.offer(due, NOW, true, false);
    }
    let enough = [0, 1, 99, 100, 150, 200].map(|ms| board.has_enough(at(ms)));
    assert_eq!(enough, [false, true, true, false, true, false]);
    for id in 2_000..4_000 {
        let mut due = due(id, &format!("imp_{id}"), &format!("https://a{id}.example/hook"));
        due.delivery.attempts = 1;
        board.offer(due, NOW, true, false);
    }
    assert!(board.has_enough(at(300)), "enough retries as well");
}

#[test]
fn a_level_that_is_down_is_forgotten_where_there_are_too_many_and_nothing_waits_for_it() {
    let mut board = board();
    let due_of = |n: usize| due(1, &format!("imp_{n}"), &format!("https://a{n}.example/hook"));
    let path = |n: usize| path_of(&due_of(n)).unwrap();
    for n in 0..levels::SWEPT_AT {
        board.levels.both(&path(n), None).into_iter().for_each(|health| health.assume_down(NOW));
    }
    let (waits, under_way) = (path(7), path(8));
    board.note_parked(&Lane::of_endpoint(&waits.endpoint), &due_of(7), NOW);
    board.begin(under_way.clone(), false, None, NOW, NOW);
    let ticket = board.begin(path(9), false, None, NOW, NOW);
    board.land(&ticket, None, NOW, 0.0, |_| true);
    let kept = [&waits, &under_way, &path(9), &path(10)].map(|path| board.levels.endpoint(&path.endpoint).is_some());
    assert_eq!(kept, [true, true, false, false]);
    assert_eq!(board.levels.destination(&under_way.destination).map(Health::is_down), Some(true));
    assert!(board.levels.destination(&waits.destination).is_none(), "only its endpoint has a lane");
    assert_eq!(board.destinations_of(&OrgId::new("default"), None, 9).len(), 2);
}

#[test]
fn whose_time_is_over_ends_where_its_receiver_is_seen_down_and_waits_on_otherwise() {
    let mut board = board();
    let due = due(1, "imp_1", "https://a.example/hook");
    let path = path_of(&due).unwrap();
    let waits_s = |verdict: Expired| match verdict {
        Expired::Ends => None,
        Expired::WaitsOn(wait) => Some(wait.as_secs()),
    };
    assert_eq!(waits_s(board.verdict_on(&due)), Some(600), "for its turn");
    board.levels.both(&path, None)[1].assume_down(NOW);
    assert_eq!(waits_s(board.verdict_on(&due)), Some(60), "for what a probe says");
    let pause = |is_paused| EndpointRules { is_paused, ..EndpointRules::default() };
    board.set_rules(&due.delivery.endpoint, pause(true), |_| true);
    assert_eq!(waits_s(board.verdict_on(&due)), Some(30 * 24 * 3_600), "for its owner");
    board.set_rules(&due.delivery.endpoint, pause(false), |_| true);
    let [_, endpoint] = board.levels.both(&path, None);
    endpoint.begin(Admission::Probe, NOW);
    endpoint.end(Bearing::Ill, NOW, 0.0, true);
    assert_eq!(waits_s(board.verdict_on(&due)), None);
}

/// Each with something parked in its lane, and down.
fn down_with_lanes(board: &mut Board, count: i64) -> Vec<Lane> {
    let lane_of = |id: i64| {
        let due = due(id, &format!("imp_{id:06}"), &format!("https://a{id}.example/hook"));
        let (path, lane) = (path_of(&due).unwrap(), Lane::of_endpoint(&due.delivery.endpoint));
        let [_, endpoint] = board.levels.both(&path, None);
        for _ in 0..FAILURES_MAX {
            endpoint.begin(Admission::Send, NOW);
            // Its probe is due five seconds later, and a millisecond for each before it.
            endpoint.end(Bearing::Ill, NOW.plus_ms(id), 0.0, false);
        }
        assert!(!board.note_parked(&lane, &due, NOW), "there is nothing to do for it yet");
        lane
    };
    (0..count).map(lane_of).collect()
}

#[test]
fn a_look_costs_what_is_due_and_not_what_there_is() {
    let mut board = board();
    let lanes = down_with_lanes(&mut board, 20_000);
    let at = |ms: i64| NOW.plus_ms(5_000 + ms);
    assert_eq!(board.next_probe_at(), Some(at(0)));
    assert_eq!(board.look_at_lanes(at(-1)), looks::IN_TURN);
    assert_eq!(board.next_call(at(-1)), None);
    // Due now, and none of them among those whose turn it is.
    assert_eq!(board.look_at_lanes(at(1)), looks::IN_TURN + 2);
    for lane in &lanes[..2] {
        assert_eq!(board.next_call(at(1)), Some(Call::Probe(lane.clone())));
    }
    assert_eq!(board.next_call(at(1)), None);
    assert_eq!(board.next_probe_at(), Some(at(2)));
}

#[test]
fn every_lane_has_its_turn() {
    let mut board = board();
    let lanes = down_with_lanes(&mut board, 1_300);
    // Down no more, and nobody has said so.
    for id in 0..1_300 {
        let due = due(id, &format!("imp_{id:06}"), &format!("https://a{id}.example/hook"));
        board.levels.both(&path_of(&due).unwrap(), None)[1].end(Bearing::Well, NOW, 0.0, true);
    }
    let mut called = HashSet::new();
    for look in 1..=3 {
        board.look_at_lanes(NOW);
        while let Some(Call::Feed(lane, _)) = board.next_call(NOW) {
            called.insert(lane);
        }
        assert_eq!(called.len(), lanes.len().min(look * looks::IN_TURN));
    }
}

#[test]
fn a_probe_that_was_due_before_the_clock_was_put_back_is_due() {
    let mut board = board();
    let lanes = down_with_lanes(&mut board, 1_000);
    let hours_ago = NOW.plus_ms(-3 * 3_600_000);
    assert_eq!(board.look_at_lanes(hours_ago), looks::IN_TURN + lanes.len());
    let probes = std::iter::from_fn(|| board.next_call(hours_ago)).filter(|call| matches!(call, Call::Probe(_)));
    assert_eq!(probes.count(), lanes.len());
}

#[test]
fn a_lane_is_fed_what_there_is_room_for_by_its_bytes_too() {
    let mut board = board();
    let row = due(1, "imp_1", "https://a.example/hook");
    let lane = Lane::of_destination(&path_of(&row).unwrap().destination);
    board.note_parked(&lane, &row, NOW);
    assert_eq!(board.next_call(NOW), Some(Call::Feed(lane.clone(), Load { len: 50, bytes: 60_000 })));
    let large = |id, len| {
        let due = due(id, &format!("imp_{id}"), "https://a.example/hook");
        DueDelivery { event: Event { body: vec![0; len].into(), ..due.event }, ..due }
    };
    assert_eq!(board.offer(large(2, 2_000), NOW, true, true), Offered::Queued);
    let url_len = row.delivery.url.len();
    board.call(&lane);
    assert_eq!(
        board.next_call(NOW),
        Some(Call::Feed(lane.clone(), Load { len: 49, bytes: (116_000 - 2 * url_len) / 2 }))
    );
    assert_eq!(board.offer(large(3, 60_000), NOW, true, true), Offered::Queued);
    board.call(&lane);
    assert_eq!(board.next_call(NOW), None, "half of what it may have is taken");
}

#[test]
fn nothing_more_is_read_while_what_flows_is_enough() {
    let limits = Limits {
        in_flight_max: 9_999,
        again_max: 9_999,
        queue_max: 9_999,
        queued_max: 99_999,
        queued_bytes_max: usize::MAX,
    };
    let mut board = Board::new(limits);
    let url = "https://a.example/hook";
    let queue = |board: &mut Board, ids: std::ops::Range<i64>| {
        for id in ids {
            let mut due = due(id, "imp_1", url);
            due.delivery.attempts = 1;
            assert_eq!(board.offer(due, NOW, true, false), Offered::Queued);
        }
    };
    queue(&mut board, 0..3_000);
    let tickets: Vec<Ticket> = std::iter::from_fn(|| board.next(NOW, NOW)).map(|launch| launch.ticket).collect();
    assert!(!tickets.is_empty() && board.again.ready_len() == 0, "its window is full");
    assert!(!board.has_enough(NOW), "nobody knows yet whether it takes anything: others may be behind it on disk");
    let delivered = Some(Outcome::Delivered { status: 204 });
    let mut under_way = std::collections::VecDeque::from(tickets);
    for _ in 0..flow::READ_AHEAD {
        let ticket = under_way.pop_front().unwrap();
        board.land(&ticket, delivered, NOW, 0.0, |_| true);
        under_way.extend(std::iter::from_fn(|| board.next(NOW, NOW)).map(|launch| launch.ticket));
    }
    board.read_anyway_at = Some(NOW);
    assert!(board.has_enough(NOW), "it takes a thousand in a moment");
    assert!(!board.reads_on());
    while board.queued().len > 3_000 - flow::READ_AHEAD - flow::READ_AHEAD / 2 - 40 {
        let ticket = under_way.pop_front().unwrap();
        board.land(&ticket, delivered, NOW, 0.0, |_| true);
        under_way.extend(std::iter::from_fn(|| board.next(NOW, NOW)).map(|launch| launch.ticket));
    }
    assert!(board.reads_on(), "half of what was enough has gone");
    assert!(!board.has_enough(NOW.plus_ms(600)), "it has taken nothing since");
}
