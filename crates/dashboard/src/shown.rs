//! How things are written on a page: times, lengths, sizes.
use std::time::Duration;

use postsync_core::time::Timestamp;

/// `2026-11-24 08:21:17`, in UTC.
pub(crate) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, rest)) => format!("{day} {}", rest.split(['.', 'Z']).next().unwrap_or(rest)),
        None => text,
    }
}

/// `7.2 s`, `1 min 5 s`
pub(crate) fn length_ms(ms: u64) -> String {
    match ms {
        0..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => length(Duration::from_millis(ms)),
    }
}

/// `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`
pub(crate) fn length(of: Duration) -> String {
    let s = of.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// `850 us`, `12.3 ms`, `1.204 s`
pub(crate) fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1_000),
    }
}

/// A number in groups of three.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The first so many bytes of a text, whole characters, and whether that is all.
pub(crate) fn cut(text: &str, bytes_max: usize) -> (&str, bool) {
    if text.len() <= bytes_max {
        return (text, false);
    }
    (&text[..text.floor_char_boundary(bytes_max)], true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_people_write() {
        assert_eq!(time(Timestamp(1_795_422_077_123)), "2026-11-23 08:21:17");
        assert_eq!([length_ms(7_240), length_ms(65_000)], ["7.2 s", "1 min 5 s"]);
        assert_eq!(length(Duration::from_secs(7_500)), "2 h 5 min");
        assert_eq!(length(Duration::from_secs(273_600)), "3 d 4 h");
        assert_eq!([micros(850), micros(12_345), micros(1_204_567)], ["850 us", "12.3 ms", "1.204 s"]);
        assert_eq!([count(7), count(1_000), count(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!(cut("h\u{e9}llo", 2), ("h", true));
        assert_eq!(cut("hello", 5), ("hello", false));
    }
}
