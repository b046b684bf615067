//! Acceptance of the produced file: sync, fidelity, container, refusals, cancellation. Files are made once and shared between tests.
//!
//! Needs ffmpeg with libx264 (`apt-get install ffmpeg`); without it the tests fail and say so. The browser test is skipped, with a
//! printed line, where there is no Chromium.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]
#![expect(clippy::print_stdout, reason = "the figures that were measured belong in the test's output")]

mod container;
mod fidelity;
mod make;
mod refusals;
mod selection;
mod stretches;
mod sync;
