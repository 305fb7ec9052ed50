//! The real binary over real repositories: what it lets in, what it leaves, and what it says.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Ran, World, as_each_user};
use serde_json::{Value, json};

fn valid(name: &str, document: &Value) {
    let path = format!("{}/../../configs/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let checker = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = checker.iter_errors(document).map(|it| it.to_string()).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
}

fn run(world: &World, job: &str, more: &[&str]) -> Ran {
    let mut args = vec!["run", "--job", job, "--repo", "target"];
    args.extend(more);
    let ran = world.orb(&args);
    valid("job.schema.json", &ran.json);
    let kept = fs::read(
        ran.home.join("artifacts/jobs").join(&ran.artifact().job_id).join("artifact.json"),
    );
    assert_eq!(serde_json::from_slice::<Value>(&kept.unwrap()).unwrap(), ran.json);
    assert!(world.is_tidy());
    ran
}

#[test]
fn a_doctors_run_leaves_a_whole_artifact() {
    as_each_user(|world| {
        let ran = run(&world, "orb_doctor", &[]);
        let it = ran.artifact();
        assert_eq!((ran.code, ran.word().as_str()), (0, "success"), "{ran:?}");
        assert_eq!(it.doctor.map(|it| (it.passed, it.total)), Some((11, 12)));
        assert_eq!(ran.output("DOCTOR_OUTPUT.txt"), "[doctor] 11/12 checks passed\n");
        assert_eq!(it.repo.sha.as_deref(), Some(world.git(&["rev-parse", "HEAD"]).as_str()));
        let paths: Vec<&str> = it.outputs.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["DOCTOR_OUTPUT.txt", "params.json", "stderr.log", "stdout.log"]);
        assert!(it.invariants.sandbox.len() >= 8 && it.invariants.clean_tree_ok);
        // A second one needs no remote: its commit is there.
        let sha = it.repo.sha.clone().unwrap();
        fs::rename(world.path("source"), world.path("away")).unwrap();
        assert_eq!(run(&world, "orb_doctor", &["--sha", &sha]).word(), "success");
        let gone = run(&world, "orb_doctor", &["--sha", &"1".repeat(40)]);
        assert_eq!((gone.code, gone.word().as_str()), (69, "error ERROR"));
    });
}

#[test]
fn what_is_not_there_and_what_fails_is_told_in_a_word() {
    let world = World::new(false);
    fs::remove_file(world.path("source/ops/doctor_repo.sh")).unwrap();
    world.commit("without a doctor");
    for (job, word) in
        [("orb_doctor", "failure SCRIPT_NOT_FOUND"), ("orb_score_run", "failure HARNESS_NOT_FOUND")]
    {
        let ran = run(&world, job, &[]);
        assert_eq!((ran.code, ran.word().as_str()), (1, word));
    }
    if ops_core::host::Host::real().find_program("bwrap").is_none() {
        let part = format_args!("part of {}", skipped::this_test());
        return skipped::told(part, "bubblewrap is not installed");
    }
    world.put("ops/doctor_repo.sh", "echo '0/3'; exit 7\n");
    world.put("research/score_harness.py", "import os\nopen(os.environ['ARTIFACT_DIR'] + '/score.json', 'w').write(os.environ['RUN_ID'])\nprint('scored')\n");
    world.put("ops/score_run.sh", "echo wrong one\n");
    world.commit("with one that fails");
    let ran = run(&world, "orb_doctor", &[]);
    assert_eq!((ran.word().as_str(), ran.artifact().exit_code), ("failure EXIT_CODE", Some(7)));
    let ran = run(&world, "orb_score_run", &["--param", "run_id=r7"]);
    assert_eq!(ran.word(), "success", "{}", ran.said());
    assert_eq!(
        (ran.output("score.json").as_str(), ran.output("SCORE_OUTPUT.txt").as_str()),
        ("r7", "scored\n")
    );
    let params: Value = serde_json::from_str(&ran.output("params.json")).unwrap();
    assert_eq!(params, json!({"run_id": "r7"}));
}

