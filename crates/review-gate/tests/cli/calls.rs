//! The other calls: help, bundle, packets, show, verify.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::desk::{Desk, Told};

#[test]
fn help_and_version_are_there_and_a_wrong_call_is_a_2() {
    let desk = Desk::new();
    for (line, code, word) in [
        ("--help", 0, "Examples:"),
        ("run --help", 0, "--reviewer"),
        ("help check", 0, "pre-push"),
        ("--version", 0, "review-gate 0.1.0 ("),
        ("", 2, "Usage:"),
        ("run --reviewer nobody", 2, "nobody"),
        ("waive --finding x", 2, "--reason"),
        ("bundle --max-bytes 0", 2, "--max-bytes"),
        ("check --help", 0, "review-gate check [OPTIONS] [REMOTE]"),
        ("check -h", 0, "pre-push"),
        ("check --bogus", 2, "--bogus"),
        ("check -x", 2, "-x"),
        ("check --version", 2, "--version"),
        ("check origin --bogus", 2, "--bogus"),
        // Nothing moves: a yes.
        ("check", 0, ""),
        ("check origin file:///srv/thing.git", 0, ""),
        ("check -- --bogus -x", 0, ""),
        ("pre-receive --bogus", 2, "--bogus"),
    ] {
        desk.run(line).is(code, &[word]);
    }
}

#[test]
fn a_bundle_is_the_same_bytes_whatever_the_users_settings_say() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    let plain = desk.run("bundle");
    plain.is(0, &["src/a.rs", "fn a() {}"]);
    for setting in
        ["diff.noprefix=true", "diff.external=/bin/false", "core.quotePath=false", "diff.context=0"]
    {
        let (name, value) = setting.split_once('=').unwrap();
        desk.git(&["config", name, value]);
    }
    let hostile =
        desk.run_with("bundle", &[("GIT_DIFF_OPTS", "-u0"), ("GIT_EXTERNAL_DIFF", "false")]);
    assert_eq!(hostile.out, plain.out);
    let there = desk.root();
    for folder in [there.clone(), there.join("made/as/needed")] {
        let said = desk.run(&format!("bundle --out {}", folder.display()));
        let text = folder.join("bundle.txt");
        said.is(0, &["wrote", text.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&text).unwrap(), plain.out);
        assert_eq!(text.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }
    let file = there.join("made/as/needed/bundle.txt");
    desk.run(&format!("bundle --out {}", file.display())).is(69, &["--out names a folder"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), plain.out);
    let document: Value = serde_json::from_str(&desk.run("--json bundle").out).unwrap();
    assert_eq!(document["schema"], "aiops.review.bundle/1");
    assert_eq!(document["sha256"], verdict::sha256(plain.out.as_bytes()));
    let (_, verdict) = desk.verdict("run");
    assert_eq!(verdict["bundle_sha256"], document["sha256"], "what is reviewed is what is shown");
}

/// A change of three files, of which each fills a packet of 5,000 bytes.
fn three() -> Desk {
    let desk = Desk::new();
    for name in ["a", "b", "c"] {
        desk.put(&format!("src/{name}.rs"), "fn x() { work(); }\n".repeat(150));
    }
    desk.commit("three");
    desk
}

#[test]
fn over_the_cap_is_a_6_and_the_packets_are_there() {
    let desk = three();
    let own = desk.root().join("state/artifacts/review/review_packets");
    for (caps, packets, why) in [
        ("--max-bytes 5000", 3, "bytes are more than"),
        ("--max-bytes 500", 3, "bytes are more than"),
        ("--max-bytes 50000 --max-tokens 100", 2, "tokens are more than"),
    ] {
        for (wanted, below) in [
            (String::new(), own.clone()),
            ("--out ../out".to_owned(), desk.path("../out/review_packets")),
            ("--out ../deep/out".to_owned(), desk.path("../deep/out/review_packets")),
        ] {
            let call = format!("bundle {caps} {wanted}");
            let said = desk.run(&call);
            said.is(6, &["over the cap", &format!("wrote {packets} packets"), "/review_packets/"]);
            assert!(said.err.contains(why), "{said:?}");
            let said = desk.run(&format!("--json {call}"));
            assert_eq!(said.code, 6, "{said:?}");
            let document: Value = serde_json::from_str(&said.out).unwrap();
            let folder = desk.path("").join(document["written"].as_str().unwrap());
            assert_eq!(
                folder.parent().unwrap().canonicalize().unwrap(),
                below.canonicalize().unwrap()
            );
            assert_eq!(document["over_cap"], true);
            assert_eq!(document["packets"].as_array().unwrap().len(), packets, "{call}");
            for name in document["packets"].as_array().unwrap() {
                assert!(folder.join(name.as_str().unwrap()).exists(), "{name}");
            }
            assert!(folder.join("HOW_TO_PASTE.txt").exists());
        }
    }
}

