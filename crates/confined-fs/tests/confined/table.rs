//! Every row of the table in the documentation of `Change`, for each kind of change.

use std::fs;

use confined_fs::{Change, Fault, Side};

use crate::support::{Ground, TEMP, change};

const NEW: &[u8] = b"the new content\n";
const OLD: &[u8] = b"the old content\n";
const TORN: &[u8] = b"the new con\0\0\0";
const OTHER: &[u8] = b"someone else's\n";

/// What is under the file's name and under the temporary name: `-` nothing, `n`ew, `o`ld, `t`orn,
/// `x` other. A `!` after a pair means the step was refused.
type Row = (&'static str, Side, [&'static str; 4]);

use Side::{After, Before, Neither};

/// File and temp; state; then both after prepare, commit, undo, finish.
const REPLACE: &[Row] = &[
    ("o-", Before, ["on", "o-!", "o-", "o-"]),
    ("on", Before, ["on", "no", "on", "o-"]),
    ("oo", Before, ["on", "oo!", "oo", "o-"]),
    ("ot", Before, ["on", "ot!", "ot", "o-"]),
    ("ox", Neither, ["ox!", "ox!", "xo!", "ox!"]),
    ("n-", After, ["n-!", "n-", "n-!", "n-"]),
    ("nn", After, ["nn!", "nn!", "nn", "n-"]),
    ("no", After, ["no", "no", "on", "n-"]),
    ("nt", Neither, ["nt!", "tn!", "tn", "nt!"]),
    ("nx", Neither, ["nx!", "xn!", "xn", "nx!"]),
    ("x-", Neither, ["x-!", "x-!", "x-!", "x-"]),
    ("xn", Neither, ["xn!", "xn!", "xn", "x-"]),
    ("xo", Neither, ["xo!", "xo!", "xo!", "x-"]),
    ("xt", Neither, ["xt!", "xt!", "xt", "x-"]),
    ("xx", Neither, ["xx!", "xx!", "xx!", "xx!"]),
    ("--", Neither, ["--!", "--!", "--!", "--"]),
    ("-n", Neither, ["-n!", "-n!", "-n", "--"]),
    ("-o", Neither, ["-o!", "-o!", "-o!", "--"]),
    ("-t", Neither, ["-t!", "-t!", "-t", "--"]),
    ("-x", Neither, ["-x!", "-x!", "-x!", "-x!"]),
];

const CREATE: &[Row] = &[
    ("--", Before, ["-n", "--!", "--", "--"]),
    ("-n", Before, ["-n", "n-", "-n", "--"]),
    ("-t", Before, ["-n", "-t!", "-t", "--"]),
    ("-x", Neither, ["-x!", "-x!", "x-!", "-x!"]),
    ("n-", After, ["n-!", "n-", "-n", "n-"]),
    ("nn", After, ["nn!", "nn!", "nn", "n-"]),
    ("nt", Neither, ["nt!", "nt!", "nt!", "nt!"]),
    ("nx", Neither, ["nx!", "nx!", "nx!", "nx!"]),
    ("x-", Neither, ["x-!", "x-!", "x-!", "x-"]),
    ("xn", Neither, ["xn!", "xn!", "xn", "x-"]),
    ("xt", Neither, ["xt!", "xt!", "xt", "x-"]),
    ("xx", Neither, ["xx!", "xx!", "xx!", "xx!"]),
];

const DELETE: &[Row] = &[
    ("o-", Before, ["o-", "-o", "o-", "o-"]),
    ("oo", Before, ["o-", "oo!", "oo", "o-"]),
    ("ox", Neither, ["ox!", "ox!", "ox!", "ox!"]),
    ("--", After, ["--!", "--", "--!", "--"]),
    ("-o", After, ["-o", "-o", "o-", "--"]),
    ("-x", Neither, ["-x!", "x-!", "x-", "-x!"]),
    ("x-", Neither, ["x-!", "x-!", "x-!", "x-"]),
    ("xo", Neither, ["xo!", "xo!", "xo!", "x-"]),
    ("xx", Neither, ["xx!", "xx!", "xx!", "xx!"]),
];

/// A change from nothing to nothing.
const NOTHING: &[Row] = &[
    ("--", After, ["--", "--", "--", "--"]),
    ("-x", Neither, ["-x!", "-x!", "-x!", "-x!"]),
    ("x-", Neither, ["x-!", "x-!", "x-!", "x-"]),
    ("xx", Neither, ["xx!", "xx!", "xx!", "xx!"]),
];

