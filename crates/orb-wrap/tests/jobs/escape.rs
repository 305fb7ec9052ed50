//! Jobs that look for a way out of the sandbox, beyond files and sockets. As this user, and as
//! another one where this one is root.

use std::process::Command;

use crate::hostile::contained;
use crate::support::as_each_user;

#[test]
fn other_processes_folders_and_programs_are_not_reached_through_proc() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            for pid in 1 $PPID; do for what in root cwd exe fd/0; do must_fail cat /proc/$pid/$what/; done; done
            must_fail ls /proc/1/root/etc
            must_fail cat /proc/1/fd/0
            must_fail sh -c 'echo x > /proc/1/fd/1'
            must_fail cat /proc/1/maps
            must_fail sh -c 'echo x > /proc/1/exe'
            must_fail sh -c 'echo x >> /proc/self/exe'
            must_fail cat /proc/kcore
            must_fail sh -c 'echo 1 > /proc/sys/vm/drop_caches'
            must_fail sh -c 'echo b > /proc/sysrq-trigger'
            must_fail sh -c 'echo 0 > /proc/self/oom_score_adj'
            must_fail sh -c 'echo 0 0 1 > /proc/self/uid_map'
            echo "gives way: $(cat /proc/self/oom_score_adj)""#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert!(ran.said().contains("gives way: 1000"), "{}", ran.said());
    });
}

#[test]
fn devices_are_a_few_harmless_ones_and_none_can_be_made() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r"
            must_fail mknod $ARTIFACT_DIR/sda b 8 0
            must_fail mknod /tmp/mem c 1 1
            must_fail sh -c 'echo x > /dev/new'
            must_fail sh -c 'echo x > /dev/tty'
            must_fail cat /dev/console
            must_fail ls /dev/userfaultfd /dev/fuse /dev/kvm /dev/net/tun /dev/loop-control
            ls /dev",
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        let devices = ran.said().lines().filter(|it| !it.starts_with("refused")).count();
        assert!(devices < 20, "{}", ran.said());
    });
}

#[test]
fn programs_with_the_owners_bit_give_nothing() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            id=$(id -u)
            [ "$id" != 0 ] || echo "DID: be root"
            must_fail su -c true
            must_fail mount -t proc proc /tmp
            must_fail passwd -d root
            must_fail chage -l root
            must_fail chrt -f 1 true
            must_fail nice -n -5 sh -c '[ $(nice) -lt 0 ]'
            cp /usr/bin/id $ARTIFACT_DIR/id; chmod 6755 $ARTIFACT_DIR/id
            [ "$($ARTIFACT_DIR/id -u)" = "$id" ] || echo "DID: become another"
            grep -E '^(CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        let said = ran.said();
        assert_eq!(said.matches(":\t0000000000000000").count(), 4, "{said}");
        assert!(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "{said}");
    });
}

#[test]
fn calls_that_lead_around_the_walls_are_refused() {
    if std::env::consts::ARCH != "x86_64" {
        skipped::told(skipped::this_test(), "the numbers of system calls are x86_64's");
        return;
    }
    as_each_user(|world| {
        // userfaultfd, io_uring_setup, perf_event_open, fanotify_init, name_to_handle_at,
        // open_by_handle_at, mount, move_mount, fsopen, open_tree, mount_setattr, setns, unshare,
        // kexec_load, init_module, add_key, shmget, msgget, memfd_create, memfd_secret, clone3,
        // chroot, pivot_root, personality, process_vm_readv, kcmp, swapon, quotactl, ioperm
        let ran = contained(
            &world,
            r#"
            for call in 323 425,8,0 298,0,0,-1,-1,0 300,0,0 303,-100,0,0,0,0 304,-1,0,0 165,0,0,0,0,0 \
                429,0,0,0,0,0 430,0,0 428,-100,0,0 442,-100,0,0,0,0 308,-1,0 272,0x20000 246,0,0,0,0 \
                175,0,0,0 248,0,0,0,0,0 29,0,4096,0666 68,0,0666 319,0,0 447,0 435,0,0 161,0 155,0,0 \
                135,0x0040000 310,1,0,0,0,0,0 312,1,1,0,0,0 167,0,0 179,0,0,0,0 173,0,1,1
            do must_fail perl -e "\$! = 0; exit(syscall($call) < 0 && (\$! == 1 || \$! == 38))"; done
            # clone with each namespace
            for flag in 0x10000000 0x20000 0x20000000 0x40000000 0x8000000 0x4000000 0x2000000
            do must_fail perl -e "my \$p = syscall(56, $flag | 17, 0, 0, 0, 0); exit(\$p < 0 && \$! == 1)"; done"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert_eq!(ran.said().matches("refused").count(), 36, "{}", ran.said());
    });
}

#[test]
fn words_cannot_be_put_into_a_terminals_mouth() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            perl -e 'open my $tty, "+<", "/dev/ptmx" or print "no terminal\n";
                my $char = "x"; print ioctl($tty, 0x5412, $char) ? "DID: TIOCSTI\n" : "refused: $!\n"
                    for 1; my $n = pack "c", 3; print ioctl($tty, 0x541C, $n) ? "DID: TIOCLINUX\n" : "refused: $!\n"'
            must_fail sh -c 'exec 3<>/dev/tty'
            ps -o tty= -p $$ 2>/dev/null | grep -v '?' && echo "DID: have a terminal"
            true"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert_eq!(ran.said().matches("refused: Operation not permitted").count(), 2);
    });
}

