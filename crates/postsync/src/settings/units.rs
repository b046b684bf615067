//! Sizes as people write them.

/// Reads `500000`, `20MB` (decimal), `5GiB` (binary). `None` for anything else, and for zero.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// So many seconds, as one writes them.
pub(crate) fn seconds(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let whole = units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in [
            ("1", Some(1)),
            ("20MB", Some(20_000_000)),
            ("5GiB", Some(5 << 30)),
            ("5 GiB", Some(5 << 30)),
            ("0", None),
            ("5TB", None),
            ("x", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(parse_bytes(text), want, "{text}");
        }
    }

    #[test]
    fn durations() {
        let texts = [0, 59, 60, 90, 7_200, 86_400, 315_360_000].map(seconds);
        assert_eq!(texts, ["0s", "59s", "1m", "90s", "2h", "1d", "3650d"]);
    }
}
