//! Moments in the life of an event at which a test may end the process, to see what the next one makes of what is left.
//!
//! Promise: a release build knows no moments: [`passes`] is empty there. In other builds it asks the hook, if one was
//! installed. What the hook does is the installer's: nothing in here ends anything.

/// Every moment there is, in the order of a life. `written` is before its commit, `committed` after it and before whoever
/// waits for it is told.
pub const ALL: [&str; 16] = [
    "create written",
    "create committed",
    "made",
    "end written",
    "end committed",
    "end told",
    "start written",
    "start committed",
    "post begins",
    "post connected",
    "post out",
    "answer begins",
    "answered",
    "settle written",
    "settle committed",
    "recovery",
];

/// Life has come to the moment of that name.
#[cfg(not(debug_assertions))]
#[inline]
pub const fn passes(_name: &'static str) {}

#[cfg(debug_assertions)]
pub use installed::{install, passes};

#[cfg(debug_assertions)]
mod installed {
    use std::sync::OnceLock;

    type Hook = fn(&'static str);

    static HOOK: OnceLock<Hook> = OnceLock::new();

    /// Life has come to the moment of that name.
    #[inline]
    pub fn passes(name: &'static str) {
        if let Some(hook) = HOOK.get() {
            hook(name);
        }
    }

    /// Has every moment told to `hook` from now on. Only the first call counts.
    pub fn install(hook: Hook) {
        let _ = HOOK.set(hook);
    }
}
