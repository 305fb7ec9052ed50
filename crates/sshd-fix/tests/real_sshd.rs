//! What this crate makes of `sshd_config`, beside what the real sshd makes of the same files.
#![expect(clippy::disallowed_methods, reason = "tests make files and run programs of their own")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sshd_fix::config::{Reading, Scope, read};
use sshd_fix::facts::SshdConfig;
use sshd_fix::observe::ssh;
use sshd_fix::places::Place;

const SSHD: &str = "/usr/sbin/sshd";

/// A host key, where sshd can be asked; tells that the test is skipped where not.
fn key(folder: &Path) -> Option<PathBuf> {
    let key = folder.join("key");
    let mut made = Command::new("ssh-keygen");
    made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    if !made.status().is_ok_and(|status| status.success()) || !Path::new(SSHD).exists() {
        skipped::told(skipped::this_test(), "no sshd or ssh-keygen on this machine");
        return None;
    }
    if fs::create_dir_all("/run/sshd").is_err() {
        let why = "sshd needs /run/sshd, and this user cannot make it";
        skipped::told(skipped::this_test(), why);
        return None;
    }
    Some(key)
}

/// What sshd says of the main file: sockets, ports, family; `None` where it refuses.
fn asked(key: &Path, main: &Path) -> Option<(BTreeSet<String>, BTreeSet<String>, String)> {
    let out = Command::new(SSHD).args(["-T", "-h"]).arg(key).arg("-f").arg(main).output().unwrap();
    if !out.status.success() {
        return None;
    }
    let told = String::from_utf8(out.stdout).unwrap();
    let all = |name: &str| -> BTreeSet<String> {
        told.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect()
    };
    let family = all("addressfamily ").pop_first().unwrap_or_default();
    Some((all("listenaddress "), all("port "), family))
}

/// The same by this crate: only what needs no name resolution.
fn understood(reading: &Reading) -> (BTreeSet<String>, BTreeSet<String>, String) {
    let active = |name: &'static str| {
        reading.directives.iter().filter(move |it| it.is(name) && it.scope != Scope::Match)
    };
    let mut ports: BTreeSet<String> =
        active("port").map(sshd_fix::config::Directive::value).collect();
    if ports.is_empty() {
        ports.insert("22".into());
    }
    let family =
        active("addressfamily").next().map_or("any".into(), |it| it.value().to_lowercase());
    let mut sockets = BTreeSet::new();
    for listen in active("listenaddress") {
        let value = listen.value();
        sockets.extend(ports.iter().map(|port| {
            let host = if value.contains(':') { format!("[{value}]") } else { value.clone() };
            format!("{host}:{port}")
        }));
    }
    if sockets.is_empty() {
        for any in ["0.0.0.0", "[::]"] {
            let is_out = matches!((any, family.as_str()), ("[::]", "inet") | ("0.0.0.0", "inet6"));
            if !is_out {
                sockets.extend(ports.iter().map(|port| format!("{any}:{port}")));
            }
        }
    }
    (sockets, ports, family)
}

/// A keyword as people and hostile people write it.
fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    let spellings: [fn(&str) -> String; 6] = [
        str::to_owned,
        str::to_uppercase,
        str::to_lowercase,
        |name| format!("\"{name}\""),
        |name| format!("{}\"{}\"", &name[..3], &name[3..]),
        |name| format!("={name}"),
    ];
    (0..spellings.len()).prop_map(move |at| spellings[at](name))
}

