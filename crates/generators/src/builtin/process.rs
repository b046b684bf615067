//! One media child and all that it starts, as one thing that can be ended.
//!
//! Promise: when a [`Process`] is ended or dropped, its whole process group is killed: the child and every ffmpeg. The
//! child leads the group and is reaped last of all kills, so that its number can't belong to somebody else by then.
//!
//! Does not hold a process that leaves the group on purpose. The child's limits refuse the calls for that (`media_child::calls`);
//! where a kernel has no such filter, what gets out keeps the other limits and may live on, with the child's folder open.
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, test_kill_process_group, waitid, waitpgid,
};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The hidden subcommand of the binary.
pub(crate) const SUBCOMMAND: &str = "media-child";

/// How long a killed process may take to be gone: it gives back up to some gigabytes of memory first.
const KILLED_WAIT_MAX: Duration = Duration::from_secs(10);

/// How often the rest of the group is looked for once the child is gone. They are not our children; nothing wakes us.
const GROUP_POLL: Duration = Duration::from_millis(5);

/// A running child.
pub(crate) struct Process {
    /// `None` once it is reaped.
    child: Option<Child>,
    group: Pid,
    /// True once the child has ended; it is not reaped by then.
    ended: watch::Receiver<bool>,
}

/// The server's ends of a child's pipes. While [`ChildStdin`] is open the child works; it ends when that closes.
pub(crate) struct Pipes {
    pub(crate) control: ChildStdin,
    pub(crate) said: ChildStdout,
    pub(crate) complaints: ChildStderr,
}

/// `program media-child` in `folder`, in a process group of its own, with nothing of our environment but `PATH`: the
/// master key may be in it.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(SUBCOMMAND).env_clear().current_dir(folder).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

impl Process {
    /// Starts a child in `folder`.
    pub(crate) fn spawn(program: &Path, folder: &Path) -> io::Result<(Self, Pipes)> {
        let mut child = command(program, folder).spawn()?;
        let group = Pid::from_child(&child);
        match watch(&mut child, group) {
            Ok((ended, pipes)) => Ok((Self { child: Some(child), group, ended }, pipes)),
            Err(error) => {
                // Unwatched it could not be ended later.
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Waits up to `grace` for the child to end by itself, then ends the group. How the child itself ended; `None` where
    /// it had to be killed.
    pub(crate) async fn end_within(mut self, grace: Duration) -> Option<ExitStatus> {
        let itself = self.ended_within(grace).await;
        let status = self.kill().await;
        status.filter(|_| itself)
    }

    /// How the child ended, by itself or by this.
    async fn kill(&mut self) -> Option<ExitStatus> {
        // Also where the child has ended by itself: what it started may not have.
        let _ = kill_process_group(self.group, Signal::KILL);
        // Past the bound, dropping `self` hands the child to a thread that waits on.
        if !self.ended_within(KILLED_WAIT_MAX).await {
            return None;
        }
        let status = self.child.take()?.wait().ok();
        let _ = timeout(KILLED_WAIT_MAX, group_gone(self.group)).await;
        status
    }

    async fn ended_within(&mut self, patience: Duration) -> bool {
        timeout(patience, self.ended.wait_for(|ended| *ended)).await.is_ok()
    }
}

fn watch(child: &mut Child, pid: Pid) -> io::Result<(watch::Receiver<bool>, Pipes)> {
    let missing = || io::Error::other("a pipe of the media process is missing");
    let control = ChildStdin::from_std(child.stdin.take().ok_or_else(missing)?)?;
    let said = ChildStdout::from_std(child.stdout.take().ok_or_else(missing)?)?;
    let complaints = ChildStderr::from_std(child.stderr.take().ok_or_else(missing)?)?;
    let (tell, ended) = watch::channel(false);
    // A thread of its own: tokio's own child is reaped when it ends, and then its number is anybody's before we could
    // kill its group.
    thread::Builder::new().name("media-child".into()).spawn(move || {
        // An error means that it is reaped already.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = tell.send(true);
    })?;
    Ok((ended, Pipes { control, said, complaints }))
}

/// Resolves once nobody is left in the group.
async fn group_gone(group: Pid) {
    while !is_group_gone(group) {
        sleep(GROUP_POLL).await;
    }
}

fn is_group_gone(group: Pid) -> bool {
    // Where we are process 1 of a container, orphans become ours: unreaped, each killed ffmpeg would stay as a zombie.
    while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
    test_kill_process_group(group).is_err()
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let group = self.group;
        let _ = kill_process_group(group, Signal::KILL);
        // Reaping takes as long as the kernel does; a runtime's thread must not wait for it.
        let reap = move || {
            let _ = child.wait();
            let _ = is_group_gone(group);
        };
        // Without a thread to be had the child stays a zombie until we end; it is dead all the same.
        let _ = thread::Builder::new().name("media-child".into()).spawn(reap);
    }
}
