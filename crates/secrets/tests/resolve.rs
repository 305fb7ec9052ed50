//! Secrets in real files, with a made-up environment and a made-up keychain.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use ops_core::config;
use ops_core::failure::Exit;
use ops_core::host::Host;
use secrets::keychain::{Answer, Change, Keychain};
use secrets::store::Deleted;
use secrets::{Format, Key, Registry, Resolver, Secret, Source};

/// A keychain that gives one answer.
#[derive(Debug)]
struct Says(Answer);

impl Keychain for Says {
    fn name(&self) -> &'static str {
        "test keychain"
    }
    fn get(&self, account: &str) -> Answer {
        assert_eq!(account, "BRIDGE_HMAC");
        self.0.clone()
    }
    fn set(&self, _account: &str, _value: &[u8]) -> Change {
        Change::Refused("it is locked".into())
    }
    fn delete(&self, _account: &str) -> Change {
        Change::Refused("it is locked".into())
    }
}

fn registry() -> Registry {
    config::load(&Host::real(), &config::Source::Shipped).unwrap()
}

fn key() -> Key {
    registry().key("bridge_hmac").unwrap().clone()
}

fn host(env: &[(&str, &str)]) -> Host {
    Host::with(env.iter().copied(), Timestamp::UNIX_EPOCH)
}

fn put(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn the_order_is_environment_credential_keychain_file_and_empty_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let [credentials, folder] = ["credentials", "secrets"].map(|name| dir.path().join(name));
    fs::create_dir(&credentials).unwrap();
    fs::create_dir(&folder).unwrap();
    let find = |env: &[(&str, &str)], answer: Answer| {
        let (host, says, registry) = (host(env), Says(answer), registry());
        let resolver =
            Resolver::new(&host, &registry, folder.clone()).with_keychain(&registry, &says);
        let found = resolver.find(&key()).map_err(|failure| failure.exit)?;
        Ok::<_, Exit>(found.map(|it| (it.expose().to_owned(), it.source())))
    };
    let missing = || Answer::Missing;
    let value = |text: &str| Answer::Found(text.as_bytes().to_vec().into());
    assert_eq!(find(&[], missing()), Ok(None));
    put(&folder.join("bridge_hmac"), "from-file\n", 0o600);
    let file = Ok(Some(("from-file".to_owned(), Source::File)));
    assert_eq!(find(&[("BRIDGE_HMAC", "")], missing()), file);
    assert_eq!(find(&[], Answer::Absent("no bus".into())), file);
    assert_eq!(find(&[], value("")), file);
    assert_eq!(find(&[], value("from-chain")), Ok(Some(("from-chain".into(), Source::Keychain))));
    for unsure in [Answer::Locked("x".into()), Answer::Failed("x".into()), value("a b")] {
        assert_eq!(find(&[], unsure), Err(Exit::NotPermitted), "it must not fall through");
    }
    put(&credentials.join("bridge_hmac"), "from-systemd", 0o440);
    let credentials = ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    let locked = || Answer::Locked("x".into());
    let systemd = Ok(Some(("from-systemd".into(), Source::Credential)));
    assert_eq!(find(&[credentials], locked()), systemd);
    let older = ("GPT_BRIDGE_HMAC_SECRET", "from-old");
    let env = |text: &str| Ok(Some((text.to_owned(), Source::Environment)));
    assert_eq!(find(&[credentials, older], locked()), env("from-old"));
    assert_eq!(find(&[("BRIDGE_HMAC", "from-env"), older], locked()), env("from-env"));
}

#[test]
fn a_wide_open_file_a_link_a_pipe_and_a_document_are_refused_with_77_and_no_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bridge_hmac");
    let host = host(&[("X", "x")]);
    let registry = registry();
    let resolver = Resolver::new(&host, &registry, dir.path().into());
    let refused = |what: &str| {
        let refused = resolver.find(&key()).unwrap_err();
        assert_eq!(refused.exit, Exit::NotPermitted, "{what}");
        let told = refused.lines().join("\n");
        assert!(told.contains("hint: ") && !told.contains("canary"), "{what}: {told}");
        fs::remove_file(&path).unwrap();
    };
    put(&path, "canary-value", 0o644);
    refused("wide open");
    put(&path, "canary value", 0o600);
    refused("white space");
    put(&path, &"canary".repeat(20_000), 0o600);
    refused("a document");
    put(&dir.path().join("other"), "canary-value", 0o600);
    std::os::unix::fs::symlink(dir.path().join("other"), &path).unwrap();
    refused("link");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused("pipe");
    put(&path, "canary-value", 0o600);
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    refused("open folder");
}

#[test]
fn what_is_stored_reads_back_and_a_deletion_says_who_holds_it_still() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/secrets");
    let env = host(&[("BRIDGE_HMAC", "x")]);
    let bare = host(&[]);
    let (registry, says) = (registry(), Says(Answer::Missing));
    let resolver = Resolver::new(&bare, &registry, folder.clone());
    let secret = Secret::new(b"first-value\n", Format::Token).unwrap();
    resolver.store_file(&key(), &secret, false).unwrap();
    resolver.store_file(&key(), &secret, false).unwrap();
    let found = resolver.need(&key()).unwrap();
    assert!(found.is_same(&secret) && found.since().is_some());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&folder), mode(&folder.join("bridge_hmac"))), (0o700, 0o600));

    let seen = Resolver::new(&env, &registry, folder.clone()).with_keychain(&registry, &says);
    let deleted = seen.delete(&key());
    let kinds: Vec<_> = deleted
        .iter()
        .map(|(source, it)| (source.name(), matches!(it, Deleted::Still(_)), *it == Deleted::Gone))
        .collect();
    let want = [("env", true, false), ("credential", false, false), ("keychain", true, false)];
    assert_eq!(kinds[..3], want);
    assert_eq!(kinds[3], ("file", false, true));
    assert!(resolver.find(&key()).unwrap().is_none());
    let failure = resolver.need(&key()).unwrap_err();
    assert_eq!(failure.exit, Exit::NotPermitted);
    assert!(failure.to_string().contains("key set bridge_hmac"), "{failure}");
}

#[test]
fn a_folder_that_cannot_be_written_keeps_the_old_value() {
    let dir = tempfile::tempdir().unwrap();
    let (host, registry) = (host(&[]), registry());
    let resolver = Resolver::new(&host, &registry, dir.path().into());
    let old = Secret::new(b"old-value", Format::Token).unwrap();
    resolver.store_file(&key(), &old, false).unwrap();
    // The name that the new value is first written to is taken by a folder.
    fs::create_dir(dir.path().join(".aiops-new-bridge_hmac")).unwrap();
    let new = Secret::new(b"new-value", Format::Token).unwrap();
    assert_eq!(resolver.store_file(&key(), &new, false).unwrap_err().exit, Exit::Unavailable);
    assert!(resolver.need(&key()).unwrap().is_same(&old));
}
