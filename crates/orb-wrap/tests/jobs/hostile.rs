//! Jobs that want more than they may: each is contained, and what it tried is reported. As this
//! user, and as another one where this one is root.

use std::fs;
use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, Instant};

use crate::support::{World, as_each_user};

/// A shell function that says so when a command that must fail did not.
const MUST_FAIL: &str =
    r#"must_fail() { if "$@" 2>/dev/null; then echo "DID: $*"; else echo "refused: $*"; fi; }"#;

pub(crate) fn contained(world: &World, script: &str) -> crate::support::Ran {
    let ran = world.job("hostile", &format!("{MUST_FAIL}\n{script}"));
    let said = ran.said();
    assert!(!said.contains("DID"), "{said}");
    let invariants = &ran.artifact().invariants;
    assert!(invariants.read_only_ok && invariants.clean_tree_ok, "{:?}", ran.artifact());
    assert!(invariants.sandbox.iter().all(|it| it.held), "{invariants:?}");
    assert_eq!(ran.artifact().changed_files, []);
    assert!(world.is_tidy());
    ran
}

#[test]
fn writing_to_tracked_ignored_and_git_files_is_refused() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            for path in /repo/a.txt /repo/new /repo/x.log /repo/src/new /repo/.git /repo/.git/x \
                /repo.git/config /repo.git/HEAD /repo.git/index /repo.git/hooks/x /repo.git/new \
                /mirror/objects/x /mirror/x /usr/x /etc/x /x /run/x /run/aiops/x /proc/sys/kernel/core_pattern
            do must_fail sh -c "echo x > $path"; done
            must_fail mkdir /repo/empty
            must_fail rm /repo/a.txt
            must_fail mv /repo/a.txt /repo/c
            must_fail git -C /repo commit --allow-empty -m x
            must_fail git -C /repo config core.fsmonitor x
            must_fail git -C /repo update-ref refs/heads/x HEAD
            echo fine > "$ARTIFACT_DIR/fine.txt""#,
        );
        assert_eq!((ran.code, ran.word().as_str()), (0, "success"), "{}", ran.said());
        assert_eq!(ran.output("fine.txt"), "fine\n");
        assert!(ran.said().matches("refused").count() >= 20, "{}", ran.said());
    });
}

#[test]
fn modes_times_and_mounts_stay_as_they_are() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r"
            must_fail chmod 777 /repo/a.txt
            must_fail chmod 777 /repo
            must_fail touch -d 2001-01-01 /repo/a.txt
            must_fail chown 1:1 /repo/a.txt
            must_fail mount -o remount,rw /repo
            must_fail mount -o remount,bind,rw /repo
            must_fail mount -t tmpfs none /repo
            must_fail mount --bind /tmp /repo
            must_fail umount /repo
            must_fail umount -l /repo
            must_fail unshare -m true
            must_fail unshare -U true
            must_fail unshare -rm mount -o remount,rw /repo
            must_fail chroot / true
            must_fail nsenter -t 1 -m true",
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
    });
}

#[test]
fn links_lead_nowhere_and_are_not_followed_afterwards() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            cd "$ARTIFACT_DIR"
            must_fail ln /repo/a.txt hard
            ln -s /repo/a.txt soft; must_fail sh -c 'echo x > soft'
            ln -s /etc/passwd passwd; ln -s / root; ln -s . loop; mkfifo pipe
            mkdir sub; ln -s ../../../.. sub/up
            rm params.json; ln -s /etc/shadow params.json
            ln -s /etc/passwd artifact.json; mkdir stdout.log; echo x > stderr.log
            echo ok > ok.txt; chmod 6777 ok.txt; ln ok.txt second"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        let paths: Vec<&str> = ran.artifact().outputs.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["job-stderr.log", "ok.txt", "second", "stderr.log", "stdout.log"]);
        let skipped = |it: &&String| it.starts_with("OUTPUT_SKIPPED");
        assert!(ran.artifact().warnings.iter().filter(skipped).count() >= 7);
    });
}

