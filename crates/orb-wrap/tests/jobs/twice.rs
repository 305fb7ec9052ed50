//! A job that is started again while it runs: the second is told to come later, and the first has what
//! it had.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{World, as_each_user};

fn args(folder: &Path) -> [&str; 7] {
    let folder = folder.to_str().unwrap();
    ["run", "--job", "hostile", "--repo", "target", "--artifact-dir", folder]
}

/// Starts a job of a script whose command line `mark` is; returns once it runs.
fn started(world: &World, folder: &Path, script: &str, mark: &str) -> Child {
    world.put("job.sh", &format!("#!/bin/sh\n{script}\n"));
    world.commit("job");
    let first = world.command(&args(folder)).stdout(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while World::processes_with(mark).is_empty() {
        assert!(Instant::now() < end, "the job did not start");
        ops_core::host::Host::real().pause(Duration::from_millis(5));
    }
    first
}

/// Everything below a folder, with what each file holds.
fn all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(all(&entry.path()));
        } else {
            let path = entry.path().display().to_string();
            found.push((path, fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_job_that_runs_already_is_told_as_try_later_and_keeps_what_it_has() {
    as_each_user(|world| {
        let id = "20260101T000000Z-abcde0";
        let folder = world.path("home/artifacts/jobs").join(id);
        let first = started(
            &world,
            &folder,
            "sleep 98732 &\nwhile [ -e $ARTIFACT_DIR/params.json ]; do :; done",
            "sleep 98732",
        );
        let before = all(&folder);
        // In its own folder, and by its id in another one.
        let elsewhere = world.path("home/elsewhere").join(id);
        for second in [&folder, &elsewhere] {
            let ran = world.orb(&args(second));
            assert_eq!((ran.code, ran.artifact.is_none()), (75, true), "{ran:?}");
            assert!(ran.err.contains("another job"), "{ran:?}");
            assert_eq!(all(&folder), before, "{}", second.display());
            assert!(!elsewhere.exists(), "nothing is left of the second");
        }
        fs::remove_file(folder.join(".work/params.json")).unwrap();
        let first = world.ran(&first.wait_with_output().unwrap());
        assert_eq!(first.word(), "success", "{first:?}");
        assert!(first.artifact().warnings.is_empty(), "{first:?}");
        assert!(world.is_tidy());
    });
}

#[test]
fn one_whose_folder_was_taken_away_leaves_it_to_the_next() {
    as_each_user(|world| {
        let id = "20260101T000000Z-abcde1";
        let folder = world.path("home/artifacts/jobs").join(id);
        let mut first = started(&world, &folder, "sleep 98733", "sleep 98733");
        fs::remove_dir_all(&folder).unwrap();
        let ran = world.orb(&args(&folder));
        assert_eq!((ran.code, ran.artifact.is_none()), (75, true), "{ran:?}");
        assert!(!folder.exists());
        first.kill().unwrap();
        let _waited = first.wait().unwrap();
        world.put("job.sh", "#!/bin/sh\n");
        world.commit("job");
        let ran = world.orb(&args(&folder));
        assert_eq!((ran.word().as_str(), ran.artifact().job_id.as_str()), ("success", id));
        assert!(world.is_tidy());
    });
}
