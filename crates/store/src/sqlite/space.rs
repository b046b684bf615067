//! Pages that deleted rows have left, given back to the disk a few at a time: SQLite keeps them for what is written next, and
//! a whole VACUUM would hold up every commit for as long as it takes to write the database anew.
use rusqlite::{Connection, Result};

/// Pages given back in one go: 256 KiB. It is a commit of its own, and other commits wait for it.
const STEP_PAGES: i64 = 64;

/// This share of the file may stay free. What was deleted in an hour is written again in the next; to give it back
/// meanwhile would be work for nothing.
const FREE_SHARE: i64 = 8;

/// One step; whether another has something to do.
pub(super) fn give_back(conn: &Connection) -> Result<bool> {
    let spare = spare_pages(conn)?;
    if spare <= 0 {
        return Ok(false);
    }
    // The pragma gives back a page with each step of its statement: it is run to its end, or it would give back one.
    conn.pragma(None, "incremental_vacuum", spare.min(STEP_PAGES), |_| Ok(()))?;
    Ok(spare_pages(conn)? > 0)
}

fn spare_pages(conn: &Connection) -> Result<i64> {
    let number = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(number("freelist_count")? - number("page_count")? / FREE_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::connect;

    fn pages(conn: &Connection, name: &str) -> i64 {
        conn.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_was_deleted_is_given_back_in_steps_but_for_a_share() {
        let folder = tempfile::tempdir().unwrap();
        let conn = connect::writer(&folder.path().join("postsync.db")).unwrap();
        conn.execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO t SELECT i, zeroblob(4000) FROM n",
        )
        .unwrap();
        assert!(!give_back(&conn).unwrap(), "nothing was deleted");
        conn.execute_batch("DELETE FROM t WHERE id <= 1500").unwrap();
        let (before, free) = (pages(&conn, "page_count"), pages(&conn, "freelist_count"));
        assert!(free > 1_400, "{free}");
        let mut steps = 1;
        while give_back(&conn).unwrap() {
            steps += 1;
            assert!(before - pages(&conn, "page_count") <= steps * STEP_PAGES);
        }
        let (after, kept) = (pages(&conn, "page_count"), pages(&conn, "freelist_count"));
        assert!(steps > 4 && after < before - 1_300, "{before} to {after} pages in {steps} steps");
        assert!((1..=after / FREE_SHARE).contains(&kept), "{kept} of {after} pages are kept free");
        assert_eq!(conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)), Ok(500));
    }
}
