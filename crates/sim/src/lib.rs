//! Deterministic simulation of the engine: virtual clock, seeded faults, checkers.
