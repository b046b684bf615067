//! The fence around system calls: a seccomp filter, for what Landlock does not know.
//!
//! Landlock closes files and TCP. It leaves UDP, Unix sockets that have a path, message queues that all processes of a user
//! share, and a way out of the process group. Decoding needs none of these, so the calls behind them are refused: with
//! "not permitted" rather than with death, because ffmpeg and libc only try some of them and go on without.
//!
//! Fails by not being there: a kernel or emulator without filters makes videos all the same; `doctor` says so.
use std::collections::BTreeMap;
use std::io;

use rustix::io::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// Sockets of every kind. Without one, `connect`, `bind` and `sendto` have nothing to work on.
const SOCKETS: [i64; 1] = [libc::SYS_socket];

/// Kinds of socket pairs that can send to any path: datagrams, and what the kernel takes for them. Others only reach each
/// other, and starting a program needs one.
const PAIRS: [i32; 2] = [libc::SOCK_DGRAM, libc::SOCK_RAW];

/// The bits of a socket's type that are not flags.
const SOCKET_KIND: u64 = 0xf;

/// What would leave the process group, which is what the server ends.
const LEAVING: [i64; 4] = [libc::SYS_setsid, libc::SYS_setpgid, libc::SYS_unshare, libc::SYS_setns];

/// Queues and memory that reach other processes of the same user.
const SHARED: [i64; 4] = [libc::SYS_msgget, libc::SYS_shmget, libc::SYS_semget, libc::SYS_mq_open];

/// Into other processes.
const OTHERS: [i64; 4] =
    [libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd];

/// Parts of the kernel that decoding has no use for, and that most ways into it went through. io_uring is also a way to
/// open a socket without the call.
const KERNEL: [i64; 23] = [
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
];

/// x86-64 knows each call by a second number, of its "x32" form. Other machines have no calls there.
const X32: i64 = 0x4000_0000;

/// Puts the filter on this thread and on all that it starts. There is no way to take it off again.
pub(super) fn put_on() -> io::Result<()> {
    apply_filter(&filter().map_err(io::Error::other)?).map_err(io::Error::other)
}

fn filter() -> Result<BpfProgram, BackendError> {
    let refused = [&SOCKETS[..], &LEAVING, &SHARED, &OTHERS, &KERNEL].concat();
    // A call without conditions: refused whatever it is called with.
    let mut rules: BTreeMap<i64, _> =
        refused.into_iter().flat_map(|call| [(call, vec![]), (call | X32, vec![])]).collect();
    for call in [libc::SYS_socketpair, libc::SYS_socketpair | X32] {
        rules.insert(call, PAIRS.into_iter().map(pair_of).collect::<Result<_, _>>()?);
    }
    let not_permitted = SeccompAction::Errno(Errno::PERM.raw_os_error().cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, not_permitted, ARCHITECTURE)?.try_into()
}

fn pair_of(kind: i32) -> Result<SeccompRule, BackendError> {
    let masked = SeccompCmpOp::MaskedEq(SOCKET_KIND);
    SeccompRule::new(vec![SeccompCondition::new(1, SeccompCmpArgLen::Dword, masked, u64::from(kind.cast_unsigned()))?])
}

/// Calls of another architecture end the process: there they have other numbers.
const ARCHITECTURE: TargetArch = if cfg!(target_arch = "aarch64") { TargetArch::aarch64 } else { TargetArch::x86_64 };
