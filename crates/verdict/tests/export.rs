//! What is exported is what a stock OpenSSH accepts, and nothing else.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use verdict::export::{self, export};
use verdict::signers::Signers;
use verdict::statement::Signed;
use verdict::trust::{self, Distrust};
use verdict::waiver::{self, Waiver};

use crate::support::{host, key, now, run, signed, signer};

/// Whether `ssh-keygen -Y verify` accepts the export; `None` where it is not installed.
fn accepted(folder: &Path, who: &str, namespace: &str, time: &str) -> Option<bool> {
    let time = format!("-Overify-time={time}");
    let args = [
        "-Y",
        "verify",
        "-f",
        export::SIGNERS,
        "-I",
        who,
        "-n",
        namespace,
        "-s",
        "signed-bytes.sig",
        &time,
    ];
    let input = folder.join(export::SIGNED);
    run(folder, "ssh-keygen", &args, Some(&input)).map(|it| it.status.success())
}

#[test]
fn a_stock_ssh_keygen_accepts_an_export_and_refuses_an_edited_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("export");
    let signed = signed(&"1".repeat(40), &"2".repeat(40), 1);
    let signers = signer("reviewer@example", "namespaces=\"aiops-verdict\"", 1);
    let files = export(&host(), &folder, signed.envelope(), signers.as_bytes()).unwrap();
    assert_eq!(files.len(), 6);
    let Some(good) = accepted(&folder, "reviewer@example", "aiops-verdict", "20261121120000Z")
    else {
        return skipped::told(skipped::this_test(), "ssh-keygen is not installed");
    };
    assert!(good);
    assert_eq!(accepted(&folder, "reviewer@example", "git", "20261121120000Z"), Some(false));
    assert_eq!(accepted(&folder, "else@example", "aiops-verdict", "20261121120000Z"), Some(false));

    // The README's own command, as a person would paste it.
    let readme = fs::read_to_string(folder.join(export::README)).unwrap();
    let script: Vec<&str> = readme.lines().filter(|it| it.starts_with("    ")).collect();
    let script = format!("set -e\n{}\n", script.join("\n"));
    let ran = run(&folder, "sh", &["-c", &script], None).unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success() && told.contains("Good \"aiops-verdict\""), "{script}{told}");

    let mut bytes = fs::read(folder.join(export::SIGNED)).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(folder.join(export::SIGNED), bytes).unwrap();
    let edited = accepted(&folder, "reviewer@example", "aiops-verdict", "20261121120000Z");
    assert_eq!(edited, Some(false));
}

/// One file of `allowed_signers`, two readers.
#[test]
fn signers_are_read_as_ssh_keygen_reads_them() {
    let signed = signed(&"1".repeat(40), &"2".repeat(40), 1);
    let text = key(1).public_key().to_openssh().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (at, (line, stricter)) in [
        (format!("a {text}"), false),
        (format!("\"a\" {text} with a comment"), false),
        (format!("# a {text}"), false),
        (format!("a,b {text}"), false),
        (format!("a namespaces=\"aiops-verdict\" {text}"), false),
        (format!("a NAMESPACES=\"git,aiops-*\" {text}"), false),
        (format!("a namespaces=\"git\" {text}"), false),
        (format!("a namespaces=\"*,!aiops-verdict\" {text}"), false),
        (format!("a namespaces=\"\" {text}"), false),
        (format!("a namespaces=aiops-verdict {text}"), false),
        (format!("a namespaces=\"x\",namespaces=\"aiops-verdict\" {text}"), false),
        (format!("a namespaces=\"aiops-verdict\", {text}"), false),
        (format!("a valid-after=\"20260101Z\" {text}"), false),
        (format!("a valid-after=\"20270101Z\" {text}"), false),
        (format!("a valid-before=\"20270101Z\" {text}"), false),
        (format!("a valid-before=\"20260101Z\" {text}"), false),
        (format!("a valid-before=\"20261121120000Z\" {text}"), false),
        (format!("a valid-before=\"20261121115959Z\" {text}"), false),
        (format!("a valid-after=\"20270101Z\",valid-before=\"20260101Z\" {text}"), false),
        (format!("a valid-before=\"2027Z\" {text}"), false),
        (format!("a cert-authority {text}"), false),
        (format!("a unknown-option {text}"), false),
        (format!("nonsense\na {text}"), false),
        (format!("a other=\"x\" {text}\na {text}"), false),
        (signer("a", "", 2), false),
        // Without a zone we refuse what ssh-keygen reads in the machine's own.
        (format!("a valid-before=\"20270101\" {text}"), true),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = dir.path().join(at.to_string());
        let lines = format!("{line}\n");
        drop(export(&host(), &folder, signed.envelope(), lines.as_bytes()).unwrap());
        let Some(theirs) = accepted(&folder, "a", "aiops-verdict", "20261121120000Z") else {
            return skipped::told(skipped::this_test(), "ssh-keygen is not installed");
        };
        let signers = Signers::read(lines.as_bytes());
        let ours = trust::signer(signed.envelope(), &signers, &[now()]).is_ok();
        assert_eq!(ours, theirs && !stricter, "{line}: {signers:?}");
    }
}

