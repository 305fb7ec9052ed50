//! The bridge by its installed units: a signed command is carried out and published.

use std::time::Duration;

use booted::{Base, Options, holds_within};

use crate::support::{HOME, installed_with, run};

const UNIT: &str = "aiops-bridge.service";

#[test]
fn the_installed_units_carry_out_a_signed_command_and_publish_what_came_of_it() {
    let base = booted::or_skip!(Base::get());
    let base = booted::or_skip!(base.with_packages(&["git"]));
    let programs = ["bridge-exec", "bridge-publish", "bridge-submit", "doctor", "key"];
    let machine = installed_with(&base, Options::default(), &programs);
    let script = format!(
        "key generate bridge_hmac &&
        echo BRIDGE_ROOT=/srv/bridge >/etc/ai-ops-runner/bridge.env &&
        install -d -o aiops -g aiops /srv/bridge &&
        exec runuser -u aiops -- sh -ec '
            git init -q --bare -b main {HOME}/remote.git
            bridge-exec init --root /srv/bridge --home {HOME}
            git -C /srv/bridge remote add origin {HOME}/remote.git'"
    );
    drop(run(&machine, &["sh", "-c", &script]).expect(0));
    let started = run(&machine, &["systemctl", "enable", "--now", UNIT]);
    assert_eq!(started.code, 0, "{}\n{}", started.stderr, machine.journal(UNIT));
    let submit = "export BRIDGE_HMAC=$(cat /etc/ai-ops-runner/secrets/bridge_hmac)
        echo hello | exec runuser -u aiops -- bridge-submit --root /srv/bridge \
            write docs/hello.md --id one --wait";
    let said = run(&machine, &["sh", "-c", submit]);
    assert_eq!(said.code, 0, "{}{}\n{}", said.stdout, said.stderr, machine.journal(UNIT));
    assert_eq!(run(&machine, &["cat", "/srv/bridge/docs/hello.md"]).expect(0).stdout, "hello\n");

    drop(run(&machine, &["systemctl", "kill", "--signal", "KILL", UNIT]).expect(0));
    let again = holds_within(Duration::from_mins(1), || {
        let argv = ["systemctl", "show", "--property", "NRestarts,ActiveState", UNIT];
        let shown = run(&machine, &argv).expect(0).stdout;
        shown.contains("NRestarts=1") && shown.contains("ActiveState=active")
    });
    assert!(again, "{}", machine.journal(UNIT));

    let publish = "aiops-publish.service";
    let published = run(&machine, &["systemctl", "start", publish]);
    assert_eq!(published.code, 0, "{}", machine.journal(publish));
    let log = format!("runuser -u aiops -- git -C {HOME}/remote.git log --format=%s main");
    let log = run(&machine, &["sh", "-c", &log]).expect(0).stdout;
    assert!(log.contains("one"), "{log}\n{}", machine.journal(publish));
}
