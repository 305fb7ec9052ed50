//! Judges a repository. Pure.

use host_facts::Seen;
use ops_core::time::Timestamp;

use super::facts::{Hook, RepoFacts, Units};
use crate::finding::{self, Judged, Names};
use crate::policy::Policy;
use crate::report::{Report, Status};

/// Every check of a repository, in the order of the report. docs/doctor.md shows them.
pub(crate) const CHECKS: &[Names] = &[
    Names {
        id: "hooks",
        title: "git runs the hooks of this repository",
        remedy: "run `doctor repo --fix`",
        blind: "see that `git config` works here",
    },
    Names {
        id: "hook_files",
        title: "Hooks are there, executable and as committed",
        remedy: "run bits: `doctor repo --fix`; contents: `git diff HEAD` shows what changed, `git \
                 checkout HEAD -- FILE` restores it",
        blind: "see that `git diff HEAD` works here",
    },
    Names {
        id: "bypass",
        title: "Nothing goes round the hooks",
        remedy: "let it fail, or let it be reviewed: remove what goes round the hooks",
        blind: "see that `git ls-files` works and the files can be read",
    },
    Names {
        id: "configs",
        title: "Configuration is valid",
        remedy: "mend the file; what is allowed: configs/schemas/",
        blind: "see that `git ls-files` works and the files can be read",
    },
    Names {
        id: "baseline",
        title: "The approved commit is an ancestor of this one",
        remedy: "find out who rewrote history; approve a range anew with `review-gate`",
        blind: "see that the baseline file is there and holds one commit",
    },
    Names {
        id: "allowlists",
        title: "Allowlists parse",
        remedy: "mend the file: what cannot be read allows nothing",
        blind: "see that the files can be read",
    },
    Names {
        id: "secrets",
        title: "No tracked file holds what looks like a secret",
        remedy: "revoke the secret, then remove it; a made-up one: end its line with aiops:allow",
        blind: "see that the files can be read",
    },
    Names {
        id: "units",
        title: "systemd units are in order",
        remedy: "mend the unit: `systemd-analyze verify FILE`",
        blind: "install systemd-analyze (package systemd); a repository without units lists `units` \
                under not_installed in doctor.yaml",
    },
];

/// Judges; `head` is host, time and duration of the look.
pub(super) fn judge(
    facts: &RepoFacts,
    policy: &Policy,
    head: (String, String, u64),
    now: Timestamp,
) -> Report {
    let checks = CHECKS.iter().map(|names| {
        let judged = match names.id {
            id if policy.not_installed.contains(id) => Err("not there, says doctor.yaml"),
            "hooks" => Ok(hooks(facts, policy)),
            "hook_files" => {
                Ok(seen(&facts.hooks, |hooks, judged| hook_files(hooks, policy, judged)))
            }
            "bypass" => Ok(seen(&facts.bypass, bypass)),
            "configs" => Ok(seen(&facts.configs, configs)),
            "baseline" => {
                facts.baseline.as_ref().map(baseline).ok_or("doctor.yaml names no baseline")
            }
            "allowlists" => Ok(allowlists(facts)),
            "secrets" => Ok(seen(&facts.secrets, secrets)),
            "units" => Ok(seen(&facts.units, units)),
            id => Ok(Judged::is_unknown(format!("nobody judges {id}"))),
        };
        let skipped = judged.is_err();
        let judged =
            judged.unwrap_or_else(|why| Judged { fine: why.to_owned(), ..Judged::default() });
        let mut check = finding::check(*names, judged, &policy.waivers, now, 0);
        if skipped && check.status == Status::Pass {
            check.status = Status::Skip;
        }
        check
    });
    let (host, started_at, duration_ms) = head;
    let checks = checks.collect();
    Report::new(finding::plain(&host), started_at, duration_ms, Vec::new(), checks)
}

fn seen<T>(seen: &Seen<T>, judge: impl FnOnce(&T, &mut Judged)) -> Judged {
    match seen.known() {
        Err(why) => Judged::is_unknown(why),
        Ok(thing) => {
            let mut judged = Judged::default();
            judge(thing, &mut judged);
            judged
        }
    }
}

fn hooks(facts: &RepoFacts, policy: &Policy) -> Judged {
    let wanted = policy.repo.hooks.display().to_string();
    let whole = format!("{}/{wanted}", facts.top);
    seen(&facts.hooks_path, |path, judged| match path {
        Some(path) if *path == wanted || *path == whole => {
            judged.fine = format!("core.hooksPath is {path}");
        }
        Some(path) => judged.fail("core.hooksPath", format!("it is {path:?}, not {wanted:?}")),
        None => judged.fail("core.hooksPath", format!("it is not set; {wanted:?} is wanted")),
    })
}

fn hook_files(hooks: &[Hook], policy: &Policy, judged: &mut Judged) {
    judged.fine = format!("{} hooks, all as committed", hooks.len());
    for hook in hooks {
        let name = &hook.name;
        let is_required = policy.repo.required_hooks.contains(name);
        if !hook.is_there {
            judged.fail(
                name,
                if is_required { "it is required and not there" } else { "it was removed" },
            );
        } else if !hook.is_tracked {
            judged.fail(name, "nobody committed it");
        } else if hook.is_changed {
            judged.fail(name, "it is not as committed");
        }
        if hook.is_there && !hook.is_executable {
            judged.fail(name, "it is not executable: git passes over it");
        }
    }
}

fn bypass(found: &Vec<(String, String)>, judged: &mut Judged) {
    "nothing goes round the hooks".clone_into(&mut judged.fine);
    for (at, line) in found {
        judged.fail(at, line);
    }
}

fn configs(files: &Vec<(String, Vec<String>)>, judged: &mut Judged) {
    judged.fine = format!("{} files, all valid", files.len());
    if files.is_empty() {
        judged.unknown("", "there is no configuration in configs/");
    }
    for (file, violations) in files {
        for violation in violations {
            judged.fail(file, violation);
        }
    }
}

fn baseline(baseline: &Seen<super::facts::Baseline>) -> Judged {
    seen(baseline, |baseline, judged| {
        let commit = &baseline.commit;
        judged.fine = format!("{commit} is an ancestor");
        if !baseline.is_ancestor {
            judged.fail(commit, "it is not an ancestor of the current commit");
        }
    })
}

fn allowlists(facts: &RepoFacts) -> Judged {
    let fine = format!("{} allowlists", facts.allowlists.len());
    let mut judged = Judged { fine, ..Judged::default() };
    for (file, read) in &facts.allowlists {
        if let Err(why) = read {
            judged.fail(file, why);
        }
    }
    judged
}

fn secrets(secrets: &super::facts::Secrets, judged: &mut Judged) {
    judged.fine = format!("{} tracked files looked through", secrets.files);
    if secrets.files == 0 {
        judged.unknown("", "git tracks no file here");
    }
    for (at, what) in &secrets.found {
        judged.fail(at, what);
    }
    for (file, why) in &secrets.unread {
        judged.unknown(file, why);
    }
}

fn units(units: &Units, judged: &mut Judged) {
    judged.fine = format!("{} units", units.count);
    if units.count == 0 {
        judged.unknown("", "there is no unit");
    }
    for line in &units.said {
        judged.fail("", line);
    }
    for timer in &units.idle_timers {
        judged.fail(timer, "the unit it starts is not there");
    }
    judged.notes.extend(units.not_here.iter().map(|line| format!("not installed here: {line}")));
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
