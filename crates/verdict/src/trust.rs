//! Whether a signed verdict counts, and if not, every reason why not. Pure.

use std::fmt;

use ops_core::time::Timestamp;
use ssh_key::{PublicKey, SshSig};

use crate::document::{Decision, ReviewerKind, Verdict};
use crate::dsse::Envelope;
use crate::in_force::RuleDigests;
use crate::policy::Policy;
use crate::signers::{Entry, Signers};
use crate::statement::Signed;

/// Why a verdict does not count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Distrust {
    /// It is no verdict in an envelope, and why not.
    Malformed(String),
    /// Nobody signed it.
    Unsigned,
    /// A signature is none, or was not made by the key it names.
    Forged(String),
    /// Somebody trusted signed something else with this signature.
    Edited(String),
    /// A good signature, by a key that `allowed_signers` does not have.
    UnknownSigner(String),
    /// A good signature of a known key for another purpose.
    WrongNamespace(String),
    /// The signer's time was over when it was made, or is now.
    SignerExpired(String),
    /// The signer's time had not come when it was made, or has not now.
    SignerNotYetValid(String),
    /// It is about other commits.
    ReRanged(String),
    /// The commit has another tree.
    WrongTree(String),
    /// No model was asked.
    Simulated,
    /// It says BLOCKED, or its own content does.
    NotApproved(String),
    /// It does not say which reviewer.
    NoReviewerVersion,
    /// Something it rests on is not what was in force.
    WrongDigest(String),
    /// A host answered that the policy does not name.
    WrongEndpoint(String),
    /// The policy does not take this kind of reviewer.
    WrongReviewer(String),
    /// A blocker was waived for a while, which is over.
    WaiverExpired(String),
}

impl Distrust {
    /// A stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unsigned => "unsigned",
            Self::Forged(_) => "forged",
            Self::Edited(_) => "edited",
            Self::UnknownSigner(_) => "unknown_signer",
            Self::WrongNamespace(_) => "wrong_namespace",
            Self::SignerExpired(_) => "signer_expired",
            Self::SignerNotYetValid(_) => "signer_not_yet_valid",
            Self::ReRanged(_) => "re_ranged",
            Self::WrongTree(_) => "wrong_tree",
            Self::Simulated => "simulated",
            Self::NotApproved(_) => "not_approved",
            Self::NoReviewerVersion => "no_reviewer_version",
            Self::WrongDigest(_) => "wrong_digest",
            Self::WrongEndpoint(_) => "wrong_endpoint",
            Self::WrongReviewer(_) => "wrong_reviewer",
            Self::WaiverExpired(_) => "waiver_expired",
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed: {why}"),
            Self::Unsigned => f.write_str("unsigned: it has no signature"),
            Self::Forged(why) => write!(f, "forged: {why}"),
            Self::Edited(who) => write!(f, "edited: {who} signed something else"),
            Self::UnknownSigner(key) => {
                write!(f, "unknown signer: {key} is not in configs/allowed_signers as of since")
            }
            Self::WrongNamespace(why) => write!(f, "wrong namespace: {why}"),
            Self::SignerExpired(why) => write!(f, "expired signer: {why}"),
            Self::SignerNotYetValid(why) => write!(f, "signer not yet valid: {why}"),
            Self::ReRanged(why) => write!(f, "re-ranged: {why}"),
            Self::WrongTree(why) => write!(f, "wrong repository tree: {why}"),
            Self::Simulated => f.write_str("simulated: no reviewer was asked"),
            Self::NotApproved(why) => write!(f, "not approved: {why}"),
            Self::NoReviewerVersion => {
                f.write_str("no reviewer version: reviewer.version is empty")
            }
            Self::WrongDigest(why) => write!(f, "wrong digest: {why}"),
            Self::WrongEndpoint(why) => write!(f, "wrong endpoint: {why}"),
            Self::WrongReviewer(why) => write!(f, "wrong reviewer: {why}"),
            Self::WaiverExpired(why) => write!(f, "expired waiver: {why}"),
        }
    }
}

