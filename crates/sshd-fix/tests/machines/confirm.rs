//! Changes that wait for a confirmation.

use std::time::Duration;

use booted::{Base, Over, Until};

use crate::support::{
    HOME, assert_private, assert_public, assert_same, ended, heal, listens, machine, snapshot,
};

#[test]
fn what_nobody_confirms_is_undone_by_itself() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let before = snapshot(&machine);
    let ran = heal(&machine, &["ssh", "--confirm", "5"]).expect(0);
    assert_eq!(ended(&ran), "awaiting_confirmation", "{ran:?}");
    assert_eq!(heal(&machine, &["ssh"]).code, 75, "a second one must wait");
    let back = || listens(&machine) == ["0.0.0.0:22", ":::22"];
    assert!(booted::holds_within(Duration::from_secs(20), back), "{:?}", listens(&machine));
    let pending = format!("{HOME}/state/sshd-fix/pending");
    booted::wait_until("it is over", || machine.read(&pending).is_none());
    booted::wait_until("its unit is gone", || {
        machine.is_active("aiops-sshd-unconfirmed.service") == "inactive"
    });
    assert_same(&snapshot(&machine), &before, "undone");
    assert_public(&machine);
    assert_eq!(heal(&machine, &["confirm"]).code, 1, "there is nothing to confirm any more");
}

#[test]
fn what_is_confirmed_over_a_new_connection_stays() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let mut old = machine.ssh_session(Over::Public).unwrap();
    drop(heal(&machine, &["ssh", "--confirm", "60"]).expect(0));
    assert_eq!(ended(&heal(&machine, &["confirm"]).expect(1)), "not_confirmed");
    let told = old.run("heal confirm; echo code $?").unwrap();
    assert!(told.contains("not_confirmed") && told.ends_with("code 1\n"), "{told}");
    drop(old);
    let confirmed = machine.ssh(Over::Tailnet, "heal confirm").unwrap().expect(0);
    assert_eq!(ended(&confirmed), "confirmed", "{confirmed:?}");
    assert_private(&machine);
    assert_eq!(ended(&heal(&machine, &["ssh"]).expect(0)), "nothing_to_do");
}

#[test]
fn a_reboot_before_the_confirmation_undoes() {
    let base = booted::or_skip!(Base::get());
    let mut machine = machine(&base);
    let before = snapshot(&machine);
    drop(heal(&machine, &["ssh", "--confirm", "600"]).expect(0));
    machine.reboot(Until::Settled);
    let pending = format!("{HOME}/state/sshd-fix/pending");
    booted::wait_until("it is undone", || machine.read(&pending).is_none());
    assert_eq!(listens(&machine), ["0.0.0.0:22", ":::22"]);
    assert_same(&snapshot(&machine), &before, "undone");
    assert_public(&machine);
}
