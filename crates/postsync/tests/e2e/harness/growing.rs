//! A list that grows while a test waits for what comes: lines of a child, requests to a receiver.
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::time::timeout;

use super::PATIENCE;

/// Of a list that a failed wait prints, the end.
const SHOWN_MAX: usize = 60;

struct Seen<T> {
    items: Vec<T>,
    /// Nothing will come any more.
    closed: bool,
}

/// The list; clones share it.
pub(crate) struct Growing<T>(Arc<watch::Sender<Seen<T>>>);

impl<T> Clone for Growing<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Seen { items: Vec::new(), closed: false })))
    }
}

impl<T: Clone + Debug> Growing<T> {
    pub(crate) fn push(&self, item: T) {
        self.0.send_modify(|seen| seen.items.push(item));
    }

    pub(crate) fn close(&self) {
        self.0.send_modify(|seen| seen.closed = true);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().items.len()
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.borrow().items.clone()
    }

    /// Looks at the whole list, again each time that it has grown, until there is what is looked for.
    pub(crate) async fn until<R>(&self, what: &str, look: impl FnMut(&[T]) -> Option<R>) -> R {
        self.until_closed(what, look).await.unwrap_or_else(|| panic!("{what}: it ended before; {}", self.tail()))
    }

    /// The same; `None` where nothing will come any more.
    pub(crate) async fn until_closed<R>(&self, what: &str, look: impl FnMut(&[T]) -> Option<R>) -> Option<R> {
        self.until_closed_within(PATIENCE, what, look).await
    }

    /// The same with another patience.
    pub(crate) async fn until_closed_within<R>(
        &self,
        patience: Duration,
        what: &str,
        mut look: impl FnMut(&[T]) -> Option<R>,
    ) -> Option<R> {
        let mut changes = self.0.subscribe();
        let found = timeout(patience, async {
            loop {
                let closed = {
                    let seen = changes.borrow_and_update();
                    if let Some(found) = look(&seen.items) {
                        return Some(found);
                    }
                    seen.closed
                };
                // We hold the sending side ourselves, so this is never an error.
                if closed || changes.changed().await.is_err() {
                    return None;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("in vain: {what}; {}", self.tail()))
    }

    /// The first item that fits.
    pub(crate) async fn first(&self, what: &str, fits: impl Fn(&T) -> bool) -> T {
        self.until(what, |all| all.iter().find(|item| fits(item)).cloned()).await
    }

    /// Waits until there are that many.
    pub(crate) async fn count(&self, what: &str, count: usize) -> Vec<T> {
        self.until(what, |all| (all.len() >= count).then(|| all.to_vec())).await
    }

    fn tail(&self) -> String {
        let all = self.all();
        let skipped = all.len().saturating_sub(SHOWN_MAX);
        let lines = all.iter().skip(skipped).map(|item| format!("  {item:?}\n"));
        std::iter::once(format!("seen until then ({skipped} more before):\n")).chain(lines).collect()
    }
}

/// The lines of a pipe. It is read to its end, whether anybody looks or not: a full pipe would block the child.
pub(crate) fn lines(pipe: impl AsyncRead + Send + Unpin + 'static) -> Growing<String> {
    let growing = Growing::default();
    let filled = growing.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            filled.push(line);
        }
        filled.close();
    });
    growing
}
