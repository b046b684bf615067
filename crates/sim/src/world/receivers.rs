//! The customers' servers, and the network on the way there.
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::ids::DeliveryId;
use postsync_core::outcome::{Outcome, RetryAfter, SendError, SendReport};
use postsync_engine::ports::{Clock as _, Post, Sender};

use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::executor::locked;
use crate::facts::{Fact, PostSeen};
use crate::witness::Witness;

/// How a receiver is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// 200, at once: for scenarios.
    #[default]
    Prompt,
    /// 2xx, sooner or later.
    Healthy,
    /// Anything that a receiver can do.
    Moody,
    /// 500 for ever.
    Broken,
    /// 410.
    Gone,
    /// 429 and 503 with `Retry-After`.
    Busy,
    /// Accepts the connection and says nothing.
    Silent,
    /// Nobody listens.
    Down,
    /// Our own resolver is down.
    Unresolved,
}

/// What one POST meets.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// Until the receiver has all of it; until it fails where that never happens.
    pub way_there_ms: i64,
    /// Whether the receiver gets it.
    pub received: bool,
    /// From there until the engine knows, where that ends with the head of the answer.
    pub way_back_ms: i64,
    /// How long its body takes behind the head.
    pub body_ms: i64,
    /// What the engine is told.
    pub outcome: Outcome,
}

impl Reply {
    /// Received and answered at once with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::of(answer(status, None))
    }

    /// Received, and this at once.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self { way_there_ms: 0, received: true, way_back_ms: 0, body_ms: 0, outcome }
    }

    /// The same, later.
    #[must_use]
    pub fn after_ms(self, way_back_ms: i64) -> Self {
        Self { way_back_ms, ..self }
    }

    /// The same with a body that takes so long.
    #[must_use]
    pub fn with_body_ms(self, body_ms: i64) -> Self {
        Self { body_ms, ..self }
    }
}

/// Every receiver there is.
pub struct Receivers {
    clock: VirtualClock,
    dice: Dice,
    witness: Witness,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    moods: BTreeMap<String, Mood>,
    scripts: BTreeMap<String, VecDeque<Reply>>,
    posts: Vec<(i64, PostSeen)>,
    keep_posts: bool,
}

