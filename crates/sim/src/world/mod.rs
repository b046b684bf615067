//! The world around the engine: receivers, generators, inputs, files and a disk, each with faults that the seed chooses
//! or that a scenario scripts.
mod generators;
mod media;
mod receivers;
mod speech;
mod store;
mod upstream;

pub use generators::{Pace, SimGenerator, Work, WorkResult};
pub use media::{DRIPPING_HOST, SimFetch, SimMedia, SimProber};
pub use receivers::{Mood, Receivers, Reply};
pub use speech::SimSpeech;
pub use store::FaultyStore;
pub use upstream::{SimUpstream, UpstreamMood};

use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets everything else that is ready go first, once.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
