//! `/etc/hosts`, read again when it changes: containers get theirs rewritten while they run.
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hickory_resolver::Hosts;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};

/// A larger file is an advertising filter, and would be parsed for each change. Its names go to DNS.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

pub(crate) struct HostsFile {
    path: PathBuf,
    read: Mutex<(Option<SystemTime>, Arc<Hosts>)>,
}

impl HostsFile {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: Mutex::new((None, Arc::default())) }
    }

    /// The addresses that the file gives a name. Empty where it gives none, or can't be read: then DNS is asked.
    pub(crate) fn lookup(&self, name: &str) -> Vec<IpAddr> {
        let Ok(name) = Name::from_ascii(format!("{name}.")) else { return Vec::new() };
        let hosts = self.current();
        let of = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let found = [of(RecordType::A), of(RecordType::AAAA)];
        let records = found.iter().flatten().flat_map(|lookup| lookup.answers());
        records.filter_map(|record| record.data.ip_addr()).collect()
    }

    fn current(&self) -> Arc<Hosts> {
        let metadata = std::fs::metadata(&self.path).ok().filter(|m| m.len() <= FILE_BYTES_MAX);
        let changed = metadata.and_then(|m| m.modified().ok());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0 != changed {
            let mut hosts = Hosts::default();
            if let Some(file) = changed.and_then(|_| std::fs::File::open(&self.path).ok())
                && let Err(error) = hosts.read_hosts_conf(file)
            {
                tracing::warn!(%error, "the hosts file can't be read");
            }
            *read = (changed, Arc::new(hosts));
        }
        read.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_both_families_and_notices_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let hosts = HostsFile::new(file.path());
        let write = |text: &str, at: u64| {
            std::fs::write(file.path(), text).unwrap();
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at);
            std::fs::File::options().append(true).open(file.path()).unwrap().set_modified(at).unwrap();
        };
        let found = |name: &str| hosts.lookup(name).iter().map(ToString::to_string).collect::<Vec<_>>();

        write("127.0.0.1 receiver # a comment\n::1 receiver other\n", 1_000);
        assert_eq!(found("receiver"), ["127.0.0.1", "::1"]);
        assert_eq!(found("other"), ["::1"]);
        assert_eq!(found("nowhere"), [""; 0]);
        write("10.0.0.1 receiver\n", 2_000);
        assert_eq!(found("receiver"), ["10.0.0.1"]);
        assert_eq!(HostsFile::new("/nonexistent/hosts").lookup("receiver"), [] as [IpAddr; 0]);
    }
}
