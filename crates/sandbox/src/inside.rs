//! The helper inside the walls: gives up what is left, tries every layer, tells what held, and
//! becomes the job when it is told to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};

use jobs::Layer;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Replacement};
use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::order::{Order, Told};
use crate::{filter, landlocked, limits, probe};

/// The longest order, bytes.
const LONGEST: usize = 1 << 20;
/// What the helper is told when what held is enough.
pub(crate) const GO: &[u8] = b"go\n";

/// The whole of the helper: reads its order from standard input and becomes the job. Returns only
/// when that fails.
pub fn inside(host: &Host) -> Failure {
    match prepare(host) {
        Ok(order) => {
            let with: BTreeMap<OsString, OsString> =
                order.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
            let mut words = order.argv.iter().map(OsString::from);
            let program = words.next().unwrap_or_default();
            let it =
                Replacement { program, args: words.collect(), without: host.env_names(), with };
            let name = it.program.to_string_lossy().into_owned();
            let err = host.become_program(&it);
            let exit = match err.kind() {
                io::ErrorKind::NotFound => Exit::NotFound,
                _ => Exit::CannotRun,
            };
            Failure::new(exit, format!("run {name}")).because(err)
        }
        Err(failure) => failure,
    }
}

fn prepare(host: &Host) -> Result<Order, Failure> {
    let doing = || "prepare the sandbox from inside";
    let line = probe::line(LONGEST).or_fail(Exit::WrapperFailed, doing())?;
    let order: Order = serde_json::from_slice(&line).or_fail(Exit::WrapperFailed, doing())?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    // Where memory runs out the job goes first. It is an offer: without it the job is as safe.
    let _unmarked = give_way().is_err();
    let user = order.user.map_or(Ok(()), become_user);
    user.or_fail(Exit::WrapperFailed, doing())?;
    let limited = limits::apply(&order.limits);
    // Both filters and Landlock need it. What came of both is asked for again below.
    let _told_below = rustix::thread::set_no_new_privs(true).is_err();
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    let _told_below = rustix::thread::set_capabilities(None, none).is_err();
    let read_only = probe::read_only(&order.read_only);
    let was_writable = probe::spare_is_writable(&order.spare);
    let landlocked = landlocked::apply(&order.writable);
    let filtered = filter::apply();
    let landlocked = landlocked.and_then(|how| {
        probe::spare_is_denied(&order.spare, was_writable).map(|tried| format!("{tried}; {how}"))
    });
    let mut rows = vec![
        (Layer::ReadOnlyMount, read_only),
        (Layer::Landlock, landlocked),
        (Layer::NoNetwork, probe::no_network(host)),
        (Layer::OwnProcesses, probe::own_processes(host)),
    ];
    rows.extend(probe::privileges(host));
    rows.push((Layer::Seccomp, probe::filtered(filtered)));
    rows.push((Layer::Limits, limited.and_then(|()| limits::hold(&order.limits))));
    let told = Told { held: rows.into_iter().map(|(it, tried)| probe::row(it, tried)).collect() };
    let mut text = serde_json::to_vec(&told).or_fail(Exit::WrapperFailed, doing())?;
    text.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&text).and_then(|()| out.flush()).or_fail(Exit::WrapperFailed, doing())?;
    let go = probe::line(GO.len()).or_fail(Exit::WrapperFailed, doing())?;
    if [go.as_slice(), b"\n"].concat() != GO {
        return Err(Failure::new(Exit::WrapperFailed, doing()));
    }
    let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .or_fail(Exit::WrapperFailed, doing())?;
    rustix::stdio::dup2_stdin(&nothing).or_fail(Exit::WrapperFailed, doing())?;
    // What whoever started us left open, such as a folder, would lead out of the walls.
    close_fds::set_fds_cloexec(3, &[]);
    host.enter(&order.folder).or_fail(Exit::WrapperFailed, doing())?;
    Ok(order)
}

/// Has the kernel end this process, and what it becomes and starts, before any other.
fn give_way() -> rustix::io::Result<()> {
    // All our programs close what the kernel tells of them to their own user; as what it becomes
    // this one is open again.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let path = "/proc/self/oom_score_adj";
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(file, b"1000").map(drop)
}

/// Becomes a user that owns nothing. This process has one thread: its user is the process's.
fn become_user(user: u32) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)
}
