//! The default seeds, the seeds that failed once, and whether a run can be seen again. Four groups, so that they run side
//! by side.
use postsync_sim::{Plan, Report, run, run_on_sqlite};

const CRASHES: u32 = 1_000;

fn hold(report: &Report, crashes: u32) {
    let Some(first) = report.violations.first() else { return };
    let all: Vec<String> = report.violations.iter().map(|v| format!("{}: {}", v.checker, v.what)).collect();
    let tail = first.tail.join("\n");
    panic!(
        "seed {} failed; again with: cargo xtask sim --seed {} --crashes {crashes}\n{}\n\nthe trace up to {}:\n{tail}",
        report.seed,
        report.seed,
        all.join("\n"),
        first.checker
    );
}

fn seeds(seeds: std::ops::RangeInclusive<u64>) {
    for seed in seeds {
        let report = run(Plan { seed, crashes: CRASHES });
        hold(&report, CRASHES);
        assert!(report.generations > 500 && report.attempts > 1_000, "the world has fallen asleep: {report:?}");
    }
}

#[test]
fn seeds_1_to_5() {
    seeds(1..=5);
}

#[test]
fn seeds_6_to_10() {
    seeds(6..=10);
}

#[test]
fn seeds_11_to_15() {
    seeds(11..=15);
}

#[test]
fn seeds_16_to_20() {
    seeds(16..=20);
}

#[test]
fn seeds_that_failed_once() {
    let listed = include_str!("../seeds.txt").lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let mut known = 0;
    for line in listed.filter(|line| !line.is_empty()) {
        let (seed, crashes) = line.split_once(' ').expect("a seed and its crashes");
        let plan = Plan { seed: seed.parse().expect("a seed"), crashes: crashes.trim().parse().expect("crashes") };
        hold(&run(plan), plan.crashes);
        known += 1;
    }
    assert!(known > 0, "seeds.txt was not read");
}

/// `same_seed_same_trace`: or a failure could not be seen again.
#[test]
fn same_seed_same_trace() {
    let trace = |seed| {
        let report = run(Plan { seed, crashes: 300 });
        (report.trace_hash, report.facts, report.polls)
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

/// The other store behind the same port, with fewer crashes. It answers the same, so the whole trace is the same.
#[test]
fn sqlite_in_memory_gives_the_same_trace() {
    for seed in 1..=20 {
        let plan = Plan { seed, crashes: 60 };
        let (memory, sqlite) = (run(plan), run_on_sqlite(plan));
        hold(&sqlite, plan.crashes);
        assert_eq!((memory.trace_hash, memory.facts), (sqlite.trace_hash, sqlite.facts));
    }
}
