//! The remotes themselves: they take pushes, give them back, and ask their hooks.

use std::fs;

use push::{Checkout, Format, Hermetic, Hook, Remote, Transport, zeros};
use scenarios::Ran;

use crate::scene::over_each;

/// A hook that writes down what it was given, then answers.
fn recorder(world: &Hermetic, code: u8) -> Hook {
    let script = "{ printf '%s\\n' \"$#\" \"$@\"; cat; } >\"$0\"; echo told >&2; exit ";
    let record = world.path("record");
    Hook::new("/bin/sh", &["-c", &format!("{script}{code}"), record.to_str().unwrap()])
}

fn recorded(world: &Hermetic) -> Option<String> {
    fs::read_to_string(world.path("record")).ok()
}

#[test]
fn what_is_pushed_can_be_fetched_again_over_every_transport_and_in_both_formats() {
    for format in [Format::Sha1, Format::Sha256] {
        over_each(format, |world, remote| {
            let one = Checkout::new(world, "one", remote);
            let first = one.commit("a.txt", "one\n");
            one.done(&["push", "-q", "origin", "main"]);
            assert_eq!(remote.refs(world)["refs/heads/main"], first, "{}", remote.log());
            assert_eq!(first.len(), zeros(format).len());

            let other = Checkout::clone_of(world, "other", remote, &[]);
            let second = other.commit("b.txt", "two\n");
            other.done(&["push", "-q", "origin", "HEAD:main"]);
            one.done(&["fetch", "-q", "origin"]);
            assert_eq!(one.oid("refs/remotes/origin/main"), second);
        });
    }
}

#[test]
fn the_hook_of_the_one_who_pushes_sees_the_lines_and_its_no_is_final() {
    over_each(Format::Sha1, |world, remote| {
        let checkout = Checkout::new(world, "work", remote);
        let oid = checkout.commit("a.txt", "one\n");
        checkout.install_pre_push(&recorder(world, 1));
        let ran = checkout.git(&["push", "origin", "main"]).expect(1);
        assert!(ran.stderr.contains("told"), "{}", ran.stderr);
        let lines = format!(
            "2\norigin\n{}\nrefs/heads/main {oid} refs/heads/main {}\n",
            remote.url(),
            zeros(Format::Sha1)
        );
        assert_eq!(recorded(world), Some(lines));
        assert!(remote.refs(world).is_empty());

        let _ran = checkout.git(&["push", "-q", "--no-verify", "origin", "main"]).expect(0);
        assert_eq!(remote.refs(world).len(), 1);
    });
}

#[test]
fn the_hook_of_the_remote_sees_the_lines_and_nothing_goes_around_its_no() {
    over_each(Format::Sha256, |world, remote| {
        let checkout = Checkout::new(world, "work", remote);
        let oid = checkout.commit("a.txt", "one\n");
        remote.install_pre_receive(&recorder(world, 1));
        for way in [&["push", "origin", "main"][..], &["push", "--no-verify", "origin", "main"]] {
            drop(fs::remove_file(world.path("record")));
            let ran = checkout.git(way).expect(1);
            assert!(ran.stderr.contains("remote: told"), "{}", ran.stderr);
            let line = format!("0\n{} {oid} refs/heads/main\n", zeros(Format::Sha256));
            assert_eq!(recorded(world), Some(line));
            assert!(remote.refs(world).is_empty());
        }
    });
}

#[test]
fn nothing_of_the_person_who_runs_the_tests_is_known_to_git() {
    over_each(Format::Sha1, |world, remote| {
        let checkout = Checkout::new(world, "work", remote);
        checkout.commit("a.txt", "one\n");
        let dump = world.path("environment");
        let hook = Hook::new("/bin/sh", &["-c", "env >>\"$0\"", dump.to_str().unwrap()]);
        checkout.install_pre_push(&hook);
        remote.install_pre_receive(&hook);
        checkout.done(&["push", "-q", "origin", "main"]);
        let seen = fs::read_to_string(dump).unwrap();
        let homes: Vec<&str> = seen.lines().filter(|line| line.starts_with("HOME=")).collect();
        let ours = format!("HOME={}", world.path("home").display());
        assert_eq!(homes, [&ours, &ours], "{seen}");
        for (name, value) in std::env::vars() {
            let is_private = name.starts_with("CARGO") || name.starts_with("AIOPS");
            assert!(!is_private || !seen.contains(&format!("\n{name}={value}\n")), "{name}");
        }
        let listed = checkout.done(&["config", "--list", "--show-scope"]);
        assert!(listed.lines().all(|line| line.starts_with("local\t")), "{listed}");
    });
}

#[test]
fn a_large_push_comes_in_chunks_and_a_large_question_zipped() {
    let world = Hermetic::new();
    let remote = match Remote::new(&world, "origin", Transport::Http, Format::Sha1) {
        Ok(remote) => remote,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let checkout = Checkout::new(&world, "work", &remote);
    // What does not compress, so that it is larger than the buffer.
    let numbers = (0..20_000_u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string());
    let noise = numbers.collect::<Vec<_>>().join("\n");
    checkout.commit("noise.txt", &noise);
    checkout.done(&["-c", "http.postBuffer=65536", "push", "-q", "origin", "main"]);
    let has = |name: &str, value: &str| {
        remote.requests().iter().any(|request| request.header(name) == Some(value))
    };
    assert!(has("transfer-encoding", "chunked"));

    // What only this side has, and is newer, so that the two look for what they share for long.
    let other = Checkout::clone_of(&world, "other", &remote, &[]);
    for at in 0..60 {
        let mut own = other.command(&["commit", "-q", "--allow-empty", "-m", "own"]);
        own.env("GIT_COMMITTER_DATE", format!("2026-02-02T03:04:{at:02}Z"));
        drop(Ran::of(own).expect(0));
    }
    let newest = checkout.commit("b.txt", "two\n");
    checkout.done(&["push", "-q", "origin", "main"]);
    other.done(&["fetch", "-q", "origin"]);
    assert!(has("content-encoding", "gzip"));
    assert_eq!(other.oid("refs/remotes/origin/main"), newest);
}

#[test]
fn a_server_that_asks_for_a_password_gets_it_from_the_url() {
    let world = Hermetic::new();
    let remote = match Remote::new(&world, "origin", Transport::Http, Format::Sha1) {
        Ok(remote) => remote,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let checkout = Checkout::new(&world, "work", &remote);
    checkout.commit("a.txt", "one\n");
    let url = remote.url_with_login("somebody", "open sesame").unwrap().replace(' ', "%20");
    assert_eq!(checkout.git(&["push", "-q", "origin", "main"]).code, 128);
    assert!(remote.refs(&world).is_empty());
    checkout.done(&["push", "-q", &url, "main"]);
    assert_eq!(remote.refs(&world).len(), 1);
}
