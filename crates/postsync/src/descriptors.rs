//! The process's file descriptors, shared out before the first is taken.
//!
//! Promise: connections from clients never take those that deliveries, the database and the media process need. Where the
//! system has too few for what is configured, the operator is told at the start, not by the first burst.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections from clients at once. Each costs about 20 kB; the bound keeps a flood from taking the memory of the deliveries.
const CONNECTIONS_MAX: usize = 10_000;

/// The part of all that connections from clients may take.
const CLIENTS_SHARE: usize = 2;

/// For the database, uploads, fetches, media processes and logs.
const OWN_MAX: usize = 256;

/// How many there are, and how many of them clients may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    all: usize,
}

impl Descriptors {
    /// As many as the system allows: the soft limit of 1,024 that many shells set is for programs that know no better.
    pub(crate) fn raise() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let all = match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
            Ok(()) => limit.maximum,
            Err(error) => {
                tracing::warn!(%error, "the limit of open files could not be raised");
                limit.current
            }
        };
        Self { all: all.map_or(usize::MAX, |all| usize::try_from(all).unwrap_or(usize::MAX)) }
    }

    /// Connections from clients at once.
    pub(crate) fn connections_max(self) -> usize {
        (self.all / CLIENTS_SHARE).min(CONNECTIONS_MAX)
    }

    /// What to tell where the connections to receivers, in use and idle, may not find enough.
    pub(crate) fn shortage(self, in_flight_max: usize, idle_max: usize) -> Option<String> {
        let wanted = self.connections_max().saturating_add(in_flight_max).saturating_add(idle_max);
        let wanted = wanted.saturating_add(OWN_MAX);
        (wanted > self.all).then(|| {
            format!(
                "delivery.in_flight_max ({in_flight_max}) and egress.idle_max ({idle_max}) want more open files than the \
                 limit of {}: raise the hard limit (ulimit -Hn, LimitNOFILE=) to {} or lower these settings",
                self.all,
                (in_flight_max.saturating_add(idle_max).saturating_add(OWN_MAX)).saturating_mul(CLIENTS_SHARE)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_take_all() {
        for (all, clients) in [(100, 50), (1_024, 512), (65_536, CONNECTIONS_MAX), (usize::MAX, CONNECTIONS_MAX)] {
            assert_eq!(Descriptors { all }.connections_max(), clients, "{all}");
        }
    }

    #[test]
    fn a_shortage_names_a_limit_that_would_do() {
        assert_eq!(Descriptors { all: 65_536 }.shortage(1_024, 1_024), None);
        let told = Descriptors { all: 4_096 }.shortage(1_024, 1_024).unwrap();
        assert!(told.contains("4096") && told.contains("4608"), "{told}");
        assert_eq!(Descriptors { all: 4_608 }.shortage(1_024, 1_024), None);
        assert!(Descriptors { all: 1_024 }.shortage(100_000, 0).is_some());
    }
}
