//! The real engine in a world of its own: a virtual clock, an executor that polls one task at a time, receivers, disks and
//! generators that misbehave as a seed says.
//!
//! Promise: the same seed gives the same trace. A crash is a drop of every task between any two polls. What the world saw
//! is judged by checkers that do not ask the engine; see [`checkers`].
//!
//! Deliberately absent: a runtime, threads, sleeping, the network, a disk.
#![warn(missing_docs)]

pub mod checkers;
mod clock;
mod dice;
mod executor;
mod facts;
mod mutants;
mod run;
mod stage;
mod witness;
pub mod world;

pub use clock::VirtualClock;
pub use dice::Dice;
pub use executor::{Executor, Spawner};
pub use facts::{Fact, Moment, PostSeen, WorkEnd};
pub use mutants::{MUTANTS, Mutant};
pub use run::{Plan, Report, run, run_on, run_on_sqlite};
pub use stage::{INSTANT_MODEL, RELAYED_MODEL, SLOW_MODEL, SLOW_WORKS_MAX, Stage, UPSTREAM_SECRET};
pub use witness::{Violation, Witness};
