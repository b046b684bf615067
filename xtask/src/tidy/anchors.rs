//! Anchors in links between Markdown files of the repository: the heading must be there, under the name that GitHub and mdBook give it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Finding, links};

/// `read` gives the text of a Markdown file, from the root.
pub(super) fn check(file: &Path, text: &str, read: impl Fn(&Path) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in links::prose(text) {
        for link in links::links(line) {
            let Some((target, anchor)) = anchored(file, link) else { continue };
            // A file that is missing is what `links` finds.
            let Some(text) = read(&target) else { continue };
            if !anchors(&text).contains(anchor) {
                let what = format!("The link leads to {}#{anchor}: no heading there has that name.", target.display());
                findings.push(Finding::error(format!("{}:{number}", file.display()), what));
            }
        }
    }
    findings
}

/// The Markdown file and the heading that a link means, if it means one.
fn anchored<'a>(file: &Path, link: &'a str) -> Option<(PathBuf, &'a str)> {
    let (path, anchor) = link.split_once('#')?;
    let target = if path.is_empty() { file.to_owned() } else { links::target(file, link)? };
    (target.extension()? == "md" && !anchor.is_empty()).then_some((target, anchor))
}

/// The names of all headings. A name that comes again gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, line) in links::prose(text) {
        let Some(heading) = line.strip_prefix('#').and_then(|rest| rest.trim_start_matches('#').strip_prefix(' '))
        else {
            continue;
        };
        let name = anchor(heading);
        let numbered = std::iter::once(name.clone()).chain((1..).map(|i| format!("{name}-{i}")));
        names.extend(numbered.into_iter().find(|name| !names.contains(name)));
    }
    names
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let api = "# API\n## Replay one\n## The `x` of it, all\n```\n## In a block\n```\n## Replay one\n";
        let read = |path: &Path| match path.to_str() {
            Some("docs/API.md") => Some(api.to_owned()),
            Some("docs/a.md") => Some(text.to_owned()),
            _ => None,
        };
        check(Path::new("docs/a.md"), text, read).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn headings_are_found_under_their_names() {
        let fine = "[a](API.md#replay-one) [b](API.md#the-x-of-it-all) [c](API.md#replay-one-1) [d](#own)\n## Own\n";
        assert_eq!(broken(fine), [""; 0]);
        assert_eq!(
            broken("```\n[a](API.md#no)\n```\n `[a](#no)` [b](../x.rs#L1) [c](https://a.example#no) [d](MISSING.md#a)"),
            [""; 0]
        );
    }

    #[test]
    fn a_name_that_no_heading_has_is_found_with_its_line() {
        for link in ["API.md#replay", "API.md#in-a-block", "API.md#replay-one-2", "#replay-one"] {
            let found = broken(&format!("fine\n[a]({link})"));
            assert!(found.len() == 1 && found[0].starts_with("error: docs/a.md:2: "), "{link}: {found:?}");
        }
    }
}
