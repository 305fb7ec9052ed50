//! How a job ended, judged from what its program left. Pure, but for reading that.

use std::path::Path;

use jobs::{Artifact, Status as Left};
use ops_core::failure::Exit;
use ops_core::host::{Ending, Host};
use run_queue::{Job, Status, Verdict};

use super::lease::Why;

/// The longest reason that is kept, characters.
const LONGEST: usize = 500;

/// The largest artifact.json that is read, bytes.
const LARGEST: u64 = 16 << 20;

/// What is known of a job's end.
#[derive(Debug)]
pub(super) struct Seen {
    /// The artifact, if the program left a whole one.
    pub(super) artifact: Option<Artifact>,
    /// How the program ended, or why it could not be run.
    pub(super) ending: Result<Ending, String>,
    /// The end of what the program itself said on standard error.
    pub(super) said: String,
    /// Why it was killed, if it was.
    pub(super) killed: Option<Why>,
    /// Whether the worker has to end and the job is to be given back.
    pub(super) is_over: bool,
}

/// What is to be said of a job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Say {
    /// It has ended.
    Ended(Verdict),
    /// Somebody else may run it.
    GiveBack,
    /// Nothing yet: an earlier program still runs it on this host.
    Busy,
    /// Nothing: somebody else may have it already.
    Nothing,
}

/// Judges.
pub(super) fn judge(seen: Seen) -> Say {
    if seen.killed == Some(Why::Lost) {
        return Say::Nothing;
    }
    // An artifact is written whole and last: what was faster than the order to stop it counts.
    if let Some(artifact) = seen.artifact {
        return Say::Ended(of_artifact(artifact));
    }
    let ended = |status, detail: &str| {
        let detail = Some(detail.chars().take(LONGEST).collect());
        Say::Ended(Verdict { status, exit_code: None, detail })
    };
    match (seen.killed, seen.ending) {
        (Some(Why::Cancelled), _) => ended(Status::Cancelled, "cancelled while it ran"),
        (Some(_), _) => ended(Status::Timeout, "its deadline passed while it ran"),
        (None, Ok(Ending::Deadline)) if seen.is_over => Say::GiveBack,
        (None, Ok(Ending::Deadline)) => {
            ended(Status::Timeout, "it outlived the longest time allowed")
        }
        (None, Ok(Ending::Code(code))) if code == i32::from(Exit::TryLater.code()) => {
            if seen.is_over { Say::GiveBack } else { Say::Busy }
        }
        (None, Ok(Ending::Code(code))) => ended(
            Status::Error,
            &format!("orb-wrap ended with {code} and left no artifact: {}", seen.said),
        ),
        (None, Ok(Ending::Signal(signal))) => {
            ended(Status::Error, &format!("orb-wrap was killed by signal {signal}: {}", seen.said))
        }
        (None, Err(why)) => ended(Status::Error, &format!("orb-wrap could not be run: {why}")),
    }
}

/// The artifact that a job left in its folder, whole and its own. orb-wrap writes it last, and the
/// job itself cannot.
pub(super) fn artifact(host: &Host, job: &Job, folder: &Path) -> Option<Artifact> {
    let (_, bytes) = host.read_plain(&folder.join("artifact.json"), LARGEST).ok()?;
    let artifact: Artifact = serde_json::from_slice(&bytes).ok()?;
    let is_own = artifact.job_type == job.wanted.job_type
        && (artifact.job_id == job.job_id || artifact.job_id.is_empty());
    is_own.then_some(artifact)
}

