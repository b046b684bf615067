//! The book: `docs/SUMMARY.md` names each document once, so that none is left out of what `mdbook` makes of them.
//!
//! Its pages are made from `docs` alone: a link that leaves that folder leads nowhere in them, so that there is none. What is outside is
//! named as a file. That each chapter exists is what `links` checks.

use std::path::{Path, PathBuf};

use super::{Finding, links};

const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(files: &[PathBuf], summary: Option<&str>) -> Vec<Finding> {
    let Some(summary) = summary else {
        return vec![Finding::error(SUMMARY, "There is no table of contents of the book.")];
    };
    let lines = summary.lines();
    let chapters: Vec<_> =
        lines.flat_map(links::links).filter_map(|link| links::target(Path::new(SUMMARY), link)).collect();
    let is_chapter = |file: &&PathBuf| {
        file.starts_with("docs") && file.extension().is_some_and(|e| e == "md") && *file != Path::new(SUMMARY)
    };
    let mut findings = Vec::new();
    for file in files.iter().filter(is_chapter) {
        match chapters.iter().filter(|chapter| *chapter == file).count() {
            0 => findings.push(Finding::error(
                SUMMARY,
                format!("{} is in no place of the book: give it a line.", file.display()),
            )),
            1 => {}
            _ => findings.push(Finding::error(SUMMARY, format!("{} is in it more than once.", file.display()))),
        }
    }
    let outside = chapters.iter().filter(|chapter| !chapter.starts_with("docs"));
    findings.extend(outside.map(|chapter| {
        Finding::error(SUMMARY, format!("{} is outside of docs, where mdbook does not look.", chapter.display()))
    }));
    findings
}

/// The links of a chapter that lead out of the book, or to a folder, which a book has no page for.
pub(super) fn check_chapter(file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in links::prose(text) {
        for link in links::links(line) {
            let Some(target) = links::target(file, link) else { continue };
            if !target.starts_with("docs") || target.extension().is_none() {
                let place = format!("{}:{number}", file.display());
                let what =
                    format!("In the book the link to {} leads nowhere: name the file as text.", target.display());
                findings.push(Finding::error(place, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_links_to_chapters_only() {
        let of = |text: &str| {
            check_chapter(Path::new("docs/decisions/1.md"), text).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let fine =
            "[a](../API.md#x) [b](2.md) [c](#here) [d](https://example.com/) ![e](../demo.png) `[f](../../README.md)`";
        assert_eq!(of(fine), [""; 0]);
        assert_eq!(of("```\n[f](../../README.md)\n```"), [""; 0]);
        let found = of("fine\n[a](../../README.md#x) [b](../decisions)");
        assert!(found.len() == 2 && found[0].starts_with("error: docs/decisions/1.md:2: "), "{found:?}");
        assert!(found[0].contains("to README.md") && found[1].contains("to docs/decisions"), "{found:?}");
    }

    fn complaints(summary: Option<&str>) -> Vec<String> {
        let files =
            ["README.md", "docs/API.md", "docs/SUMMARY.md", "docs/decisions/1.md", "docs/demo.png"].map(PathBuf::from);
        check(&files, summary).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_document_is_in_it_once() {
        assert_eq!(complaints(Some("- [a](API.md)\n  - [b](decisions/1.md)\n")), [""; 0]);
        for (summary, what) in [
            (Some("- [a](API.md)"), "docs/decisions/1.md is in no place"),
            (Some("- [a](API.md)\n- [b](API.md)\n- [c](decisions/1.md)"), "docs/API.md is in it more than once"),
            (Some("- [a](API.md)\n- [c](decisions/1.md)\n- [r](../README.md)"), "README.md is outside of docs"),
            (None, "no table of contents"),
        ] {
            let found = complaints(summary);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }
}
