//! The system's getaddrinfo, on threads: for names that only the system knows.
//!
//! It hides why there is no answer behind three texts, and TTLs altogether; so it is the switch and not the default.
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::hosts::HostsFile;
use super::{Answer, Resolve, ResolveFailure};

/// What getaddrinfo does not tell.
const TTL: Duration = Duration::from_secs(30);

/// Threads that may hang in getaddrinfo at a time: the file system needs threads too.
const LOOKUPS_MAX: usize = 32;

type Lookup = fn(&str) -> io::Result<Vec<IpAddr>>;

pub(crate) struct System {
    room: Arc<Semaphore>,
    hosts: HostsFile,
    lookup: Lookup,
}

impl System {
    pub(crate) fn new() -> Self {
        Self::with(HostsFile::new("/etc/hosts"), getaddrinfo)
    }

    fn with(hosts: HostsFile, lookup: Lookup) -> Self {
        Self { room: Arc::new(Semaphore::new(LOOKUPS_MAX)), hosts, lookup }
    }
}

fn getaddrinfo(name: &str) -> io::Result<Vec<IpAddr>> {
    (name, 0).to_socket_addrs().map(|found| found.map(|socket| socket.ip()).collect())
}

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure> {
        let permit = self.room.clone().acquire_owned().await.map_err(|_| ResolveFailure::ResolverDown)?;
        // The final dot keeps search domains out, which would turn a typo into a name of our own network.
        let (whole, lookup) = (format!("{name}."), self.lookup);
        let found = tokio::task::spawn_blocking(move || {
            // The thread's own, and not the asker's: who asks gives up at the deadline, the thread hangs on.
            let _permit = permit;
            lookup(&whole)
        });
        let error = match found.await.map_err(|_| ResolveFailure::ResolverDown)? {
            Ok(addresses) => return Ok(Answer { addresses, ttl: TTL }),
            Err(error) => error,
        };
        // Some systems compare /etc/hosts literally, where the name stands without the dot. Asking them again without it would
        // let search domains in.
        match self.hosts.lookup(name) {
            addresses if addresses.is_empty() => Err(failure(&error.to_string())),
            addresses => Ok(Answer { addresses, ttl: TTL }),
        }
    }
}

/// The texts of glibc, musl and macOS; there is no number to go by.
fn failure(text: &str) -> ResolveFailure {
    let says = |part: &str| text.contains(part);
    if says("Temporary failure") || says("Try again") {
        ResolveFailure::Servfail
    } else if says("No address associated") || says("Name has no usable address") {
        ResolveFailure::NoAddress
    } else {
        ResolveFailure::NotFound
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn knows_the_names_of_the_machine_and_not_others() {
        let found = System::new().resolve("localhost").await.unwrap();
        assert!(found.addresses.iter().all(IpAddr::is_loopback) && !found.addresses.is_empty());
        assert!(System::new().resolve("a..b").await.is_err());
    }

    /// A search domain would answer the bare name.
    #[tokio::test]
    async fn asks_for_whole_names_only_and_then_the_hosts_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "192.0.2.7 listed\n").unwrap();
        let lookup: Lookup = |name| match name {
            "whole." => Ok(vec![[192, 0, 2, 1].into()]),
            name if name.ends_with('.') => Err(io::Error::other("Name or service not known")),
            _ => Ok(vec![[192, 0, 2, 66].into()]),
        };
        let system = System::with(HostsFile::new(file.path()), lookup);
        for (name, want) in
            [("whole", Ok([192, 0, 2, 1])), ("listed", Ok([192, 0, 2, 7])), ("typo", Err(ResolveFailure::NotFound))]
        {
            let want = want.map(|octets| Answer { addresses: vec![octets.into()], ttl: TTL });
            assert_eq!(system.resolve(name).await, want, "{name}");
        }
    }

    #[tokio::test]
    async fn who_gives_up_leaves_no_room_for_another_hanging_thread() {
        static HANGS: Mutex<()> = Mutex::new(());
        let system = System::with(HostsFile::new("/nonexistent/hosts"), |_| {
            drop(HANGS.lock());
            Err(io::Error::other("Name or service not known"))
        });
        {
            let _held = HANGS.lock().unwrap();
            for _ in 0..LOOKUPS_MAX {
                // Polled once and dropped: who asked gives up.
                assert!(system.resolve("slow").now_or_never().is_none());
            }
            assert_eq!(system.room.available_permits(), 0, "all have given up, their threads have not");
        }
        assert_eq!(system.resolve("slow").await, Err(ResolveFailure::NotFound));
    }
}
