//! The way through, and the first no on it.

use crate::desk::Told;
use crate::yard::Yard;

fn names(steps: &[(String, bool)]) -> Vec<&str> {
    steps.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_is_tested_and_approved_is_finished_and_pushed_through_the_hook() {
    let yard = Yard::new();
    let to = yard.desk.change("src/a.txt", "good\n");
    let told = yard.ship("");
    told.is(0, &["shipped"]);
    assert_eq!(names(&yard.steps()), ["verify-tree", "tests", "review", "finish", "push"]);
    assert_eq!(yard.desk.baseline(), to);
    assert_eq!(yard.remote(), yard.desk.head());
    let notes = yard.desk.git(&["ls-remote", "origin", "refs/notes/aiops-verdicts"]);
    assert!(!notes.is_empty(), "the verdict went along");
    let status = yard.status();
    assert_eq!(status["ended"]["ok"], true);
    assert!(status["spent_usd"].as_f64().unwrap() > 0.0);
    // And the next range, from there.
    yard.desk.change("src/a.txt", "better\n");
    yard.ship("").is(0, &["shipped"]);
    assert_eq!(yard.remote(), yard.desk.head());
}

#[test]
fn a_dry_run_prints_the_plan_and_does_nothing() {
    let yard = Yard::new();
    let head = yard.desk.change("src/a.txt", "good\n");
    yard.ship("--dry-run").is(
        0,
        &[
            "1. verify-tree",
            "run true",
            "review everything since",
            "mend within src/",
            "push HEAD to main of origin",
            "$2.00",
        ],
    );
    yard.ship("--dry-run --no-heal").is(0, &["push HEAD"]);
    assert_eq!(yard.desk.calls(), (0, 0));
    assert_eq!(yard.desk.head(), head);
    yard.ship("status").is(1, &["nothing was shipped here"]);
}

#[test]
fn it_stops_at_the_first_no() {
    type Spoil = fn(&Yard);
    let cases: [(&str, &str, Spoil, i32, &[&str]); 5] = [
        (
            "tests fail",
            "tests: [[\"false\"], [\"touch\", \"ran\"]]",
            |_| {},
            1,
            &["verify-tree", "tests"],
        ),
        ("dirty", "tests: [[\"true\"]]", |it| it.desk.put("loose.txt", "x"), 1, &["verify-tree"]),
        (
            "goes round",
            "tests: [[\"true\"]]",
            |it| drop(it.desk.change("ops/x.sh", "git push --no-verify\n")),
            1,
            &["verify-tree"],
        ),
        (
            "hook gone",
            "tests: [[\"true\"]]",
            |it| drop(it.desk.git(&["config", "--unset", "core.hooksPath"])),
            1,
            &["verify-tree"],
        ),
        (
            "nobody answers",
            "tests: [[\"true\"]]",
            |it| {
                it.desk.openai.otherwise(fakes::Behaviour::status(503));
                it.desk.mistral.otherwise(fakes::Behaviour::status(503));
            },
            69,
            &["verify-tree", "tests", "review"],
        ),
    ];
    for (what, tests, spoil, code, steps) in cases {
        let yard = Yard::with(tests, "rounds: 2, by: api, paths: [src/]");
        yard.desk.change("src/a.txt", "good\n");
        let before = yard.remote();
        spoil(&yard);
        let told = yard.ship("");
        assert_eq!(told.code, code, "{what}: {told:?}");
        let taken = yard.steps();
        assert_eq!(names(&taken), steps, "{what}");
        assert!(!taken.last().unwrap().1, "{what}");
        assert_eq!(yard.remote(), before, "{what}");
        assert!(!yard.desk.path("ran").exists());
        assert_eq!(yard.status()["ended"]["ok"], false, "{what}");
    }
}

#[test]
fn tests_get_neither_gits_variables_nor_secrets() {
    let yard = Yard::with("tests: [[sh, -c, \"env > ../env\"]]", "rounds: 0, by: api, paths: []");
    yard.desk.change("src/a.txt", "good\n");
    let key = crate::desk::openai_key();
    let env = [
        ("GIT_DIR", "/nowhere"),
        ("GIT_INDEX_FILE", "/nowhere"),
        ("OPENAI_API_KEY", key.as_str()),
        ("PLAIN", "yes"),
    ];
    yard.ship_with("", &env).is(0, &["shipped"]);
    let seen = yard.desk.read("../env");
    assert!(seen.contains("PLAIN=yes"), "{seen}");
    assert!(!seen.contains("GIT_") && !seen.contains("OPENAI_API_KEY"), "{seen}");
}

#[test]
fn a_push_that_the_remote_refuses_is_a_no_and_the_next_call_only_pushes() {
    let yard = Yard::new();
    yard.desk.change("src/a.txt", "good\n");
    let lock = yard.desk.root().join("remote.git/hooks/pre-receive");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "#!/bin/sh\necho not today >&2\nexit 1\n").unwrap();
    std::os::unix::fs::symlink("/bin/false", yard.desk.root().join("x")).unwrap();
    std::fs::set_permissions(&lock, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    yard.ship("").is(1, &["git push was refused", "not today"]);
    std::fs::remove_file(&lock).unwrap();
    yard.ship("--dry-run").is(0, &["it is approved and finished"]);
    yard.ship("").is(0, &["shipped"]);
    assert_eq!(names(&yard.steps()), ["verify-tree", "push"]);
    assert_eq!(yard.remote(), yard.desk.head());
}

#[test]
fn money_and_time_end_it() {
    let yard = Yard::new();
    let text = yard.desk.read("configs/ship.yaml").replace("maxUsd: 2.0", "maxUsd: 0.1");
    let since = yard.desk.change("configs/ship.yaml", &text);
    yard.desk.change("docs/LAST_REVIEWED_SHA.txt", &format!("{since}\n"));
    yard.desk.change("src/a.txt", "good\n");
    yard.ship("").is(1, &["the money is over"]);
    assert_eq!(yard.desk.calls(), (0, 0));
}

#[test]
fn what_a_review_without_an_answer_cost_is_spent() {
    let yard = Yard::new();
    yard.desk.change("src/a.txt", "good\n");
    let cut = fakes::llm::Said::json(&crate::desk::approval()).ends(fakes::llm::Ending::Length);
    yard.desk.answers(move |_| cut.clone().uses(1000, 0, 500));
    yard.ship("").is(69, &["truncated"]);
    let paid = yard.desk.paid("ship");
    assert!(paid > 0.0);
    assert_eq!(yard.status()["spent_usd"].as_f64(), Some(paid));
}

#[test]
fn two_do_not_run_at_once_and_help_is_there() {
    let yard = Yard::new();
    yard.desk.change("src/a.txt", "good\n");
    let held = yard.desk.root().join("state/state/ship");
    yard.ship("--help").is(0, &["Examples:"]);
    yard.ship("--version").is(0, &["ship 0.1.0"]);
    yard.ship("").is(0, &[]);
    let lock = std::fs::read_dir(&held).unwrap().map(|it| it.unwrap().path());
    let lock = lock.into_iter().find(|it| it.extension().is_some_and(|it| it == "lock")).unwrap();
    let file = std::fs::File::open(&lock).unwrap();
    file.lock().unwrap();
    let told: Told = yard.ship("");
    told.is(75, &["another ship of this repository"]);
}

#[test]
fn rules_of_shipping_are_read_from_the_start_of_the_range() {
    let yard = Yard::with("tests: [[\"false\"]]", "rounds: 0, by: api, paths: []");
    let text = yard.desk.read("configs/ship.yaml").replace("\"false\"", "\"true\"");
    yard.desk.change("configs/ship.yaml", &text);
    yard.ship("").is(1, &["tests says no"]);
}

#[test]
fn a_test_that_is_not_there_is_told_with_the_file_that_names_it() {
    let yard = Yard::with("tests: [[\"./no-such-test\"]]", "rounds: 0, by: api, paths: []");
    yard.desk.change("src/a.rs", "fn a() {}\n");
    yard.ship("").is(69, &["./no-such-test", "configs/ship.yaml, as of the range's start"]);
}

#[test]
fn a_call_that_died_in_finish_is_gone_on_with() {
    let file = "docs/LAST_REVIEWED_SHA.txt";
    for is_indexed in [false, true] {
        let yard = Yard::new();
        let desk = &yard.desk;
        desk.change("src/a.rs", "fn a() {}\n");
        desk.run("run --gate").is(0, &[]);
        desk.run("finish").is(0, &[]);
        // HEAD has moved; the index, or only the work tree, has not followed.
        let (head, old) = (desk.head(), desk.git(&["show", &format!("HEAD^:{file}")]));
        if is_indexed {
            desk.put(file, format!("{old}\n"));
        } else {
            desk.git(&["reset", "-q", "--hard", "HEAD^"]);
            desk.git(&["update-ref", "HEAD", &head]);
        }
        assert_ne!(desk.git(&["status", "--porcelain"]), "");
        yard.ship("").is(0, &["pushed to main of origin"]);
        assert_eq!(desk.git(&["status", "--porcelain"]), "");
        assert_eq!(yard.remote(), head);
    }
}
