//! Opinions that were given before, so that the same question costs nothing twice: neither when the
//! same review is asked for again, nor when one ended before its last packet, and a waiver given
//! afterwards is weighed without asking again.
//!
//! `<git common dir>/aiops/answers/<key>.dsse.json`, signed with our own key in a namespace of its
//! own: whoever can write there cannot make this program sign something else.

use std::path::PathBuf;

use ops_core::failure::{Exit, Failure, OrFail};
use serde::{Deserialize, Serialize};
use ssh_key::PrivateKey;
use verdict::cache::Key;
use verdict::dsse::{self, Envelope};
use verdict::signers::Signers;

use super::Review;
use super::ask::Opinion;

/// What opinions are kept as.
const KIND: dsse::Kind =
    dsse::Kind { payload_type: "application/vnd.aiops.answers+json", namespace: "aiops-answers" };

const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o600;

/// A file that is written and removed to see whether files can be.
const PROBE: &str = "probe";

/// An opinion, and what it rests on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    key: String,
    opinion: Opinion,
}

/// The opinions that a key signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<'a> {
    pub(super) review: Review<'a>,
    pub(super) own: &'a PrivateKey,
}

impl Memory<'_> {
    fn folder(&self) -> PathBuf {
        self.review.repository.git().common_dir().join("aiops/answers")
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.folder().join(format!("{digest}.dsse.json"))
    }

    /// The opinion that rests on this, if there is one and this key signed it.
    pub(super) fn find(&self, key: &Key) -> Option<Opinion> {
        let context = self.review.context;
        let digest = key.digest();
        let read = context.host.read_plain(&self.file(&digest), dsse::LARGEST as u64);
        let (_, bytes) = read.ok()?;
        match trusted(&bytes, self.own, context.host.now()) {
            Ok(it) => Some(it.opinion).filter(|_| it.key == digest),
            Err(why) => {
                context.tell(2, &format!("a kept answer is not used: {why}"));
                None
            }
        }
    }

    /// Finds out whether an answer can be kept, before anybody is paid for one.
    ///
    /// # Errors
    /// Exit 69 when it cannot.
    pub(super) fn must_be_writable(&self) -> Result<(), Failure> {
        let host = &self.review.context.host;
        let folder = self.folder();
        let probe = folder.join(PROBE);
        let made = host.make_dir(&folder, FOLDER_MODE);
        let tried =
            made.and_then(|()| host.replace_file(&probe, b"can this be kept?\n", FILE_MODE));
        let tried = tried.and_then(|()| host.remove_file(&probe));
        let doing = || format!("keep answers in {}", folder.display());
        tried
            .or_fail(Exit::Unavailable, doing())
            .map_err(|failure| failure.hint("nothing was sent"))
    }

    /// Keeps an opinion, a fallback's too: who answered is part of the verdict, and waiting for
    /// another answer is not part of a review.
    pub(super) fn keep(&self, key: &Key, opinion: &Opinion) -> Result<(), Failure> {
        let digest = key.digest();
        let path = self.file(&digest);
        let it = Remembered { key: digest, opinion: opinion.clone() };
        let doing = || "keep the answer";
        let payload = serde_json::to_vec(&it).or_fail(Exit::Internal, doing())?;
        let sealed = Envelope::seal(KIND, payload, self.own);
        let sealed = sealed.map_err(|_| {
            Failure::new(Exit::NotPermitted, doing()).because("the signing key cannot sign")
        })?;
        let host = &self.review.context.host;
        if let Some(folder) = path.parent() {
            host.make_dir(folder, FOLDER_MODE).or_fail(Exit::Unavailable, doing())?;
        }
        host.replace_file(&path, &sealed.to_bytes(), FILE_MODE).or_fail(Exit::Unavailable, doing())
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
