//! The same jobs over the ways people reach their repositories: file, ssh to a real sshd, smart HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use fakes::{Accepted, Fake, Received, Reply, Service};
use push::{Checkout, Format, Hermetic, Remote, Transport};

use crate::support::{Ran, World};

/// A repository behind a transport, one who pushes to it, and a machine that runs jobs over it.
struct Scene<'a> {
    remote: &'a Remote,
    checkout: Checkout<'a>,
    world: World,
}

impl Scene<'_> {
    fn run(&self, more: &[&str]) -> Ran {
        let mut args = vec!["run", "--job", "orb_doctor", "--repo", "target"];
        args.extend(more);
        let ran = self.world.orb(&args);
        assert!(self.world.is_tidy());
        ran
    }

    /// Pushes a doctor that counts so many checks; returns its commit.
    fn push(&self, count: u64, more: &[&str]) -> String {
        self.checkout
            .write("nonce", &format!("{count} after {:?}", self.checkout.git(&["log", "-1"])));
        let sha = self.checkout.commit("ops/doctor_repo.sh", &format!("echo {count}/{count}\n"));
        let mut args = vec!["push", "-q", "origin", "HEAD:refs/heads/main"];
        args.extend(more);
        self.checkout.done(&args);
        sha
    }

    /// That a job over a commit counts so many checks.
    fn counts(&self, more: &[&str], count: u64) -> Ran {
        let ran = self.run(more);
        assert_eq!(ran.word(), "success", "{ran:?} {}", self.remote.log());
        assert_eq!(ran.artifact().doctor.map(|it| it.passed), Some(count));
        ran
    }

    /// That a commit is refused; returns what is said of it.
    fn refused(&self, sha: &str) -> String {
        let ran = self.run(&["--sha", sha]);
        assert_eq!(ran.code, 1);
        assert_eq!(ran.word(), "rejected COMMIT_NOT_ALLOWED", "{ran:?} {}", self.remote.log());
        ran.artifact().rejections[0].message.clone()
    }

    /// Takes the repository away, or brings it back.
    fn is_gone(&self, gone: bool) {
        let bare = self.remote.bare().to_path_buf();
        let away = bare.with_extension("away");
        let (from, to) = if gone { (bare, away) } else { (away, bare) };
        fs::rename(from, to).unwrap();
    }
}