#[test]
fn what_is_not_listed_is_rejected_with_every_reason() {
    let world = World::new(false);
    for (args, words) in [
        (vec!["--job", "rm", "--repo", "target"], vec!["JOB_TYPE_NOT_ALLOWED"]),
        (vec!["--job", "orb_doctor", "--repo", "other"], vec!["REPO_NOT_ALLOWED"]),
        (vec!["--job", "orb_doctor", "--repo", "https://git.example/x"], vec!["REPO_NOT_ALLOWED"]),
        (
            vec!["--job", "orb_doctor", "--repo", "x", "--sha", "y", "--param", "a=b"],
            vec!["REPO_NOT_ALLOWED", "BAD_SHA", "UNKNOWN_PARAM"],
        ),
    ] {
        let mut all = vec!["run"];
        all.extend(args);
        let ran = world.orb(&all);
        assert_eq!((ran.code, ran.json["status"].as_str()), (1, Some("rejected")));
        let reasons: Vec<&str> = ran.json["rejections"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["reason"].as_str())
            .collect();
        assert_eq!(reasons, words);
        valid("job.schema.json", &ran.json);
    }
    assert!(!world.path("home/mirrors").exists(), "nothing was fetched");
}

#[test]
fn a_parameter_that_is_given_twice_is_refused() {
    let world = World::new(false);
    for call in ["run", "explain"] {
        let mut args = vec![call, "--job", "hostile", "--repo", "target", "--param", "word=a"];
        for again in ["word=b", "word=a"] {
            args.truncate(7);
            args.extend(["--param", again]);
            let ran = world.orb(&args);
            assert_eq!((ran.code, ran.artifact.is_none()), (65, true), "{ran:?}");
            assert!(ran.err.contains("word is given twice"), "{}", ran.err);
        }
    }
    assert!(!world.path("home/artifacts/jobs").exists(), "no job was begun");
}

#[test]
fn only_commits_that_an_allowed_reference_reaches_are_looked_at() {
    let world = World::new(false);
    let first = world.git(&["rev-parse", "HEAD"]);
    // One that lies in the repository, but in nobody's branch: as a fork's do.
    let tree = world.git(&["rev-parse", "HEAD^{tree}"]);
    let impostor = world.git(&["commit-tree", "-m", "x", "-p", &first, &tree]);
    world.git(&["update-ref", "refs/pull/1/head", &impostor]);
    world.git(&["branch", "side", &impostor]);
    let said = |sha: &str| {
        let ran = run(&world, "orb_doctor", &["--sha", sha]);
        let message = ran.artifact().rejections.first().map(|it| it.message.clone());
        (ran.word(), message.unwrap_or_default())
    };
    let (status, message) = said(&impostor);
    assert_eq!(status, "rejected COMMIT_NOT_ALLOWED");
    assert!(message.contains("fork"), "{message}");
    // An older commit of an allowed branch is fine, whatever times say.
    let done = world.commit("two");
    assert_eq!(said(&first).0, "success");
    assert_eq!(said(&done).0, "success");
    // A forced push takes it away: it was here, so that is said.
    world.git(&["reset", "-q", "--hard", &first]);
    let new = world.commit("other two");
    assert_eq!(said(&done).0, "success", "what is there needs no remote");
    assert_eq!(said(&new).0, "success");
    let (status, message) = said(&done);
    assert_eq!(status, "rejected COMMIT_NOT_ALLOWED");
    assert!(message.contains("forced push"), "{message}");
    assert_eq!(said(&tree).0, "rejected COMMIT_NOT_ALLOWED", "a tree is no commit");
}