#[test]
fn memory_of_others_and_tracing_are_out_of_reach() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            must_fail sh -c 'echo x > /proc/1/mem'
            must_fail sh -c 'echo x > /proc/1/oom_score_adj'
            must_fail ls /proc/1/root/
            must_fail cat /proc/1/environ
            must_fail sh -c 'exec 3<> /proc/self/mem; dd if=/dev/zero of=/proc/self/mem bs=1 seek=4096 count=1'
            sleep 30 & child=$!
            # ptrace(ATTACH), process_vm_writev, pidfd_getfd, bpf, keyctl, io_uring_setup by number
            [ "$(uname -m)" = x86_64 ] && for call in "101,16,$child,0,0" "311,$child,0,0,0,0,0" "438,0,0,0" "321,0,0,0" "250,0,0" "425,1,0" "319,0,0" "272,0x10000000" "308,0,0"
            do must_fail perl -e "exit(syscall($call) < 0)"; done
            must_fail perl -e 'exit(syscall(0x40000000 + 101, 16, 1, 0, 0) < 0)'
            kill $child"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
    });
}

#[test]
fn no_socket_leads_anywhere() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("aiops-orb-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let unix = UnixListener::bind_addr(&address).unwrap();
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let path = UnixListener::bind(dir.path().join("docker.sock")).unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    unix.set_nonblocking(true).unwrap();
    path.set_nonblocking(true).unwrap();
    let (tcp_port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    let socket = dir.path().join("docker.sock");
    as_each_user(|world| {
        let script = format!(
            r#"
            perl -MSocket -e '
                sub told {{ print $_[1] ? "DID: $_[0]\n" : "refused: $_[0]\n" }}
                my $in = pack_sockaddr_in({tcp_port}, inet_aton("127.0.0.1"));
                socket(my $t, PF_INET, SOCK_STREAM, 0); told("tcp", connect($t, $in));
                socket(my $m, PF_INET, SOCK_STREAM, 0);
                told("tcp elsewhere", connect($m, pack_sockaddr_in(9, inet_aton("192.0.2.1"))));
                socket(my $b, PF_INET, SOCK_STREAM, 0);
                told("listening", bind($b, pack_sockaddr_in(8899, inet_aton("127.0.0.1"))));
                my $abstract = pack("Sa*", 1, "\0{name}");
                socket(my $a, PF_UNIX, SOCK_STREAM, 0); told("abstract", connect($a, $abstract));
                socket(my $p, PF_UNIX, SOCK_STREAM, 0);
                told("path", connect($p, pack_sockaddr_un("{path}")));
                told("vsock", socket(my $v, 40, SOCK_STREAM, 0));
                told("packet", socket(my $k, 17, SOCK_RAW, 0));
                told("raw", socket(my $r, PF_INET, SOCK_RAW, 1));
                told("alg", socket(my $g, 38, SOCK_STREAM, 0));
                socket(my $u, PF_INET, SOCK_DGRAM, 0);
                send($u, "x", 0, pack_sockaddr_in({udp_port}, inet_aton("127.0.0.1")));
                send($u, "x", 0, pack_sockaddr_in(9, inet_aton("192.0.2.1"))) and print "DID: udp elsewhere\n";
            ' 2>&1"#,
            path = socket.display()
        );
        let ran = contained(&world, &script);
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert!(ran.said().contains("refused: vsock"), "{}", ran.said());
    });
    assert!(tcp.accept().is_err() && unix.accept().is_err() && path.accept().is_err());
    assert!(udp.recv(&mut [0; 8]).is_err());
}

#[test]
fn a_fork_bomb_ends_with_its_sandbox() {
    as_each_user(|world| {
        let began = Instant::now();
        let ran = world.job(
            "brief",
            "marker=forkbomb8841\nbomb() { bomb | bomb & }\nbomb 2>/dev/null\nwait\nsleep 60",
        );
        assert!(began.elapsed() < Duration::from_mins(1));
        assert!(
            ["timeout DEADLINE", "failure EXIT_CODE"].contains(&ran.word().as_str()),
            "{ran:?}"
        );
        assert!(ran.artifact().invariants.clean_tree_ok && world.is_tidy());
    });
}

#[test]
fn a_memory_bomb_of_one_process_or_of_many_is_stopped() {
    as_each_user(|world| {
        let one = contained(&world, "perl -e 'my @a; push @a, \"x\" x 1e7 while 1'");
        assert!(one.word().starts_with("failure"), "{:?}", one.word());
        let many = r#"
            for i in 1 2 3 4 5 6; do perl -e 'my $a = "x" x 9e7; sleep 50' & done; wait"#;
        assert_eq!(contained(&world, many).word(), "failure MEMORY_LIMIT");
        let shared = contained(&world, "dd if=/dev/zero of=/dev/shm/x bs=1M count=100");
        assert!(shared.word().starts_with("failure"), "{:?}", shared.said());
    });
}

#[test]
fn a_flood_of_output_is_cut() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            "head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2; echo end",
        );
        assert_eq!(ran.word(), "success");
        assert!(ran.artifact().warnings.iter().any(|it| it.starts_with("OUTPUT_CUT")));
        let sizes: Vec<u64> = ran
            .artifact()
            .outputs
            .iter()
            .filter(|it| ["stderr.log", "stdout.log"].contains(&it.path.as_str()))
            .map(|it| it.bytes)
            .collect();
        assert_eq!(sizes, [65536, 65536]);
    });
}

