//! Turns the parts: the line, the desk, the application, the keyboard. While the connection is gone the application still gets what
//! has come before.
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postsync_api::wire::{FromListener, ToListener};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::desk::{Answer, Desk, Item, Next};
use super::forward::Forwarder;
use super::keyboard::Keyboard;
use super::line::{Ask, Cut, Line};
use super::report::Report;
use crate::commands::client::{Client, Failure};
use crate::commands::interrupt::Signals;

/// Between two tries of an event that can't be handed on: grows to this.
pub(super) const HELD_MAX: Duration = Duration::from_secs(10);
const HELD_FIRST: Duration = Duration::from_millis(500);

/// Between two tries to connect: grows to this.
const AWAY_MAX: Duration = Duration::from_secs(5);
const AWAY_FIRST: Duration = Duration::from_millis(20);

/// How long the end waits for what is under way; a second Ctrl-C does not.
const END_MAX: Duration = Duration::from_secs(3);

/// What was asked of the application has come to this.
type Handed = Result<Answer, String>;

/// Everything of one run.
struct Run {
    client: Client,
    forwarder: Forwarder,
    ask: Ask,
    report: Report,
    session: String,
    desk: Desk,
    line: Option<Line>,
    /// The server has said what it remembers: before that nothing is said to it.
    is_welcome: bool,
    was_connected: bool,
    connected_at: Instant,
    /// It is to end, by then at the latest.
    ends_at: Option<Instant>,
    /// How long to wait before the next try to connect, and before the next of an event that is held.
    away: Duration,
    held: Duration,
    held_until: Option<Instant>,
    tell: mpsc::UnboundedSender<Handed>,
}

/// What happens next.
enum Happens {
    Heard(Result<ToListener, Cut>),
    Opened(Result<Line, Failure>),
    Handed(Handed),
    Key(u8),
    TryAgain,
    Signal,
}

/// Listens until it is ended.
pub(super) async fn listen(client: Client, forwarder: Forwarder, ask: Ask, report: Report) -> anyhow::Result<ExitCode> {
    let (tell, mut handed) = mpsc::unbounded_channel();
    let session = uuid::Uuid::new_v4().to_string();
    let mut run = Run {
        client,
        forwarder,
        ask,
        report,
        session,
        desk: Desk::default(),
        line: None,
        is_welcome: false,
        was_connected: false,
        connected_at: Instant::now(),
        ends_at: None,
        away: AWAY_FIRST,
        held: HELD_FIRST,
        held_until: None,
        tell,
    };
    let (mut signals, mut keyboard) = (Signals::listen()?, Keyboard::open());
    let mut opening = Some(run.opening(Duration::ZERO));
    loop {
        let happens = tokio::select! {
            heard = hear(run.line.as_mut()) => Happens::Heard(heard),
            opened = maybe(opening.as_mut()) => Happens::Opened(opened),
            Some(handed) = handed.recv() => Happens::Handed(handed),
            key = keyboard.key() => Happens::Key(key),
            () = until(run.held_until) => Happens::TryAgain,
            () = until(run.ends_at) => Happens::Signal,
            _ = signals.came() => Happens::Signal,
        };
        match happens {
            Happens::Signal | Happens::Key(b'q') if run.ends_at.is_some() => return Ok(run.end().await),
            // What the application has is waited for, and that the server has its answer.
            Happens::Signal | Happens::Key(b'q') => run.ends_at = Some(Instant::now() + END_MAX),
            // Whoever presses it while an event is held wants that one, and now.
            Happens::Key(b'r') if run.held_until.is_some() => run.held_until = None,
            Happens::Key(b'r') => run.resend().await,
            Happens::Key(_) => run.report.note("r sends the last event again, q ends."),
            Happens::TryAgain => run.held_until = None,
            Happens::Handed(handed) => run.handed(handed).await?,
            Happens::Opened(Ok(line)) => {
                (opening, run.line) = (None, Some(line));
                run.connected_at = Instant::now();
            }
            Happens::Opened(Err(Failure::Passing(why))) => {
                run.report.cut(&format!("{why:#}"));
                opening = Some(run.opening(run.away));
            }
            Happens::Opened(Err(failure)) if run.was_connected && is_the_servers(&failure) => {
                run.report.cut(&format!("{failure:#}"));
                opening = Some(run.opening(run.away));
            }
            Happens::Opened(Err(Failure::Lasting(why))) => return Err(why),
            Happens::Heard(Ok(said)) => run.heard(said, keyboard.is_there()).await,
            Happens::Heard(Err(cut)) => run.cut(cut)?,
        }
        if run.line.is_none() && opening.is_none() {
            opening = Some(run.opening(run.away));
        }
        if run.ends_at.is_some() && run.is_through() {
            return Ok(run.end().await);
        }
        run.go_on().await;
    }
}

type Opening = std::pin::Pin<Box<dyn Future<Output = Result<Line, Failure>>>>;

async fn maybe(opening: Option<&mut Opening>) -> Result<Line, Failure> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

