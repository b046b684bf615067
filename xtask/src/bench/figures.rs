//! What was measured, and what it is held against.
use std::time::Duration;

/// Durations of one kind of thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    us: Vec<u64>,
}

impl Spread {
    pub(crate) fn of_us(us: Vec<u64>) -> Self {
        Self { us }
    }

    pub(crate) fn push(&mut self, duration: Duration) {
        self.us.push(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn len(&self) -> usize {
        self.us.len()
    }

    pub(crate) fn join(mut self, other: Self) -> Self {
        self.us.extend(other.us);
        self
    }

    /// In milliseconds; `of` is 0.5 for the median. Not a number where nothing was measured.
    pub(crate) fn quantile_ms(&self, of: f64) -> f64 {
        let mut sorted = self.us.clone();
        sorted.sort_unstable();
        let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
        sorted[(last as f64 * of).round() as usize] as f64 / 1000.0
    }

    pub(crate) fn p50_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    pub(crate) fn p99_ms(&self) -> f64 {
        self.quantile_ms(0.99)
    }
}

/// One line of the table. A figure that was not measured is not shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// `a` to `k`, or `m` for mesh-1.
    pub(crate) scenario: char,
    pub(crate) what: String,
    /// The rate, as a part of the raw limit.
    pub(crate) of_raw: Option<f64>,
    pub(crate) per_s: Option<f64>,
    pub(crate) raw_per_s: Option<f64>,
    /// Microseconds of processor time for each, by process.
    pub(crate) server_us: Option<f64>,
    pub(crate) receiver_us: Option<f64>,
    pub(crate) load_us: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) server_mb: Option<f64>,
}

impl Row {
    pub(crate) fn new(scenario: char, what: impl Into<String>) -> Self {
        Self { scenario, what: what.into(), ..Self::default() }
    }

    pub(crate) fn latency(mut self, spread: &Spread) -> Self {
        self.p50_ms = Some(spread.p50_ms());
        self.p99_ms = Some(spread.p99_ms());
        self
    }

    pub(crate) fn memory(mut self, mb: f64) -> Self {
        self.server_mb = Some(mb);
        self
    }
}

/// A target and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) scenario: char,
    pub(crate) what: String,
    pub(crate) wanted: String,
    pub(crate) figure: String,
    pub(crate) is_met: bool,
}

impl Verdict {
    pub(crate) fn at_most(scenario: char, what: &str, limit: f64, figure: f64, unit: &str) -> Self {
        Self::new(scenario, what, format!("<= {limit:.1} {unit}"), format!("{figure:.1} {unit}"), figure <= limit)
    }

    pub(crate) fn at_least(scenario: char, what: &str, limit: f64, figure: f64, unit: &str) -> Self {
        Self::new(scenario, what, format!(">= {limit:.1} {unit}"), format!("{figure:.1} {unit}"), figure >= limit)
    }

    pub(crate) fn new(scenario: char, what: &str, wanted: String, figure: String, is_met: bool) -> Self {
        Self { scenario, what: what.to_owned(), wanted, figure, is_met }
    }
}

/// What a scenario has to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Findings {
    pub(crate) fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.verdicts.extend(other.verdicts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_values() {
        let spread = Spread::of_us((0..=100).rev().map(|n| n * 1000).collect());
        assert_eq!((spread.p50_ms(), spread.p99_ms(), spread.quantile_ms(1.0)), (50.0, 99.0, 100.0));
        assert!(Spread::default().p50_ms().is_nan());
    }

    #[test]
    fn a_figure_that_is_not_a_number_meets_no_target() {
        assert!(!Verdict::at_most('a', "x", 1.0, f64::NAN, "ms").is_met);
        assert!(!Verdict::at_least('a', "x", 1.0, f64::NAN, "ms").is_met);
    }
}
