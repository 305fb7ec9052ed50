//! Looks at a range: its text, what the rules find in it, and where something that looks like a
//! secret stands. Nothing is sent here.

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::Timestamp;
use review_bundle::{
    Bundle, Entry, Exclusion, Exclusions, Limits, Manifest, Range, Repository, Section,
};
use review_rules::Rules;
use verdict::answer::{Proposed, RuleFinding};
use verdict::document::{Coverage, Exclusion as Excluded, Gate, Path as Covered, Severity, Source};
use verdict::policy::Binaries;
use verdict::waivable::{Answered, REST};
use verdict::waiver::Granted;
use verdict::{Changed, Policy};

use crate::basis::Basis;
use crate::prompt;

/// The largest blob that is read, bytes: what is larger cannot be reviewed, and blocks.
const LARGEST_BLOB: u64 = 32 << 20;

/// Tokens of a question beside its data: both parts of a prompt, the schema, the frame.
const OVERHEAD: u64 = 4_000;

/// What a range is made of.
#[derive(Debug)]
pub(crate) struct Looked {
    /// Every changed path, and which packet it is in.
    pub(crate) manifest: Manifest,
    /// What is sent, in order. One text when it fits.
    pub(crate) packets: Vec<String>,
    /// What the rules found.
    pub(crate) rules: Vec<RuleFinding>,
    /// The manifest as verdicts have it.
    pub(crate) changed: Vec<Changed>,
}

impl Looked {
    /// Renders the range, and judges it by the rules.
    pub(crate) fn at(
        host: &Host,
        repository: &Repository,
        range: &Range,
        basis: &Basis,
    ) -> Result<Self, Failure> {
        let mut rules = Vec::new();
        let bundle = bundle(repository, range, &basis.policy, &mut rules)?;
        let count = counter(basis, host)?;
        let limits = limits(basis, host)?;
        let mut packets = Vec::new();
        let manifest = match bundle.over_cap(repository, limits, Some(&count))? {
            None if bundle.manifest().files.is_empty() => bundle.manifest().clone(),
            None => {
                packets.push(bundle.text(repository)?);
                bundle.manifest().clone()
            }
            Some(_) => bundle.packets(repository, limits, Some(&count), &mut |packet| {
                packets.push(packet.text);
                Ok(())
            })?,
        };
        let in_packets = !manifest.packets.is_empty();
        let changed = manifest.files.iter().map(|entry| changed(repository, entry, in_packets));
        let changed = changed.collect::<Result<_, _>>()?;
        Ok(Self { manifest, packets, rules, changed })
    }

    /// Where something that looks like a secret stands: what keeps everything from being sent, and
    /// what does not because a waiver says that it is none.
    pub(crate) fn secrets(
        &self,
        waivers: &[Granted],
        to: &str,
        now: Timestamp,
    ) -> (Vec<String>, Vec<String>) {
        let answered = Answered::new(waivers, to, now, &[], &self.rules);
        let is_waived = |found: &RuleFinding| {
            answered.by(&Source::Rule(found.rule.clone()), &found.finding).is_some()
        };
        let place = |found: &RuleFinding| {
            let line = found.finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{}{line}", found.finding.file.as_deref().unwrap_or_default())
        };
        let found = self.rules.iter().filter(|it| is_secret(it));
        let (waived, open): (Vec<_>, Vec<_>) = found.partition(|it| is_waived(it));
        (open.into_iter().map(place).collect(), waived.into_iter().map(place).collect())
    }
}

/// Whether a rule's finding is that something looks like a secret.
pub(crate) fn is_secret(found: &RuleFinding) -> bool {
    found.rule.starts_with(SECRET)
}

/// How the ids of rules begin that look for secrets.
const SECRET: &str = "secret.";

/// Renders a range under a policy, and collects what the rules find in it.
pub(crate) fn bundle(
    repository: &Repository,
    range: &Range,
    policy: &Policy,
    found: &mut Vec<RuleFinding>,
) -> Result<Bundle, Failure> {
    let rules = Rules::new(&review_rules::Policy {
        gate_paths: policy.gate_paths.clone(),
        binaries_are_noted: policy.binaries == Binaries::Note,
    })?;
    let mut look = |section: &Section<'_>| {
        let told = rules.find(section).into_iter().map(of_rule);
        let told = told.filter(|it| it.rule != "path.baseline" || !is_advance(section, range));
        found.extend(told);
    };
    review_bundle::build(repository, range, &exclusions(policy)?, LARGEST_BLOB, &mut look)
}

/// Renders a range under a policy, byte for byte as [`bundle`] does, and asks no rule.
pub(crate) fn unjudged(
    repository: &Repository,
    range: &Range,
    policy: &Policy,
) -> Result<Bundle, Failure> {
    review_bundle::build(repository, range, &exclusions(policy)?, LARGEST_BLOB, &mut |_| ())
}

