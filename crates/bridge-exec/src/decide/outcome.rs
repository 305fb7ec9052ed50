//! Turns what was decided into the documents that say so. No input or output here.

use bridge::audit::Entry;
use bridge::command::Dated;
use bridge::document::Signer;
use bridge::evidence::{DeadLetter, Integrity, Outcome, ValidatorOutcome, hex, to_bytes};
use bridge::reason::{Reason, Refusal};
use ops_core::time::{Timestamp, rfc3339};
use sha2::{Digest, Sha256};

use super::stage::Staged;
use crate::journal::{Blob, Execution, Inbound, Plan, Planned, PlannedChange};

/// What is known of a document whose signature was verified.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) dated: Dated,
    pub(crate) signer: Signer,
    pub(crate) content: [u8; 32],
    pub(crate) started_at: Timestamp,
}

/// What the validators said, all of them together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validated {
    pub(crate) outcomes: Vec<ValidatorOutcome>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The promise to carry out a staged command.
pub(crate) fn execution(
    accepted: &Accepted,
    staged: &Staged,
    validated: &Validated,
    input: &[u8],
    target: &str,
    now: Timestamp,
    inbound: Option<Inbound>,
) -> Plan {
    let command = &accepted.dated.command;
    let duration_ms =
        u64::try_from(now.duration_since(accepted.started_at).as_millis()).unwrap_or(0);
    let diff = staged.diff();
    let outcome = Outcome {
        schema: "aiops.bridge.result/1".into(),
        id: command.id.clone(),
        status: "ok".into(),
        exit_code: 0,
        action: command.action.clone(),
        target: command.target.clone(),
        started_at: rfc3339(accepted.started_at),
        finished_at: rfc3339(now),
        duration_ms,
        files: staged.outcomes(),
        files_changed: staged.files.len() as u64,
        constraints: command.constraints.clone(),
        limits_ok: true,
        hmac_key: accepted.signer.name(),
        validators: validated.outcomes.clone(),
        stdout: validated.stdout.clone(),
        stderr: validated.stderr.clone(),
    };
    let result = to_bytes(&outcome);
    let integrity = to_bytes(&Integrity {
        schema: "aiops.bridge.integrity/1".into(),
        id: command.id.clone(),
        input_sha256: hex(&Sha256::digest(input)),
        result_sha256: hex(&Sha256::digest(&result)),
        diff_sha256: hex(&Sha256::digest(&diff)),
        issued_at: command.issued_at.clone(),
        executed_at: rfc3339(now),
        duration_ms,
        files_changed: outcome.files_changed,
        constraints: command.constraints.clone(),
        limits_ok: true,
        hmac_ok: true,
        exit_code: 0,
    });
    Plan {
        accepts: Some((command.id.clone(), accepted.content.to_vec().into())),
        releases: inbound.is_none().then(|| command.id.clone()),
        inbound,
        entry: entry(&command.id, &command.action, "ok", 0, outcome.files_changed, now),
        outcome: Planned::Execute(Box::new(Execution {
            id: command.id.clone(),
            target: target.to_owned(),
            changes: changes(&command.id, staged),
            made: vec![],
            input: input.to_vec().into(),
            diff: diff.into(),
            result: result.into(),
            integrity: integrity.into(),
        })),
    }
}

fn changes(id: &str, staged: &Staged) -> Vec<PlannedChange> {
    let planned = staged.files.iter().map(|(path, file)| {
        // One temporary name per command and path, the same again after a crash.
        let tag = Sha256::digest(format!("{id}\0{}", path.as_str()).as_bytes());
        PlannedChange {
            path: path.as_str().to_owned(),
            before: file.before.as_ref().map(|it| it.sha256().to_vec().into()),
            after: file.after.as_ref().map(|it| (Blob(it.bytes.clone()), it.mode)),
            temp: format!(".aiops-{}", hex(tag.get(..12).unwrap_or_default())),
        }
    });
    planned.collect()
}

