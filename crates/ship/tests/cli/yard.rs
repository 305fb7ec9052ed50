//! A repository that is ready to be shipped: hook, remote, ship.yaml.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fakes::llm::Said;
use serde_json::{Value, json};

use crate::desk::{Desk, Told, approval, objection, program};

/// A desk with a remote, the hook installed, and everything pushed up to the baseline.
pub(crate) struct Yard {
    pub(crate) desk: Desk,
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self::with("tests: [[\"true\"]]", "rounds: 2, by: api, paths: [src/]")
    }

    /// With these tests, and these bounds of autoheal.
    pub(crate) fn with(tests: &str, heal: &str) -> Self {
        Self::of(Desk::new(), tests, heal)
    }

    /// The same at a desk of its own.
    pub(crate) fn of(desk: Desk, tests: &str, heal: &str) -> Self {
        let remote = desk.root().join("remote.git").display().to_string();
        desk.git(&["init", "-q", "--bare", &remote]);
        desk.git(&["remote", "add", "origin", &remote]);
        desk.put(
            "configs/ship.yaml",
            format!(
                "{tests}\ntestMinutes: 1\nremote: origin\nbranch: main\npushNotes: true\nreviewer: api\nminutes: 10\nmaxUsd: 2.0\nheal: {{{heal}}}\n"
            ),
        );
        desk.put(".githooks/pre-push", review_gate::hooks::PRE_PUSH);
        let hook = desk.path(".githooks/pre-push");
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
        let begin = desk.commit("ready to be shipped");
        desk.put("docs/LAST_REVIEWED_SHA.txt", format!("{begin}\n"));
        desk.commit("baseline");
        desk.git(&["push", "-q", "origin", "main"]);
        desk.git(&["config", "core.hooksPath", ".githooks"]);
        Self { desk }
    }

    pub(crate) fn ship(&self, line: &str) -> Told {
        self.ship_with(line, &[])
    }

    pub(crate) fn ship_with(&self, line: &str, env: &[(&str, &str)]) -> Told {
        let own = program("review-gate");
        // A stand-in for codex, where a test put one.
        let bin = self.desk.root().join("bin");
        let path = format!(
            "{}:{}:{}",
            bin.display(),
            own.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let mut command = self.desk.bare(program("ship"));
        command.args(line.split_whitespace()).env("PATH", path).envs(env.iter().copied());
        command.output().unwrap().into()
    }

    /// The record, as `status --json` tells it.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ship("--json status").out).unwrap()
    }

    /// The names of the steps that were taken, each with its answer.
    pub(crate) fn steps(&self) -> Vec<(String, bool)> {
        let status = self.status();
        let steps = status["steps"].as_array().unwrap();
        steps.iter().map(|it| (it["step"].as_str().unwrap().to_owned(), it["ok"] == true)).collect()
    }

    /// The commit that the remote's branch is at.
    pub(crate) fn remote(&self) -> String {
        self.desk
            .git(&["ls-remote", "origin", "refs/heads/main"])
            .split('\t')
            .next()
            .unwrap()
            .to_owned()
    }

    /// A reviewer who blocks while the file says `bad`, and a healer who proposes this diff.
    pub(crate) fn blocks_bad(
        &self,
        file: &'static str,
        diff: impl Fn(usize) -> String + Send + 'static,
    ) {
        let mut asked_for_diffs = 0;
        self.desk.answers(move |asked| {
            let is_proposal =
                asked.schema.as_ref().is_some_and(|it| it["properties"]["diff"].is_object());
            if is_proposal {
                asked_for_diffs += 1;
                return Said::json(&json!({"diff": diff(asked_for_diffs), "why": "because"}));
            }
            let is_bad = asked.text_of("user").contains("+bad");
            Said::json(&if is_bad { objection(file, 1, "it is bad") } else { approval() })
        });
    }
}