/// The verdict that an artifact holds.
pub(super) fn of_artifact(artifact: Artifact) -> Verdict {
    let status = match artifact.status {
        Left::Success => Status::Success,
        Left::Failure => Status::Failure,
        Left::Timeout => Status::Timeout,
        Left::Rejected => Status::Rejected,
        Left::MutationDetected => Status::MutationDetected,
        Left::Error => Status::Error,
    };
    let told = [artifact.error, artifact.error_detail];
    let rejections = artifact.rejections.into_iter();
    let rejections = rejections.map(|it| format!("{}: {}", it.field, it.message));
    let told: Vec<String> = told.into_iter().flatten().chain(rejections).collect();
    let detail = (!told.is_empty()).then(|| told.join("; ").chars().take(LONGEST).collect());
    Verdict { status, exit_code: artifact.exit_code, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn artifact(status: &str, more: &serde_json::Value) -> Artifact {
        let mut it = json!({
            "schema": "aiops.job/1", "job_id": "20260101T000000Z-000000", "job_type": "x",
            "status": status, "exit_code": 3, "created_at": "", "started_at": null,
            "finished_at": "", "duration_ms": 1, "repo": {"url": "u", "sha": null}, "params": {},
            "invariants": {"read_only_ok": true, "clean_tree_ok": true, "sandbox": []},
            "changed_files": [], "outputs": [], "stdout_tail": "", "stderr_tail": "",
            "warnings": [], "error": null, "error_detail": null, "rejections": [], "doctor": null,
            "size_cap_exceeded": false, "size_cap_fallback": null,
            "review_packets_archive": null, "review_packets_dir": null,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            it[name] = value.clone();
        }
        serde_json::from_value(it).unwrap()
    }

    fn seen(ending: Result<Ending, String>) -> Seen {
        Seen { artifact: None, ending, said: "why".into(), killed: None, is_over: false }
    }

    fn whole() -> Artifact {
        artifact("success", &json!({}))
    }

    #[test]
    fn every_end_is_told_as_what_it_was() {
        let done = || seen(Ok(Ending::Code(0)));
        let killed = |why| Seen { killed: Some(why), ..seen(Ok(Ending::Deadline)) };
        for (name, seen, want) in [
            ("an artifact", Seen { artifact: Some(whole()), ..done() }, Some("success")),
            ("none", done(), Some("error")),
            ("busy", seen(Ok(Ending::Code(75))), Some("busy")),
            (
                "an artifact of one that was busy",
                Seen { artifact: Some(whole()), ..seen(Ok(Ending::Code(75))) },
                Some("success"),
            ),
            (
                "busy, and cancelled",
                Seen { killed: Some(Why::Cancelled), ..seen(Ok(Ending::Code(75))) },
                Some("cancelled"),
            ),
            ("a signal", seen(Ok(Ending::Signal(9))), Some("error")),
            ("no program", seen(Err("no such file".into())), Some("error")),
            ("too long", seen(Ok(Ending::Deadline)), Some("timeout")),
            ("cancelled", killed(Why::Cancelled), Some("cancelled")),
            ("late", killed(Why::Late), Some("timeout")),
            ("lost", killed(Why::Lost), None),
            (
                "faster than the order",
                Seen { artifact: Some(whole()), ..killed(Why::Cancelled) },
                Some("success"),
            ),
            ("lost, but done", Seen { artifact: Some(whole()), ..killed(Why::Lost) }, None),
        ] {
            let said = match judge(seen) {
                Say::Ended(verdict) => Some(verdict.status.name()),
                Say::GiveBack => Some("given back"),
                Say::Busy => Some("busy"),
                Say::Nothing => None,
            };
            assert_eq!(said, want, "{name}");
        }
        for ending in [Ending::Deadline, Ending::Code(75)] {
            let over = Seen { is_over: true, ..seen(Ok(ending)) };
            assert_eq!(judge(over), Say::GiveBack);
        }
        let over = Seen { is_over: true, artifact: Some(whole()), ..seen(Ok(Ending::Deadline)) };
        assert!(matches!(judge(over), Say::Ended(_)));
    }

    #[test]
    fn what_an_artifact_says_of_a_failure_is_kept_within_bounds() {
        let long = "x".repeat(2000);
        let more = json!({
            "error": "HARNESS_NOT_FOUND", "error_detail": long,
            "rejections": [{"field": "sha", "reason": "BAD_SHA", "message": "no"}],
        });
        let verdict = of_artifact(artifact("MUTATION_DETECTED", &more));
        let detail = verdict.detail.unwrap();
        assert_eq!((verdict.status, verdict.exit_code), (Status::MutationDetected, Some(3)));
        assert!(detail.starts_with("HARNESS_NOT_FOUND; x") && detail.len() == LONGEST);
        assert_eq!(of_artifact(artifact("rejected", &json!({}))).detail, None);
    }
}