/// What a verdict is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The commit that is to move, hex digits.
    pub to: &'a str,
    /// That commit's tree, hex digits.
    pub tree: &'a str,
    /// The commit whose rules are in force, hex digits.
    pub since: &'a str,
    /// Who may sign, as of `since`.
    pub signers: &'a Signers,
    /// What was in force at `since`.
    pub digests: &'a RuleDigests,
    /// The policy in force at `since`.
    pub policy: &'a Policy,
    /// Now.
    pub now: Timestamp,
    /// Whether the commit only gets another name where it is already: a waiver that has ended since
    /// held when it was let in.
    pub is_published: bool,
}

/// Judges a verdict; returns who vouches for it.
///
/// # Errors
/// Every reason why it does not count.
pub fn judge(signed: &Signed, expected: &Expected<'_>) -> Result<String, Vec<Distrust>> {
    let verdict = signed.verdict();
    let created = ops_core::time::parse(&verdict.meta.created_at).unwrap_or(Timestamp::MIN);
    let times = [created, expected.now];
    let by = signer(signed.envelope(), expected.signers, &times);
    let mut reasons: Vec<Distrust> = by.as_ref().err().cloned().into_iter().collect();
    reasons.extend(other_commits(verdict, expected));
    reasons.extend(not_approved(verdict));
    reasons.extend(other_rules(verdict, expected));
    if !expected.is_published {
        reasons.extend(expired_waivers(verdict, expected.now));
    }
    match by {
        Ok(who) if reasons.is_empty() => Ok(who),
        _ => Err(reasons),
    }
}

fn other_commits(verdict: &Verdict, expected: &Expected<'_>) -> Vec<Distrust> {
    let mut reasons = Vec::new();
    for (name, found, want) in [
        ("to_sha", &verdict.range.to_sha, expected.to),
        ("since_sha", &verdict.range.since_sha, expected.since),
    ] {
        if found != want {
            reasons.push(Distrust::ReRanged(format!("{name} is {found}, not {want}")));
        }
    }
    if verdict.meta.tree_oid != expected.tree {
        let (found, want) = (&verdict.meta.tree_oid, expected.tree);
        reasons.push(Distrust::WrongTree(format!("it names {found}, the commit has {want}")));
    }
    reasons
}

fn other_rules(verdict: &Verdict, expected: &Expected<'_>) -> Vec<Distrust> {
    let (meta, want, policy) = (&verdict.meta, expected.digests, expected.policy);
    let mut reasons: Vec<Distrust> = [
        ("prompt", &meta.digests.prompt, &want.prompt),
        ("policy", &meta.digests.policy, &want.policy),
        ("configuration", &meta.digests.configuration, &want.configuration),
        ("signers", &meta.digests.signers, &want.signers),
    ]
    .into_iter()
    .filter(|(_, found, want)| found != want)
    .map(|(name, ..)| Distrust::WrongDigest(format!("the {name} was another at since_sha")))
    .collect();
    if !policy.reviewer_kinds.contains(&meta.reviewer.kind) {
        reasons.push(Distrust::WrongReviewer(
            "review.yaml at since_sha does not take this kind of reviewer".to_owned(),
        ));
    }
    match (&meta.endpoint_host, meta.reviewer.kind) {
        (Some(host), _) if policy.endpoint_hosts.contains(host) => {}
        (None, ReviewerKind::CodexCli) => {}
        // Nobody was asked, which is reason enough.
        (None, _) if meta.simulated => {}
        (host, _) => reasons.push(Distrust::WrongEndpoint(format!(
            "{} is not in endpointHosts of review.yaml at since_sha",
            host.as_deref().unwrap_or("no host")
        ))),
    }
    reasons
}

fn not_approved(verdict: &Verdict) -> Vec<Distrust> {
    let mut reasons = Vec::new();
    if verdict.meta.simulated {
        reasons.push(Distrust::Simulated);
    }
    if verdict.meta.reviewer.version.trim().is_empty() {
        reasons.push(Distrust::NoReviewerVersion);
    }
    let inside = verdict.objections();
    if verdict.verdict == Decision::Blocked {
        let why = verdict.because.first().or(inside.first());
        let why = why.map_or("it says BLOCKED", String::as_str);
        reasons.push(Distrust::NotApproved(why.to_owned()));
    } else if let Some(why) = inside.first() {
        reasons.push(Distrust::NotApproved(format!("it says APPROVED, but {why}")));
    }
    reasons
}

