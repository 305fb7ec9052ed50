//! A table over each check of a repository.

use ops_core::config::{self, Source};
use ops_core::host::Host;
use ops_core::time;

use super::super::facts::{Baseline, Secrets};
use super::*;
use Status::{Fail, Pass, Skip, Unknown};

fn policy() -> Policy {
    config::load(&Host::real(), &Source::Shipped).unwrap()
}

fn healthy() -> RepoFacts {
    let hook = Hook {
        name: "pre-push".into(),
        is_there: true,
        is_executable: true,
        is_tracked: true,
        is_changed: false,
    };
    RepoFacts {
        hooks_path: Seen::Seen(Some(".githooks".into())),
        top: "/srv/repo".into(),
        hooks: Seen::Seen(vec![hook]),
        bypass: Seen::Seen(vec![]),
        configs: Seen::Seen(vec![("configs/a.yaml".into(), vec![])]),
        baseline: None,
        allowlists: vec![],
        secrets: Seen::Seen(Secrets { files: 3, ..Secrets::default() }),
        units: Seen::Seen(Units { count: 2, ..Units::default() }),
    }
}

fn status(id: &str, change: impl FnOnce(&mut RepoFacts)) -> Status {
    let mut facts = healthy();
    change(&mut facts);
    let now = time::parse("2026-11-21T07:00:00Z").unwrap();
    let report = judge(&facts, &policy(), ("h".into(), "t".into(), 0), now);
    for check in &report.checks {
        assert_ne!(check.summary, format!("nobody judges {}", check.id));
    }
    report.check(id).unwrap().status
}

#[test]
fn a_healthy_repository_passes_and_the_documentation_shows_every_check() {
    let docs = include_str!("../../../../docs/doctor.md");
    for names in CHECKS {
        let want = if names.id == "baseline" { Skip } else { Pass };
        assert_eq!(status(names.id, |_| ()), want, "{}", names.id);
        let line = format!("| `{}` | {} |", names.id, names.title);
        assert!(docs.contains(&line), "docs/doctor.md lacks: {line}");
    }
}

#[test]
fn hooks_are_the_repositorys_own_and_as_committed() {
    let path = |path: Option<&str>| {
        status("hooks", |it| it.hooks_path = Seen::Seen(path.map(str::to_owned)))
    };
    assert_eq!(path(Some("/srv/repo/.githooks")), Pass);
    assert_eq!(path(Some("/dev/null")), Fail);
    assert_eq!(path(Some("/other/.githooks")), Fail);
    assert_eq!(path(None), Fail);
    assert_eq!(status("hooks", |it| it.hooks_path = Seen::unknown("x")), Unknown);
    let file = |change: fn(&mut Hook)| {
        status("hook_files", |it| {
            let Seen::Seen(hooks) = &mut it.hooks else { panic!() };
            change(&mut hooks[0]);
        })
    };
    assert_eq!(file(|it| it.is_executable = false), Fail);
    assert_eq!(file(|it| it.is_changed = true), Fail);
    assert_eq!(file(|it| it.is_tracked = false), Fail);
    assert_eq!(file(|it| it.is_there = false), Fail);
    assert_eq!(status("hook_files", |it| it.hooks = Seen::unknown("x")), Unknown);
}

#[test]
fn every_other_check_fails_on_what_it_is_for_and_is_unknown_when_blind() {
    let found = || vec![("f:1".to_owned(), "x".to_owned())];
    assert_eq!(status("bypass", |it| it.bypass = Seen::Seen(found())), Fail);
    assert_eq!(status("bypass", |it| it.bypass = Seen::unknown("x")), Unknown);
    let configs = vec![("a".to_owned(), vec!["x".to_owned()])];
    assert_eq!(status("configs", |it| it.configs = Seen::Seen(configs)), Fail);
    assert_eq!(status("configs", |it| it.configs = Seen::Seen(vec![])), Unknown);
    let baseline = |is_ancestor| Some(Seen::Seen(Baseline { commit: "a".into(), is_ancestor }));
    assert_eq!(status("baseline", |it| it.baseline = baseline(true)), Pass);
    assert_eq!(status("baseline", |it| it.baseline = baseline(false)), Fail);
    assert_eq!(status("baseline", |it| it.baseline = Some(Seen::unknown("x"))), Unknown);
    let list = |read| vec![("a".to_owned(), read)];
    assert_eq!(status("allowlists", |it| it.allowlists = list(Ok(()))), Pass);
    assert_eq!(status("allowlists", |it| it.allowlists = list(Err("x".into()))), Fail);
    let secrets = |found, unread| Seen::Seen(Secrets { files: 1, found, unread });
    assert_eq!(status("secrets", |it| it.secrets = secrets(found(), vec![])), Fail);
    assert_eq!(status("secrets", |it| it.secrets = secrets(vec![], found())), Unknown);
    assert_eq!(status("secrets", |it| it.secrets = Seen::Seen(Secrets::default())), Unknown);
    let units = |said: &[&str], idle: &[&str], not_here: &[&str]| {
        let list = |lines: &[&str]| lines.iter().map(|it| (*it).to_owned()).collect();
        let (said, idle_timers, not_here) = (list(said), list(idle), list(not_here));
        Seen::Seen(Units { count: 1, said, not_here, idle_timers })
    };
    assert_eq!(status("units", |it| it.units = units(&["x"], &[], &[])), Fail);
    assert_eq!(status("units", |it| it.units = units(&[], &["x"], &[])), Fail);
    assert_eq!(status("units", |it| it.units = units(&[], &[], &["x"])), Pass);
    assert_eq!(status("units", |it| it.units = Seen::Seen(Units::default())), Unknown);
}
