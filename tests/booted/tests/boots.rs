//! Booting, files, rebooting, losing power.

use booted::{Base, Machine, Options};

#[test]
fn a_machine_boots_and_runs() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let ran = machine.run(["systemctl", "is-system-running"]).expect(0);
    assert_eq!(ran.stdout, "running\n");
    booted::note(&format!(
        "base {} MiB, machine {} KiB, booted in {:?}",
        base.size() >> 20,
        machine.used() >> 10,
        machine.boot_took()
    ));
}