#[test]
fn filling_the_disk_ends_at_the_quota() {
    as_each_user(|world| {
        let one = contained(&world, "dd if=/dev/zero of=$ARTIFACT_DIR/x bs=64k count=100000");
        assert!(one.word().starts_with("failure"), "{}", one.word());
        let many = "i=0; while :; do head -c 500000 /dev/zero > $ARTIFACT_DIR/$i; i=$((i+1)); done";
        assert_eq!(contained(&world, many).word(), "failure ARTIFACT_LIMIT");
        let left = contained(
            &world,
            "for i in 1 2 3; do head -c 3000000 /dev/zero > $ARTIFACT_DIR/$i; done",
        );
        assert_eq!(left.word(), "failure ARTIFACT_LIMIT");
        let tmp = contained(
            &world,
            "for i in 1 2 3 4; do head -c 3000000 /dev/zero > /tmp/$i || exit 9; done",
        );
        assert_eq!((tmp.word().as_str(), tmp.artifact().exit_code), ("failure EXIT_CODE", Some(9)));
    });
}

#[test]
fn daemons_end_with_the_job() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            "(setsid sh -c 'trap \"\" TERM HUP INT; sleep 98765 & sleep 98765' >/dev/null 2>&1 &) &\nsleep 0.2; echo done",
        );
        assert_eq!(ran.word(), "success");
        assert_eq!(World::processes_with("sleep 98765"), Vec::<String>::new());
        let hangs = world
            .job("brief", "trap '' TERM HUP INT; (setsid sleep 98764 &); sleep 98764; sleep 98764");
        assert_eq!((hangs.code, hangs.word().as_str()), (1, "timeout DEADLINE"));
        assert_eq!(World::processes_with("sleep 98764"), Vec::<String>::new());
    });
}

#[test]
fn signals_reach_nobody_outside() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r"
            must_fail kill -0 2147483
            must_fail kill -9 1
            for pid in $(seq 3 200) $(seq 100000 100050); do [ $pid = $$ ] || kill -9 $pid 2>/dev/null; done
            echo alive",
        );
        assert!(ran.word() == "success" || ran.word() == "failure EXIT_CODE", "{}", ran.word());
        let all = world.job("hostile", "kill -9 -1; kill -9 0");
        assert!(all.word().starts_with("failure") || all.word() == "success", "{}", all.word());
        assert!(all.artifact().invariants.clean_tree_ok && world.is_tidy());
    });
}