#[test]
fn what_was_left_open_is_closed_to_a_job() {
    as_each_user(|world| {
        world.put("job.sh", "#!/bin/sh\nls -l /proc/self/fd\ncat /proc/self/fd/7/* <&7 2>&1; ls /proc/self/fd/8/ 2>&1; echo end\n");
        world.commit("job");
        let canary = format!("canary{}", "5512");
        std::fs::write(world.path("configs/secret"), &canary).unwrap();
        let orb = world.command(&["run", "--job", "hostile", "--repo", "target"]);
        let mut command = Command::new("sh");
        let script = "cd \"$0\"; exec 7<secret 8<.; exec \"$@\"";
        command.args(["-c", script]).arg(world.path("configs"));
        command.arg(orb.get_program()).args(orb.get_args());
        command.env_clear().envs(orb.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = world.ran(&command.output().unwrap());
        let said = ran.said();
        assert!(said.contains("end\n"), "{ran:?}");
        assert!(!said.contains(&canary) && !said.contains("repo_allowlist"), "{said}");
        assert!(!said.contains(" 7 -> ") && !said.contains(" 8 -> "), "{said}");
    });
}

#[test]
fn a_flood_of_watches_timers_and_descriptors_ends_with_the_job() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            perl -e 'my ($n, @kept) = (0); if ((my $arch = `uname -m`) =~ /x86_64/) {
                for (1..2000) { last if syscall(294, 0) < 0; $n++ } # inotify_init1
                for (1..2000) { last if syscall(291, 0) < 0; $n++ } # epoll_create1
                for (1..2000) { last if syscall(290, 0, 0) < 0; $n++ } # eventfd2
            } while (open my $f, "<", "/dev/null") { push @kept, $f; $n++ } print "opened at most 1024: ", $n <= 1024 ? "yes" : "DID: $n", "\n"'"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
    });
}

#[test]
fn parameters_cannot_leave_their_pattern_nor_become_commands() {
    as_each_user(|world| {
        world.put("job.sh", "#!/bin/sh\nprintf '%s' \"$WORD\"\n");
        world.commit("job");
        let run = |value: &str| {
            let param = format!("word={value}");
            world.orb(&["run", "--job", "hostile", "--repo", "target", "--param", &param])
        };
        assert_eq!(run("fine1").output("stdout.log"), "fine1");
        for value in [
            "fine\n", "\nfine", "fine\nrm", "a;b", "$(id)", "`id`", "a b", "", "ä", "A", "../x",
            "-x", "a\rb",
        ] {
            let ran = run(value);
            assert_eq!(ran.word(), "rejected BAD_PARAM", "{value:?}");
        }
        for name in ["path", "LD_PRELOAD", "ld_preload", "word=x;word", "wo\nrd"] {
            let param = format!("{name}=x");
            let ran =
                world.orb(&["run", "--job", "hostile", "--repo", "target", "--param", &param]);
            assert!(ran.word().starts_with("rejected"), "{name:?}");
        }
    });
}
