//! The rules in force for a range: the files of the commit it starts from, else the installed ones,
//! else the compiled-in ones. Nothing else is asked: no variable, no flag, no work tree.

use std::io;
use std::path::Path;

use gix::ObjectId;
use ops_core::config::{SYSTEM_FOLDER, Settings};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use serde_json::Value;

use crate::objects::Objects;
use crate::policy::Policy;
use crate::signers::Signers;

/// The largest file of rules that is read, bytes.
const LARGEST: usize = 4 << 20;

/// How a review is configured.
pub const POLICY: &str = "review.yaml";
/// Providers and budget.
pub const LLM: &str = "llm.json";
/// What is known of models.
pub const MODELS: &str = "models.json";
/// What the model is told.
pub const PROMPT: &str = "prompts/review.md";
/// Who may sign.
pub const SIGNERS: &str = "allowed_signers";

/// Where rules come from that a commit does not carry.
#[derive(Clone, Copy, Debug)]
pub struct Fallback<'a> {
    /// The folder of the installation.
    pub installed: &'a Path,
    /// What was compiled in: a name below configs/, and its text. review.yaml need not be here.
    pub compiled_in: &'a [(&'a str, &'a str)],
}

impl<'a> Fallback<'a> {
    /// The installation's own, else these.
    pub fn production(compiled_in: &'a [(&'a str, &'a str)]) -> Self {
        Self { installed: Path::new(SYSTEM_FOLDER), compiled_in }
    }
}

/// SHA-256 digests, 64 hex digits, of the rules in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleDigests {
    /// configs/prompts/review.md.
    pub prompt: String,
    /// configs/review.yaml.
    pub policy: String,
    /// configs/llm.json and configs/models.json.
    pub configuration: String,
    /// `configs/allowed_signers`.
    pub signers: String,
}

/// The rules in force, as bytes; a file that is nowhere is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InForce {
    /// configs/review.yaml.
    pub policy: Vec<u8>,
    /// configs/llm.json.
    pub llm: Vec<u8>,
    /// configs/models.json.
    pub models: Vec<u8>,
    /// configs/prompts/review.md.
    pub prompt: Vec<u8>,
    /// `configs/allowed_signers`.
    pub signers: Vec<u8>,
}

impl InForce {
    /// Reads the rules in force for a range that starts at `since`.
    ///
    /// # Errors
    /// Exit 69 when the commit cannot be read, 78 when a file of rules is a link or too large.
    pub fn at(
        host: &Host,
        objects: &Objects<'_>,
        since: ObjectId,
        fallback: &Fallback<'_>,
    ) -> Result<Self, Failure> {
        let read = |name: &str| file(host, objects, since, name, fallback);
        Ok(Self {
            policy: read(POLICY)?,
            llm: read(LLM)?,
            models: read(MODELS)?,
            prompt: read(PROMPT)?,
            signers: read(SIGNERS)?,
        })
    }

    /// The rules of a place that has no commit: the installed or compiled-in ones.
    ///
    /// # Errors
    /// Exit 78 when a file of rules is no plain file or too large.
    pub fn without_commit(host: &Host, fallback: &Fallback<'_>) -> Result<Self, Failure> {
        let read = |name: &str| elsewhere(host, name, fallback);
        Ok(Self {
            policy: read(POLICY)?,
            llm: read(LLM)?,
            models: read(MODELS)?,
            prompt: read(PROMPT)?,
            signers: read(SIGNERS)?,
        })
    }

    /// Their digests.
    pub fn digests(&self) -> RuleDigests {
        let (llm, models) = (crate::sha256(&self.llm), crate::sha256(&self.models));
        RuleDigests {
            prompt: crate::sha256(&self.prompt),
            policy: crate::sha256(&self.policy),
            configuration: crate::sha256(format!("{llm} {LLM}\n{models} {MODELS}\n").as_bytes()),
            signers: crate::sha256(&self.signers),
        }
    }

    /// The policy. One that names no endpoint hosts means those of llm.json.
    ///
    /// # Errors
    /// Exit 78 with every violation.
    pub fn policy(&self) -> Result<Policy, Failure> {
        let doing = "use configs/review.yaml as of the reviewed range's start";
        let mut policy = Policy::read(&self.policy).or_fail(Exit::Config, doing)?;
        if policy.endpoint_hosts.is_empty() {
            policy.endpoint_hosts = endpoint_hosts(&self.llm);
        }
        Ok(policy)
    }

