//! Tries every limit from within. A limit that can be read back is read back; one that can only be broken is tried.
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::{getppid, setpgid, test_kill_process};

use super::limits;
use crate::order::{Check, ChildLimits};

const WRITES: &str = "can write in its own folder";
const STARTS: &str = "ffmpeg starts within these limits";

/// Of the names that are tried, those without which no video is made. The others only bound what a hostile file could do.
pub const NEEDED: [&str; 2] = [WRITES, STARTS];

/// Every limit with whether it holds.
pub(super) fn try_all(limits: &ChildLimits, check: &Check) -> Vec<(String, bool)> {
    let beside = check.canary.with_extension("written");
    let mut tried = limits::in_force(limits);
    let mut tell = |name: &str, holds: bool| tried.push((name.to_owned(), holds));
    tell(WRITES, fs::write("own", b"own").is_ok());
    tell("cannot write elsewhere", is_refused(&File::create_new(&beside)));
    tell("cannot read the data folder", is_refused(&File::open(&check.canary)));
    tell("cannot list the data folder", check.canary.parent().is_some_and(|data| is_refused(&fs::read_dir(data))));
    tell("cannot read other processes", is_refused(&fs::read_dir("/proc")));
    tell("cannot connect by TCP", is_refused(&TcpStream::connect((Ipv4Addr::LOCALHOST, 1))));
    tell("cannot listen on TCP", is_refused(&TcpListener::bind((Ipv4Addr::LOCALHOST, 0))));
    tell("cannot send by UDP", is_refused(&UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))));
    tell("cannot open a Unix socket", is_refused(&UnixDatagram::unbound()) && is_refused(&UnixDatagram::pair()));
    // The leader's own group, set again: nothing but the filter refuses it.
    tell("cannot leave its process group", setpgid(None, None) == Err(Errno::PERM));
    tell("cannot signal the server", getppid().is_some_and(|server| test_kill_process(server) == Err(Errno::PERM)));
    tell(STARTS, starts(&check.tools.ffmpeg) && starts(&check.tools.ffprobe));
    // Only there if the limit does not hold.
    let _ = fs::remove_file(&beside);
    tried
}

fn is_refused<T>(attempt: &io::Result<T>) -> bool {
    attempt.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn starts(tool: &Path) -> bool {
    let mut version = Command::new(tool);
    version.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