fn exclusions(policy: &Policy) -> Result<Exclusions, Failure> {
    let all = policy.exclude.iter();
    Exclusions::new(all.map(|it| Exclusion { glob: it.glob.clone(), reason: it.reason.clone() }))
}

/// Whether the baseline is what `finish` leaves: the range's own start. That is so in every range
/// but the first.
fn is_advance(section: &Section<'_>, range: &Range) -> bool {
    let is_plain = section.entry.new.as_ref().is_some_and(|it| it.mode == "100644");
    is_plain && section.new == format!("{}\n", range.since).as_bytes()
}

/// A rule's finding as a verdict has it.
fn of_rule(found: review_rules::Finding) -> RuleFinding {
    use review_rules::{Gate as RuleGate, Severity as RuleSeverity};
    RuleFinding {
        blocks: found.blocks,
        finding: Proposed {
            file: Some(found.file),
            line: u32::try_from(found.line).ok().filter(|line| *line > 0),
            gate: Some(match found.gate {
                RuleGate::PublicBinds => Gate::PublicBinds,
                RuleGate::AllowlistBypass => Gate::AllowlistBypass,
                RuleGate::KeyHandling => Gate::KeyHandling,
                RuleGate::GuardDoctorIntact => Gate::GuardDoctorIntact,
                RuleGate::LockoutRisk => Gate::LockoutRisk,
            }),
            severity: match found.severity {
                RuleSeverity::Low => Severity::Low,
                RuleSeverity::Medium => Severity::Medium,
                RuleSeverity::High => Severity::High,
                RuleSeverity::Critical => Severity::Critical,
            },
            title: found.title,
            detail: found.detail,
            suggestion: found.suggestion,
        },
        rule: if found.is_rest { found.rule + REST } else { found.rule },
    }
}

fn changed(repository: &Repository, entry: &Entry, in_packets: bool) -> Result<Changed, Failure> {
    use review_bundle::Kind;
    let coverage = match (&entry.excluded, entry.packets.first()) {
        (Some(excluded), _) => Coverage::Excluded(Excluded {
            glob: excluded.glob.clone(),
            reason: excluded.reason.clone(),
            sha256: content_sha256(repository, entry)?,
        }),
        (None, _) if entry.kind == Kind::TooLarge => {
            Coverage::Missing("it is too large to be read".into())
        }
        (None, Some(packet)) => Coverage::Packet(*packet),
        (None, None) if in_packets => Coverage::Missing("it is in no packet".into()),
        (None, None) => Coverage::Packet(1),
    };
    let span = |span: review_bundle::Span| {
        let last = span.start.saturating_add(span.count).saturating_sub(1);
        let number = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
        (span.count > 0).then(|| (number(span.start), number(last)))
    };
    let hunks = entry.hunks.iter().flat_map(|hunk| [span(hunk.new), span(hunk.old)]).flatten();
    Ok(Changed { path: Covered { path: entry.path.clone(), coverage }, hunks: hunks.collect() })
}

/// Of the new content; of nothing where it is gone or a submodule.
fn content_sha256(repository: &Repository, entry: &Entry) -> Result<String, Failure> {
    let side = entry.new.as_ref().filter(|side| side.size.is_some());
    let Some(side) = side else { return Ok(verdict::sha256(b"")) };
    let doing = || format!("read {}", entry.path);
    let oid = gix::ObjectId::from_hex(side.oid.as_bytes()).or_fail(Exit::Internal, doing())?;
    let blob = repository.git().find_object(oid).or_fail(Exit::Unavailable, doing())?;
    Ok(verdict::sha256(&blob.data))
}

/// How large one question may be: the policy's caps, and what the model takes.
pub(crate) fn limits(basis: &Basis, host: &Host) -> Result<Limits, Failure> {
    let requested = basis.requested(host)?;
    let row = basis.setup.models.effective(&requested, host.now());
    let answer = u64::from(basis.setup.settings.review_caps.max_output_tokens);
    let fits = row.map(|row| row.context_tokens.saturating_sub(answer + OVERHEAD));
    let most = basis.policy.max_tokens.min(fits.unwrap_or(u64::MAX));
    Ok(Limits { max_bytes: basis.policy.max_bytes, max_tokens: Some(most) })
}

/// Counts tokens as the review model does, of a text as it is sent: as a JSON string.
pub(crate) fn counter(basis: &Basis, host: &Host) -> Result<impl Fn(&str) -> u64 + use<>, Failure> {
    let requested = basis.requested(host)?;
    let row = basis.setup.models.effective(&requested, host.now());
    let tokenizer = row.map_or(llm_tokens::Tokenizer::Other, |row| row.tokenizer);
    Ok(move |text: &str| llm_tokens::count(tokenizer, &prompt::string(text)).tokens)
}
