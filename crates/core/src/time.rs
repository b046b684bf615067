//! Time as the whole house keeps it: milliseconds since 1970 in UTC. RFC 3339 exists only on the wire.
use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds, as webhook signatures carry them.
    #[must_use]
    pub fn unix_s(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The instant `duration` later; saturates instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// The instant `ms` later (earlier when negative).
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How long from `earlier` to here; zero when the clock stepped back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads `2026-01-22T09:46:10.602Z`, also with an offset. `None` when it is not a time, or none that an id could have:
    /// before 1970, or after 2247.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok().filter(|_| is_rfc3339(text))?;
        let held = 0..=crate::ids::MS_MAX;
        Some(Self(time.as_millisecond())).filter(|time| held.contains(&time.0))
    }
}

const DATE_AND_TIME: &str = "dddd-dd-ddTdd:dd:dd";
const OFFSET: &str = "+dd:dd";

/// The form alone. The parser takes much more for a time (offsets of 25 hours, names of zones, no colons), and what was meant by
/// that nobody knows.
fn is_rfc3339(text: &str) -> bool {
    let Some((date_and_time, rest)) = text.split_at_checked(DATE_AND_TIME.len()) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(decimals) => decimals.trim_start_matches(|c: char| c.is_ascii_digit()),
    };
    let is_offset = || has_form(zone, OFFSET) && &zone[1..3] <= "23" && &zone[4..] <= "59";
    has_form(date_and_time, DATE_AND_TIME) && (zone.eq_ignore_ascii_case("z") || is_offset())
}

/// `d` stands for a digit, `+` for either sign.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        letter => byte.eq_ignore_ascii_case(&letter),
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// `2026-01-22T09:46:10.602Z`: always three decimals, always `Z`, as Sync writes it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_with_three_decimals_and_z() {
        assert_eq!(Timestamp(1_769_075_170_602).to_string(), "2026-01-22T09:46:10.602Z");
        assert_eq!(Timestamp(1_769_075_170_000).to_string(), "2026-01-22T09:46:10.000Z");
    }

    #[test]
    fn reads_what_it_writes_and_offsets() {
        let at = Timestamp(1_769_075_170_602);
        assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse_rfc3339("2026-01-22T10:46:10.602+01:00"), Some(at));
        assert_eq!(Timestamp::parse_rfc3339("2026-01-22t08:46:10.602000001z"), Some(Timestamp(at.0 - 3_600_000)));
        assert_eq!(Timestamp::parse_rfc3339("2026-01-22T05:16:10.602-04:30"), Some(at));
    }

    #[test]
    fn what_is_no_time_or_only_nearly_one_is_refused() {
        for text in [
            "yesterday",
            "",
            "2026-01-22",
            "2026-01-22T09:46:10",
            "2026-01-22T09:46:10.Z",
            "2026-01-22T09:46:10+25:00",
            "2026-01-22T09:46:10+24:00",
            "2026-01-22T09:46:10+01:60",
            "2026-01-22T09:46:10+01",
            "2026-01-22T09:46:10+0100",
            "2026-01-22T09:46:10+01:00:00",
            "2026-01-22T09:46:10Z[Europe/Berlin]",
            "2026-01-22 09:46:10Z",
            "20260122T094610Z",
            "2026-02-30T09:46:10Z",
            "2026-01-22T24:46:10Z",
            "+002026-01-22T09:46:10Z",
            "1969-12-31T23:59:59.999Z",
            "2249-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
            "2026-01-22T09:46:1\u{e9}Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
        assert!(Timestamp::parse_rfc3339("2247-12-31T23:59:59.999Z").is_some());
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_span() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