#[test]
fn a_signature_that_ssh_keygen_made_is_one_here() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("export");
    let own = signed(&"1".repeat(40), &"2".repeat(40), 1);
    drop(export(&host(), &folder, own.envelope(), b"").unwrap());
    let file = folder.join("key");
    let pem = key(2).to_openssh(ssh_key::LineEnding::LF).unwrap();
    fs::write(&file, pem.as_bytes()).unwrap();
    std::os::unix::fs::chown(&file, None, None).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::remove_file(folder.join("signed-bytes.sig")).unwrap();
    let args = ["-Y", "sign", "-q", "-n", "aiops-verdict", "-f", "key", export::SIGNED];
    let Some(ran) = run(&folder, "ssh-keygen", &args, None) else {
        return skipped::told(skipped::this_test(), "ssh-keygen is not installed");
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let theirs = fs::read(folder.join("signed-bytes.sig")).unwrap();
    let mut envelope: serde_json::Value =
        serde_json::from_slice(&own.envelope().to_bytes()).unwrap();
    envelope["signatures"][0]["sig"] = STANDARD.encode(theirs).into();
    let read = Signed::read(envelope.to_string().as_bytes()).unwrap();
    let signers = Signers::read(signer("other@example", "", 2).as_bytes());
    let by = trust::signer(read.envelope(), &signers, &[now()]);
    assert_eq!(by, Ok("other@example".to_owned()));
}

#[test]
fn a_waiver_is_believed_for_what_it_says_and_as_long_as_it_says() {
    let waiver = Waiver {
        schema: waiver::Schema::V1,
        to_sha: "2".repeat(40),
        fingerprint: "f".repeat(64),
        reason: "a test key".into(),
        created_at: "2026-11-21T11:00:00Z".into(),
        expires_at: "2026-11-21T13:00:00Z".into(),
    };
    let bytes = waiver.sign(&key(1)).unwrap();
    let read = |options: &str, seed: u8, at: &str| {
        let signers = Signers::read(signer("op@example", options, seed).as_bytes());
        waiver::granted(&bytes, &signers, at.parse().unwrap())
    };
    let noon = "2026-11-21T12:00:00Z";
    let good = read("namespaces=\"aiops-waiver\"", 1, noon).unwrap();
    assert_eq!((good.by.as_str(), good.to_sha), ("op@example", "2".repeat(40)));
    let name = |it: Result<_, Distrust>| it.map(|_: waiver::Granted| ()).unwrap_err().name();
    assert_eq!(name(read("", 1, "2026-11-21T13:00:00Z")), "malformed");
    assert_eq!(name(read("", 2, noon)), "unknown_signer");
    assert_eq!(name(read("namespaces=\"aiops-verdict\"", 1, noon)), "wrong_namespace");
    assert_eq!(name(read("valid-before=\"20261121113000Z\"", 1, noon)), "signer_expired");
    // Neither is taken for the other.
    let verdict = signed(&"1".repeat(40), &"2".repeat(40), 1).envelope().to_bytes();
    let signers = Signers::read(signer("op@example", "", 1).as_bytes());
    assert!(waiver::granted(&verdict, &signers, now()).is_err());
    assert!(Signed::read(&bytes).is_err());
    for wrong in [
        Waiver { reason: " ".into(), ..waiver.clone() },
        Waiver { expires_at: waiver.created_at.clone(), ..waiver.clone() },
        Waiver { fingerprint: String::new(), ..waiver.clone() },
        Waiver { to_sha: "main".into(), ..waiver.clone() },
    ] {
        assert!(wrong.sign(&key(1)).is_err(), "{wrong:?}");
    }
}
