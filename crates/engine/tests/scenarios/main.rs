//! The engine on a manual clock, one story per test. The world and its checkers are the simulation's: a story that ends
//! as it should fails all the same where it broke an invariant on the way.
mod batches;
mod cancels;
mod circuits;
mod counted;
mod crashes;
mod deliveries;
mod disk;
mod endpoints;
mod failures;
mod gate;
mod generations;
mod keyed;
mod limits;
mod listeners;
mod play;
mod probes;
mod relays;
mod replays;
mod replays_elsewhere;
mod retention;
mod rotation;
mod speech_jobs;
mod stops;
mod voices;
