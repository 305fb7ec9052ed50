//! Secrets in real files, with a made-up environment.
#![expect(clippy::disallowed_methods, reason = "tests set the scene themselves")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use ops_core::failure::Exit;
use ops_core::host::Host;
use secrets::{Source, resolve};

#[test]
fn the_order_is_environment_credential_file_and_empty_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("credentials");
    let folder = dir.path().join("secrets");
    fs::create_dir(&credentials).unwrap();
    fs::create_dir(&folder).unwrap();
    let host = |env: &[(&str, &str)]| Host::with(env.iter().copied(), Timestamp::UNIX_EPOCH);
    let find = |env: &[(&str, &str)]| {
        resolve(&host(env), "bridge_hmac", &["BRIDGE_HMAC", "OLD"], &folder)
            .unwrap()
            .map(|it| (it.expose().to_owned(), it.source()))
    };
    assert_eq!(find(&[]), None);
    fs::write(folder.join("bridge_hmac"), "from-file\n").unwrap();
    fs::set_permissions(folder.join("bridge_hmac"), PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(find(&[("BRIDGE_HMAC", "")]), Some(("from-file".into(), Source::File)));
    fs::write(credentials.join("bridge_hmac"), "from-systemd").unwrap();
    let credentials = credentials.to_str().unwrap();
    let credentials = ("CREDENTIALS_DIRECTORY", credentials);
    assert_eq!(find(&[credentials]), Some(("from-systemd".into(), Source::Credential)));
    assert_eq!(
        find(&[credentials, ("OLD", "from-old")]),
        Some(("from-old".into(), Source::Environment))
    );
    assert_eq!(
        find(&[("BRIDGE_HMAC", "from-env"), ("OLD", "from-old")]),
        Some(("from-env".into(), Source::Environment))
    );
}

#[test]
fn a_wide_open_file_a_link_and_a_pipe_are_refused_with_77_and_no_value() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::with([("X", "x")], Timestamp::UNIX_EPOCH);
    let open = dir.path().join("open");
    fs::write(&open, "canary-value").unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&open, dir.path().join("link")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
    assert!(pipe.success());
    for name in ["open", "link", "pipe"] {
        let refused = resolve(&host, name, &[], dir.path()).unwrap_err();
        assert_eq!(refused.exit, Exit::NotPermitted, "{name}");
        let told = refused.lines().join("\n");
        assert!(told.contains("hint: ") && !told.contains("canary"), "{name}: {told}");
    }
}
