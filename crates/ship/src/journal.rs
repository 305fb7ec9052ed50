//! Each step on disk as soon as it is taken.

use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time;

use crate::documents::{End, Shipping, Taken};

/// The largest record that is read, bytes.
const LARGEST: u64 = 4 << 20;

/// The name of a repository's files.
fn name(top: &Path) -> String {
    let digest = verdict::sha256(top.as_os_str().as_encoded_bytes());
    digest.chars().take(16).collect()
}

fn folder(context: &Context) -> PathBuf {
    context.home.join("state/ship")
}

/// The lock that one call in a repository holds.
pub(crate) fn lock(context: &Context, top: &Path) -> PathBuf {
    folder(context).join(format!("{}.lock", name(top)))
}

/// The record of the last call in a repository, if there is one.
///
/// # Errors
/// Exit 65 when it is not what was written, 69 when it cannot be read.
pub(crate) fn last(context: &Context, top: &Path) -> Result<Option<Shipping>, Failure> {
    let path = folder(context).join(format!("{}.json", name(top)));
    let doing = || format!("read {}", path.display());
    match context.host.read_plain(&path, LARGEST) {
        Ok((_, bytes)) => {
            serde_json::from_slice(&bytes).or_fail(Exit::Malformed, doing()).map(Some)
        }
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).or_fail(Exit::Unavailable, doing()),
    }
}

/// A record that is being written.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    context: &'a Context,
    path: PathBuf,
    /// What it holds.
    pub(crate) shipping: Shipping,
}

impl<'a> Journal<'a> {
    /// Begins a record.
    ///
    /// # Errors
    /// Exit 69 when it cannot be written: what leaves no record does not run.
    pub(crate) fn begin(context: &'a Context, top: &Path) -> Result<Self, Failure> {
        let now = time::rfc3339(context.host.now());
        let shipping = Shipping {
            schema: "aiops.ship/1".into(),
            repository: top.display().to_string(),
            started_at: now.clone(),
            updated_at: now,
            steps: vec![],
            spent_usd: 0.0,
            head: None,
            ended: None,
        };
        let path = folder(context).join(format!("{}.json", name(top)));
        let mut journal = Self { context, path, shipping };
        journal.write()?;
        Ok(journal)
    }

    /// Adds a step.
    ///
    /// # Errors
    /// As [`Journal::begin`].
    pub(crate) fn took(&mut self, mut taken: Taken) -> Result<(), Failure> {
        for line in &mut taken.said {
            *line = self.context.clean(line);
        }
        let word = if taken.ok { "yes" } else { "no" };
        self.context.note_step(&format!("{}: {word}", taken.step));
        self.shipping.steps.push(taken);
        self.write()
    }

    /// Adds to what was spent.
    pub(crate) fn spent(&mut self, usd: f64) {
        self.shipping.spent_usd += usd;
    }

    /// Ends the record.
    ///
    /// # Errors
    /// As [`Journal::begin`].
    pub(crate) fn end(&mut self, why: Option<String>) -> Result<(), Failure> {
        let why = why.map(|why| self.context.clean(&why));
        self.shipping.ended = Some(End { ok: why.is_none(), why: why.unwrap_or_default() });
        self.write()
    }

    fn write(&mut self) -> Result<(), Failure> {
        self.shipping.updated_at = time::rfc3339(self.context.host.now());
        let doing = || format!("write {}", self.path.display());
        let mut bytes =
            serde_json::to_vec_pretty(&self.shipping).or_fail(Exit::Internal, doing())?;
        bytes.push(b'\n');
        let host = &self.context.host;
        host.make_dir(&folder(self.context), 0o750)
            .and_then(|()| host.replace_file(&self.path, &bytes, 0o640))
            .or_fail(Exit::Unavailable, doing())
    }
}