#[test]
fn a_mirror_that_somebody_changed_or_broke_is_made_anew() {
    type Harm<'a> = Box<dyn Fn() + 'a>;
    let world = World::new(false);
    let sha = world.git(&["rev-parse", "HEAD"]);
    assert_eq!(run(&world, "orb_doctor", &["--sha", &sha]).word(), "success");
    let mirror = world.path("home/mirrors/target.git");
    let mark = world.path("mark");
    let breaks: Vec<(&str, Harm<'_>)> = vec![
        (
            "a hook",
            Box::new(|| {
                fs::create_dir_all(mirror.join("hooks")).unwrap();
                fs::write(
                    mirror.join("hooks/reference-transaction"),
                    format!("#!/bin/sh\ntouch {}\n", mark.display()),
                )
                .unwrap();
            }),
        ),
        (
            "its settings",
            Box::new(|| {
                let text = fs::read_to_string(mirror.join("config")).unwrap();
                fs::write(
                    mirror.join("config"),
                    text + &format!("[core]\n\tfsmonitor = touch {}\n", mark.display()),
                )
                .unwrap();
            }),
        ),
        (
            "a branch",
            Box::new(|| fs::write(mirror.join("refs/heads/evil"), format!("{sha}\n")).unwrap()),
        ),
        ("no configuration", Box::new(|| fs::remove_file(mirror.join("config")).unwrap())),
        ("no packs", Box::new(|| fs::remove_dir_all(mirror.join("objects/pack")).unwrap())),
        (
            "torn packs",
            Box::new(|| {
                for file in fs::read_dir(mirror.join("objects/pack")).unwrap().flatten() {
                    let mut permissions = file.metadata().unwrap().permissions();
                    #[expect(
                        clippy::permissions_set_readonly_false,
                        reason = "it is removed at once"
                    )]
                    permissions.set_readonly(false);
                    fs::set_permissions(file.path(), permissions).unwrap();
                    let bytes = fs::read(file.path()).unwrap();
                    fs::write(file.path(), &bytes[..bytes.len() / 2]).unwrap();
                }
            }),
        ),
        (
            "a link in its place",
            Box::new(|| {
                fs::rename(&mirror, world.path("elsewhere")).unwrap();
                symlink(world.path("elsewhere"), &mirror).unwrap();
            }),
        ),
    ];
    for (what, harm) in breaks {
        harm();
        let ran = run(&world, "orb_doctor", &["--sha", &sha]);
        assert_eq!(ran.word(), "success", "{what}: {ran:?}");
        let again = run(&world, "orb_doctor", &["--sha", &sha]);
        assert_eq!(again.artifact().warnings, Vec::<String>::new(), "{what}");
        assert!(!mark.exists(), "{what}");
    }
    let config = fs::read_to_string(mirror.join("config")).unwrap();
    assert!(config.contains("pushurl = DISABLED"));
}

#[test]
fn a_review_bundle_becomes_packets_where_it_is_too_large() {
    as_each_user(|mut world| {
        let since = world.git(&["rev-parse", "HEAD"]);
        world.put("a.txt", "bbbb\n");
        world.commit("two");
        let param = format!("since_sha={since}");
        let ran = run(&world, "orb_review_bundle", &["--param", &param]);
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert!(ran.output("REVIEW_BUNDLE.txt").contains("+bbbb"), "{ran:?}");
        assert!(!ran.artifact().size_cap_exceeded);
        world.env.push(("FORCE_SIZE_CAP".to_owned(), "1".to_owned()));
        let ran = run(&world, "orb_review_bundle", &["--param", &param]);
        let it = ran.artifact();
        assert_eq!((ran.code, ran.word().as_str()), (0, "success"), "{}", ran.said());
        assert!(it.size_cap_exceeded && it.warnings.contains(&"SIZE_CAP_EXCEEDED".to_owned()));
        assert!(it.size_cap_fallback.as_ref().unwrap()["packets"].is_array());
        let folder = it.review_packets_dir.clone().unwrap();
        assert!(ran.output(&format!("{folder}/packet_001.txt")).contains("+bbbb"));
        let archive = it.review_packets_archive.clone().unwrap();
        assert!(it.outputs.iter().any(|it| it.path == archive));
    });
}

