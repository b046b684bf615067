//! Switches for the simulation's mutants. Every rule that the simulation must be able to miss is asked for by name:
//! `rule::holds("retry_after_is_honoured")`.
//!
//! Promise: without `--cfg sim_mutant` the answer is the constant `true` and costs nothing. With it, the one rule that this
//! thread has broken does not hold, and a checker of `sim` must notice.

/// Whether the rule of that name is in force: always, but in a mutant.
#[cfg(not(sim_mutant))]
#[inline]
#[must_use]
pub const fn holds(_name: &'static str) -> bool {
    true
}

#[cfg(sim_mutant)]
pub use mutant::{break_rule, holds};

#[cfg(sim_mutant)]
mod mutant {
    use std::cell::Cell;

    thread_local! {
        static BROKEN: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Whether the rule of that name is in force on this thread.
    #[must_use]
    pub fn holds(name: &'static str) -> bool {
        BROKEN.get() != Some(name)
    }

    /// Takes one rule out of force on this thread, or puts all of them back.
    pub fn break_rule(name: Option<&'static str>) {
        BROKEN.set(name);
    }
}