fn lay(ground: &Ground, pair: &str) {
    for (name, what) in ["d/file", "d/.aiops-1"].into_iter().zip(pair.chars()) {
        match what {
            '-' => drop(fs::remove_file(ground.at(name))),
            'n' => ground.put(name, NEW),
            'o' => ground.put(name, OLD),
            't' => ground.put(name, TORN),
            _ => ground.put(name, OTHER),
        }
    }
}

fn read(ground: &Ground) -> String {
    let letter = |name| match ground.content(name).as_deref() {
        None => '-',
        Some(NEW) => 'n',
        Some(OLD) => 'o',
        Some(TORN) => 't',
        Some(_) => 'x',
    };
    [letter("d/file"), letter("d/.aiops-1")].into_iter().collect()
}

fn check_rows(rows: &[Row], change: &Change) {
    let ground = Ground::new();
    fs::create_dir(ground.at("d")).unwrap();
    let tree = &ground.tree;
    let steps: [&dyn Fn() -> Result<(), Fault>; 4] = [
        &|| tree.prepare(change).map(drop),
        &|| tree.commit(change),
        &|| tree.undo(change),
        &|| tree.finish(change),
    ];
    for (pair, side, expected) in rows {
        for (number, (step, expected)) in steps.iter().zip(expected).enumerate() {
            // A half-written file from an earlier attempt changes nothing, and never outlives a
            // step that ends the attempt.
            for has_part in [false, true] {
                lay(&ground, pair);
                if has_part {
                    ground.put("d/.aiops-1.part", "half");
                }
                assert_eq!(tree.state(change).unwrap(), *side, "state of {pair}");
                assert_eq!(read(&ground), *pair, "state only looks");
                let outcome = step();
                let mark = if outcome.is_ok() { "" } else { "!" };
                let label = format!("step {number} on {pair}: {outcome:?}");
                assert_eq!(read(&ground) + mark, *expected, "{label}");
                let rest = ground.at("d/.aiops-1.part").exists();
                let wrote = number == 0 && pair.ends_with(['n', 'o', 't']) && expected == &"on";
                assert!(!rest || (number != 3 && !wrote), "{label} left a part");
                drop(fs::remove_file(ground.at("d/.aiops-1.part")));
            }
        }
    }
    ground.assert_outside_untouched();
}

#[test]
fn every_situation_of_a_replacement_is_handled_as_documented() {
    check_rows(REPLACE, &change("d/file", Some(OLD), Some(NEW)));
}

#[test]
fn every_situation_of_a_new_file_is_handled_as_documented() {
    check_rows(CREATE, &change("d/file", None, Some(NEW)));
}

#[test]
fn every_situation_of_a_deletion_is_handled_as_documented() {
    check_rows(DELETE, &change("d/file", Some(OLD), None));
}

#[test]
fn a_change_from_nothing_to_nothing_does_nothing() {
    check_rows(NOTHING, &change("d/file", None, None));
}

#[test]
fn the_same_content_again_is_already_there() {
    let ground = Ground::new();
    ground.put("d/file", NEW);
    let change = change("d/file", Some(NEW), Some(NEW));
    for _ in 0..2 {
        assert_eq!(ground.tree.state(&change).unwrap(), After);
        assert_eq!(ground.tree.prepare(&change).unwrap(), []);
        ground.tree.commit(&change).unwrap();
        ground.tree.undo(&change).unwrap();
        ground.tree.finish(&change).unwrap();
    }
    assert_eq!(ground.listing(), ["d/", "d/file"]);
}

#[test]
fn the_same_content_with_another_mode_changes_the_mode() {
    let ground = Ground::new();
    ground.put("d/file", NEW);
    let mut change = change("d/file", Some(NEW), Some(NEW));
    change.after = confined_fs::After::File { bytes: NEW.into(), mode: 0o755 };
    let tree = &ground.tree;
    assert_eq!(tree.state(&change).unwrap(), Before);
    tree.prepare(&change).unwrap();
    assert_eq!((tree.state(&change).unwrap(), ground.mode("d/file")), (Before, 0o644));
    for _ in 0..2 {
        tree.commit(&change).unwrap();
        assert_eq!((tree.state(&change).unwrap(), ground.mode("d/file")), (After, 0o755));
    }
    for _ in 0..2 {
        tree.undo(&change).unwrap();
        assert_eq!((tree.state(&change).unwrap(), ground.mode("d/file")), (Before, 0o644));
    }
    tree.commit(&change).unwrap();
    tree.finish(&change).unwrap();
    assert_eq!(
        (ground.listing(), ground.mode("d/file")),
        (vec!["d/".into(), "d/file".into()], 0o755)
    );
    assert_eq!(change.temp, TEMP);
}
