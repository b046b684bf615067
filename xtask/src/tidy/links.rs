//! Links in Markdown files that lead to files of the repository: they must exist.
//!
//! Addresses of the web are not followed: that needs a network. Anchors are looked at in `anchors`.

use std::path::{Component, Path, PathBuf};

use super::Finding;

pub(super) fn check(file: &Path, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        for link in links(line) {
            let Some(target) = target(file, link) else { continue };
            if !exists(&target) {
                let place = format!("{}:{number}", file.display());
                let what = format!(
                    "The link leads to {}, which does not exist. Correct it, or write that file.",
                    target.display()
                );
                findings.push(Finding::error(place, what));
            }
        }
    }
    findings
}

/// The lines outside of fenced blocks, each with its number from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(i, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((i + 1, line))
    })
}

/// The targets of `[text](target)` and `[text](target "title")` on one line, outside of code spans.
pub(super) fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').step_by(2).flat_map(|prose| {
        prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')?.0.split_whitespace().next())
    })
}

/// The file that a link means, relative to the root; `None` if it is none of ours.
pub(super) fn target(file: &Path, link: &str) -> Option<PathBuf> {
    let path = link.split_once('#').map_or(link, |(path, _)| path);
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let joined = match path.strip_prefix('/') {
        Some(from_root) => PathBuf::from(from_root),
        None => file.parent().unwrap_or(Path::new("")).join(path),
    };
    Some(normal(&joined))
}

/// Resolves `..` by the names alone, as a browser would.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut sum, part| {
        match part {
            Component::ParentDir => drop(sum.pop()),
            Component::CurDir => {}
            other => sum.push(other),
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let there = [Path::new("README.md"), Path::new("docs/API.md"), Path::new("docs/errors")];
        check(Path::new("docs/WEBHOOKS.md"), text, |path| there.contains(&path))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_link_to_a_missing_file_is_found_with_its_line() {
        let found = broken("fine\n[a](API.md) and [b](MISSING.md \"title\")");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("error: docs/WEBHOOKS.md:2: The link leads to docs/MISSING.md"), "{found:?}");
    }

    #[test]
    fn links_resolve_from_the_file_and_from_the_root() {
        assert!(
            broken("[a](API.md#x) [b](../README.md) [c](/docs/API.md) [d](errors/) [e](./API.md) ![f](API.md)")
                .is_empty()
        );
        assert_eq!(broken("[a](README.md) [b](/API.md)").len(), 2);
    }

    #[test]
    fn what_is_no_file_of_ours_is_left_alone() {
        assert!(broken("[a](https://example.com/x.md) [b](#here) [c](mailto:a@example.com) `[d](NO.md)`").is_empty());
        assert!(broken("```\n[a](NO.md)\n```\n").is_empty());
        assert_eq!(broken("```\n```\n[a](NO.md)").len(), 1);
    }
}
