//! Each call: what it does, its exit codes, its documents.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use key::audit::Outcome;
use serde_json::json;

use crate::machine::{Machine, finish};

const VALUE: &str = "canary-0123456789-abcd";

#[test]
fn a_list_shows_every_name_masked_and_one_that_is_unusable_does_not_spoil_the_others() {
    let machine = Machine::new().env("OPENAI_API_KEY", &format!("{}-proj-{VALUE}", "sk"));
    machine.put("secrets/console_token", VALUE, 0o600);
    let said = machine.run("list --json").expect(0);
    let list = said.json();
    let key = |name: &str| {
        let keys = list["keys"].as_array().unwrap();
        keys.iter().find(|key| key["name"] == name).unwrap().clone()
    };
    assert_eq!(list["keys"].as_array().unwrap().len(), 20);
    let openai = key("openai_api_key");
    assert_eq!((&openai["source"], &openai["masked"]), (&json!("env"), &json!("sk-proj-…abcd")));
    let console = key("console_token");
    assert_eq!((&console["source"], &console["masked"]), (&json!("file"), &json!("…abcd")));
    assert_eq!(console["fingerprint"].as_str().unwrap().len(), 8);
    assert!(console["age_seconds"].is_u64() && console["since"].is_string());
    assert_eq!(key("runner_token")["source"], "none");
    machine.put("secrets/runner_token", VALUE, 0o644);
    let said = machine.run("list").expect(1);
    for part in ["runner_token", "unusable", "chmod 0600", "console_token", "…abcd"] {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
    assert!(machine.records().is_empty(), "a look-up leaves no record");
}

#[test]
fn a_required_secret_that_is_missing_makes_the_list_a_no() {
    let machine = Machine::with(|text| {
        text.replace("keychain: auto", "keychain: never")
            .replace("  - name: console_token\n", "  - name: console_token\n    required: true\n")
    });
    let said = machine.run("list").expect(1);
    assert!(said.out.contains("console_token: it is required and missing"), "{said:?}");
    machine.put("secrets/console_token", VALUE, 0o600);
    drop(machine.run("list").expect(0));
}

#[test]
fn status_and_source_of_one() {
    let machine = Machine::new();
    let none = machine.run("status console_token --json").expect(77);
    assert_eq!(none.json()["key"]["source"], "none");
    assert_eq!(machine.run("print-source console_token").expect(0).out, "none\n");
    machine.put("secrets/console_token", VALUE, 0o600);
    assert_eq!(machine.run("print-source console_token").expect(0).out, "file\n");
    let source = machine.run("print-source console_token --json").expect(0).json();
    assert_eq!(source["source"], "file");
    let said = machine.run("status console_token").expect(0);
    assert!(said.out.contains("…abcd") && !said.out.contains(VALUE), "{said:?}");
    machine.put("secrets/console_token", VALUE, 0o666);
    let said = machine.run("status console_token").expect(77);
    assert!(said.out.contains("mode is 0666"), "{said:?}");
    drop(machine.run("print-source console_token").expect(77));
    for call in ["status", "print-source", "delete", "generate", "doctor", "emit-env"] {
        let said = machine.run(&format!("{call} nope")).expect(2);
        assert!(said.err.contains("known: openai_api_key"), "{said:?}");
    }
    let said = machine.run("exec nope -- true").expect(125);
    assert!(said.err.contains("known: openai_api_key"), "{said:?}");
}

#[test]
fn the_sources_are_asked_in_order() {
    let machine = Machine::new();
    fs::create_dir(machine.path("credentials")).unwrap();
    machine.put("secrets/bridge_hmac", "from-file", 0o600);
    let machine = machine.env("CREDENTIALS_DIRECTORY", "credentials");
    let source = |machine: &Machine| machine.run("print-source bridge_hmac").expect(0).out;
    assert_eq!(source(&machine), "file\n");
    machine.put("credentials/bridge_hmac", "from-systemd", 0o400);
    assert_eq!(source(&machine), "credential\n");
    let machine = machine.env("GPT_BRIDGE_HMAC_SECRET", "from-env");
    assert_eq!(source(&machine), "env\n");
}

#[test]
fn what_is_set_reads_back_and_says_when_something_hides_it() {
    let machine = Machine::new();
    let said = machine.feed("set console_token --json", format!("{VALUE}\n").as_bytes()).expect(0);
    let stored = said.json();
    assert_eq!((&stored["stored_in"], &stored["replaced"]), (&json!("file"), &json!(false)));
    assert_eq!(stored["hidden_by"], json!([]));
    assert_eq!(machine.get("secrets/console_token"), format!("{VALUE}\n"));
    let mode = fs::metadata(machine.path("secrets/console_token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let machine = machine.env("CONSOLE_TOKEN", "other");
    let said = machine.feed("set console_token --to file", b"another-value").expect(0);
    assert!(said.out.contains("warning: env is asked first"), "{said:?}");
    let lines = machine.audit();
    let outcomes: Vec<Outcome> = lines.iter().map(|line| line.outcome).collect();
    assert_eq!(outcomes, [Outcome::Begun, Outcome::Done, Outcome::Begun, Outcome::Done]);
    assert_eq!(lines[0].fingerprints["new"], lines[2].fingerprints["old"]);
    assert_eq!(lines[3].action, "set");
    assert_eq!(machine.records().len(), 2);
}

#[test]
fn what_is_no_secret_is_refused_and_the_old_value_stays() {
    let machine = Machine::new();
    machine.put("secrets/console_token", "old-value", 0o600);
    let long = "x".repeat(70_000);
    for (input, code) in [
        (&b""[..], 65),
        (b"\n", 65),
        (b"two words\n", 65),
        (b"two\nlines\n", 65),
        (b"\xff\xfe", 65),
        (b"tab\tbed", 65),
        (long.as_bytes(), 65),
    ] {
        let said = machine.feed("set console_token", input).expect(code);
        assert!(said.out.is_empty() && said.err.contains("hint: "), "{said:?}");
        assert_eq!(machine.get("secrets/console_token"), "old-value");
    }
    let said = machine.feed("set verdict_signing_key", b"no key\n").expect(65);
    assert!(said.err.contains("-----BEGIN"), "{said:?}");
    assert!(machine.audit().is_empty());
}

#[test]
fn a_value_on_the_command_line_is_refused_and_repeated_nowhere() {
    let machine = Machine::new();
    for line in [
        format!("set console_token {VALUE}"),
        format!("set console_token --value={VALUE}"),
        format!("set console_token --to {VALUE}"),
        format!("set console_token -- {VALUE}"),
        format!("--json set console_token -{VALUE}"),
        format!("set {VALUE}"),
        format!("set {VALUE} console_token"),
    ] {
        let said = machine.feed(&line, b"x").expect(2);
        assert!(!said.err.contains("canary") && !said.out.contains("canary"), "{line}: {said:?}");
        assert!(said.err.contains("standard input") || said.err.contains("known: "), "{said:?}");
    }
    for (path, bytes) in machine.files("home") {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{}", path.display());
    }
    assert!(!machine.is_there("secrets/console_token"));
}

#[test]
fn a_deletion_says_who_holds_it_still() {
    let machine = Machine::new();
    machine.put("secrets/console_token", VALUE, 0o600);
    let gone = machine.run("delete console_token --json").expect(0).json();
    assert_eq!(gone["places"][3], json!({"source": "file", "outcome": "deleted", "why": null}));
    assert!(!machine.is_there("secrets/console_token"));
    machine.put("secrets/console_token", VALUE, 0o600);
    let machine = machine.env("CONSOLE_TOKEN", VALUE);
    let said = machine.run("delete console_token").expect(1);
    assert!(said.out.contains("STILL THERE: unset CONSOLE_TOKEN"), "{said:?}");
    assert!(!machine.is_there("secrets/console_token"));
}

#[test]
fn a_new_secret_is_made_once_and_replaced_only_by_force() {
    let machine = Machine::new();
    drop(machine.run("generate console_token").expect(0));
    let first = machine.get("secrets/console_token");
    assert_eq!(first.trim().len(), 64);
    let said = machine.run("generate console_token").expect(1);
    assert!(said.err.contains("--force"), "{said:?}");
    assert_eq!(machine.get("secrets/console_token"), first);
    drop(machine.run("generate console_token --force").expect(0));
    assert_ne!(machine.get("secrets/console_token"), first);
    drop(machine.run("generate bridge_hmac").expect(0));
    let said = machine.run("generate bridge_hmac").expect(1);
    assert!(said.err.contains("key rotate bridge_hmac begin"), "{said:?}");
    drop(machine.run("generate openai_api_key").expect(2));
}

#[test]
fn a_signing_key_is_one_that_ssh_keygen_reads_and_its_public_half_is_shown() {
    let machine = Machine::new();
    let made = machine.run("generate verdict_signing_key --json").expect(0).json();
    let public = made["public"]["line"].as_str().unwrap();
    let signers = made["public"]["allowed_signers"].as_str().unwrap();
    assert!(signers.starts_with("verdict_signing_key@"), "{signers}");
    let mut ssh_keygen = std::process::Command::new("ssh-keygen");
    ssh_keygen.arg("-y").arg("-f").arg(machine.path("secrets/verdict_signing_key"));
    match ssh_keygen.output() {
        Err(err) => {
            let part = format_args!("part of {}", skipped::this_test());
            skipped::told(part, format_args!("ssh-keygen: {err}"));
        }
        Ok(said) => assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), public),
    }
    let said = machine.run("doctor verdict_signing_key").expect(0);
    assert!(said.out.starts_with("PASS"), "{said:?}");
}

#[test]
fn a_shell_gets_exactly_what_is_stored_and_only_when_all_of_it_is_there() {
    let machine = Machine::new().env("CONSOLE_TOKEN", "it's-a'quote");
    machine.put("secrets/runner_token", VALUE, 0o600);
    let said = machine.run("emit-env console_token runner_token").expect(0);
    let want =
        format!("export CONSOLE_TOKEN='it'\\''s-a'\\''quote'\nexport RUNNER_TOKEN='{VALUE}'\n");
    assert_eq!(said.out, want);
    let mut shell = std::process::Command::new("sh");
    machine.surround(&mut shell);
    shell.env_remove("CONSOLE_TOKEN").arg("-c").arg(format!("{want} printf %s \"$CONSOLE_TOKEN\""));
    assert_eq!(finish(shell, b"").out, "it's-a'quote");
    let said = machine.run("emit-env console_token bridge_hmac").expect(77);
    assert!(said.out.is_empty(), "{said:?}");
    let said = machine.run("emit-env console_token --json").expect(2);
    assert!(said.out.is_empty(), "{said:?}");
    let handed: Vec<_> = machine.audit().into_iter().map(|it| (it.key, it.outcome)).collect();
    let line = |key: &str| (key.to_owned(), Outcome::HandedOver);
    assert_eq!(handed, [line("console_token"), line("runner_token")]);
}

#[test]
fn a_program_gets_what_was_asked_for_and_no_other_registered_secret() {
    let machine = Machine::new()
        .env("CONSOLE_TOKEN", "other-secret")
        .env("GPT_BRIDGE_HMAC_SECRET", "older-secret")
        .env("KEPT", "as it was");
    machine.put("secrets/runner_token", VALUE, 0o600);
    let said = machine.run("exec runner_token -- env").expect(0);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines.contains(&format!("RUNNER_TOKEN={VALUE}").as_str()), "{said:?}");
    assert!(lines.contains(&"KEPT=as it was"), "{said:?}");
    assert!(!said.out.contains("other-secret") && !said.out.contains("older-secret"), "{said:?}");
    let said = machine.run("exec bridge_hmac -- env").expect(0);
    assert!(said.out.contains("\nBRIDGE_HMAC=older-secret"), "{said:?}");
    let record = machine.records().pop().unwrap();
    assert_eq!((&record["status"], &record["exit_code"]), (&json!("success"), &json!(0)));
    assert!(record["steps"][0].as_str().unwrap().starts_with("became env"), "{record}");
}

