//! When a delivery is tried: points on the event's age. `5s` means five seconds after the event, not after the last attempt.
use std::fmt;
use std::time::Duration;

/// The schedule of DESIGN section 7, in seconds: quick while an outage may be a restart, then over three days.
const DEFAULT_S: [u64; 11] = [0, 5, 60, 300, 900, 3_600, 10_800, 28_800, 72_000, 158_400, 259_200];

/// Steps a schedule may have: a bound on what one receiver can cost.
pub const STEPS_MAX: usize = 50;

/// The last point a schedule may have: retention must be able to outlive it.
pub const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Points of an event's age at which its delivery is attempted. Never empty, never falling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    points_ms: Vec<i64>,
}

/// Why a schedule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No step at all.
    #[error("a schedule needs at least one step, for example 0s,5s,1m")]
    Empty,
    /// A step that is not a duration.
    #[error("`{0}` is not a duration: write it like 0s, 500ms, 5m, 1h or 3d")]
    NotADuration(String),
    /// A step earlier than the one before it.
    #[error("the steps of a schedule must not fall: {0} comes after {1}")]
    Falling(String, String),
    /// More than [`STEPS_MAX`].
    #[error("a schedule may have at most {STEPS_MAX} steps")]
    TooLong,
    /// A point past [`AGE_MAX`].
    #[error("a schedule may reach at most 30 days")]
    TooLate,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { points_ms: DEFAULT_S.iter().map(|s| i64::try_from(*s).unwrap_or(i64::MAX) * 1000).collect() }
    }
}

impl Schedule {
    /// Reads `0s,5s,1m,5m` (comma-separated; blanks are allowed).
    ///
    /// # Errors
    /// Names the step that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let steps: Vec<&str> = text.split(',').map(str::trim).filter(|s| !s.is_empty()).collect();
        Self::from_steps(&steps)
    }

    /// The same from a list, as settings and create bodies give it.
    ///
    /// # Errors
    /// Names the step that is wrong.
    pub fn from_steps(steps: &[&str]) -> Result<Self, ScheduleError> {
        if steps.is_empty() {
            return Err(ScheduleError::Empty);
        }
        if steps.len() > STEPS_MAX {
            return Err(ScheduleError::TooLong);
        }
        let mut points_ms: Vec<i64> = Vec::with_capacity(steps.len());
        for (i, step) in steps.iter().enumerate() {
            let duration = parse_duration(step).ok_or_else(|| ScheduleError::NotADuration((*step).to_owned()))?;
            if duration > AGE_MAX {
                return Err(ScheduleError::TooLate);
            }
            let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            if points_ms.last().is_some_and(|last| *last > ms) {
                return Err(ScheduleError::Falling((*step).to_owned(), steps[i - 1].to_owned()));
            }
            points_ms.push(ms);
        }
        Ok(Self { points_ms })
    }

    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> u32 {
        u32::try_from(self.points_ms.len()).unwrap_or(u32::MAX)
    }

    /// The age in ms at which `step` (from 0) is due; `None` past the end.
    #[must_use]
    pub fn point_ms(&self, step: u32) -> Option<i64> {
        self.points_ms.get(step as usize).copied()
    }

    /// The gap before `step`: what jitter is a share of. The first step has none.
    #[must_use]
    pub fn gap_ms(&self, step: u32) -> i64 {
        match (step.checked_sub(1).and_then(|before| self.point_ms(before)), self.point_ms(step)) {
            (Some(before), Some(here)) => here - before,
            _ => 0,
        }
    }

    /// The age of the last step.
    #[must_use]
    pub fn last_ms(&self) -> i64 {
        self.points_ms.last().copied().unwrap_or(0)
    }
}

/// `0s,5s,1m`: what [`Schedule::parse`] reads.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ms) in self.points_ms.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            match ms {
                0 => write!(f, "{comma}0s")?,
                ms if ms % 3_600_000 == 0 => write!(f, "{comma}{}h", ms / 3_600_000)?,
                ms if ms % 60_000 == 0 => write!(f, "{comma}{}m", ms / 60_000)?,
                ms if ms % 1000 == 0 => write!(f, "{comma}{}s", ms / 1000)?,
                ms => write!(f, "{comma}{ms}ms")?,
            }
        }
        Ok(())
    }
}

/// Reads `500ms`, `5s`, `1m`, `3h`, `2d`. Whole numbers only; `None` for anything else.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit_ms: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_eleven_steps_over_three_days() {
        let schedule = Schedule::default();
        assert_eq!(schedule.to_string(), "0s,5s,1m,5m,15m,1h,3h,8h,20h,44h,72h");
        assert_eq!(Schedule::parse(&schedule.to_string()), Ok(schedule));
    }

    #[test]
    fn refusals_name_the_step() {
        assert_eq!(Schedule::parse(""), Err(ScheduleError::Empty));
        assert_eq!(Schedule::parse("0s,soon"), Err(ScheduleError::NotADuration("soon".into())));
        assert_eq!(Schedule::parse("5s,1s"), Err(ScheduleError::Falling("1s".into(), "5s".into())));
        assert_eq!(Schedule::parse("0s,40d"), Err(ScheduleError::TooLate));
        assert_eq!(Schedule::parse(&vec!["1s"; 51].join(",")), Err(ScheduleError::TooLong));
    }

    #[test]
    fn equal_points_are_allowed() {
        assert_eq!(Schedule::parse("0s,0s,1s").map(|s| s.steps()), Ok(3));
    }

    #[test]
    fn durations() {
        for (text, want) in [
            ("0s", Some(0)),
            ("250ms", Some(250)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("1.5s", None),
            ("s", None),
            ("-1s", None),
            ("5", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(parse_duration(text).map(|d| d.as_millis() as i64), want, "{text}");
        }
    }
}
