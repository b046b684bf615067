//! `sim`: more seeds than `cargo test` runs, one seed again, or every mutant.
//!
//! Exit code 0 when nothing was found (with `--mutants`: when every mutant was caught by its checker), 1 otherwise, 2 on
//! wrong usage.
#![expect(clippy::print_stdout, reason = "a command's output")]
use std::process::ExitCode;

use postsync_sim::{Plan, Report, run};

const USAGE: &str = "usage: sim [--seeds N] [--crashes N] [--seed S] [--sqlite] [--mutants] [--mutant RULE]";

/// Lines of the trace that are shown for a violation.
const SHOWN: usize = 40;

struct Args {
    first: u64,
    seeds: u64,
    crashes: u32,
    mutants: bool,
    /// Only that one of them.
    mutant: Option<String>,
    /// On SQLite in memory instead of the store for simulations.
    sqlite: bool,
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = if args.mutants { mutants(&args) } else { seeds(&args) };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Args> {
    let mut args = Args { first: 1, seeds: 20, crashes: 1_000, mutants: false, mutant: None, sqlite: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--mutants" => args.mutants = true,
            "--mutant" => (args.mutants, args.mutant) = (true, Some(words.next()?)),
            "--sqlite" => args.sqlite = true,
            // None at all would find nothing and call it good.
            "--seeds" => args.seeds = words.next()?.parse().ok().filter(|seeds| *seeds > 0)?,
            "--crashes" => args.crashes = words.next()?.parse().ok()?,
            "--seed" => (args.first, args.seeds) = (words.next()?.parse().ok()?, 1),
            _ => return None,
        }
    }
    Some(args)
}

fn seeds(args: &Args) -> bool {
    let mut failed = 0;
    let (mut generations, mut attempts, mut polls) = (0, 0, 0);
    for seed in args.first..args.first + args.seeds {
        let report = run_one(args, Plan { seed, crashes: args.crashes });
        generations += report.generations;
        attempts += report.attempts;
        polls += report.polls;
        if !report.violations.is_empty() {
            failed += 1;
            show(&report, args.crashes);
        }
    }
    let (seeds, crashes) = (args.seeds, args.crashes);
    println!(
        "{seeds} seeds x {crashes} crashes: {generations} generations, {attempts} attempts, {polls} polls; {failed} seeds failed"
    );
    failed == 0
}

fn run_one(args: &Args, plan: Plan) -> Report {
    if args.sqlite { postsync_sim::run_on_sqlite(plan) } else { run(plan) }
}

fn show(report: &Report, crashes: u32) {
    println!("seed {} failed; again with: sim --seed {} --crashes {crashes}", report.seed, report.seed);
    for violation in &report.violations {
        println!("  {}: {}", violation.checker, violation.what);
    }
    if let Some(first) = report.violations.first() {
        println!("  the trace up to {}:", first.checker);
        for line in first.tail.iter().rev().take(SHOWN).rev() {
            println!("    {line}");
        }
    }
}

#[cfg(not(sim_mutant))]
fn mutants(_args: &Args) -> bool {
    println!("this build has no mutants: run `cargo xtask sim --mutants`, or build with RUSTFLAGS=--cfg sim_mutant");
    false
}

#[cfg(sim_mutant)]
fn mutants(args: &Args) -> bool {
    use postsync_core::rule::break_rule;
    use postsync_sim::MUTANTS;

    /// A seed with fewer crashes finds it as well, and sooner.
    const CRASHES: u32 = 200;
    /// Some rules matter only where several things come together: the rarest takes hundreds.
    const SEEDS_MIN: u64 = 1_000;
    let mut missed = 0;
    let chosen: Vec<_> =
        MUTANTS.into_iter().filter(|mutant| args.mutant.as_ref().is_none_or(|rule| rule == mutant.rule)).collect();
    for mutant in &chosen {
        break_rule(Some(mutant.rule));
        let mut others = std::collections::BTreeSet::new();
        let caught = (args.first..args.first + args.seeds.max(SEEDS_MIN)).find(|seed| {
            let plan = Plan { seed: *seed, crashes: args.crashes.min(CRASHES) };
            match std::panic::catch_unwind(|| run_one(args, plan)) {
                Ok(report) => others.extend(report.violations.iter().map(|violation| violation.checker)),
                // An engine without one of its rules may turn in a circle: that is no word of a checker.
                Err(_) => _ = others.insert("a panic"),
            }
            others.contains(mutant.checker)
        });
        break_rule(None);
        others.remove(mutant.checker);
        let others = others.into_iter().collect::<Vec<_>>().join(" ");
        let also = if others.is_empty() { others } else { format!(", also by {others}") };
        match caught {
            Some(seed) => println!("{:40} caught by {}, seed {seed}{also}", mutant.rule, mutant.checker),
            None => {
                missed += 1;
                println!(
                    "{:40} NOT CAUGHT by {} in {} seeds{also}",
                    mutant.rule,
                    mutant.checker,
                    args.seeds.max(SEEDS_MIN)
                );
            }
        }
    }
    println!("{} mutants, {missed} not caught", chosen.len());
    missed == 0 && !chosen.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seeds_are_no_run() {
        let parsed = |line: &str| parse(line.split(' ').map(str::to_owned)).map(|args| (args.first, args.seeds));
        assert_eq!(parsed("--seeds 5 --crashes 0"), Some((1, 5)));
        assert_eq!(parsed("--seed 7"), Some((7, 1)));
        for wrong in ["--seeds 0", "--seeds", "--seeds many", "--sees 5"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
