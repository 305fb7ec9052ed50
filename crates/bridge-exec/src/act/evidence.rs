//! The files of evidence that a plan leaves.

use std::ffi::OsString;

use bridge::evidence::to_bytes;
use confined_fs::{Fault, Folder};
use ops_core::failure::{Exit, Failure, OrFail};

use crate::journal::{Plan, Planned};
use crate::observe::{Folders, json_name};

/// Groups of fewer plans are not worth a thread.
const WORTH_SHARING: usize = 32;

/// Writes the evidence of a whole group under temporary names. The folders are independent and most
/// of the time is the kernel's, so two threads share a large group.
pub(super) fn stage_evidence(folders: &Folders, plans: &[Plan]) -> Result<(), Failure> {
    let stage = |plans: &[Plan]| {
        plans.iter().try_for_each(|plan| {
            each_evidence(folders, plan, |folder, name, bytes| folder.stage(&name, &bytes, 0o640))
        })
    };
    let half = if plans.len() < WORTH_SHARING { 0 } else { plans.len() / 2 };
    let (one, other) = plans.split_at(half);
    std::thread::scope(|threads| {
        let one = (!one.is_empty()).then(|| threads.spawn(|| stage(one)));
        let other = stage(other);
        let lost = |_| Err(Fault::Denied("a thread that wrote evidence died".into()));
        one.map_or(Ok(()), |one| one.join().unwrap_or_else(lost)).and(other)
    })
    .or_fail(Exit::Unavailable, "write evidence; nothing was accepted")
    .map_err(|it| it.hint("look at the disk and at the permissions of the bridge root"))
}

/// Every file of evidence a plan leaves, the one that readers wait for last.
pub(super) fn each_evidence(
    folders: &Folders,
    plan: &Plan,
    act: impl Fn(&Folder, OsString, std::sync::Arc<[u8]>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match &plan.outcome {
        Planned::Execute(it) => {
            let integrity = format!("{}.integrity.json", it.id);
            act(&folders.diffs, format!("{}.patch", it.id).into(), it.diff.0.clone())?;
            act(&folders.archive, json_name(&it.id), it.input.0.clone())?;
            act(&folders.results, integrity.into(), it.integrity.0.clone())?;
            act(&folders.results, json_name(&it.id), it.result.0.clone())
        }
        Planned::Refuse { file, letter, .. } => {
            act(&folders.dead_letter, json_name(file), to_bytes(letter).into())
        }
        Planned::Hold { input, .. } => match &plan.accepts {
            Some((id, _)) => act(&folders.held, json_name(id), input.0.clone()),
            None => Ok(()),
        },
        Planned::Note => Ok(()),
    }
}
