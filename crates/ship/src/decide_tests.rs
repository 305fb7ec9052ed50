//! The machine and the allowlist, as tables.

use super::*;
use ops_core::config::Settings as _;

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
    let policy = Policy::read(Policy::SHIPPED.as_bytes()).unwrap();
    let allowed: Vec<String> = ["src/", "README.md", "crates/", "configs/", "ops/", ".github/"]
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
        ("docs/LAST_REVIEWED_SHA.txt", false),
    ] {
        assert_eq!(forbidden(path, &allowed, &policy).is_none(), may, "{path}");
    }
}

#[test]
fn every_rule_of_the_never_list_holds_by_itself() {
    let policy = Policy { gate_paths: vec![], ..Policy::read(Policy::SHIPPED.as_bytes()).unwrap() };
    for rule in NEVER {
        let path = if rule.ends_with('/') { format!("{rule}x.rs") } else { (*rule).to_owned() };
        let allowed = [path.clone()];
        assert!(forbidden(&path, &allowed, &policy).is_some(), "{path}");
        assert!(forbidden(&path.to_uppercase(), &[path.to_uppercase()], &policy).is_some());
    }
}
