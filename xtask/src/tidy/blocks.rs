//! Blocks of Markdown files that show a file of the repository: they show it as it is.
//!
//! `<!-- file: PATH -->`, PATH from the root, stands on the line before the block. What people copy from a document is then what the tests
//! have run. `cargo xtask docs` writes the blocks anew.

use std::ops::Range;
use std::path::Path;

use super::Finding;

const MARK: &str = "<!-- file: ";
const FENCE: &str = "```";

pub(super) fn check(file: &Path, text: &str, read: impl Fn(&Path) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mark in marks(text) {
        let place = format!("{}:{}", file.display(), mark.line);
        match (mark.block, read(Path::new(mark.path))) {
            (None, _) => findings.push(Finding::error(place, "A block belongs below this line: ``` to ```.")),
            (_, None) => findings.push(Finding::error(place, format!("There is no file {}.", mark.path))),
            (Some(block), Some(wanted)) if text[block.clone()] != wanted => {
                let what = format!("The block is not {} as it is. Write it anew: cargo xtask docs.", mark.path);
                findings.push(Finding::error(place, what));
            }
            _ => {}
        }
    }
    findings
}

/// The text with every block as its file has it; `None` where nothing is to be changed.
pub(crate) fn refreshed(text: &str, read: impl Fn(&Path) -> Option<String>) -> Option<String> {
    let mut fresh = text.to_owned();
    // From the end, so that what is still to be replaced stays where it was found.
    for mark in marks(text).into_iter().rev() {
        if let (Some(block), Some(wanted)) = (mark.block, read(Path::new(mark.path))) {
            fresh.replace_range(block, &wanted);
        }
    }
    (fresh != text).then_some(fresh)
}

struct Mark<'a> {
    line: usize,
    path: &'a str,
    /// The bytes between the fences; `None` where there are none.
    block: Option<Range<usize>>,
}

fn marks(text: &str) -> Vec<Mark<'_>> {
    let (mut marks, mut at) = (Vec::new(), 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        at += line.len();
        let path = line.strip_prefix(MARK).and_then(|rest| rest.trim_end().strip_suffix(" -->"));
        if let Some(path) = path {
            marks.push(Mark { line: number + 1, path, block: block(text, at) });
        }
    }
    marks
}

/// What stands between the fence that begins at `at` and the next one.
fn block(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..].strip_prefix(FENCE)?;
    let start = text.len() - rest.len() + rest.find('\n')? + 1;
    let end = if text[start..].starts_with(FENCE) { start } else { start + text[start..].find("\n```")? + 1 };
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Option<String> {
        (path == Path::new("a.sh")).then(|| "one\ntwo\n".to_owned())
    }

    fn complaints(text: &str) -> Vec<String> {
        check(Path::new("docs/a.md"), text, read).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_block_is_its_file_to_the_last_byte() {
        assert!(complaints("x\n<!-- file: a.sh -->\n```sh\none\ntwo\n```\ny\n").is_empty());
        for other in ["one\n", "one\ntwo\n\n", "one\ntwo \n", ""] {
            let found = complaints(&format!("x\n\n<!-- file: a.sh -->\n```sh\n{other}```\n"));
            assert!(found[0].starts_with("error: docs/a.md:3: The block is not a.sh as it is"), "{other:?} {found:?}");
        }
    }

    #[test]
    fn a_mark_without_a_block_or_a_file_is_found() {
        for text in ["<!-- file: a.sh -->\n", "<!-- file: a.sh -->\n\n```\n```\n", "<!-- file: a.sh -->\n```sh\nopen\n"]
        {
            assert!(complaints(text)[0].contains("A block belongs below"), "{text:?}");
        }
        assert!(complaints("<!-- file: b.sh -->\n```\n```\n")[0].contains("There is no file b.sh"));
    }

    #[test]
    fn blocks_are_written_anew_and_nothing_else_is() {
        let stale = "a\n<!-- file: a.sh -->\n```sh\nold\n```\nb\n<!-- file: a.sh -->\n```\n```\n```\nkept\n```\n";
        let fresh = refreshed(stale, read).expect("something is stale");
        let block = "one\ntwo\n```\n";
        assert_eq!(
            fresh,
            format!("a\n<!-- file: a.sh -->\n```sh\n{block}b\n<!-- file: a.sh -->\n```\n{block}```\nkept\n```\n")
        );
        assert_eq!(refreshed(&fresh, read), None);
    }
}