fn expired_waivers(verdict: &Verdict, now: Timestamp) -> impl Iterator<Item = Distrust> {
    verdict.blockers.iter().filter_map(move |it| {
        let end = &it.waived.as_ref()?.expires_at;
        let holds = ops_core::time::parse(end).is_ok_and(|end| now < end);
        (!holds).then(|| Distrust::WaiverExpired(format!("{end}, for the blocker {:?}", it.title)))
    })
}

/// Who signed an envelope: the first principal of the line of `allowed_signers` that allows it at
/// each of these times.
///
/// # Errors
/// Why nobody did who may; of several signatures the nearest to being good.
pub fn signer(
    envelope: &Envelope,
    signers: &Signers,
    times: &[Timestamp],
) -> Result<String, Distrust> {
    let signed = envelope.signed_bytes();
    let mut nearest = Distrust::Unsigned;
    for it in envelope.signatures() {
        match one_signer(&it.armoured, envelope.kind().namespace, &signed, signers, times) {
            Ok(who) => return Ok(who),
            Err(why) if nearness(&why) > nearness(&nearest) => nearest = why,
            Err(_) => {}
        }
    }
    Err(nearest)
}

fn nearness(reason: &Distrust) -> u8 {
    match reason {
        Distrust::Unsigned => 0,
        Distrust::Forged(_) => 1,
        Distrust::UnknownSigner(_) => 2,
        Distrust::Edited(_) => 3,
        Distrust::WrongNamespace(_) => 4,
        _ => 5,
    }
}

fn one_signer(
    armoured: &[u8],
    namespace: &str,
    signed: &[u8],
    signers: &Signers,
    times: &[Timestamp],
) -> Result<String, Distrust> {
    let signature = SshSig::from_pem(armoured)
        .map_err(|err| Distrust::Forged(format!("it is no SSH signature: {err}")))?;
    if !signature.reserved().is_empty() {
        return Err(Distrust::Forged("it uses what the format keeps for later".to_owned()));
    }
    let key = PublicKey::from(signature.public_key().clone());
    let name = key.fingerprint(ssh_key::HashAlg::Sha256).to_string();
    let known: Vec<&Entry> = signers.of_key(key.key_data()).collect();
    if key.verify(signature.namespace(), signed, &signature).is_err() {
        return Err(match known.first() {
            Some(entry) => Distrust::Edited(entry.principal().to_owned()),
            None => Distrust::Forged(format!("{name} did not sign this")),
        });
    }
    if signature.namespace() != namespace {
        let why = format!("{:?} instead of {namespace:?}", signature.namespace());
        return Err(Distrust::WrongNamespace(why));
    }
    let mut nearest = Distrust::UnknownSigner(name);
    for entry in known {
        match refusal(entry, namespace, times) {
            None => return Ok(entry.principal().to_owned()),
            Some(why) if nearness(&why) >= nearness(&nearest) => nearest = why,
            Some(_) => {}
        }
    }
    Err(nearest)
}

/// Why a line of `allowed_signers` does not allow a signature.
fn refusal(entry: &Entry, namespace: &str, times: &[Timestamp]) -> Option<Distrust> {
    let who = entry.principal();
    if !entry.allows_namespace(namespace) {
        let why = format!("allowed_signers does not allow {who} to sign as {namespace:?}");
        return Some(Distrust::WrongNamespace(why));
    }
    let told = |time: Timestamp| ops_core::time::rfc3339_seconds(time);
    times.iter().find_map(|time| {
        if let Some(after) = entry.valid_after.filter(|after| time < after) {
            return Some(Distrust::SignerNotYetValid(format!("{who} from {} on", told(after))));
        }
        let before = entry.valid_before.filter(|before| time > before)?;
        Some(Distrust::SignerExpired(format!("{who} until {}", told(before))))
    })
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
