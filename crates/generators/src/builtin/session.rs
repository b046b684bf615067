//! The conversation with one media child: one order down, lines up until a verdict.
//!
//! Promise: it ends. Every line has a bound, all lines together have one, and a child that says nothing for too long has
//! had its say. Whoever holds the session decides what becomes of the process; as long as the session lives, the control
//! pipe is open and the child may work.
use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::lines::{Captured, Lines, Overrun};
use super::process::Pipes;
use crate::order::{SAID_BYTES_MAX, SAID_BYTES_TOTAL_MAX, Said};

/// How long a child may take to end once it has said its last.
pub(crate) const EXIT_GRACE: Duration = Duration::from_secs(5);

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It hung up. How it ended says more.
    HungUp,
    /// It does not do what it should, in a sentence.
    Misbehaved(&'static str),
}

/// The server's side of the conversation.
pub(crate) struct Session {
    control: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    complaints: Captured<ChildStderr>,
    silence_max: Duration,
}

impl Session {
    pub(crate) fn new(pipes: Pipes, silence_max: Duration) -> Self {
        let said = Lines::new(BufReader::new(pipes.said), SAID_BYTES_MAX, SAID_BYTES_TOTAL_MAX);
        Self { control: pipes.control, said, complaints: Captured::new(pipes.complaints), silence_max }
    }

    /// Gives the order and listens until the verdict: any line but progress.
    pub(crate) async fn talk(&mut self, order: &[u8], mut progress: impl FnMut(f64)) -> Result<Said, Trouble> {
        let Self { control, said, complaints, silence_max } = self;
        let heard = async {
            // A child that ends at once breaks this pipe; how it ended is then the news, not that.
            let sent = timeout(*silence_max, control.write_all(order)).await;
            sent.map_err(|_| Trouble::Misbehaved("The media process did not take its order."))?.ok();
            hear(said, *silence_max, &mut progress).await
        };
        let drained = async {
            let _ = complaints.drain().await;
            pending().await
        };
        tokio::select! {
            heard = heard => heard,
            never = drained => never,
        }
    }

    /// What the child complained of, for the log.
    pub(crate) async fn complaints(&mut self) -> String {
        // The pipe is closed once the group is gone; what has left the group on purpose might hold it open.
        let _ = timeout(EXIT_GRACE, self.complaints.drain()).await;
        self.complaints.text()
    }
}

async fn hear(
    said: &mut Lines<BufReader<ChildStdout>>,
    silence_max: Duration,
    progress: &mut impl FnMut(f64),
) -> Result<Said, Trouble> {
    let mut furthest = 0.0;
    loop {
        let line = timeout(silence_max, said.next()).await;
        let line = line.map_err(|_| Trouble::Misbehaved("The media process hung and was ended."))?;
        let line = line.map_err(overrun)?.ok_or(Trouble::HungUp)?;
        match Said::parse(&line).ok_or(Trouble::Misbehaved("The media process said something unintelligible."))? {
            Said::Progress(done) if !(0.0..=1.0).contains(&done) => {
                return Err(Trouble::Misbehaved("The media process reported an impossible progress."));
            }
            // Progress never falls for those who watch.
            Said::Progress(done) if done >= furthest => {
                furthest = done;
                progress(done);
            }
            Said::Progress(_) => {}
            verdict => return last_word(said, verdict).await,
        }
    }
}

/// The verdict, if nothing follows it.
async fn last_word(said: &mut Lines<BufReader<ChildStdout>>, verdict: Said) -> Result<Said, Trouble> {
    match timeout(EXIT_GRACE, said.next()).await {
        Ok(Ok(Some(_))) => Err(Trouble::Misbehaved("The media process went on after its result.")),
        Ok(Err(error)) => Err(overrun(error)),
        Ok(Ok(None)) | Err(_) => Ok(verdict),
    }
}

fn overrun(overrun: Overrun) -> Trouble {
    Trouble::Misbehaved(match overrun {
        Overrun::Line => "The media process said more in one line than it may.",
        Overrun::Total => "The media process said more than it may.",
    })
}