fn over_each_transport(test: impl Fn(&Scene<'_>)) {
    if ops_core::host::Host::real().find_program("bwrap").is_none() {
        return skipped::told(skipped::this_test(), "bubblewrap is not installed");
    }
    for transport in Transport::ALL {
        let hermetic = Hermetic::new();
        let remote = match Remote::new(&hermetic, "target", transport, Format::Sha1) {
            Ok(remote) => remote,
            Err(why) => {
                skipped::told(format_args!("{} over {transport:?}", skipped::this_test()), why);
                continue;
            }
        };
        let mut world = World::new(false);
        world.repositories(&remote.url(), "refs/heads/main");
        let ssh = remote.ssh_command();
        world.env.extend(ssh.map(|it| ("AIOPS_SSH_COMMAND".to_owned(), it)));
        let checkout = Checkout::new(&hermetic, "work", &remote);
        test(&Scene { remote: &remote, checkout, world });
    }
}

#[test]
fn a_commit_is_fetched_when_it_is_missing_and_only_then() {
    over_each_transport(|scene| {
        let first = scene.push(5, &[]);
        let ran = scene.counts(&[], 5);
        assert_eq!(ran.artifact().repo.sha.as_deref(), Some(first.as_str()));
        let url = scene.remote.url();
        assert_eq!(Some(ran.artifact().repo.url.as_str()), url.strip_suffix(".git"));
        let second = scene.push(6, &[]);
        scene.counts(&["--sha", &second], 6);
        scene.is_gone(true);
        scene.counts(&["--sha", &second], 6);
        scene.counts(&["--sha", &first], 5);
        for more in [&[][..], &["--sha", &"2".repeat(40)]] {
            let ran = scene.run(more);
            assert_eq!((ran.code, ran.word().as_str()), (69, "error ERROR"), "{ran:?}");
        }
        scene.is_gone(false);
        let third = scene.push(7, &[]);
        scene.counts(&["--sha", &third], 7);
    });
}

#[test]
fn a_commit_that_a_forced_push_took_away_is_refused_with_that_word() {
    over_each_transport(|scene| {
        let base = scene.push(1, &[]);
        let taken = scene.push(2, &[]);
        scene.counts(&["--sha", &taken], 2);
        scene.checkout.done(&["reset", "-q", "--hard", &base]);
        let new = scene.push(3, &["--force"]);
        scene.counts(&["--sha", &taken], 2);
        // From here on it is known that the branch was rewritten.
        scene.counts(&["--sha", &new], 3);
        let message = scene.refused(&taken);
        assert!(message.contains("forced push"), "{message}");
        scene.counts(&["--sha", &base], 1);
    });
}

#[test]
fn a_commit_that_never_was_there_or_lies_in_a_fork_alone_is_refused() {
    over_each_transport(|scene| {
        let base = scene.push(1, &[]);
        scene.counts(&[], 1);
        for sha in ["3".repeat(40), scene.checkout.done(&["commit-tree", "-m", "x", "HEAD^{tree}"])]
        {
            let message = scene.refused(&sha);
            assert!(message.contains("never pushed"), "{message}");
        }
        // A host keeps commits of forks in the repository itself, and hands them to whoever asks.
        scene.checkout.commit("ops/doctor_repo.sh", "echo 666/666\n");
        let fork = scene.checkout.oid("HEAD");
        scene.checkout.done(&["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
        let config = scene.remote.bare().join("config");
        let own = fs::read_to_string(&config).unwrap();
        fs::write(config, own + "[uploadpack]\n\tallowAnySHA1InWant = true\n").unwrap();
        let message = scene.refused(&fork);
        assert!(message.contains("fork"), "{message}");
        // Also when it is here: put there by hand, nothing that is allowed reaches it.
        let objects = scene.world.path("home/mirrors/target.git");
        let work = scene.checkout.path().display().to_string();
        World::git_in(&objects, &["fetch", "-q", "--no-write-fetch-head", &work, &fork], "");
        scene.refused(&fork);
        scene.counts(&["--sha", &base], 1);
        // Once it is merged it is the repository's own.
        scene.checkout.done(&["push", "-q", "origin", "HEAD:refs/heads/main"]);
        scene.counts(&["--sha", &fork], 666);
    });
}

#[test]
fn a_corrupt_mirror_is_made_anew_from_the_remote() {
    over_each_transport(|scene| {
        let mirror = scene.world.path("home/mirrors/target.git");
        let packs = || -> BTreeSet<PathBuf> {
            let all = fs::read_dir(mirror.join("objects/pack")).unwrap().flatten();
            let all = all.map(|it| it.path());
            all.filter(|it| it.extension().is_some_and(|it| it == "pack")).collect()
        };
        let first = scene.push(4, &[]);
        for harm in ["torn", "flipped", "gone", "the older gone"] {
            scene.counts(&["--sha", &first], 4);
            let older = packs();
            let newer = scene.push(5, &[]);
            scene.counts(&["--sha", &newer], 5);
            let harmed = if harm == "the older gone" { older } else { packs() };
            assert!(!harmed.is_empty());
            for pack in harmed {
                let mut bytes = fs::read(&pack).unwrap();
                fs::remove_file(&pack).unwrap();
                match harm {
                    "torn" => bytes.truncate(bytes.len() / 2),
                    "flipped" => bytes.iter_mut().skip(12).for_each(|byte| *byte ^= 0x55),
                    _ => {
                        fs::remove_file(pack.with_extension("idx")).unwrap();
                        continue;
                    }
                }
                fs::write(&pack, bytes).unwrap();
            }
            let ran = scene.counts(&["--sha", &first], 4);
            let told = |it: &String| it.starts_with("MIRROR_REBUILT");
            // Where nothing can be read git by itself fetches all of it again.
            let is_told = ran.artifact().warnings.iter().any(told);
            assert!(is_told || harm != "the older gone", "{harm}: {ran:?}");
            for (sha, count) in [(&first, 4), (&newer, 5)] {
                let again = scene.counts(&["--sha", sha], count);
                assert_eq!(again.artifact().warnings, Vec::<String>::new(), "{harm}");
            }
        }
    });
}

/// A server of plain files, which may say that others have what it has not.
struct Plain {
    folder: PathBuf,
    elsewhere: String,
    redirects: bool,
}

impl Service for Plain {
    fn answer(&mut self, request: &Received) -> Reply {
        let path = request.target.split('?').next().unwrap_or_default().trim_start_matches('/');
        if self.redirects {
            let there = self.elsewhere.clone() + &request.target.replace("empty", "bare");
            return Reply::new(302, "text/plain", Vec::new()).with_header("Location", &there);
        }
        if path.ends_with("http-alternates") {
            return Reply::new(
                200,
                "text/plain",
                format!("{}/bare/objects\n", self.elsewhere).into(),
            );
        }
        match fs::read(self.folder.join(path)) {
            Ok(bytes) => Reply::new(200, "text/plain", bytes),
            Err(_) => Reply::new(404, "text/plain", Vec::new()),
        }
    }

    fn accepted(&self) -> Vec<Accepted> {
        Vec::new()
    }
}

#[test]
fn a_remote_does_not_send_us_to_another() {
    let world = World::new(false);
    let bare = world.path("bare");
    let path = bare.display().to_string();
    world.git(&["clone", "-q", "--bare", ".", &path]);
    World::git_in(&bare, &["update-server-info"], "");
    let sha = world.git(&["rev-parse", "HEAD"]);
    let serve = |elsewhere: String, redirects| {
        Fake::start(Plain { folder: world.path(""), elsewhere, redirects })
    };
    let whole = serve("http://192.0.2.1".to_owned(), false);
    // One that has the references, and no objects.
    let empty = world.path("empty");
    fs::create_dir_all(empty.join("info")).unwrap();
    for name in ["HEAD", "info/refs"] {
        fs::copy(bare.join(name), empty.join(name)).unwrap();
    }
    for redirects in [false, true] {
        let lure = serve(whole.url(), redirects);
        world.repositories(&format!("{}/empty", lure.url()), "refs/heads/main");
        let ran = world.orb(&["run", "--job", "orb_doctor", "--repo", "target", "--sha", &sha]);
        assert_eq!((ran.code, ran.word().as_str()), (69, "error ERROR"), "{ran:?}");
        assert!(!lure.received().is_empty());
        assert!(whole.received().is_empty(), "{:?}", whole.received());
    }
    world.repositories(&format!("{}/bare", whole.url()), "refs/heads/main");
    let ran = world.orb(&["run", "--job", "orb_doctor", "--repo", "target", "--sha", &sha]);
    assert!(!whole.received().is_empty() && ran.json["status"] != "rejected", "{ran:?}");
}
