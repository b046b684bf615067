//! Single keys, where somebody sits at a terminal. In a script, a container or in the background nothing is read.
use std::io::{IsTerminal as _, Read as _};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::sync::mpsc;

/// The terminal, with keys that come without Enter; as it was again when this is dropped.
pub(super) struct Keyboard {
    before: Option<Termios>,
    keys: mpsc::UnboundedReceiver<u8>,
    /// Kept where nothing is read: the other end of a channel that nobody has would say that it is over.
    _idle: Option<mpsc::UnboundedSender<u8>>,
}

impl Keyboard {
    pub(super) fn open() -> Self {
        let (tell, keys) = mpsc::unbounded_channel();
        let Some(before) = single_keys() else { return Self { before: None, keys, _idle: Some(tell) } };
        // It ends with the process: a read of a terminal can't be called off.
        let reader = std::thread::Builder::new().name("keyboard".to_owned());
        let read = move || {
            let mut byte = [0];
            while std::io::stdin().lock().read_exact(&mut byte).is_ok() && tell.send(byte[0]).is_ok() {}
        };
        let _ = reader.spawn(read);
        Self { before: Some(before), keys, _idle: None }
    }

    /// Whether keys are read.
    pub(super) fn is_there(&self) -> bool {
        self.before.is_some()
    }

    /// The next key; never, where nobody types.
    pub(super) async fn key(&mut self) -> u8 {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

/// As the terminal was; `None` where stdin is none, or another job has it.
fn single_keys() -> Option<Termios> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || termios::tcgetpgrp(&stdin).ok()? != rustix::process::getpgrp() {
        return None;
    }
    let before = termios::tcgetattr(&stdin).ok()?;
    let mut modes = before.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    termios::tcsetattr(&stdin, OptionalActions::Now, &modes).ok()?;
    Some(before)
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
