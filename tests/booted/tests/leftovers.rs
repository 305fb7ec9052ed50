//! Nothing stays behind, however a test ends; and what cannot run says so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use booted::{Base, Machine, Options};

/// Where a machine could be seen from the host.
struct Traces {
    folder: PathBuf,
    group: PathBuf,
    leader: u32,
}

impl Traces {
    fn of(base: &Base, machine: &Machine) -> Self {
        let folder = base.cache().join("machines").join(machine.name());
        let group = machine.control_group().to_path_buf();
        Self { folder, group, leader: machine.leader() }
    }

    /// Each one that is there: folder, control group, process 1, mounts of any process.
    fn seen(&self) -> [bool; 4] {
        let mounts = processes_of(&self.group);
        let leader = fs::read_to_string(format!("/proc/{}/comm", self.leader));
        let runs = leader.is_ok_and(|comm| comm == "systemd\n");
        [self.folder.is_dir(), self.in_any_hierarchy(), runs, mounts]
    }

    /// Whether its control group exists: on hosts with several hierarchies, in any of them.
    fn in_any_hierarchy(&self) -> bool {
        let name = self.group.file_name().unwrap();
        let mounts = own_mounts();
        let cgroups = mounts.lines().filter(|line| line.starts_with("cgroup"));
        let mut roots = cgroups.filter_map(|line| line.split(' ').nth(1));
        self.group.is_dir() || roots.any(|root| Path::new(root).join(name).is_dir())
    }
}

/// Whether any process is in the group, that is in the machine's mounts.
fn processes_of(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events")).is_ok_and(|it| it.contains("populated 1"))
}

fn own_mounts() -> String {
    fs::read_to_string("/proc/self/mounts").unwrap()
}

#[test]
fn a_dropped_machine_leaves_nothing() {
    let base = booted::or_skip!(Base::get());
    let before = own_mounts();
    let machine = Machine::boot(&base, Options::default());
    assert_eq!(own_mounts(), before, "a machine's mounts are its own");
    let traces = Traces::of(&base, &machine);
    assert_eq!(traces.seen(), [true; 4]);
    drop(machine);
    assert_eq!(traces.seen(), [false; 4]);
}

#[test]
fn a_panicking_test_leaves_nothing() {
    let base = booted::or_skip!(Base::get());
    let before = own_mounts();
    let mut traces = None;
    let panics = || {
        let machine = Machine::boot(&base, Options::default());
        traces = Some(Traces::of(&base, &machine));
        let _background = machine.start(["sleep", "1000"]);
        let _session = machine.ssh_session(booted::Over::Public).unwrap();
        panic!("on purpose");
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(traces.unwrap().seen(), [false; 4]);
    assert_eq!(own_mounts(), before);
}

#[test]
fn a_killed_test_runs_no_machine_and_the_next_one_tidies_up() {
    let base = booted::or_skip!(Base::get());
    let before = own_mounts();
    let mut command = Command::new(env!("CARGO_BIN_EXE_booted"));
    command.arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped());
    // The same cache, wherever the program would look for it.
    command.env("AIOPS_TEST_CACHE", base.cache());
    let mut holds = command.spawn().unwrap();
    let said = BufReader::new(holds.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = said.skip_while(|line| !line.starts_with("name: "));
    let mut next = |start: &str| said.next().unwrap().strip_prefix(start).unwrap().to_owned();
    let folder = base.cache().join("machines").join(next("name: "));
    let group = PathBuf::from(next("group: "));
    let enter = next("enter: nsenter -t ");
    let leader = enter.split(' ').next().unwrap().parse().unwrap();
    let traces = Traces { folder, group, leader };
    assert_eq!(traces.seen(), [true; 4]);

    holds.kill().unwrap();
    holds.wait().unwrap();

    // The kernel's part: processes and with them mounts.
    booted::wait_until("its processes are gone", || {
        let [_, _, runs, mounts] = traces.seen();
        !runs && !mounts
    });
    assert_eq!(own_mounts(), before);
    // The next one's part.
    drop(Machine::boot(&base, Options::default()));
    assert_eq!(traces.seen(), [false; 4]);
}

/// Runs one test of this file's binary as a user without rights.
fn as_nobody(required: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "boots::a_machine_boots_and_is_running"]);
    command.env_remove("AIOPS_REQUIRE_BOOTED").env_remove("AIOPS_REQUIRE_ALL");
    command.stdin(Stdio::null());
    if let Some(value) = required {
        command.env("AIOPS_REQUIRE_BOOTED", value);
    }
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}

#[test]
fn where_nothing_can_boot_a_test_says_skipped_and_why() {
    let (passed, told) = as_nobody(None);
    let line = "SKIPPED boots::a_machine_boots_and_is_running: not root\n";
    assert!(passed && told.contains(line), "{told}");
}

#[test]
fn where_booting_is_required_a_skip_is_a_failure() {
    let (passed, told) = as_nobody(Some("1"));
    assert!(!passed && told.contains("cannot boot: not root"), "{told}");
}