    /// Who may sign.
    pub fn signers(&self) -> Signers {
        Signers::read(&self.signers)
    }
}

/// Where the providers that review have their usual addresses.
const USUAL_HOSTS: [(&str, &str); 2] =
    [("openai", "api.openai.com"), ("mistral", "api.mistral.ai")];

/// The hosts, with their ports, that the providers which may review have in llm.json. One that cannot
/// be read names none, and then no answer counts.
fn endpoint_hosts(llm: &[u8]) -> Vec<String> {
    // A file that is nowhere moves nobody.
    let llm = if llm.is_empty() { b"{}" } else { llm };
    let Ok(llm) = serde_json::from_slice::<Value>(llm) else { return vec![] };
    let host = |(provider, usual): (&str, &str)| {
        let base = llm.pointer(&format!("/providers/{provider}/apiBase"));
        let base = base.and_then(Value::as_str).map_or(usual, |base| {
            let (_, rest) = base.split_once("://").unwrap_or_default();
            rest.split('/').next().unwrap_or_default()
        });
        base.to_ascii_lowercase()
    };
    USUAL_HOSTS.into_iter().map(host).filter(|host| !host.is_empty()).collect()
}

/// One file of configs/ as of a commit, else the installed or compiled-in one.
///
/// # Errors
/// Exit 69 when the commit cannot be read, 78 when the file is no plain file or too large.
pub fn file(
    host: &Host,
    objects: &Objects<'_>,
    since: ObjectId,
    name: &str,
    fallback: &Fallback<'_>,
) -> Result<Vec<u8>, Failure> {
    match objects.file(since, &format!("configs/{name}"), LARGEST)? {
        Some((_, bytes)) => Ok(bytes),
        None => elsewhere(host, name, fallback),
    }
}

/// Whether the installation has this file of configs/, or something in its place.
///
/// # Errors
/// Exit 78 when that cannot be told.
pub fn is_installed(host: &Host, name: &str, fallback: &Fallback<'_>) -> Result<bool, Failure> {
    let path = fallback.installed.join(name);
    match host.look(&path) {
        Ok(found) => Ok(found.is_some()),
        Err(err) => Err(err).or_fail(Exit::Config, format!("look at {}", path.display())),
    }
}

fn elsewhere(host: &Host, name: &str, fallback: &Fallback<'_>) -> Result<Vec<u8>, Failure> {
    let path = fallback.installed.join(name);
    match host.read(&path, LARGEST as u64) {
        Ok(bytes) => return Ok(bytes),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(err).or_fail(Exit::Config, format!("read {}", path.display())),
    }
    let known = fallback.compiled_in.iter().find(|(known, _)| *known == name);
    let shipped = (name == POLICY).then_some(Policy::SHIPPED);
    Ok(known.map(|(_, text)| *text).or(shipped).unwrap_or_default().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_without_hosts_means_those_of_the_providers_that_review() {
        let text = Policy::SHIPPED;
        let in_force = |llm: &str| InForce {
            policy: text.as_bytes().to_vec(),
            llm: llm.as_bytes().to_vec(),
            ..InForce::default()
        };
        for (llm, hosts) in [
            ("{}", vec!["api.openai.com", "api.mistral.ai"]),
            ("", vec!["api.openai.com", "api.mistral.ai"]),
            (
                r#"{"providers":{"openai":{"apiBase":"http://127.0.0.1:8080/v1"},"mistral":{}}}"#,
                vec!["127.0.0.1:8080", "api.mistral.ai"],
            ),
            (
                r#"{"providers":{"ollama":{"apiBase":"http://127.0.0.1:1"},"mistral":{"apiBase":"https://EU.example.com"}}}"#,
                vec!["api.openai.com", "eu.example.com"],
            ),
            ("no json", vec![]),
        ] {
            assert_eq!(in_force(llm).policy().unwrap().endpoint_hosts, hosts, "{llm}");
        }
    }

    #[test]
    fn hosts_that_a_policy_names_are_those_that_count() {
        let text = Policy::SHIPPED.replace("endpointHosts: []", "endpointHosts: [a.example.com]");
        let in_force =
            InForce { policy: text.into_bytes(), llm: b"{}".to_vec(), ..InForce::default() };
        assert_eq!(in_force.policy().unwrap().endpoint_hosts, ["a.example.com"]);
    }
}