#[test]
fn codes_and_signals_of_the_program_are_its_own_and_failures_before_it_have_theirs() {
    let machine = Machine::new();
    machine.put("secrets/runner_token", VALUE, 0o600);
    machine.put("not-executable", "#!/bin/sh\n", 0o644);
    for (program, code) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["sh", "-c", "exit 125"], 125),
        (&["sh", "-c", "kill -TERM $$"], 128 + 15),
        (&["/no/such/program"], 127),
        (&["no-such-program"], 127),
        (&["./not-executable"], 126),
    ] {
        let line = [&["exec", "runner_token", "--"], program].concat();
        let said = finish(machine.command(&line), b"");
        assert_eq!(said.code, code, "{program:?}: {said:?}");
    }
    let record = machine.records().pop().unwrap();
    assert_eq!((&record["status"], &record["exit_code"]), (&json!("failure"), &json!(126)));
    for line in ["exec bridge_hmac -- true", "exec runner_token", "exec -- true", "exec --bad"] {
        let said = machine.run(line).expect(125);
        assert!(!said.err.is_empty(), "{line}");
    }
    drop(machine.run("exec --help").expect(0));
}

#[test]
fn a_second_acting_call_is_told_who_runs() {
    let machine = Machine::new();
    machine.put("secrets/console_token", "old-value", 0o600);
    drop(machine.run("delete runner_token").expect(0));
    let lock = fs::File::options().write(true).open(machine.path("home/state/keys/key.lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    for line in
        ["delete console_token", "generate runner_token", "migrate", "rotate bridge_hmac status"]
    {
        let said = machine.run(line).expect(75);
        assert!(said.err.contains("is held by key, process"), "{line}: {said:?}");
    }
    let said = machine.feed("set console_token", b"new-value").expect(75);
    assert!(said.err.contains("another key is running"), "{said:?}");
    drop(machine.run("list").expect(0));
    drop(machine.run("exec console_token -- true").expect(0));
    assert_eq!(machine.get("secrets/console_token"), "old-value");
}

#[test]
fn help_has_examples_and_every_call_has_help() {
    let machine = Machine::new();
    let help = machine.run("--help").expect(0).out;
    assert!(help.contains("Examples:"), "{help}");
    for call in
        "list status print-source set delete doctor emit-env exec rotate generate migrate scan"
            .split(' ')
    {
        assert!(help.contains(call), "{call}");
        drop(machine.run(&format!("{call} --help")).expect(0));
    }
    assert!(machine.run("--version").expect(0).out.starts_with("key 0."));
    drop(machine.run("").expect(2));
}
