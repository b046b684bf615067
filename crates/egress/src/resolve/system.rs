//! The system's getaddrinfo, on threads: for names that only the system knows.
//!
//! It hides why there is no answer behind three texts, and TTLs altogether; so it is the switch and not the default.
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::{Answer, Resolve, ResolveFailure};

/// What getaddrinfo does not tell.
const TTL: Duration = Duration::from_secs(30);

/// Threads that may hang in getaddrinfo at a time: the file system needs threads too.
const LOOKUPS_MAX: usize = 32;

pub(crate) struct System(Semaphore);

impl System {
    pub(crate) fn new() -> Self {
        Self(Semaphore::new(LOOKUPS_MAX))
    }
}

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, name: &str) -> Result<Answer, ResolveFailure> {
        let _permit = self.0.acquire().await.map_err(|_| ResolveFailure::ResolverDown)?;
        // The final dot keeps search domains out, which would turn a typo into a name of our own network.
        match tokio::net::lookup_host((format!("{name}."), 0)).await {
            Ok(found) => Ok(Answer { addresses: found.map(|socket| socket.ip()).collect(), ttl: TTL }),
            // /etc/hosts is compared literally by some systems: there the name stands without the dot.
            Err(error) => match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => Ok(Answer { addresses: found.map(|socket| socket.ip()).collect(), ttl: TTL }),
                Err(_) => Err(failure(&error.to_string())),
            },
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
    use super::*;

    #[tokio::test]
    async fn knows_the_names_of_the_machine_and_not_others() {
        let found = System::new().resolve("localhost").await.unwrap();
        assert!(found.addresses.iter().all(std::net::IpAddr::is_loopback) && !found.addresses.is_empty());
        assert!(System::new().resolve("a..b").await.is_err());
    }
}