#[test]
fn packets_that_were_not_made_whole_do_not_hide_how_the_job_ended() {
    as_each_user(|world| {
        let half = "to=$ARTIFACT_DIR/review_packets/20260101T000000Z
            mkdir -p $to; echo one > $to/packet_001.txt";
        let meta = "echo '{}' > $to/size_cap_meta.json";
        let archive = "echo x > $to/ORB_REVIEW_PACKETS.tar.gz";
        for (rest, word) in [
            ("exit 3", "failure EXIT_CODE"),
            ("sleep 60", "timeout DEADLINE"),
            (
                "for i in 1 2 3 4 5 6; do perl -e '$x = q(x) x (60 << 20); sleep 60' & done; wait",
                "failure MEMORY_LIMIT",
            ),
            (
                "for i in 1 2 3; do head -c 2000000 /dev/zero > $to/$i; done; sleep 60",
                "failure ARTIFACT_LIMIT",
            ),
            ("exit 0", "failure PACKETS_INCOMPLETE"),
            (meta, "failure PACKETS_INCOMPLETE"),
            (archive, "failure PACKETS_INCOMPLETE"),
            (
                &format!("{archive}; echo '{{' > $to/size_cap_meta.json"),
                "failure PACKETS_INCOMPLETE",
            ),
            (&format!("{archive}; {meta}; exit 1"), "failure EXIT_CODE"),
            (&format!("{archive}; {meta}"), "success"),
        ] {
            world.put("job.sh", &format!("#!/bin/sh\n{half}\n{rest}\n"));
            world.commit("job");
            let ran = run(&world, "bundle", &[]);
            let is_whole = word == "success";
            assert_eq!((ran.code, ran.word().as_str()), (i32::from(!is_whole), word), "{rest}");
            assert_eq!(ran.artifact().size_cap_exceeded, is_whole, "{rest}");
            assert_eq!(ran.artifact().review_packets_dir.is_some(), is_whole, "{rest}");
        }
    });
}

#[test]
fn commits_in_parameters_are_held_to_the_allowed_references_as_the_jobs_own() {
    as_each_user(|world| {
        let first = world.git(&["rev-parse", "HEAD"]);
        world.put("a.txt", "withdrawn\n");
        let away = world.commit("withdrawn");
        assert_eq!(run(&world, "orb_doctor", &["--sha", &away]).word(), "success");
        world.git(&["reset", "-q", "--hard", &first]);
        world.put("a.txt", "good\n");
        let good = world.commit("good");
        assert_eq!(run(&world, "orb_doctor", &["--sha", &good]).word(), "success");
        let bundle = |since: &str, to: &str| {
            let (since, to) = (format!("since_sha={since}"), format!("to_sha={to}"));
            let params = ["--sha", &first, "--param", &since, "--param", &to];
            run(&world, "orb_review_bundle", &params)
        };
        let refused = |ran: &Ran| -> Vec<String> {
            assert_eq!((ran.code, ran.word().as_str()), (1, "rejected COMMIT_NOT_ALLOWED"));
            assert_eq!(ran.said(), "", "nothing was started");
            ran.artifact().rejections.iter().map(|it| it.field.clone()).collect()
        };
        let never = "1".repeat(40);
        let ran = bundle(&first, &away);
        assert_eq!(refused(&ran), ["params.to_sha"]);
        let message = &ran.artifact().rejections[0].message;
        assert!(message.contains("forced push"), "{message}");
        assert_eq!(refused(&bundle(&away, &good)), ["params.since_sha"]);
        assert_eq!(refused(&bundle(&never, &away)), ["params.since_sha", "params.to_sha"]);
        // One that is on the remote, and not here yet, is fetched.
        world.put("a.txt", "better\n");
        let better = world.commit("better");
        let ran = bundle(&first, &better);
        assert_eq!(ran.word(), "success", "{}", ran.said());
        assert!(ran.output("REVIEW_BUNDLE.txt").contains("+better"));
    });
}

#[test]
fn logs_are_audited() {
    as_each_user(|world| {
        world.put("logs/a.log", "ok\nERROR one\nerror two\nfine\n");
        world.put("logs/b.txt", "error three\nwarned\n");
        world.commit("logs");
        let ran = run(&world, "orb_log_audit", &[]);
        assert_eq!(ran.word(), "success", "{}", ran.said());
        let audit: Value = serde_json::from_str(&ran.output("LOG_AUDIT.json")).unwrap();
        valid("job.log_audit.schema.json", &audit);
        assert_eq!(audit["patterns"][0]["count"], 2);
        assert_eq!(audit["patterns"][0]["samples"][0], "logs/a.log:2: ERROR one");
        let ran = run(
            &world,
            "orb_log_audit",
            &["--param", "log_path=logs/*.txt", "--param", "patterns=three\nwarned\nnone"],
        );
        let audit: Value = serde_json::from_str(&ran.output("LOG_AUDIT.json")).unwrap();
        let counts: Vec<&Value> =
            audit["patterns"].as_array().unwrap().iter().map(|it| &it["count"]).collect();
        assert_eq!(counts, [1, 1, 0]);
        assert_eq!(
            run(&world, "orb_log_audit", &["--param", "log_path=none"]).json["status"],
            "failure"
        );
    });
}

