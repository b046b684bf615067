//! `Range: bytes=...` of one range. Anything else is answered with the whole, as RFC 9110 allows.

/// What a `Range` header asks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// These bytes, both ends included.
    Part { first: u64, last: u64 },
    /// Bytes that it does not have.
    Outside,
}

pub(super) fn read(header: Option<&str>, file_bytes: u64) -> Asked {
    let spec = header.and_then(|text| text.trim().strip_prefix("bytes=")).map(str::trim);
    match spec.filter(|spec| !spec.contains(',')).and_then(|spec| spec.split_once('-')) {
        None => Asked::Whole,
        Some(("", suffix)) => number(suffix).map_or(Asked::Whole, |bytes| last(bytes, file_bytes)),
        Some((first, "")) => number(first).map_or(Asked::Whole, |first| between(first, u64::MAX, file_bytes)),
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => between(first, last, file_bytes),
            _ => Asked::Whole,
        },
    }
}

/// Digits only: `+5` would pass as a number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn last(bytes: u64, file_bytes: u64) -> Asked {
    match bytes.min(file_bytes) {
        0 => Asked::Outside,
        bytes => Asked::Part { first: file_bytes - bytes, last: file_bytes - 1 },
    }
}

fn between(first: u64, last: u64, file_bytes: u64) -> Asked {
    if first >= file_bytes { Asked::Outside } else { Asked::Part { first, last: last.min(file_bytes - 1) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_file_of_ten_bytes() {
        for (header, want) in [
            ("bytes=0-", Asked::Part { first: 0, last: 9 }),
            ("bytes=0-0", Asked::Part { first: 0, last: 0 }),
            ("bytes=2-5", Asked::Part { first: 2, last: 5 }),
            (" bytes=9-99 ", Asked::Part { first: 9, last: 9 }),
            ("bytes=-3", Asked::Part { first: 7, last: 9 }),
            ("bytes=-99", Asked::Part { first: 0, last: 9 }),
            ("bytes=99999999999999999999-", Asked::Outside),
            ("bytes=10-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=5-2", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=1-2,4-5", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("items=0-1", Asked::Whole),
            ("rubbish", Asked::Whole),
        ] {
            assert_eq!(read(Some(header), 10), want, "{header}");
        }
        assert_eq!(read(None, 10), Asked::Whole);
        assert_eq!(read(Some("bytes=0-"), 0), Asked::Outside);
    }
}
