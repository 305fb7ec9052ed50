//! One executor for each bridge root, and a dead one blocks nobody.

use scenarios::{Bridge, Document, Ran, wait_until, write};

fn of(id: &str) -> Document {
    Document::new(id, &[write(id, id)])
}

#[test]
fn a_second_executor_ends_with_75_and_says_who_is_running() {
    let bridge = Bridge::new();
    let other_home = bridge.root.parent().unwrap().join("home-2");
    let elsewhere = || {
        let output = bridge.call_at(&other_home, &["once"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let watch = bridge.watch();
    bridge.submit(&of("a"));
    wait_until("the first command", || bridge.names("commands").is_empty());
    let ran: Ran = bridge.once().expect(75);
    assert!(ran.stderr.contains(&format!("process {}", watch.pid())), "{ran:?}");
    let (code, said) = elsewhere();
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("held by"), "{said}");
    watch.kill();
    bridge.submit(&of("b"));
    drop(bridge.once().expect(0));
    bridge.assert_consistent(["a", "b"]);
    assert_eq!(elsewhere().0, Some(0));
}

#[test]
fn of_many_that_start_at_once_exactly_one_works_at_a_time() {
    let bridge = Bridge::new();
    let ids: Vec<String> = (0..40).map(|at| format!("c-{at:02}")).collect();
    for id in &ids {
        bridge.submit(&of(id));
    }
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..8).map(|_| scope.spawn(|| bridge.once().code)).collect();
        started.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    drop(bridge.once().expect(0));
    bridge.assert_consistent(ids.iter().map(String::as_str));
}
