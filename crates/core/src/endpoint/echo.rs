//! What a receiver says back: some answer with the request that they got, the endpoint's own headers among it.
//!
//! Promise: no value of [`CustomHeaders`] that is long enough to be a secret stands in what the log keeps of an answer, neither
//! alone nor as JSON writes it, nor the beginning of one where the answer was cut. Whoever encodes it otherwise tells it in full.
use memchr::memmem::Finder;

use super::CustomHeaders;
use crate::sent::MASK;

/// A shorter value is a word that answers have for other reasons.
const SECRET_BYTES_MIN: usize = 8;

/// So much of one is left of it by a cut at least, or it is nothing that anybody could use.
const BEGINNING_BYTES_MIN: usize = 4;

impl CustomHeaders {
    /// The bytes of an answer without these headers' values. `is_cut`: more of it came, or was to come.
    #[must_use]
    pub fn masked_in(&self, mut answer: Vec<u8>, is_cut: bool) -> Vec<u8> {
        let secrets = self.secrets();
        for secret in &secrets {
            replace(&mut answer, secret);
        }
        let beginning = |secret: &String| {
            let longest = secret.len().min(answer.len() + 1) - 1;
            (BEGINNING_BYTES_MIN..=longest).rev().find(|bytes| answer.ends_with(&secret.as_bytes()[..*bytes]))
        };
        if let Some(bytes) = secrets.iter().filter_map(beginning).max().filter(|_| is_cut) {
            answer.truncate(answer.len() - bytes);
            answer.extend_from_slice(MASK.as_bytes());
        }
        answer
    }

    /// Longest first: where one is part of another, that is masked whole.
    fn secrets(&self) -> Vec<String> {
        let values = self.as_slice().iter().map(|(_, value)| value.as_str());
        // `Bearer abc`: who has looked into it says back what follows the scheme.
        let parts = values.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, after)| after)]);
        let mut secrets: Vec<String> =
            parts.flatten().filter(|part| part.len() >= SECRET_BYTES_MIN).flat_map(spellings).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        secrets
    }
}

/// As it is, as JSON has it, and as those print JSON who escape slashes too.
fn spellings(value: &str) -> [String; 3] {
    let json = value.replace('\\', "\\\\").replace('"', "\\\"");
    let slashes = json.replace('/', "\\/");
    [value.to_owned(), json, slashes]
}

fn replace(answer: &mut Vec<u8>, secret: &str) {
    let finder = Finder::new(secret);
    let mut from = 0;
    let mut masked = Vec::new();
    for at in finder.find_iter(answer) {
        masked.extend_from_slice(&answer[from..at]);
        masked.extend_from_slice(MASK.as_bytes());
        from = at + secret.len();
    }
    if from > 0 {
        masked.extend_from_slice(&answer[from..]);
        *answer = masked;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(values: &[&str]) -> CustomHeaders {
        CustomHeaders::stored(values.iter().map(|value| ("X-Own".to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_is_said_back_is_masked() {
        for (values, answer, is_cut, want) in [
            (&["geheim-1234"][..], "got geheim-1234, geheim-1234", false, "got ***, ***"),
            (&["geheim-1234", "geheim-12345678"], "geheim-12345678 geheim-1234", false, "*** ***"),
            (
                &["Bearer abcdefgh"],
                r#"{"authorization":"Bearer abcdefgh","token":"abcdefgh"}"#,
                false,
                r#"{"authorization":"***","token":"***"}"#,
            ),
            (&[r#"a/"b"\c-1234"#], r#"["a/\"b\"\\c-1234","a\/\"b\"\\c-1234"]"#, false, r#"["***","***"]"#),
            // Too short to be one, and too much of a word.
            (&["staging", "Basic abc"], "staging abc", false, "staging abc"),
            (&["geheim-1234"], "geheim-123", false, "geheim-123"),
            (&["geheim-1234"], "geheim-123", true, "***"),
            (&["geheim-1234", "heim-5678"], "x geheim", true, "x ***"),
            (&["geheim-1234"], "x geh", true, "x geh"),
            (&["geheim-1234"], "ge", true, "ge"),
            (&["geheim-1234"], "", true, ""),
            (&[], "geheim-1234", true, "geheim-1234"),
        ] {
            let masked = own(values).masked_in(answer.as_bytes().to_vec(), is_cut);
            assert_eq!(String::from_utf8(masked).unwrap(), want, "{values:?} in {answer}");
        }
    }

    proptest! {
        #[test]
        fn wherever_it_stands_and_is_cut_no_half_of_it_is_left(secret in "[a-c]{8,12}", before in "[a-d]{0,9}", after in "[a-d]{0,9}", cut in 0usize..40) {
            let whole = format!("{before}{secret}{after}");
            let cut = cut.min(whole.len());
            let masked = own(&[&secret]).masked_in(whole.as_bytes()[..cut].to_vec(), cut < whole.len());
            let masked = String::from_utf8(masked).unwrap();
            prop_assert!(!masked.contains(&secret));
            let shown = cut.saturating_sub(before.len()).min(secret.len());
            prop_assert!(shown < BEGINNING_BYTES_MIN || !masked.ends_with(&secret[..shown]) || shown == secret.len());
        }
    }
}
