//! The limits, tried from within.
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetStatus};
use postsync_generators::{BuiltinSettings, ChildLimits, MEDIA_CHILD, limits_in_force};
use serde_json::json;

use crate::world::World;

/// Asked of the kernel by another way than the one under test.
fn kernel_has_landlock() -> bool {
    let fenced = || {
        let ruleset = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1)).unwrap().create().unwrap();
        ruleset.restrict_self().unwrap().ruleset != RulesetStatus::NotEnforced
    };
    // It holds for that thread only, and the thread ends here.
    thread::spawn(fenced).join().unwrap()
}

pub(crate) async fn every_limit_is_in_force() {
    let world = World::new();
    let limits = limits_in_force(&BuiltinSettings::default(), &world.data).await.unwrap();
    let fence = kernel_has_landlock();
    if !fence {
        println!("this kernel has no Landlock: what only it can refuse is not tested");
    }
    for (name, holds) in &limits {
        println!("    {name}: {holds}");
        // Newer than Landlock itself, so not on every kernel that has it.
        let optional = name.contains("TCP") || name.contains("signal");
        assert!(*holds || optional || (!fence && name.starts_with("cannot") && !name.contains("gain")), "{name}");
    }
    assert_eq!(limits.len(), 20);
    let left: Vec<_> = fs::read_dir(&world.data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the trial leaves nothing: {left:?}");
}

/// The argument after which this program is a media child with a second thread.
pub(crate) const CROWDED: &str = "crowded";

pub(crate) async fn a_child_without_an_order_does_nothing() {
    refuses(&[], "", "not an order");
}

/// Half limited would look like limited.
pub(crate) async fn a_child_with_a_second_thread_does_nothing() {
    let check = json!({"check": {"canary": "/nowhere/canary", "tools": {}}});
    let order = json!({"limits": ChildLimits::default(), "work": check}).to_string();
    refuses(&[CROWDED], &order, "before a second thread");
}

fn refuses(arguments: &[&str], order: &str, sentence: &str) {
    let world = World::new();
    let mut command = Command::new("/proc/self/exe");
    command.arg(MEDIA_CHILD).args(arguments).current_dir(&world.folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(order.as_bytes()).unwrap();
    let told = child.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains(sentence), "{told:?}");
    assert!(told.stdout.is_empty() && world.files().is_empty());
}
