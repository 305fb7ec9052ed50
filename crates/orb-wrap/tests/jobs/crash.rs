//! Orb-wrap killed at every step of a job, and while a remote hangs: nothing stays, and the next job
//! is none the worse.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{World, as_each_user};

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        ops_core::host::Host::real().pause(Duration::from_millis(1));
    }
}

fn started(world: &World, args: &[&str]) -> Child {
    let mut command = world.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Whether something is below a folder of the home.
fn holds(world: &World, folder: &str) -> bool {
    fs::read_dir(world.path("home").join(folder)).is_ok_and(|mut it| it.next().is_some())
}

/// Whether the youngest artifact folder holds a name.
fn artifact_holds(world: &World, name: &str) -> bool {
    let all = fs::read_dir(world.path("home/artifacts/jobs")).into_iter().flatten().flatten();
    all.into_iter()
        .any(|it| it.path().join(name).exists() && !it.path().join("artifact.json").exists())
}

#[test]
fn killed_at_any_step_it_leaves_nothing_that_stays() {
    type Seen<'a> = &'a dyn Fn(&World) -> bool;
    as_each_user(|world| {
        let mark = format!("sleep 9875{}", std::process::id() % 10);
        world.put("job.sh", &format!("#!/bin/sh\necho started\n[ -z \"$WORD\" ] || {mark}\n"));
        let steps: [(&str, Seen<'_>); 9] = [
            ("at once", &|_| true),
            ("its folder", &|it| holds(it, "artifacts/jobs")),
            ("the lock", &|it| it.path("home/mirrors/target.lock").exists()),
            ("a new mirror", &|it| it.path("home/mirrors/target.new").exists()),
            ("a pack", &|it| {
                holds(it, "mirrors/target.new/objects/pack")
                    || holds(it, "mirrors/target.git/objects/pack")
            }),
            ("the pin", &|it| holds(it, "mirrors/target.git/refs/orb/jobs")),
            ("the job's folder", &|it| artifact_holds(it, ".work")),
            ("the logs", &|it| artifact_holds(it, "stdout.log")),
            ("the job itself", &|_| !World::processes_with("sleep 9875").is_empty()),
        ];
        for (step, is_there) in steps {
            // Each time all of it: with no mirror, and with one that lacks the commit.
            for fresh in [true, false] {
                if fresh {
                    drop(fs::remove_dir_all(world.path("home/mirrors")));
                }
                drop(fs::remove_dir_all(world.path("home/artifacts")));
                world.commit(step);
                let mut child = started(
                    &world,
                    &["run", "--job", "hostile", "--repo", "target", "--param", "word=x"],
                );
                let end = Instant::now() + Duration::from_mins(1);
                // No pause: the steps are short. Some are not taken each time.
                for spin in 1_u64.. {
                    let is_on = spin % 256 == 0 && !World::processes_with(&mark).is_empty();
                    if is_there(&world) || is_on || child.try_wait().unwrap().is_some() {
                        break;
                    }
                    assert!(Instant::now() < end, "{step}");
                }
                child.kill().unwrap();
                let _waited = child.wait().unwrap();
                let place = world.path("").display().to_string();
                wait("processes are left", || {
                    World::processes_with(&place).is_empty()
                        && World::processes_with(&mark).is_empty()
                });
                let ran = world.orb(&["run", "--job", "hostile", "--repo", "target"]);
                assert_eq!(ran.word(), "success", "after {step}: {ran:?}");
                assert!(ran.artifact().invariants.clean_tree_ok);
            }
        }
        assert_eq!(world.orb(&["gc"]).code, 0);
        assert!(world.is_tidy());
        let names = fs::read_dir(world.path("home/mirrors")).unwrap().flatten();
        let mut names: Vec<_> = names.map(|it| it.file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["target.git", "target.lock", "target.pins", "target.seal"]);
        assert!(!holds(&world, "mirrors/target.pins"));
    });
}

#[test]
fn a_remote_that_hangs_does_not_outlive_whoever_asked_it() {
    as_each_user(|mut world| {
        let mark = format!("sleep 9874{}", std::process::id() % 10);
        let ssh = world.path("configs/ssh");
        fs::write(&ssh, format!("#!/bin/sh\ntrap '' TERM HUP INT PIPE\nsetsid {mark} &\n{mark}\n"))
            .unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        world.env.push(("AIOPS_SSH_COMMAND".to_owned(), ssh.display().to_string()));
        world.repositories("ssh://git@git.example/x", "refs/heads/main");
        for (signal, more) in
            [("KILL", &[][..]), ("KILL", &["--sha", &"1".repeat(40)]), ("TERM", &[])]
        {
            let mut args = vec!["run", "--job", "hostile", "--repo", "target"];
            args.extend(more);
            let mut child = started(&world, &args);
            wait("the remote is asked", || World::processes_with(&mark).len() >= 2);
            let kill = ["-s", signal, &child.id().to_string()];
            assert!(std::process::Command::new("kill").args(kill).status().unwrap().success());
            let _waited = child.wait().unwrap();
            wait("the remote is still asked", || World::processes_with(&mark).is_empty());
        }
        assert_eq!(world.orb(&["gc"]).code, 0);
        assert!(world.is_tidy());
    });
}

#[test]
fn killed_while_it_packs_a_mirror_it_costs_the_next_job_nothing() {
    as_each_user(|mut world| {
        let real = ops_core::host::Host::real().find_program("git").unwrap();
        let (bin, mark) = (world.path("bin"), world.path("packing").display().to_string());
        fs::create_dir(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' repack '*|*' gc '*) {0} \"$@\"; exec tail -f {mark};; esac\n\
             exec {0} \"$@\"\n",
            real.display()
        );
        fs::write(bin.join("git"), script).unwrap();
        fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&mark, "").unwrap();
        let sha = world.git(&["rev-parse", "HEAD"]);
        let args = ["run", "--job", "orb_doctor", "--repo", "target", "--sha", &sha];
        assert_eq!(world.orb(&args).word(), "success");
        let plain = std::mem::take(&mut world.env);
        world.env =
            vec![("PATH".to_owned(), format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))];
        for signal in ["KILL", "TERM"] {
            let mut child = started(&world, &["gc"]);
            wait("it packs", || !World::processes_with(&format!("tail -f {mark}")).is_empty());
            let kill = ["-s", signal, &child.id().to_string()];
            assert!(std::process::Command::new("kill").args(kill).status().unwrap().success());
            let _waited = child.wait().unwrap();
            // The one that plays git outlives it, as git would.
            for at in World::pids_with(&format!("tail -f {mark}")) {
                let _gone = std::process::Command::new("kill").arg(at).status();
            }
            fs::rename(world.path("source"), world.path("away")).unwrap();
            let ran = world.orb(&args);
            assert_eq!(
                (ran.word().as_str(), ran.artifact().warnings.len()),
                ("success", 0),
                "{ran:?}"
            );
            fs::rename(world.path("away"), world.path("source")).unwrap();
        }
        world.env = plain;
        assert_eq!(world.orb(&["gc"]).code, 0);
    });
}
