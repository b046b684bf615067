//! How much of an upstream's trouble is borne that waiting alone does not mend: an answer that can't be read, a key that is not
//! taken, an id that is not known, a video that is not there.
use std::time::Duration;

use super::Asked;

/// Of a submit: so many in a row. Nothing is known to be made yet, and its owner is better off with an answer.
pub const FAULTS_IN_A_ROW_MAX: u32 = 5;

/// Of what the upstream has taken: for so long without an answer between. It is made and paid for there, and a key that is being
/// exchanged, or a host that is being moved, must not lose it.
pub const BORNE_MAX: Duration = Duration::from_secs(10 * 60);

/// Whether one more such fault is borne: they are so many in a row with it, the first of them so long ago.
#[must_use]
pub fn is_borne(asked: Asked, in_a_row: u32, since_first: Duration) -> bool {
    match asked {
        Asked::Submit => in_a_row < FAULTS_IN_A_ROW_MAX,
        Asked::Look => since_first < BORNE_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submit_is_given_up_by_count_and_what_was_taken_by_time() {
        let s = Duration::from_secs;
        for (asked, in_a_row, since_first, borne) in [
            (Asked::Submit, 1, s(0), true),
            (Asked::Submit, 4, s(9_999), true),
            (Asked::Submit, 5, s(0), false),
            (Asked::Submit, u32::MAX, s(0), false),
            (Asked::Look, 1, s(0), true),
            (Asked::Look, 5, s(10), true),
            (Asked::Look, u32::MAX, s(599), true),
            (Asked::Look, 2, s(600), false),
            (Asked::Look, 2, Duration::MAX, false),
        ] {
            assert_eq!(is_borne(asked, in_a_row, since_first), borne, "{asked:?} {in_a_row} {since_first:?}");
        }
    }
}