#[test]
fn two_jobs_of_one_repository_run_beside_each_other() {
    as_each_user(|world| {
        world.put("job.sh", "#!/bin/sh\nsleep 1\n");
        world.commit("job");
        // All made before any runs: making one goes over files that a job takes away.
        let commands: Vec<_> = (0..4)
            .map(|_| world.command(&["run", "--job", "hostile", "--repo", "target"]))
            .collect();
        let started = commands.into_iter().map(|mut command| {
            let command = command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped()).spawn().unwrap()
        });
        let children: Vec<_> = started.collect();
        for child in children {
            let ran = world.ran(&child.wait_with_output().unwrap());
            assert_eq!(ran.word(), "success", "{ran:?}");
        }
        assert!(world.is_tidy());
    });
}

#[test]
fn without_the_minimum_no_job_runs() {
    let mut world = World::new(false);
    // git and a shell, but no bubblewrap.
    let bin = world.path("bin");
    fs::create_dir(&bin).unwrap();
    for folder in ["/usr/local/bin", "/usr/bin", "/bin"] {
        let git = std::path::Path::new(folder).join("git");
        if git.exists() && !bin.join("git").exists() {
            symlink(git, bin.join("git")).unwrap();
        }
    }
    world.env.push(("PATH".to_owned(), bin.display().to_string()));
    world.put("job.sh", "#!/bin/sh\necho ran; echo x > a.txt\n");
    world.commit("job");
    let ran = run(&world, "hostile", &[]);
    assert_eq!((ran.code, ran.word().as_str()), (69, "error SANDBOX_REFUSED"));
    assert!(ran.artifact().error_detail.as_ref().unwrap().contains("read_only_mount"));
    assert_eq!(ran.said(), "");
    assert!(!ran.artifact().invariants.read_only_ok);
    // A layer that this kernel cannot give: the job does not run either, and it is said which.
    world.env.clear();
    let path = world.path("configs/job_allowlist.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("minimum: [", "minimum: [cgroup, ")).unwrap();
    let ran = run(&world, "hostile", &[]);
    assert_eq!((ran.code, ran.word().as_str()), (69, "error SANDBOX_REFUSED"));
    assert!(ran.artifact().error_detail.as_ref().unwrap().contains("cgroup"), "{ran:?}");
    assert_eq!(ran.said(), "");
}

#[test]
fn what_there_is_can_be_listed_and_explained() {
    let world = World::new(false);
    let list = world.orb(&["list"]);
    valid("job.list.schema.json", &list.json);
    assert_eq!(list.json["jobs"]["orb_review_bundle"]["params"][0]["required"], true);
    let plan = world.orb(&["explain", "--job", "orb_doctor", "--repo", "target"]);
    valid("job.plan.schema.json", &plan.json);
    assert_eq!((plan.code, plan.json["allowed"].as_bool()), (0, Some(true)));
    assert_eq!((&plan.json["network"], &plan.json["params"]), (&json!("none"), &json!({})));
    let no = world.orb(&["explain", "--job", "orb_doctor", "--repo", "other"]);
    valid("job.plan.schema.json", &no.json);
    assert_eq!((no.code, no.json["allowed"].as_bool()), (1, Some(false)));
    let gc = world.orb(&["gc"]);
    valid("job.gc.schema.json", &gc.json);
    assert_eq!(gc.code, 0);
}

#[test]
fn a_person_is_told_every_limit_and_what_was_given() {
    let world = World::new(false);
    let asked = ["explain", "--job", "hostile", "--repo", "target", "--param", "word=abc"];
    let call = world.command(&asked);
    let mut plain = std::process::Command::new(call.get_program());
    plain.args(call.get_args().filter(|it| *it != "--json")).env_clear();
    plain.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = String::from_utf8(plain.output().unwrap().stdout).unwrap();
    for part in [
        "repo:job.sh word over file://",
        " at the remote's HEAD\n",
        "  with word=\"abc\"\n",
        "  at most 60s, 256 MiB of memory, 48 processes\n",
        "  4 MiB of outputs, 8 MiB of /tmp\n",
        "  65536 bytes of standard output, as many of standard error\n",
        "  network: none\n",
        "  the sandbox must hold: read_only_mount, ",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert_eq!(world.orb(&asked).json["params"], json!({"word": "abc"}));
}

#[test]
fn gc_packs_what_is_listed_and_removes_what_is_not() {
    let world = World::new(false);
    let sha = world.git(&["rev-parse", "HEAD"]);
    assert_eq!(run(&world, "orb_doctor", &["--sha", &sha]).word(), "success");
    let kept = world.orb(&["gc"]);
    assert!(kept.json["mirrors_kept"]["target"].as_u64().unwrap() > 0, "{kept:?}");
    // What gc changed is ours: the mirror is not made anew for it.
    let ran = run(&world, "orb_doctor", &["--sha", &sha]);
    assert_eq!((ran.word().as_str(), ran.artifact().warnings.len()), ("success", 0), "{ran:?}");
    let kept = &world.orb(&["gc"]).json;
    assert_eq!(
        (&kept["kept_bytes"], &kept["over_bytes"]),
        (&kept["mirrors_kept"]["target"], &json!(0))
    );
    fs::write(world.path("configs/repo_allowlist.yaml"), "repos: []\n").unwrap();
    assert_eq!(world.orb(&["gc"]).json["mirrors_removed"], json!(["target"]));
    assert!(!world.path("home/mirrors/target.git").exists());
}

#[test]
fn gc_removes_mirrors_that_take_too_much_and_says_what_that_freed() {
    let world = World::new(false);
    let sha = world.git(&["rev-parse", "HEAD"]);
    assert_eq!(run(&world, "orb_doctor", &["--sha", &sha]).word(), "success");
    let gc = world.orb(&["gc", "--max-mib", "1"]);
    assert_eq!((gc.code, &gc.json["mirrors_removed"]), (0, &json!([])), "{gc:?}");
    let gc = world.orb(&["gc", "--max-mib", "0"]);
    valid("job.gc.schema.json", &gc.json);
    assert_eq!((gc.code, &gc.json["mirrors_removed"]), (0, &json!(["target"])), "{gc:?}");
    assert!(gc.json["freed"]["target"].as_u64().unwrap() > 0);
    assert_eq!((&gc.json["kept_bytes"], &gc.json["over_bytes"]), (&json!(0), &json!(0)));
    assert!(!world.path("home/mirrors/target.git").exists());
    assert_eq!(run(&world, "orb_doctor", &["--sha", &sha]).word(), "success", "fetched again");
}

#[test]
fn an_artifact_is_never_overwritten_and_its_folder_names_the_job() {
    let world = World::new(false);
    let folder = world.path("home/artifacts/jobs/20260101T000000Z-abcdef");
    let folder = folder.to_str().unwrap();
    let args = ["run", "--job", "orb_doctor", "--repo", "target", "--artifact-dir", folder];
    let ran = world.orb(&args);
    assert_eq!(ran.artifact().job_id, "20260101T000000Z-abcdef");
    let again = world.orb(&args);
    assert_eq!((again.code, again.artifact.is_none()), (65, true), "{again:?}");
}

#[test]
fn a_repository_of_sha256_is_looked_at_too() {
    let world = World::new(false);
    fs::remove_dir_all(world.path("source/.git")).unwrap();
    world.git(&["init", "-q", "--object-format=sha256"]);
    let sha = world.commit("one");
    assert_eq!(sha.len(), 64);
    for more in [vec![], vec!["--sha", sha.as_str()]] {
        let ran = run(&world, "orb_doctor", &more);
        assert_eq!(ran.word(), "success", "{ran:?}");
    }
}
