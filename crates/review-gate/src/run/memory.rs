//! Answers of earlier reviews, so that the same review costs nothing twice, and a waiver given
//! afterwards is weighed without asking again.
//!
//! `<git common dir>/aiops/answers/<key>.dsse.json`, signed with our own key in a namespace of its
//! own: whoever can write there cannot make this program sign something else.

use ops_core::failure::{Exit, Failure, OrFail};
use serde::{Deserialize, Serialize};
use ssh_key::PrivateKey;
use verdict::answer::Answer;
use verdict::cache::Key;
use verdict::document::{TransientClass, Usage};
use verdict::dsse::{self, Envelope};
use verdict::signers::Signers;

use super::ask::{Asked, Session};

/// What answers are kept as.
const KIND: dsse::Kind =
    dsse::Kind { payload_type: "application/vnd.aiops.answers+json", namespace: "aiops-answers" };

/// Answers, and who gave them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    key: String,
    answers: Vec<Answer>,
    provider: String,
    model: String,
    version: String,
    requested: String,
    replied: Vec<String>,
    endpoint_host: Option<String>,
    fallback_used: bool,
    transient_class: Option<TransientClass>,
    cost_usd: f64,
    usage: Usage,
}

impl Session<'_> {
    /// What this review rests on: whatever differs makes it another review.
    fn key(&self) -> Result<Key, Failure> {
        let requested = self.requested()?;
        Ok(Key {
            bundle_sha256: self.review.looked.manifest.bundle_sha256.clone(),
            rules: self.review.basis.digests.clone(),
            kind: self.kind,
            provider: requested.provider.name().into(),
            model: self.effective(&requested),
        })
    }

    fn file(&self, key: &Key) -> std::path::PathBuf {
        let git = self.review.repository.git();
        git.common_dir().join("aiops/answers").join(format!("{}.dsse.json", key.digest()))
    }

    /// The answers of an earlier review that rests on the same, else those that are given now.
    pub(super) fn answers(&self, own: Option<&PrivateKey>) -> Result<Asked, Failure> {
        let Some(own) = own else { return self.ask() };
        if let Some(asked) = self.remembered(own)? {
            return Ok(asked);
        }
        let asked = self.ask()?;
        self.remember(own, &asked)?;
        Ok(asked)
    }

    /// The answers of an earlier review that rests on the same, if this key signed them.
    fn remembered(&self, own: &PrivateKey) -> Result<Option<Asked>, Failure> {
        let key = self.key()?;
        let context = self.review.context;
        let Ok((_, bytes)) = context.host.read_plain(&self.file(&key), dsse::LARGEST as u64) else {
            return Ok(None);
        };
        match trusted(&bytes, own, context.host.now()) {
            Ok(it)
                if it.key == key.digest()
                    && it.answers.len() == self.review.looked.packets.len() =>
            {
                Ok(Some(Asked {
                    answers: it.answers,
                    provider: it.provider,
                    model: it.model,
                    version: it.version,
                    requested: it.requested,
                    replied: it.replied,
                    endpoint_host: it.endpoint_host,
                    fallback_used: it.fallback_used,
                    transient_class: it.transient_class,
                    cost_usd: it.cost_usd,
                    usage: it.usage,
                    cached: true,
                    ..Asked::nobody(self)?
                }))
            }
            Ok(_) => Ok(None),
            Err(why) => {
                context.tell(2, &format!("kept answers are not used: {why}"));
                Ok(None)
            }
        }
    }

    /// Keeps the answers, a fallback's too: who answered is part of the verdict, and waiting for
    /// another answer is not part of a review.
    fn remember(&self, own: &PrivateKey, asked: &Asked) -> Result<(), Failure> {
        if asked.simulated || asked.cached {
            return Ok(());
        }
        let key = self.key()?;
        let it = Remembered {
            key: key.digest(),
            answers: asked.answers.clone(),
            provider: asked.provider.clone(),
            model: asked.model.clone(),
            version: asked.version.clone(),
            requested: asked.requested.clone(),
            replied: asked.replied.clone(),
            endpoint_host: asked.endpoint_host.clone(),
            fallback_used: asked.fallback_used,
            transient_class: asked.transient_class,
            cost_usd: asked.cost_usd,
            usage: asked.usage,
        };
        let doing = || "keep the answers";
        let payload = serde_json::to_vec(&it).or_fail(Exit::Internal, doing())?;
        let sealed = Envelope::seal(KIND, payload, own);
        let sealed = sealed.map_err(|_| {
            Failure::new(Exit::NotPermitted, doing()).because("the signing key cannot sign")
        })?;
        let host = &self.review.context.host;
        let path = self.file(&key);
        if let Some(folder) = path.parent() {
            host.make_dir(folder, 0o750).or_fail(Exit::Unavailable, doing())?;
        }
        host.replace_file(&path, &sealed.to_bytes(), 0o600).or_fail(Exit::Unavailable, doing())
    }
}

fn trusted(
    bytes: &[u8],
    own: &PrivateKey,
    now: ops_core::time::Timestamp,
) -> Result<Remembered, String> {
    let envelope = Envelope::read(KIND, bytes)?;
    let mut public = own.public_key().clone();
    public.set_comment("");
    let public = public.to_openssh().map_err(|err| err.to_string())?;
    let line = format!("self namespaces=\"{}\" {public}\n", KIND.namespace);
    verdict::trust::signer(&envelope, &Signers::read(line.as_bytes()), &[now])
        .map_err(|why| why.to_string())?;
    serde_json::from_slice(envelope.payload()).map_err(|err| err.to_string())
}
