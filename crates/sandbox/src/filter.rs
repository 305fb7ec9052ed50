//! System calls that a job does not need and the kernel is better not asked for.
//!
//! A list of what is refused, not of what is allowed: the programs that jobs run are not known. The
//! walls do not rest on it; it takes away what lies outside namespaces (vsock, keyrings, loading of
//! code into the kernel) and what has broken out of them before.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, sock_filter,
};

/// Calls that are refused: looking into other processes, mounting, loading code into the kernel,
/// keyrings, clocks, and memory that outlives its processes.
const REFUSED: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_move_pages,
    libc::SYS_msgget,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_semget,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_shmget,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// Calls that look as if this kernel had none of them, so that programs do without. clone3 hides
/// its flags from a filter, and C libraries fall back to clone; memory files count against nothing
/// but a control group.
const ABSENT: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_quotactl_fd,
];

/// The flags of clone that make namespaces.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Address families that a job may open. Not vsock: it leads out of any network namespace.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// `TIOCSTI` and `TIOCLINUX`, asm-generic/ioctls.h: they put words into a terminal's mouth.
const TERMINAL: [u64; 2] = [0x5412, 0x541C];

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Applies the filter to this process and all that it becomes and starts.
///
/// # Errors
/// What stands against it.
pub(crate) fn apply() -> Result<(), String> {
    if cfg!(target_arch = "x86_64") {
        seccompiler::apply_filter(&no_x32()).map_err(|err| err.to_string())?;
    }
    let all = [(refused(), libc::EPERM), (absent(), libc::ENOSYS)];
    for (rules, errno) in all {
        let filter = rules.and_then(|rules| program(rules, errno)).map_err(|it| it.to_string())?;
        seccompiler::apply_filter(&filter).map_err(|err| err.to_string())?;
    }
    Ok(())
}

/// Calls of the x32 kind are absent: their numbers would pass every rule. In the kernel's own words
/// (`linux/bpf_common.h`): load the number, compare, answer.
fn no_x32() -> BpfProgram {
    let answer = 0x0005_0000 | libc::ENOSYS.unsigned_abs();
    vec![
        sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
        sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 },
        sock_filter { code: 0x06, jt: 0, jf: 0, k: answer },
        sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 },
    ]
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, BackendError> {
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()
}

fn refused() -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules: Rules = REFUSED.iter().map(|&call| (call, vec![])).collect();
    let namespaces: Result<Vec<_>, _> = NAMESPACES
        .iter()
        .map(|flag| u64::from(flag.unsigned_abs()))
        .map(|flag| SeccompRule::new(vec![argument(0, MaskedEq(flag), flag)?]))
        .collect();
    rules.insert(libc::SYS_clone, namespaces?);
    let families: Result<Vec<_>, _> =
        FAMILIES.iter().map(|it| argument(0, Ne, u64::from(it.unsigned_abs()))).collect();
    let families = families?;
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        rules.insert(call, vec![SeccompRule::new(families.clone())?]);
    }
    let terminal: Result<Vec<_>, _> =
        TERMINAL.iter().map(|&it| SeccompRule::new(vec![argument(1, Eq, it)?])).collect();
    rules.insert(libc::SYS_ioctl, terminal?);
    Ok(rules)
}

fn absent() -> Result<Rules, BackendError> {
    let mut rules: Rules = ABSENT.iter().map(|&call| (call, vec![])).collect();
    // Any other kind can take room that no size tells of.
    let kinds = vec![SeccompRule::new(vec![argument(1, SeccompCmpOp::Ne, 0)?])?];
    rules.insert(libc::SYS_fallocate, kinds);
    Ok(rules)
}

fn argument(at: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(at, SeccompCmpArgLen::Dword, is, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_for_this_machine() {
        assert!(program(refused().unwrap(), libc::EPERM).unwrap().len() > REFUSED.len());
        assert!(program(absent().unwrap(), libc::ENOSYS).unwrap().len() > ABSENT.len());
    }
}
