//! Secrets stay secret.

use fakes::{Behaviour, Pushover};

use ops_core::alert::{Kind, Severity};

use crate::machine::{Machine, NUMBERS, alert};

/// Every secret of a machine.
fn secrets(machine: &Machine) -> Vec<String> {
    let (token, user) = machine.pushover.service(|it| (it.token.clone(), it.user.clone()));
    let (account, auth) = machine.twilio.service(|it| (it.account.clone(), it.token.clone()));
    let mut all = vec![token, user, account, auth, "+14155550100".to_owned()];
    all.extend(NUMBERS.map(str::to_owned));
    all
}

#[test]
fn no_secret_is_said_stored_or_shown_whatever_happens() {
    let machine = Machine::with(&["pushover", "twilio"], |_| {});
    let secrets = secrets(&machine);
    // A service that repeats what it was sent, and a message that carries a secret.
    let echo = format!("your token {} of {} is invalid", secrets[0], secrets[1]);
    let reply = Pushover::refusal("message", "invalid", &echo);
    let input = machine.path("input");
    std::fs::write(&input, format!("look: {}", secrets.join(" "))).unwrap();
    let mut said = String::new();
    // One that a program raised which does not know the secrets.
    let simulated = machine.simulated(ops_core::host::Host::real().now());
    let mut leak = alert(&secrets.join(" "), None, Severity::High, Kind::Event);
    leak.message = secrets.join(" ");
    simulated.raise(&leak);
    for line in [
        "send --title a --message - --check x.y --severity emergency -vv",
        "send --title b --message - -vv --json",
        "test -vv",
        "flush -vv",
        "status",
        "status --json",
        "resolve --check x.y",
        "send --title c --dry-run",
        "sms poll",
    ] {
        machine.pushover.then(Behaviour::instead(reply.clone()));
        let mut call = machine.call(line);
        call.stdin(std::fs::File::open(&input).unwrap());
        let output = call.output().unwrap();
        said += &String::from_utf8_lossy(&output.stdout);
        said += &String::from_utf8_lossy(&output.stderr);
    }
    assert!(said.contains("your token [redacted] of [redacted] is invalid"), "{said}");
    for secret in &secrets {
        assert!(!said.contains(secret.as_str()), "{secret} was said");
        for (path, bytes) in machine.files() {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains(secret.as_str()), "{secret} in {}", path.display());
        }
    }
    // Nor does it leave by a message.
    for sms in machine.twilio.accepted() {
        assert!(secrets.iter().all(|secret| !sms.field("Body").contains(secret.as_str())));
    }
    assert!(machine.twilio.accepted().iter().any(|sms| sms.field("Body").contains("[redacted]")));
}
