//! The limits that every Unix has: how much memory, file, processor time; no way to gain rights.
//!
//! Not limited is the number of processes: the kernel counts those of the user over all containers of the machine, so a
//! number that is right here would refuse ffmpeg there. What multiplies is ended with its group.
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, no_new_privs, set_capabilities, set_no_new_privs};

use crate::order::ChildLimits;

/// Rendering takes what processor time is left: a delivery that is due goes first.
const NICENESS: i32 = 10;

/// Who goes first when the machine runs out of memory, from -1000 to 1000: we, not the server.
const OOM_SCORE: &str = "500";

/// Address space over memory: libraries, and what allocators reserve and never touch.
const ADDRESS_SPACE_EXTRA_BYTES: u64 = 2 << 30;

const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// What [`put_on`] sets, with a name for people.
fn resources(limits: &ChildLimits) -> [(&'static str, Resource, u64); 6] {
    let address_space = limits.memory_bytes_max.saturating_add(ADDRESS_SPACE_EXTRA_BYTES);
    [
        ("memory is limited", Resource::Data, limits.memory_bytes_max),
        ("address space is limited", Resource::As, address_space),
        ("file size is limited", Resource::Fsize, limits.file_bytes_max),
        ("processor time is limited", Resource::Cpu, limits.cpu_s_max),
        ("open files are limited", Resource::Nofile, limits.open_files_max),
        ("core dumps are off", Resource::Core, 0),
    ]
}

/// Puts the limits on this thread and on all that it starts. There is no way to take them off again.
pub(super) fn put_on(limits: &ChildLimits) -> io::Result<()> {
    only_thread()?;
    // Courtesies: a kernel or container that refuses them takes nothing from the user.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let _ = nice(NICENESS);
    for (_, resource, wanted) in resources(limits) {
        // Never above what we were started with: raising it would be refused, and is not ours to do.
        let bound = getrlimit(resource).maximum.map_or(wanted, |maximum| maximum.min(wanted));
        setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    set_no_new_privs(true)?;
    // As root we could lift every limit above again.
    set_capabilities(None, NONE)?;
    Ok(())
}

/// Refuses to go on with a second thread: it would keep rights that this one gives up.
fn only_thread() -> io::Result<()> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(io::Error::other("limits must be put on before a second thread"));
    }
    Ok(())
}

/// Which of these limits are in force.
pub(super) fn in_force(limits: &ChildLimits) -> Vec<(String, bool)> {
    let bounded = |resource, wanted| getrlimit(resource).maximum.is_some_and(|maximum| maximum <= wanted);
    let resources = resources(limits).map(|(name, resource, wanted)| (name.to_owned(), bounded(resource, wanted)));
    let no_gain = no_new_privs().unwrap_or(false);
    let no_capabilities = capabilities(None).is_ok_and(|held| held.effective.is_empty() && held.permitted.is_empty());
    resources
        .into_iter()
        .chain([("cannot gain rights".into(), no_gain), ("holds no capabilities of root".into(), no_capabilities)])
        .collect()
}
