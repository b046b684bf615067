//! Where two bodies begin to differ, for a person who compares what came with what was sent.

use std::fmt;

/// How many bytes of context are shown around the first difference.
const SNIPPET_BYTES: usize = 24;

/// The first place where two bodies differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The offset of the first byte that differs, from 0.
    pub offset: usize,
    /// What was sent, around that byte.
    pub sent: String,
    /// What came, around that byte.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, sent, found } = self;
        write!(f, "the first difference is at byte offset {offset}: sent was {sent:?}, found was {found:?}")
    }
}

impl Difference {
    /// What was sent and what came, each as the text before the first character that differs, that character, and the text behind it.
    /// The character is empty where a body ends there.
    #[must_use]
    pub fn marked(&self) -> [[&str; 3]; 2] {
        let pairs = self.sent.char_indices().zip(self.found.chars());
        let same = pairs.take_while(|((_, left), right)| left == right).last();
        let at = same.map_or(0, |((start, character), _)| start + character.len_utf8());
        [&self.sent, &self.found].map(|text| {
            let (before, rest) = text.split_at(at);
            let (marked, behind) = rest.split_at(rest.chars().next().map_or(0, char::len_utf8));
            [before, marked, behind]
        })
    }
}

/// Compares the bytes that came with those that were sent; `None` where they are the same.
#[must_use]
pub fn first_difference(sent: &[u8], found: &[u8]) -> Option<Difference> {
    let offset = sent.iter().zip(found).take_while(|(left, right)| left == right).count();
    (sent != found).then(|| Difference { offset, sent: snippet(sent, offset), found: snippet(found, offset) })
}

fn snippet(bytes: &[u8], offset: usize) -> String {
    let start = offset.saturating_sub(SNIPPET_BYTES / 2);
    let end = bytes.len().min(start + SNIPPET_BYTES);
    String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_shown_with_what_stands_around_it() {
        let sent = br#"{"id":"1","status":"COMPLETED"}"#;
        let found = br#"{"id":"2","status":"COMPLETED"}"#;
        let difference = first_difference(sent, found).unwrap();
        assert_eq!(
            difference.to_string(),
            r#"the first difference is at byte offset 7: sent was "{\"id\":\"1\",\"status\":\"COMP", found was "{\"id\":\"2\",\"status\":\"COMP""#
        );
        assert_eq!(first_difference(sent, sent), None);
        assert_eq!(first_difference(sent, &sent[..5]).unwrap().offset, 5);
        assert_eq!(first_difference(b"", b"x").unwrap().offset, 0);
        assert_eq!(first_difference(b"", b""), None);
    }
    #[test]
    fn the_character_that_differs_is_marked_on_both_sides() {
        let marked = |sent: &str, found: &str| {
            let difference = first_difference(sent.as_bytes(), found.as_bytes()).unwrap();
            difference.marked().map(|parts| parts.join("|"))
        };
        assert_eq!(marked(r#"{"id":"1"}"#, r#"{"id": "1"}"#), [r#"{"id":|"|1"}"#, r#"{"id":| |"1"}"#]);
        assert_eq!(marked("ab", "ab\n"), ["ab||", "ab|\n|"]);
        assert_eq!(
            marked("h\u{e9}llo", "h\u{e8}llo").map(|text| text.matches('|').count()),
            [2, 2],
            "within a character"
        );
        let invalid = first_difference(b"\xff", b"\xfe").unwrap();
        assert_eq!(invalid.marked(), [["\u{fffd}", "", ""]; 2]);
    }
}
