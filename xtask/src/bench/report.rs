//! The table, on the terminal and in `docs/BENCHMARKS.md`: ratios first.
//!
//! In the document only what stands between the markers is written anew, and of that only the lines of the scenarios that
//! have run: the words around it are somebody's.
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::figures::{Findings, Row, Verdict};
use super::host;

const COLUMNS: [&str; 11] = [
    "",
    "what",
    "of raw",
    "per s",
    "raw per s",
    "server us",
    "receiver us",
    "load us",
    "p50 ms",
    "p99 ms",
    "server MB",
];

const VERDICT_COLUMNS: [&str; 5] = ["", "target", "wanted", "figure", "met"];

pub(crate) fn print(findings: &Findings) {
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(findings.rows.iter().map(cells));
    print_aligned(&rows);
    println!();
    let mut rows = vec![VERDICT_COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(findings.verdicts.iter().map(verdict_cells));
    print_aligned(&rows);
}

fn print_aligned(rows: &[Vec<String>]) {
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|n| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(n, (cell, width))| if n < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

fn cells(row: &Row) -> Vec<String> {
    let number = |value: Option<f64>, digits: usize| value.map_or(String::new(), |value| format!("{value:.digits$}"));
    vec![
        row.scenario.to_string(),
        row.what.clone(),
        row.of_raw.map_or(String::new(), |part| format!("{:.1} %", part * 100.0)),
        number(row.per_s, 0),
        number(row.raw_per_s, 0),
        number(row.server_us, 1),
        number(row.receiver_us, 1),
        number(row.load_us, 1),
        number(row.p50_ms, 2),
        number(row.p99_ms, 2),
        number(row.server_mb, 1),
    ]
}

fn verdict_cells(verdict: &Verdict) -> Vec<String> {
    let met = if verdict.is_met { "met" } else { "NOT MET" };
    let Verdict { scenario, what, wanted, figure, .. } = verdict;
    vec![scenario.to_string(), what.clone(), wanted.clone(), figure.clone(), met.to_owned()]
}

/// Writes the lines of these scenarios into the document.
pub(crate) fn write(path: &Path, findings: &Findings) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let text = replaced(&text, "figures", &COLUMNS, &findings.rows.iter().map(cells).collect::<Vec<_>>())?;
    let verdicts: Vec<_> = findings.verdicts.iter().map(verdict_cells).collect();
    let text = replaced(&text, "targets", &VERDICT_COLUMNS, &verdicts)?;
    let machine = format!("{}; load average at the end {}", host::machine(), host::load_average());
    let text = between(&text, "machine", &machine)?;
    std::fs::write(path, text)?;
    Ok(())
}

/// The table of that name with these lines; those of other scenarios stay.
fn replaced(text: &str, name: &str, columns: &[&str], rows: &[Vec<String>]) -> anyhow::Result<String> {
    let (_, old, _) = parts(text, name)?;
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let is_new = |old: &str| rows.iter().any(|row| old.starts_with(&format!("| {} |", row[0])));
    let kept = old.lines().skip_while(|line| !line.starts_with("|---")).skip(1).filter(|line| line.starts_with('|'));
    let mut lines: Vec<String> = kept.filter(|line| !is_new(line)).map(str::to_owned).collect();
    lines.extend(rows.iter().map(|cells| line(cells)));
    // By scenario; a stable sort leaves each one's lines in their order.
    lines.sort_by_key(|line| line.chars().nth(2));
    let head = [format!("| {} |", columns.join(" | ")), format!("|{}", "---|".repeat(columns.len()))];
    let table: Vec<String> = head.into_iter().chain(lines).collect();
    between(text, name, &format!("\n{}\n", table.join("\n")))
}

fn between(text: &str, name: &str, new: &str) -> anyhow::Result<String> {
    let (before, _, after) = parts(text, name)?;
    Ok(format!("{before}\n{new}\n{after}"))
}

fn parts<'t>(text: &'t str, name: &str) -> anyhow::Result<(&'t str, &'t str, &'t str)> {
    let (open, close) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let from = text.find(&open).with_context(|| format!("the document has no line {open}"))? + open.len();
    let to = text.find(&close).with_context(|| format!("the document has no line {close}"))?;
    ensure!(from <= to, "{close} stands before {open}");
    Ok((&text[..from], &text[from..to], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_what_ran_are_written_anew() {
        let text = "words\n<!-- t -->\n\n|  | what |\n|---|---|\n| a | old |\n| b | old |\n\n<!-- /t -->\nmore\n";
        let rows = [vec!["b".to_owned(), "new".to_owned()], vec!["c".to_owned(), "first".to_owned()]];
        let want = "words\n<!-- t -->\n\n|  | what |\n|---|---|\n| a | old |\n| b | new |\n| c | first |\n\n<!-- /t -->\nmore\n";
        let once = replaced(text, "t", &["", "what"], &rows).unwrap();
        assert_eq!(once, want);
        assert_eq!(replaced(&once, "t", &["", "what"], &rows).unwrap(), want);
        assert!(replaced(text, "other", &["", "what"], &rows).is_err());
    }
}
