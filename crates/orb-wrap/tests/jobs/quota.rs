//! Jobs that want more room than they may have, by ways that no size of a file tells of. As this
//! user, and as another one where this one is root.

use std::fs;
use std::process::Command;

use crate::hostile::contained;
use crate::support::{Ran, World, as_each_user};

/// That nothing of what a job left was taken, and that it is gone.
fn dropped(ran: &Ran) {
    let dropped = |it: &String| it.starts_with("OUTPUT_DROPPED");
    assert!(ran.artifact().warnings.iter().any(dropped), "{ran:?}");
    let paths: Vec<&str> = ran.artifact().outputs.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["stderr.log", "stdout.log"]);
    let folder = ran.home.join("artifacts/jobs").join(&ran.artifact().job_id);
    assert!(!folder.join(".work").exists());
}

#[test]
fn files_that_lie_too_deep_to_be_seen_are_too_much() {
    as_each_user(|world| {
        let script = r#"perl -e 'chdir $ENV{ARTIFACT_DIR}; for (1..3000) { mkdir "dddddddd"; chdir "dddddddd" }
            for (1..9) { open F, ">$_"; print F "x" x 1e6; close F } print "done\n"'"#;
        let ran = contained(&world, script);
        assert_eq!(ran.word(), "failure ARTIFACT_LIMIT");
        dropped(&ran);
    });
}

#[test]
fn files_in_a_closed_folder_are_too_much_where_they_cannot_be_counted() {
    as_each_user(|world| {
        let script = r#"perl -e 'chdir $ENV{ARTIFACT_DIR}; mkdir "a"; mkdir "a/b"; my @open;
            for (1..9) { open my $f, ">", "a/b/$_" or die; push @open, $f } chmod 0, "a/b", "a";
            for my $f (@open) { syswrite $f, "x" x 1e6 }'"#;
        let ran = contained(&world, script);
        assert_eq!(ran.word(), "failure ARTIFACT_LIMIT");
        dropped(&ran);
    });
}

#[test]
fn very_many_files_are_too_much() {
    as_each_user(|world| {
        let script =
            r#"perl -e 'chdir $ENV{ARTIFACT_DIR}; for (1..1000000) { open F, ">$_" or exit 7 }'"#;
        let ran = contained(&world, script);
        assert_eq!(ran.word(), "failure ARTIFACT_LIMIT");
        dropped(&ran);
    });
}

#[test]
fn room_is_not_taken_beside_the_size_of_a_file() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"
            must_fail truncate -s 100M $ARTIFACT_DIR/sparse
            # fallocate(KEEP_SIZE), and one that only its size counts
            [ "$(uname -m)" = x86_64 ] && must_fail perl -e 'open F, ">$ENV{ARTIFACT_DIR}/kept"; exit(syscall(285, fileno(F), 1, 0, 1 << 30) < 0)'
            fallocate -l 1M $ARTIFACT_DIR/plain || echo "DID: refuse a plain one"
            must_fail fallocate -l 100M $ARTIFACT_DIR/large"#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
    });
}

#[test]
fn memory_that_processes_share_counts_each_time_it_is_another() {
    as_each_user(|world| {
        // mmap(SHARED|ANONYMOUS), filled by read: none of it is the process's own data.
        let share = r#"perl -e 'my $n = 100 << 20; my $at = syscall(9, 0, $n, 3, 0x21, -1, 0); open Z, "/dev/zero"; syscall(0, fileno(Z), $at, $n); WAIT'"#;
        if std::env::consts::ARCH != "x86_64" {
            skipped::told(skipped::this_test(), "the numbers of system calls are x86_64's");
            return;
        }
        let many =
            format!("for i in 1 2 3 4; do {} & done; wait", share.replace("WAIT", "sleep 50"));
        assert_eq!(contained(&world, &many).word(), "failure MEMORY_LIMIT");
        // What many look at is there once.
        let one = share.replace(
            "WAIT",
            "for (1..6) { if (!fork) { open N, q(>), q(/dev/null); syscall(1, fileno(N), $at, $n); open M, q(>), q(/tmp/x); syscall(1, fileno(M), $at, 1 << 20); sleep 1; exit } } 1 while wait > 0; print qq(ok\\n)",
        );
        let ran = contained(&world, &one);
        assert_eq!((ran.word().as_str(), ran.said().as_str()), ("success", "ok\n"));
    });
}

