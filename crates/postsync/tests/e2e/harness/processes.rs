//! Other processes, as `/proc` shows them: the media children of a server, and what they have started.
use std::fs;

use rustix::process::Pid;

use super::poll;

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    name: String,
    parent: i32,
    group: i32,
    state: String,
}

/// Everything that runs; zombies do not.
fn all() -> Vec<(i32, Process)> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, read(pid)?))).filter(|(_, process)| process.state != "Z").collect()
}

/// `pid (name) state ppid pgrp ...`; the name may hold spaces and brackets.
fn read(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let name = head.split_once(" (")?.1.to_owned();
    let mut fields = tail.split(' ');
    let state = fields.next()?.to_owned();
    Some(Process { name, state, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

/// The process groups of a server's media children.
pub(crate) fn media_groups(server: Pid) -> Vec<i32> {
    let server = server.as_raw_nonzero().get();
    all().into_iter().filter(|(pid, p)| p.parent == server && p.group == *pid).map(|(pid, _)| pid).collect()
}

/// What runs in a group.
fn group(group: i32) -> Vec<Process> {
    all().into_iter().map(|(_, process)| process).filter(|process| process.group == group).collect()
}

/// Waits until a server renders: a media child with an ffmpeg of its own. Gives its process group.
pub(crate) async fn rendering(server: Pid) -> i32 {
    poll("a media child runs ffmpeg", async || {
        let groups = media_groups(server);
        let renders = |id: &i32| !is_a_look(*id) && group(*id).iter().any(|process| process.name.starts_with("ff"));
        groups.into_iter().find(renders)
    })
    .await
}

/// Whether that child only looks into an asset: it works in a folder of that name.
fn is_a_look(child: i32) -> bool {
    fs::read_link(format!("/proc/{child}/cwd")).is_ok_and(|folder| folder.ends_with("look"))
}

/// Whether anything of a group runs.
pub(crate) fn running(id: i32) -> bool {
    !group(id).is_empty()
}

/// Waits until nothing of a group runs.
pub(crate) async fn gone(id: i32) {
    poll("the media child and its ffmpeg are gone", async || (!running(id)).then_some(())).await;
}