#[test]
fn homes_secrets_and_the_environment_cannot_be_read() {
    as_each_user(|mut world| {
        let canary = format!("canary{}", "7731");
        fs::create_dir_all(world.path("home/secrets")).unwrap();
        fs::write(world.path("home/secrets/key"), &canary).unwrap();
        fs::write(world.path("configs/other"), &canary).unwrap();
        world.env.push(("OPERATOR_SECRET".to_owned(), canary.clone()));
        let home = world.path("home");
        let ran = contained(
            &world,
            &format!(
                r#"
                must_fail ls {home}
                must_fail ls /root
                must_fail ls /home
                must_fail cat /etc/shadow
                must_fail cat /etc/passwd
                must_fail ls /var/lib
                must_fail ls /sys
                must_fail ls /var/run/docker.sock /run/docker.sock
                must_fail sh -c 'tr "\0" "\n" < /proc/1/environ | grep .'
                must_fail sh -c 'set | grep -q "^HOME="'
                env
                for pid in /proc/[0-9]*; do cat $pid/environ $pid/cmdline 2>/dev/null; done
                echo dev: $(ls /dev)"#,
                home = home.display()
            ),
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert!(!ran.said().contains(&canary));
        for device in ["kmsg", "mem", "vda", "sda", "vsock", "kvm", "fuse"] {
            assert!(!ran.said().split_whitespace().any(|it| it == device), "{device}");
        }
    });
}

#[test]
fn nothing_of_the_targets_own_git_setup_runs() {
    as_each_user(|world| {
        let mark = world.path("home/mark");
        let touch = format!("#!/bin/sh\ntouch {}\n", mark.display());
        for hook in ["post-checkout", "post-merge", "reference-transaction", "pre-commit"] {
            world.put(&format!(".githooks/{hook}"), &touch);
        }
        world.put(".gitattributes", "* filter=evil diff=evil merge=evil\n");
        world.put(
            ".gitmodules",
            "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/x\n",
        );
        world.put(".gitconfig", "[core]\n\tfsmonitor = touch /tmp/x\n");
        let hooks = world.path("source/.git/hooks");
        fs::create_dir_all(&hooks).unwrap();
        let ran = contained(
            &world,
            "git -C /repo config core.hooksPath; git -C /repo status --short; cat /repo/.gitattributes",
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert!(ran.said().starts_with(".githooks\n* filter"), "{}", ran.said());
        assert!(!mark.exists());
        assert_eq!(ran.artifact().warnings, Vec::<String>::new());
    });
}

#[test]
fn names_that_mean_git_elsewhere_are_refused() {
    as_each_user(|world| {
        let blob = world.git(&["rev-parse", "HEAD:a.txt"]);
        let tree = world.git(&["rev-parse", "HEAD:src"]);
        for name in [".GIT", ".git", "git~1", "GIT~1", ".git ", ".git.", ".g\u{200c}it", "..", "."]
        {
            for entry in
                [format!("100644 blob {blob}\t{name}"), format!("040000 tree {tree}\t{name}")]
            {
                let root = World::git_in(&world.path("source"), &["mktree"], &format!("{entry}\n"));
                let commit = world.git(&["commit-tree", "-m", "x", &root]);
                world.git(&["update-ref", "refs/heads/main", &commit]);
                let ran =
                    world.orb(&["run", "--job", "hostile", "--repo", "target", "--sha", &commit]);
                assert_eq!(
                    (ran.code, ran.word().as_str()),
                    (65, "error ERROR"),
                    "{name:?} {ran:?}"
                );
                assert!(world.is_tidy());
            }
        }
    });
}

#[test]
fn what_begins_with_a_dash_or_is_another_protocol_is_rejected() {
    as_each_user(|world| {
        let mark = world.path("home/mark");
        let touch = format!("--upload-pack=touch {}", mark.display());
        let ext = format!("ext::sh -c touch% {}", mark.display());
        for args in [
            vec!["--repo", touch.as_str()],
            vec!["--repo", "-x"],
            vec!["--repo", ext.as_str()],
            vec!["--repo", "ssh://-oProxyCommand=x/y"],
            vec!["--repo", "target", "--sha", "--all"],
            vec!["--repo", "target", "--sha", "main"],
            vec!["--repo", "target", "--sha", "HEAD^"],
            vec!["--repo", "target", "--param", "word=--x"],
            vec!["--repo", "target", "--param", "-x=y"],
        ] {
            let mut all = vec!["run", "--job", "hostile"];
            all.extend(&args);
            let ran = world.orb(&all);
            assert_eq!((ran.code, ran.json["status"].as_str()), (1, Some("rejected")), "{args:?}");
        }
        assert!(!mark.exists());
    });
}

#[test]
fn whoever_ends_orb_wrap_ends_the_job_and_nothing_stays() {
    as_each_user(|world| {
        for signal in ["TERM", "KILL"] {
            world.put("job.sh", "#!/bin/sh\necho started\n(setsid sleep 98763 &)\nsleep 98763\n");
            world.commit("job");
            let mut child = world
                .command(&["run", "--job", "hostile", "--repo", "target"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let end = Instant::now() + Duration::from_mins(1);
            let pause = || ops_core::host::Host::real().pause(Duration::from_millis(20));
            while World::processes_with("sleep 98763").len() < 2 {
                assert!(Instant::now() < end, "the job did not start");
                pause();
            }
            let pid = child.id().to_string();
            assert!(
                std::process::Command::new("kill")
                    .args([&format!("-{signal}"), &pid])
                    .status()
                    .unwrap()
                    .success()
            );
            let mut text = String::new();
            child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
            let code = child.wait().unwrap().code();
            if signal == "TERM" {
                assert_eq!(code, Some(69));
                assert!(text.contains("\"STOPPED\""), "{text}");
                assert!(world.is_tidy());
            }
            while !World::processes_with("sleep 98763").is_empty() {
                assert!(Instant::now() < end, "the job goes on");
                pause();
            }
        }
        assert!(!world.is_tidy(), "what a killed process left is still there");
        // The tree may be gone by now: every run of this user sweeps.
        assert_eq!(world.orb(&["gc"]).code, 0);
        assert!(world.is_tidy());
    });
}
