//! Keeps a verdict: signed in the git directory and as a note, and everything of the review in the
//! artifacts.

use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time;
use serde_json::json;
use ssh_key::PrivateKey;
use verdict::document::Verdict;
use verdict::notes;
use verdict::statement::Signed;
use verdict::store::Store;

use super::ask::Session;
use super::look::is_secret;

/// A diff may hold what is not for everybody's eyes.
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;

/// A folder of this review's own: `<home>/artifacts/review/<ts>`, with more where two begin in one
/// second.
pub(super) fn folder(context: &Context) -> Result<PathBuf, Failure> {
    own_folder(&context.host, &context.home.join("artifacts/review"))
}

fn own_folder(host: &Host, all: &Path) -> Result<PathBuf, Failure> {
    let doing = || format!("make a folder in {}", all.display());
    host.make_dir(all, FOLDER).or_fail(Exit::Unavailable, doing())?;
    let now = host.now();
    for name in [time::stamp(now), time::run_id(now, host.random())] {
        let folder = all.join(name);
        if host.make_dir_durable(&folder, FOLDER).or_fail(Exit::Unavailable, doing())? {
            return Ok(folder);
        }
    }
    Err(Failure::new(Exit::TryLater, doing()))
}

/// Signs and keeps a verdict; of a review that was answered before, the verdict that is there if
/// this one says the same. Returns what counts.
pub(super) fn keep(
    session: &Session<'_>,
    store: &Store,
    key: Option<&PrivateKey>,
    verdict: Verdict,
    cached: bool,
) -> Result<Verdict, Failure> {
    let review = session.review;
    let host = &review.context.host;
    let mut verdict = verdict;
    let mut envelope = None;
    if let Some(key) = key {
        let earlier = if cached { earlier(host, store, key, &verdict)? } else { None };
        let signed = if let Some(signed) = earlier {
            signed
        } else {
            let signed = Signed::sign(verdict, key).or_fail(Exit::Internal, "sign the verdict")?;
            store.put(host, &signed)?;
            signed
        };
        note(session, &signed)?;
        envelope = Some(signed.envelope().to_bytes());
        verdict = signed.verdict().clone();
    }
    artifacts(session, &verdict, envelope.as_deref())?;
    Ok(verdict)
}

/// The stored verdict about the same range, made by this key, that differs in nothing but its time.
fn earlier(
    host: &Host,
    store: &Store,
    key: &PrivateKey,
    verdict: &Verdict,
) -> Result<Option<Signed>, Failure> {
    let mut public = key.public_key().clone();
    public.set_comment("");
    let public = public.to_openssh().or_fail(Exit::Internal, "write the public key")?;
    let own = verdict::signers::Signers::read(format!("self {public}\n").as_bytes());
    let stored = store.verdicts(host, &verdict.range.to_sha)?;
    Ok(stored.iter().filter_map(|bytes| Signed::read(bytes).ok()).find(|signed| {
        let mut same = signed.verdict().clone();
        same.meta.created_at.clone_from(&verdict.meta.created_at);
        same == *verdict && verdict::trust::signer(signed.envelope(), &own, &[host.now()]).is_ok()
    }))
}

/// Writes the note that carries the verdict to servers.
fn note(session: &Session<'_>, signed: &Signed) -> Result<(), Failure> {
    notes::write(&session.review.context.host, session.review.repository.git(), signed)
}

fn artifacts(
    session: &Session<'_>,
    verdict: &Verdict,
    envelope: Option<&[u8]>,
) -> Result<(), Failure> {
    let looked = session.review.looked;
    let write = |name: &str, bytes: &[u8]| {
        let path = session.home.join(name);
        let doing = || format!("write {}", path.display());
        let host = &session.review.context.host;
        if let Some(folder) = path.parent().filter(|folder| *folder != session.home) {
            host.make_dir(folder, FOLDER).or_fail(Exit::Unavailable, doing())?;
        }
        host.replace_file(&path, bytes, FILE).or_fail(Exit::Unavailable, doing())
    };
    let pretty = |value: &serde_json::Value| format!("{value:#}\n").into_bytes();
    write("verdict.json", &pretty(&json!(verdict)))?;
    write("manifest.json", &pretty(&json!(looked.manifest)))?;
    write("digests.json", &pretty(&json!(verdict.meta.digests)))?;
    if let Some(envelope) = envelope {
        write("verdict.dsse.json", envelope)?;
    }
    // What looks like a secret is not copied about.
    if !looked.rules.iter().any(is_secret) {
        match looked.packets.as_slice() {
            [one] => write("bundle.txt", one.as_bytes())?,
            packets => {
                for (number, text) in (1..).zip(packets) {
                    write(&format!("packets/packet_{number:03}.txt"), text.as_bytes())?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_of_one_second_share_no_folder() {
        let none: [(&str, &str); 0] = [];
        let now = time::parse("2026-11-21T10:00:00Z").unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut folders: Vec<PathBuf> = Vec::new();
        let rounds = 32;
        for round in 0..rounds {
            let second = ops_core::time::SignedDuration::from_secs(round);
            let host = Host::with(none, now.checked_add(second).unwrap());
            let call = || own_folder(&host, home.path()).unwrap();
            folders.extend(std::thread::scope(|scope| {
                let callers: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
                callers.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
            }));
        }
        let made = folders.len();
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), made);
    }
}
