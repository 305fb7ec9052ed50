//! Killed at any moment, the next run just goes on.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::World;

#[test]
fn killed_at_many_moments_every_outcome_is_published_exactly_once() {
    let world = World::new();
    world.write("edited", "one\n");
    world.git(&["add", "edited"]);
    world.git(&["commit", "-qm", "file"]);
    world.git(&["push", "-q", "origin", "main"]);
    world.write("edited", "two\n");
    let (mut made, mut killed) = (0, 0);
    for round in 0..40_u32 {
        // Small and large batches, so that loose objects and packs are both cut off.
        for _ in 0..if round % 8 == 7 { 20 } else { 2 } {
            made += 1;
            world.outcome(&format!("id-{made:04}"), made);
        }
        if round % 10 == 3 {
            world.other_pushes(&[(&format!("foreign/{round}"), Some("x"))]);
        }
        let mut child =
            world.binary(&["once"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_millis(u64::from(round) * 3);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _already_gone = child.kill().is_err();
        killed += usize::from(child.wait().unwrap().signal() == Some(9));
    }
    assert!(killed > 5, "only {killed} runs were cut off");
    // A git of a killed run may still be pushing; the race it can win is one that is tried again.
    world.settings(6, 20);
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let mut subjects = BTreeMap::new();
    for subject in world.subjects() {
        *subjects.entry(subject).or_insert(0) += 1;
    }
    for id in 1..=made {
        let subject = format!("bridge: results id-{id:04} (exit=0)");
        assert_eq!(subjects.get(&subject), Some(&1), "{subject}");
    }
    assert_eq!(world.git(&["status", "--porcelain"]), " M edited\n");
    assert_eq!(world.git(&["rev-parse", "HEAD"]), world.git_remote(&["rev-parse", "main"]));
    world.assert_sound();
}
