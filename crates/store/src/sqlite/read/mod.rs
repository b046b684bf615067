//! What a connection answers. Several statements that must fit together run in one read transaction, over in milliseconds:
//! a long one would keep the log from being reused.
pub(super) mod access;
pub(super) mod aged;
pub(super) mod assets;
pub(super) mod audit;
pub(super) mod batches;
pub(super) mod deliveries;
pub(super) mod endpoints;
pub(super) mod failures;
pub(super) mod feed;
pub(super) mod generations;
pub(super) mod holds;
pub(super) mod idempotency;
pub(super) mod listeners;
pub(super) mod projects;
pub(super) mod replays;
mod round;
pub(super) mod rows;
pub(super) mod secrets;
pub(super) mod speech_jobs;
pub(super) mod turns;
pub(super) mod usage;
pub(super) mod voices;

use rusqlite::{Connection, Params, Result, Row};

fn all<T>(
    conn: &Connection,
    sql: &'static str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, read)?.collect()
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sqlite::apply::{
        assets as asset_changes, audit as auditing, forget, generations as generation_changes, holds as holding,
        idempotency as used, listeners as listener_changes, projects as project_changes,
        speech_jobs as speech_job_changes, voices as voice_changes,
    };
    use crate::sqlite::{connect, setup};

    /// Every statement that reads walks an index to the rows it wants, in the order it wants: none scans or sorts. The
    /// organizations are read whole, and rarely.
    #[test]
    fn no_statement_scans_or_sorts() {
        let mut conn = connect::in_memory().unwrap();
        setup::migrate(&mut conn, Path::new(":memory:")).unwrap();
        let statements = [
            access::STATEMENTS,
            asset_changes::STATEMENTS,
            aged::STATEMENTS,
            assets::STATEMENTS,
            audit::STATEMENTS,
            auditing::STATEMENTS,
            batches::STATEMENTS,
            deliveries::STATEMENTS,
            endpoints::STATEMENTS,
            failures::STATEMENTS,
            feed::STATEMENTS,
            forget::STATEMENTS,
            generations::STATEMENTS,
            generation_changes::STATEMENTS,
            holds::STATEMENTS,
            holding::STATEMENTS,
            idempotency::STATEMENTS,
            used::STATEMENTS,
            listeners::STATEMENTS,
            listener_changes::STATEMENTS,
            projects::STATEMENTS,
            project_changes::STATEMENTS,
            replays::STATEMENTS,
            secrets::STATEMENTS,
            speech_jobs::STATEMENTS,
            speech_job_changes::STATEMENTS,
            turns::STATEMENTS,
            usage::STATEMENTS,
            voices::STATEMENTS,
            voice_changes::STATEMENTS,
        ]
        .concat();
        assert!(statements.len() > 15);
        for sql in statements {
            for step in plan(&conn, sql) {
                // The rows of a subquery are those that a step of its own has found.
                let found = step == "SCAN CONSTANT ROW" || step.starts_with("SCAN (subquery");
                let bad = step.starts_with("SCAN") && !found || step.contains("TEMP B-TREE");
                assert!(!bad, "{step}: {sql}");
            }
        }
        let searches = [
            assets::SEARCHES,
            batches::SEARCHES,
            deliveries::SEARCHES,
            failures::SEARCHES,
            generations::SEARCHES,
            replays::SEARCHES,
            speech_jobs::SEARCHES,
        ]
        .concat();
        for (sql, by) in searches {
            let steps = plan(&conn, sql);
            assert!(matches!(steps.as_slice(), [step] if step.ends_with(by)), "{by}: {steps:?}");
        }
    }

    fn plan(conn: &Connection, sql: &str) -> Vec<String> {
        let mut explained = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        explained.raw_query().mapped(|row| row.get(3)).collect::<Result<_>>().unwrap()
    }
}
