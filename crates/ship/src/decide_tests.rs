//! The machine and the allowlist, as tables.
#![expect(clippy::disallowed_methods, reason = "asks cargo which crates there are")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::*;

fn at(last: Option<(Step, Ended)>) -> Standing {
    Standing {
        last,
        rounds: 0,
        most_rounds: 2,
        is_finished: false,
        minutes: (0, 60),
        usd: (0.0, 2.0),
        per_review: 0.5,
    }
}

#[test]
fn each_step_follows_a_yes_and_nothing_follows_a_no() {
    use Ended::{Blocked, No, Yes};
    use Step::{Finish, Heal, Push, Review, Tests, VerifyTree};
    for (last, want) in [
        (None, VerifyTree),
        (Some((VerifyTree, Yes)), Tests),
        (Some((Tests, Yes)), Review),
        (Some((Review, Yes)), Finish),
        (Some((Review, Blocked)), Heal),
        (Some((Heal, Yes)), Review),
        (Some((Finish, Yes)), Push),
    ] {
        assert_eq!(next(&at(last)), Next::Do(want), "{last:?}");
    }
    assert_eq!(next(&at(Some((Push, Yes)))), Next::Done);
    for step in [VerifyTree, Tests, Review, Heal, Finish, Push] {
        assert!(matches!(next(&at(Some((step, No)))), Next::Stop(_)), "{step:?}");
    }
    let finished = Standing { is_finished: true, ..at(Some((VerifyTree, Yes))) };
    assert_eq!(next(&finished), Next::Do(Push));
}

#[test]
fn rounds_time_and_money_end_it() {
    let blocked = at(Some((Step::Review, Ended::Blocked)));
    let told = |it: &Standing| match next(it) {
        Next::Stop(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(told(&Standing { rounds: 2, ..blocked }).contains("after 2 rounds"));
    assert!(told(&Standing { most_rounds: 0, ..blocked }).contains("autoheal is off"));
    assert!(told(&Standing { minutes: (60, 60), ..blocked }).contains("60 minutes"));
    let tested = at(Some((Step::Tests, Ended::Yes)));
    assert!(told(&Standing { usd: (1.6, 2.0), ..tested }).contains("$1.6000 spent"));
    assert_eq!(next(&Standing { usd: (1.5, 2.0), ..tested }), Next::Do(Step::Review));
}

#[test]
fn hole_12_autoheal_touches_exactly_what_is_named_and_never_what_guards() {
    let gate = GatePaths::new(&["src/mine/**".to_owned()]).unwrap();
    let allowed: Vec<String> = [
        "src/",
        "README.md",
        "crates/",
        "configs/",
        "ops/",
        ".github/",
        "web/",
        "docs/",
        "tests/",
        "etc/",
        "Cargo.toml",
        "Cargo.lock",
        "clippy.toml",
        "rustfmt.toml",
        ".cargo/",
        ".ci/",
        "Jenkinsfile",
        "lefthook.yml",
        "rust-toolchain.toml",
        ".pre-commit-config.yaml",
    ]
    .map(str::to_owned)
    .to_vec();
    for (path, may) in [
        ("src/a.rs", true),
        ("src/deep/b.rs", true),
        ("README.md", true),
        ("crates/bridge/src/lib.rs", true),
        ("README.md.sh", false),
        ("README.mdx", false),
        ("srcs/a.rs", false),
        ("src", false),
        ("other.rs", false),
        ("src/../configs/x", false),
        ("/src/a.rs", false),
        ("configs/review.yaml", false),
        ("Configs/review.yaml", false),
        ("ops/x.sh", false),
        (".github/workflows/x.yml", false),
        (".githooks/pre-push", false),
        ("src/.gitattributes", false),
        ("src/.GIT/config", false),
        ("crates/review-gate/src/lib.rs", false),
        ("crates/Review-Gate/src/lib.rs", false),
        ("crates/verdict/src/lib.rs", false),
        ("crates/sshd-fix/src/lib.rs", false),
        ("crates/bridge/build.rs", false),
        ("Cargo.toml", false),
        ("Cargo.lock", false),
        ("crates/bridge/Cargo.toml", false),
        ("clippy.toml", false),
        ("rustfmt.toml", false),
        ("rust-toolchain.toml", false),
        (".cargo/config.toml", false),
        (".ci/run", false),
        ("docs/LAST_REVIEWED_SHA.txt", false),
        ("docs/ship.md", true),
        ("crates/key-shapes/src/table.rs", false),
        ("crates/KEY-SHAPES/src/table.rs", false),
        ("crates/\u{212a}ey-shapes/src/table.rs", false),
        ("crates/ops-core/src/redact.rs", false),
        ("crates/hook-bypass/src/lib.rs", false),
        ("crates/guard/src/lib.rs", false),
        ("web/.husky/pre-push", false),
        (".pre-commit-config.yaml", false),
        ("lefthook.yml", false),
        ("Jenkinsfile", false),
        ("web/.forgejo/workflows/a.yml", false),
        ("web/configs/a.yaml", false),
        ("web/a.service", false),
        ("etc/sshd_config", false),
        ("tests/push/tests/form.rs", false),
        ("tests/fakes/src/lib.rs", false),
        ("src/mine/a.rs", false),
        ("src/MINE/a.rs", false),
    ] {
        assert_eq!(forbidden(path, &allowed, &gate).is_none(), may, "{path}");
    }
}

/// Cargo's packages by name, and the names that each is built from; with those of its tests too.
fn packages() -> BTreeMap<String, (Value, BTreeSet<String>, BTreeSet<String>)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let asked = ["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"];
    let said = Command::new(cargo).args(asked).arg(manifest).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
    let of = |package: &Value| {
        let ours = package["dependencies"].as_array().unwrap().iter();
        let ours: Vec<&Value> = ours.filter(|it| it["path"].is_string()).collect();
        let built = ours.iter().filter(|it| it["kind"] != "dev").map(|it| name(it)).collect();
        (package.clone(), built, ours.iter().map(|it| name(it)).collect())
    };
    said["packages"].as_array().unwrap().iter().map(|it| (name(it), of(it))).collect()
}

#[test]
fn nothing_that_the_gate_or_a_guard_is_built_from_or_tested_with_may_be_mended() {
    let packages = packages();
    let gate = GatePaths::new(&[]).unwrap();
    let mut built: BTreeSet<&str> =
        BTreeSet::from(["review-gate", "ship", "doctor", "guard", "heal", "sshd-fix"]);
    let mut tested = BTreeSet::from(["push"]);
    let mut open: Vec<&str> = built.iter().copied().collect();
    while let Some(name) = open.pop() {
        let (_, of, with_tests) = &packages[name];
        open.extend(of.iter().map(String::as_str).filter(|it| built.insert(it)));
        tested.extend(with_tests.iter().map(String::as_str));
    }
    tested.extend(packages["push"].2.iter().map(String::as_str));
    assert!(
        ["ops-core", "key-shapes", "hook-bypass", "tailscale"].iter().all(|it| built.contains(it))
    );
    assert!(["fakes", "skipped", "scenarios"].iter().all(|it| tested.contains(it)));
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let top = std::fs::canonicalize(top).unwrap();
    for name in built.union(&tested) {
        for target in packages[*name].0["targets"].as_array().unwrap() {
            let path = Path::new(target["src_path"].as_str().unwrap());
            let path = path.strip_prefix(&top).unwrap().to_str().unwrap();
            let why = forbidden(path, &[path.to_owned()], &gate);
            assert!(
                why.is_some(),
                "{path} may be mended: name {name} in review-rules/src/paths.rs"
            );
        }
    }
}
