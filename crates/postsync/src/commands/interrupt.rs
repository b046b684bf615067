//! Ctrl-C and SIGTERM for commands that have something to clear up: what is under way ends, temporary folders go, and the
//! exit code is the one that a shell gives to a program that the signal ended.
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A shell adds this to the signal's number.
const EXIT_SIGNAL: u8 = 128;

const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// Both signals; from its making on, neither ends the process by itself.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Which signal came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came(u8);

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first of them.
    pub(super) async fn came(&mut self) -> Came {
        tokio::select! {
            _ = self.interrupt.recv() => Came(SIGINT),
            _ = self.terminate.recv() => Came(SIGTERM),
        }
    }
}

impl Came {
    /// The code to exit with.
    pub(super) fn code(self) -> ExitCode {
        ExitCode::from(EXIT_SIGNAL + self.0)
    }

    /// Says so, and gives the code to exit with.
    pub(super) fn ended(self) -> ExitCode {
        eprintln!("postsync: interrupted; nothing was written");
        self.code()
    }
}

/// For work that does not run on the runtime and looks from time to time whether it should go on.
#[derive(Clone, Default)]
pub(super) struct Flag(Arc<AtomicU8>);

impl Flag {
    /// Raised by the first signal.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub(super) fn on_signal() -> anyhow::Result<Self> {
        let flag = Self::default();
        let told = flag.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Here and not on the thread: a signal that comes before the thread runs must not end us.
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen()?
        };
        std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            let Came(number) = runtime.block_on(signals.came());
            told.0.store(number, Ordering::Relaxed);
        })?;
        Ok(flag)
    }

    /// The signal, once one has come.
    pub(super) fn came(&self) -> Option<Came> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number != 0).map(Came)
    }
}