#[test]
fn over_the_cap_no_earlier_text_is_left_to_be_taken_for_this_one() {
    let desk = three();
    let text = desk.path("../out/bundle.txt");
    desk.run("bundle --out ../out").is(0, &["wrote"]);
    assert!(text.exists());
    desk.run("packets --max-bytes 5000 --out ../out").is(0, &["packets"]);
    assert!(text.exists(), "packets are not instead of a text");
    desk.run("bundle --max-bytes 5000 --out ../out").is(6, &["over the cap"]);
    assert!(!text.exists());
}

#[test]
fn a_bundle_is_written_over_nothing_that_is_none() {
    let desk = three();
    let text = desk.path("../out/bundle.txt");
    let other = desk.path("../other.txt");
    for is_link in [false, true] {
        let foreign = if is_link { &other } else { &text };
        desk.put("../out/keep", "");
        fs::write(foreign, "aiops review notes of mine\n").unwrap();
        if is_link {
            fs::remove_file(&text).unwrap();
            std::os::unix::fs::symlink(&other, &text).unwrap();
        }
        for caps in ["", "--max-bytes 5000"] {
            let said = desk.run(&format!("bundle --out ../out {caps}"));
            said.is(2, &["bundle.txt", "no bundle", "another folder"]);
            assert_eq!(fs::read_to_string(&text).unwrap(), "aiops review notes of mine\n");
            assert_eq!(text.is_symlink(), is_link);
            assert!(!desk.path("../out/review_packets").exists(), "before anything");
        }
    }
    fs::remove_file(&text).unwrap();
    fs::write(&text, "aiops review bundle, format 0\nof an earlier version\n").unwrap();
    desk.run("bundle --out ../out").is(0, &["wrote"]);
}

#[test]
fn packets_are_written_with_all_that_is_needed_to_use_them() {
    let desk = three();
    desk.run("packets --max-bytes 500 --out ../none").is(2, &["4096 bytes"]);
    assert!(!desk.path("../none").exists());
    let out = desk.root().join("out");
    let said = desk.run(&format!("--json packets --max-bytes 5000 --out {}", out.display()));
    assert_eq!(said.code, 0, "{said:?}");
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let folder = std::path::PathBuf::from(document["written"].as_str().unwrap());
    assert!(folder.starts_with(out.join("review_packets")));
    for file in [
        "packet_001.txt",
        "packet_002.txt",
        "HOW_TO_PASTE.txt",
        "README_REVIEW_PACKETS.txt",
        "ORB_REVIEW_PACKETS.tar.gz",
        "size_cap_meta.json",
    ] {
        assert!(folder.join(file).exists(), "{file}");
    }
}

#[test]
fn a_verdict_is_shown_in_every_form_and_stock_ssh_keygen_accepts_what_is_exported() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &[]);
    for (format, word) in [
        ("text", "APPROVED"),
        ("json", "\"aiops.verdict/1\""),
        ("sarif", "\"2.1.0\""),
        ("rdjson", "\"diagnostics\""),
        ("markdown", "APPROVED"),
        ("github", ""),
    ] {
        desk.run(&format!("show --format {format}")).is(0, &[word]);
    }
    let out = desk.root().join("export");
    desk.run(&format!("show --export {}", out.display())).is(0, &["signed-bytes.sig"]);
    let mut verify = Command::new("ssh-keygen");
    verify
        .args(["-Y", "verify", "-n", "aiops-verdict", "-I", "reviewer-1", "-f"])
        .arg(out.join("allowed_signers"))
        .arg("-s")
        .arg(out.join("signed-bytes.sig"))
        .stdin(std::fs::File::open(out.join("signed-bytes")).unwrap());
    match verify.output() {
        Ok(said) => assert!(Told::from(said).code == 0),
        Err(err) => {
            skipped::told(format_args!("ssh-keygen's view in {}", skipped::this_test()), err);
        }
    }
    desk.run("show HEAD^").is(1, &["there is no verdict about"]);
}

#[test]
fn run_records_name_what_was_left_and_what_it_cost_and_a_look_up_leaves_none() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("bundle").is(0, &[]);
    desk.run("verify-tree");
    let records = desk.root().join("state/artifacts/runs");
    assert!(!records.exists());
    desk.run("run --gate").is(0, &[]);
    let record = std::fs::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    let record = std::fs::read_to_string(record.join("run.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert!(record["cost_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(record["artifacts"][0], desk.reviews()[0].display().to_string());
}