#[test]
fn files_without_a_name_do_not_fill_the_disk() {
    let world = World::new(false);
    if !ops_core::host::Host::real().is_root() {
        skipped::told(skipped::this_test(), "only root can mount a small disk");
        return;
    }
    world.put(
        "job.sh",
        r#"#!/usr/bin/perl
        my @kept;
        for my $n (1..200) {
            open my $file, ">", "$ENV{ARTIFACT_DIR}/x" or die; unlink "$ENV{ARTIFACT_DIR}/x";
            syswrite $file, "x" x 1e6 for 1..3; push @kept, $file;
        }
        sleep 50;
        "#,
    );
    world.commit("job");
    let orb = world.command(&["run", "--job", "hostile", "--repo", "target"]);
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=64m none \"$0\" && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script]).arg(world.path("home"));
    command.arg(orb.get_program()).args(orb.get_args());
    command.env_clear().envs(orb.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    if !output.stderr.is_empty() && output.stdout.is_empty() {
        skipped::told(skipped::this_test(), String::from_utf8_lossy(&output.stderr));
        return;
    }
    let ran = world.ran(&output);
    assert_eq!((ran.code, ran.word().as_str()), (69, "error DISK_SHORT"), "{ran:?}");
    assert!(ran.artifact().invariants.clean_tree_ok);
}

#[test]
fn a_disk_that_is_full_or_read_only_is_told_and_leaves_nothing() {
    let world = World::new(false);
    if !ops_core::host::Host::real().is_root() {
        skipped::told(skipped::this_test(), "only root can mount a small disk");
        return;
    }
    let sha = world.git(&["rev-parse", "HEAD"]);
    let args = ["run", "--job", "orb_doctor", "--repo", "target", "--sha", &sha];
    assert_eq!(world.orb(&args).word(), "success");
    let mirrors = world.path("home/mirrors").display().to_string();
    for (mount, word, code) in [
        // Of the mirrors alone: a job that needs none of their writing is not to be had.
        (
            format!("mount --bind {mirrors} {mirrors} && mount -o remount,bind,ro {mirrors}"),
            "error ERROR",
            69,
        ),
        (format!("mount -t tmpfs -o size=24k none {mirrors}"), "error ERROR", 69),
        // No room for the artifact itself.
        (
            format!("mount -t tmpfs -o size=4k none {}", world.path("home/artifacts").display()),
            "",
            69,
        ),
    ] {
        let orb = world.command(&args);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")]);
        command.arg(orb.get_program()).args(orb.get_args());
        command.env_clear().envs(orb.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = world.ran(&command.output().unwrap());
        assert_eq!((ran.code, ran.word().as_str()), (code, word), "{mount}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        assert!(world.is_tidy());
    }
    assert_eq!(world.orb(&args).word(), "success");
}

#[test]
fn packing_on_a_disk_that_is_short_is_told_and_costs_no_mirror() {
    let world = World::new(false);
    if !ops_core::host::Host::real().is_root() {
        skipped::told(skipped::this_test(), "only root can mount a small disk");
        return;
    }
    let sha = world.git(&["rev-parse", "HEAD"]);
    let args = ["run", "--job", "orb_doctor", "--repo", "target", "--sha", &sha];
    assert_eq!(world.orb(&args).word(), "success");
    fs::rename(world.path("source"), world.path("away")).unwrap();
    let mirrors = world.path("home/mirrors").display().to_string();
    let answer = world.path("answer").display().to_string();
    let gc = world.command(&["gc"]);
    // On one small disk: gc, and then a job.
    let script = format!(
        "cp -a {mirrors} {mirrors}.kept && mount -t tmpfs -o size=64m none {mirrors} \
         && cp -a {mirrors}.kept/. {mirrors} && head -c 62M /dev/zero >{mirrors}/fill || exit 98\n\
         \"$0\" {} >{answer}; echo $? >>{answer}; exec \"$0\" \"$@\"",
        gc.get_args().map(|it| it.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    );
    let orb = world.command(&args);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).arg(orb.get_program()).args(orb.get_args());
    command.env_clear().envs(orb.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = world.ran(&command.output().unwrap());
    let answer = fs::read_to_string(answer).unwrap_or_default();
    assert!(answer.ends_with("69\n") && answer.contains("nearly full"), "{answer} {ran:?}");
    assert_eq!((ran.word().as_str(), ran.artifact().warnings.len()), ("success", 0), "{ran:?}");
}

#[test]
fn names_of_any_bytes_are_kept_and_shown_so_that_none_deceives() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r#"cd $ARTIFACT_DIR
            for name in "$(printf 'new\nline')" "$(printf 'esc\033[2J')" "$(printf 'not\377text')" -x '--help' ' ' '"' '$(id)' 'artifact.json' 'job-artifact.json' '.work'
            do echo x > "./$name"; done; mkdir "$(printf 'a\nb')"; ln -s / "$(printf 'a\nb')/c""#,
        );
        assert_eq!(ran.word(), "success", "{}", ran.said());
        let paths: Vec<&str> = ran.artifact().outputs.iter().map(|it| it.path.as_str()).collect();
        for path in ["new\\x0aline", "esc\\x1b[2J", "not\\xfftext", "-x", "job-job-artifact.json"] {
            assert!(paths.contains(&path), "{path}: {paths:?}");
        }
        let text = ran.json.to_string();
        assert!(!text.contains("\\n line") && !text.contains("\\u001b"), "{text}");
    });
}

#[test]
fn the_artifact_folder_stays_where_it_is() {
    as_each_user(|world| {
        let ran = contained(
            &world,
            r"
            must_fail rmdir $ARTIFACT_DIR
            must_fail mv $ARTIFACT_DIR /tmp/x
            must_fail ln -sfn / $ARTIFACT_DIR
            must_fail sh -c 'rm -rf $ARTIFACT_DIR/. $ARTIFACT_DIR && ln -s / $ARTIFACT_DIR'
            echo x > $ARTIFACT_DIR/x",
        );
        assert_eq!((ran.word().as_str(), ran.output("x").as_str()), ("success", "x\n"));
    });
}

#[test]
fn an_artifact_does_not_go_where_mirrors_and_trees_lie() {
    let world = World::new(false);
    let run = |folder: &str| {
        let args = ["run", "--job", "orb_doctor", "--repo", "target", "--artifact-dir", folder];
        world.orb(&args)
    };
    assert_eq!(run(world.path("elsewhere/x").to_str().unwrap()).word(), "success");
    for below in ["mirrors/target.git/x", "mirrors/new", "worktrees/x"] {
        let path = world.path("home").join(below);
        let ran = run(path.to_str().unwrap());
        assert_eq!((ran.code, ran.artifact.is_none()), (2, true), "{below}: {ran:?}");
        assert!(!path.exists());
    }
    let ran = world.orb(&["run", "--job", "orb_doctor", "--repo", "target"]);
    assert_eq!(ran.artifact().warnings, Vec::<String>::new());
}