async fn hear(line: Option<&mut Line>) -> Result<ToListener, Cut> {
    match line {
        Some(line) => line.hear().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Run {
    /// Connects after a wait, which is longer the next time.
    fn opening(&mut self, wait: Duration) -> Opening {
        let (client, ask, session) = (self.client.clone(), self.ask.clone(), self.session.clone());
        let resumes = self.was_connected;
        self.away = (self.away * 2).min(AWAY_MAX);
        Box::pin(async move {
            sleep(wait).await;
            Line::open(&client, &ask, &session, resumes).await
        })
    }

    async fn heard(&mut self, said: ToListener, has_keyboard: bool) {
        match said {
            ToListener::Welcome { name, is_new, goes_on, .. } => {
                self.is_welcome = true;
                self.desk.welcome(goes_on);
                if std::mem::replace(&mut self.was_connected, true) {
                    return self.report.back();
                }
                let begins = match &self.ask.since {
                    Some(since) => format!("what has happened since {since}, or before that waits for it"),
                    None if is_new => "what happens from now on".to_owned(),
                    None => "what waits for it".to_owned(),
                };
                let keys = if has_keyboard { " r sends the last event again, q ends." } else { "" };
                self.report.note(&format!("Listening as {name}, to {}, beginning with {begins}.{keys}", self.ask.to));
            }
            event @ ToListener::Event { .. } => {
                let reply = Item::of(event, Instant::now()).and_then(|item| self.desk.came(item));
                if let Some((item, answer)) = reply {
                    self.say(&told(&item, &answer)).await;
                }
            }
            ToListener::Acknowledged { delivery } => {
                self.away = AWAY_FIRST;
                self.desk.acknowledged(&delivery);
            }
            ToListener::Unknown { delivery } => self.desk.unknown(&delivery),
            ToListener::Gap { lost } => self.report.note(&format!(
                "{lost} events happened so long ago that the server keeps them no more: they were never handed on."
            )),
            ToListener::Restored => {
                self.report
                    .note("The server's database was restored from a backup: going on with what happens from now on.");
            }
            ToListener::NotKept { event } => self.report.note(&format!("The server does not keep {event} any more.")),
            ToListener::TakenOver => {}
        }
    }

    fn cut(&mut self, cut: Cut) -> anyhow::Result<()> {
        self.is_cut();
        match cut {
            Cut::Broken(why) => {
                self.report.cut(&why);
                Ok(())
            }
            Cut::TakenOver => bail!(
                "another listener has come under the same name and has taken over; --name gives this one a name of its own"
            ),
            Cut::KeyRevoked => bail!("the key does not work any more"),
        }
    }

    /// Does what can be done now.
    async fn go_on(&mut self) {
        if self.held_until.is_some() || self.ends_at.is_some() {
            return;
        }
        match self.desk.next(Instant::now(), self.is_welcome) {
            Next::Wait => {}
            Next::Sign { delivery, attempt } => self.say(&FromListener::Sign { delivery, attempt }).await,
            Next::Hand(item) => {
                let (forwarder, tell) = (self.forwarder.clone(), self.tell.clone());
                tokio::spawn(async move {
                    let _ = tell.send(forwarder.hand_on(&item).await);
                });
            }
        }
    }

    async fn handed(&mut self, handed: Handed) -> anyhow::Result<()> {
        match handed {
            Ok(answer) => {
                self.held = HELD_FIRST;
                if let Some((item, answer)) = self.desk.answered(answer) {
                    self.report.answered(&item, &answer)?;
                    self.say(&told(&item, &answer)).await;
                }
            }
            Err(error) => {
                let Some(item) = self.desk.failed() else { return Ok(()) };
                self.report.held(&item, &error, self.held);
                self.held_until = Some(Instant::now() + self.held);
                self.held = (self.held * 2).min(HELD_MAX);
                self.say(&FromListener::Failed { delivery: item.delivery, attempt: item.attempt, error }).await;
            }
        }
        Ok(())
    }

    /// Where it can't be said it comes up again: the server sends anew what it has no answer to.
    async fn say(&mut self, message: &FromListener) {
        let Some(line) = self.line.as_mut().filter(|_| self.is_welcome) else { return };
        if let Err(Cut::Broken(why)) = line.say(message).await {
            self.is_cut();
            self.report.cut(&why);
        }
    }

    async fn resend(&mut self) {
        match self.desk.last().map(str::to_owned) {
            None => self.report.note("Nothing was answered since this was started: there is nothing to send again."),
            Some(_) if self.line.is_none() => self.report.note("There is no connection to the server now."),
            Some(event) => self.say(&FromListener::Resend { event }).await,
        }
    }

    fn is_cut(&mut self) {
        (self.line, self.is_welcome) = (None, false);
        self.desk.cut();
        if self.connected_at.elapsed() > AWAY_MAX {
            self.away = AWAY_FIRST;
        }
    }

    /// Nothing is with the application, and the server has all answers, or can't be told.
    fn is_through(&self) -> bool {
        !self.desk.is_out() && (self.desk.unheard() == 0 || !self.is_welcome)
    }

    async fn end(mut self) -> ExitCode {
        if let Some(line) = &mut self.line {
            line.close().await;
        }
        let (waits, unheard) = (self.desk.waiting(), self.desk.unheard());
        if waits > 0 {
            let text =
                format!("Ended with {} waiting: what was not answered comes again under this name.", events(waits));
            self.report.note(&text);
        }
        if unheard > 0 {
            let text = format!("The server was not told of the answers to {}: they come again.", events(unheard));
            self.report.note(&text);
        }
        ExitCode::SUCCESS
    }
}

fn events(count: usize) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

/// It has answered, and will have another answer when it is well again.
fn is_the_servers(failure: &Failure) -> bool {
    failure.refusal().is_some_and(|refusal| refusal.status.is_server_error())
}

fn told(item: &Item, answer: &Answer) -> FromListener {
    FromListener::Answer {
        delivery: item.delivery.clone(),
        attempt: item.attempt,
        status: answer.status,
        took_us: u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX),
        headers: STANDARD.encode(&answer.headers),
        body: STANDARD.encode(&answer.body),
        truncated: answer.truncated,
    }
}