impl Receivers {
    /// All prompt.
    #[must_use]
    pub fn new(clock: VirtualClock, dice: Dice, witness: Witness) -> Arc<Self> {
        Arc::new(Self { clock, dice, witness, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// From now on the receiver behind this URL is like that.
    pub fn set_mood(&self, url: &str, mood: Mood) {
        self.state().moods.insert(url.to_owned(), mood);
    }

    /// What the next POSTs to this URL meet, in turn; its mood decides after them.
    pub fn script(&self, url: &str, replies: impl IntoIterator<Item = Reply>) {
        self.state().scripts.entry(url.to_owned()).or_default().extend(replies);
    }

    /// From now on remember every POST, with the virtual time at which it left.
    pub fn keep_posts(&self) {
        self.state().keep_posts = true;
    }

    /// The POSTs that were kept.
    #[must_use]
    pub fn posts(&self) -> Vec<(i64, PostSeen)> {
        self.state().posts.clone()
    }

    fn reply(&self, url: &str, timeout: Duration) -> Reply {
        let mut state = self.state();
        if let Some(reply) = state.scripts.get_mut(url).and_then(VecDeque::pop_front) {
            return reply;
        }
        let mood = state.moods.get(url).copied().unwrap_or_default();
        drop(state);
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        self.in_mood(mood, timeout_ms)
    }

    fn in_mood(&self, mood: Mood, timeout_ms: i64) -> Reply {
        let dice = &self.dice;
        let quick = |outcome| Reply {
            way_there_ms: dice.between(0, 40),
            received: true,
            way_back_ms: dice.between(0, 300),
            body_ms: 0,
            outcome,
        };
        let unreached = |outcome| Reply { received: false, ..quick(outcome) };
        let retry_after = |ms| match dice.below(2) {
            0 => RetryAfter::Ms(ms),
            _ => RetryAfter::At(self.clock.now().plus_ms(ms)),
        };
        match mood {
            Mood::Prompt => Reply::status(200),
            Mood::Healthy => quick(answer(200 + u16::try_from(dice.below(5)).unwrap_or(0), None)),
            Mood::Broken => quick(answer(500, None)),
            Mood::Gone => quick(answer(410, None)),
            Mood::Busy => quick(answer([429, 503][dice.below(2)], Some(retry_after(dice.between(-5_000, 90_000))))),
            Mood::Silent => {
                let way_there_ms = dice.between(0, 40);
                let outcome = Outcome::Failed(SendError::ResponseTimeout);
                Reply { way_there_ms, received: true, way_back_ms: timeout_ms - way_there_ms, body_ms: 0, outcome }
            }
            Mood::Down => unreached(Outcome::Failed(SendError::ConnectRefused)),
            Mood::Unresolved => unreached(Outcome::Failed(SendError::ResolverDown)),
            Mood::Moody => match dice.below(12) {
                0 => self.in_mood(Mood::Broken, timeout_ms),
                1 => self.in_mood(Mood::Busy, timeout_ms),
                2 => self.in_mood(Mood::Silent, timeout_ms),
                3 => self.in_mood(Mood::Down, timeout_ms),
                4 => self.in_mood(Mood::Unresolved, timeout_ms),
                5 => quick(answer([301, 400, 404, 502][dice.below(4)], None)),
                // Received and believed, and the answer is lost on the way back.
                6 | 7 => quick(Outcome::Failed(SendError::ResponseReset)),
                // The head comes soon, and its body drips until the time is over.
                8 => {
                    let reply = self.in_mood(Mood::Healthy, timeout_ms);
                    reply.with_body_ms(timeout_ms - reply.way_there_ms - reply.way_back_ms)
                }
                _ => self.in_mood(Mood::Healthy, timeout_ms),
            },
        }
    }
}

fn answer(status: u16, retry_after: Option<RetryAfter>) -> Outcome {
    match status {
        200..=299 => Outcome::Delivered { status },
        _ => Outcome::Refused { status, retry_after },
    }
}

/// A POST under way; dropped before its end it may have been received all the same.
struct UnderWay<'a> {
    receivers: &'a Receivers,
    delivery: DeliveryId,
    attempt: u32,
    on_its_way: bool,
    /// What the head of its answer said, which counts also where the body is cut.
    heard: Option<Outcome>,
}

impl UnderWay<'_> {
    fn received(&mut self) {
        self.on_its_way = false;
        let (delivery, attempt) = (self.delivery, self.attempt);
        self.receivers.witness.tell(&Fact::PostReceived { delivery, attempt });
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let (delivery, attempt) = (self.delivery, self.attempt);
        if let Some(outcome) = self.heard {
            return self.receivers.witness.tell(&Fact::PostAnswered { delivery, attempt, outcome });
        }
        if self.on_its_way && self.receivers.dice.below(2) == 0 {
            self.received();
        }
        self.receivers.witness.tell(&Fact::PostCut { delivery, attempt });
    }
}

#[async_trait]
impl Sender for Receivers {
    async fn send(&self, post: Post) -> SendReport {
        let seen = PostSeen {
            delivery: post.delivery,
            event: post.event,
            attempt: post.attempt,
            is_replay: post.is_replay,
            url: post.url.clone(),
            body: post.body.clone(),
            signing: post.signing.clone(),
            at: post.at,
            timeout: post.timeout,
        };
        let reply = self.reply(&post.url, post.timeout);
        self.witness.tell(&Fact::PostBegan(&seen));
        let (delivery, attempt) = (post.delivery, post.attempt);
        let mut under_way = UnderWay { receivers: self, delivery, attempt, on_its_way: reply.received, heard: None };
        {
            let mut state = self.state();
            if state.keep_posts {
                state.posts.push((self.clock.mono_ms(), seen));
            }
        }
        self.pass(reply.way_there_ms).await;
        if reply.received {
            under_way.received();
        }
        self.pass(reply.way_back_ms).await;
        under_way.heard = Some(reply.outcome);
        if reply.outcome.status().is_some() {
            post.heard.tell(reply.outcome);
            self.pass(reply.body_ms).await;
        }
        drop(under_way);
        SendReport::bare(reply.outcome, "as the receiver said")
    }
}

impl Receivers {
    async fn pass(&self, ms: i64) {
        self.clock.sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
    }
}
