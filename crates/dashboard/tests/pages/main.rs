//! The pages as browsers see them: a real engine on the store in memory and the real API beside, asked over their router.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod browser;
mod forgery;
mod generations;
#[expect(dead_code, reason = "the tests of the API need more of it")]
#[path = "../../../api/tests/routes/harness/mod.rs"]
mod harness;
mod hostile;
mod listeners;
mod lists;
mod scopes;
mod signin;
mod verify;
mod webhooks;