fn line() -> impl Strategy<Value = String> {
    let setting = prop_oneof![
        (
            spelled("ListenAddress"),
            prop_oneof![
                Just("127.0.0.1"),
                Just("127.0.0.2"),
                Just("192.0.2.9"),
                Just("0.0.0.0"),
                Just("\"127.0.0.3\""),
                Just("'127.0.0.4'"),
                Just("127.0.0.5 # here"),
                Just("12\"7.0.0.6\"")
            ]
        ),
        (spelled("Port"), prop_oneof![Just("22"), Just("2222"), Just("\"23\"")]),
        (spelled("AddressFamily"), prop_oneof![Just("any"), Just("inet")]),
        (spelled("UsePAM"), prop_oneof![Just("no"), Just("yes")]),
    ];
    let between = prop_oneof![Just(" "), Just("="), Just(" = "), Just("\t"), Just("  ")];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("  \n"), Just("\x0c\n")];
    let begin = prop_oneof![Just(""), Just("\t"), Just("  "), Just("\r")];
    let plain = (begin, setting, between, end).prop_map(|(begin, (name, value), between, end)| {
        // Behind a quoted keyword or a leading `=`, sshd takes no further one.
        let between = if name.contains(['"', '=']) { " " } else { between };
        format!("{begin}{name}{between}{value}{end}")
    });
    prop_oneof![
        12 => plain,
        1 => Just("# ListenAddress 198.51.100.1\n".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("\"ListenAddress 198.51.100.1\n".to_owned()),
        1 => Just("Match all\n".to_owned()),
    ]
}

#[test]
fn generated_configurations_mean_to_us_what_they_mean_to_sshd() {
    let dir = tempfile::tempdir().unwrap();
    let Some(key) = key(dir.path()) else { return };
    let drop_ins = dir.path().join("d");
    fs::create_dir(&drop_ins).unwrap();
    let file = || proptest::collection::vec(line(), 0..5).prop_map(|lines| lines.concat());
    let all = (file(), file(), proptest::collection::vec(file(), 3));
    let mut runner =
        TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let accepted = std::cell::Cell::new(0);
    runner
        .run(&all, |(before, after, included)| {
            for (name, text) in ["100.conf", "99.conf", ".hidden.conf"].iter().zip(&included) {
                fs::write(drop_ins.join(name), text).unwrap();
            }
            let main = dir.path().join("main");
            let include = format!("include \"{}/*.conf\"\n", drop_ins.display());
            fs::write(&main, format!("{before}{include}{after}")).unwrap();
            let config: SshdConfig =
                ssh::config(&ops_core::host::Host::real(), &Place::default(), &main).unwrap();
            let told = understood(&read(&config));
            if let Some(asked) = asked(&key, &main) {
                accepted.set(accepted.get() + 1);
                prop_assert_eq!(told, asked);
            }
            Ok(())
        })
        .unwrap();
    let accepted = accepted.get();
    assert!(accepted > 50, "only {accepted} were configurations that sshd accepts");
}

#[test]
fn odd_but_accepted_files_mean_to_us_what_they_mean_to_sshd() {
    let dir = tempfile::tempdir().unwrap();
    let Some(key) = key(dir.path()) else { return };
    let main = dir.path().join("main");
    let rows: &[&[u8]] = &[
        b"ListenAddress 127.0.0.1",
        b"\"\"ListenAddress 127.0.0.1\n",
        b"Listen\"Address\" 127.0.0.1\n",
        b"ListenAddress\\ 127.0.0.1\n",
        b"listenaddress 127.0.0.1\\\nPort 23\n",
        b"\xff\xfe\nListenAddress 127.0.0.1\n",
        b"# \xff\nListenAddress 127.0.0.1\n",
        b"\x0cListenAddress 127.0.0.1\n",
        b"Port 22\rPort 23\n",
        b"Match all\nListenAddress 127.0.0.1\n",
        b"Match User x\nPort 23\n",
        b"Match User x\nX11Forwarding no\nMatch all\nPort 23\n",
    ];
    let mut accepted = 0;
    for text in rows {
        fs::write(&main, text).unwrap();
        let config = ssh::config(&ops_core::host::Host::real(), &Place::default(), &main).unwrap();
        if let Some(asked) = asked(&key, &main) {
            accepted += 1;
            assert_eq!(understood(&read(&config)), asked, "{}", String::from_utf8_lossy(text));
        }
    }
    assert!(accepted >= 5, "only {accepted} were accepted");
}