/// The promise to put a command aside for a person.
pub(crate) fn holding(
    accepted: &Accepted,
    input: &[u8],
    why: String,
    now: Timestamp,
    inbound: Option<Inbound>,
) -> Plan {
    let command = &accepted.dated.command;
    Plan {
        inbound,
        accepts: Some((command.id.clone(), accepted.content.to_vec().into())),
        releases: None,
        entry: entry(&command.id, &command.action, "held", 0, 0, now),
        outcome: Planned::Hold {
            input: input.to_vec().into(),
            signer: accepted.signer.name(),
            held_at: rfc3339(now),
            expires_us: accepted.dated.expires_at.as_microsecond(),
            why,
        },
    }
}

/// Everything a dead letter says of the document.
#[derive(Clone, Debug)]
pub(crate) struct Letter<'a> {
    /// The file's name in commands/.
    pub(crate) name: String,
    /// The id and content, once verified.
    pub(crate) verified: Option<(String, Option<[u8; 32]>)>,
    /// The first bytes of the input.
    pub(crate) head: &'a [u8],
    /// Size of the whole input.
    pub(crate) size: u64,
    /// How much text is kept whole.
    pub(crate) cap: u64,
    /// The file name without `.json`, the name before any suffix, and the counter to note.
    pub(crate) file: (String, String, u64),
}

/// The promise to leave a dead letter.
pub(crate) fn refusing(
    letter: Letter<'_>,
    refusal: &Refusal,
    now: Timestamp,
    inbound: Option<Inbound>,
    releases: Option<String>,
) -> Plan {
    let (file, stem, used) = letter.file;
    let id = letter.verified.as_ref().map(|(id, _)| id.clone());
    let accepts = letter.verified.and_then(|(id, content)| Some((id, content?.to_vec().into())));
    let document = DeadLetter {
        schema: "aiops.bridge.dead_letter/1".into(),
        name: letter.name,
        id: id.clone(),
        accepted: accepts.is_some() || releases.is_some(),
        reason: refusal.reason,
        detail: refusal.detail.clone(),
        at: rfc3339(now),
        hmac_ok: id.is_some(),
        input_bytes: 0,
        input: None,
        input_base64: None,
    }
    .with_input(letter.head, letter.size, letter.cap);
    let mut entry =
        entry(&id.clone().unwrap_or_else(|| stem.clone()), "applyPatch", "dead_letter", 1, 0, now);
    entry.reason = Some(refusal.reason);
    entry.hmac_ok = id.is_some();
    Plan {
        inbound,
        accepts,
        releases,
        entry,
        outcome: Planned::Refuse { file, stem, used, letter: Box::new(document) },
    }
}

/// What becomes of a promise whose files somebody changed before it could be kept.
pub(crate) fn converted(
    plan: &Plan,
    execution: &Execution,
    refusal: &Refusal,
    file: (String, String, u64),
    now: Timestamp,
) -> Plan {
    let name = plan.inbound.as_ref().map(|it| String::from_utf8_lossy(&it.name.0).into_owned());
    let input = &execution.input.0;
    let letter = Letter {
        name: name.unwrap_or_else(|| format!("{}.json", execution.id)),
        verified: Some((execution.id.clone(), None)),
        head: input,
        size: input.len() as u64,
        cap: u64::MAX,
        file,
    };
    let mut refused = refusing(letter, refusal, now, plan.inbound.clone(), plan.releases.clone());
    refused.accepts.clone_from(&plan.accepts);
    if let Planned::Refuse { letter, .. } = &mut refused.outcome {
        letter.accepted = true;
    }
    refused
}

/// An audit line about a verified document.
pub(crate) fn entry(
    id: &str,
    action: &str,
    result: &str,
    exit: i32,
    files_changed: u64,
    now: Timestamp,
) -> Entry {
    Entry {
        ts: rfc3339(now),
        id: id.to_owned(),
        action: action.to_owned(),
        result: result.to_owned(),
        exit,
        files_changed,
        hmac_ok: true,
        reason: None,
    }
}

/// The file name of the n-th dead letter of one name.
pub(crate) fn letter_file(stem: &str, used: u64) -> String {
    if used <= 1 { stem.to_owned() } else { format!("{stem}.{used}") }
}

/// What a file that ends the executor again and again comes to.
pub(crate) fn deadly(deaths: u32) -> Refusal {
    let why = format!("the executor died {deaths} times in a row while working on it");
    Refusal::new(Reason::RetriesExhausted, why)
}
