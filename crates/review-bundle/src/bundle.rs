//! Puts the sections of a range together, and says how large that is.

use std::fmt::Write as _;

use ops_core::failure::{Exit, Failure};
use sha2::{Digest, Sha256};

use crate::exclude::Exclusions;
use crate::manifest::{Entry, Exclusion, Manifest, SCHEMA, Totals};
use crate::observe::{Range, Repository};
use crate::section::{Content, Rendered, Section, hex_of, render, word};
use crate::walk::{Change, Object, changes};

/// The version of the text's format. It changes whenever the same range would give other bytes.
pub(crate) const FORMAT: u32 = 1;

/// The largest blob that is worth rendering, bytes, for callers that have no number of their own.
/// Rendering takes up to about a hundred bytes for each, where every line is empty.
pub const MAX_BLOB_BYTES: u64 = 8 << 20;

/// How much rendered text is kept. Above it, sections are rendered again when they are needed.
const KEPT_BYTES: u64 = 64 << 20;

/// Counts a text's tokens.
pub type Count<'a> = &'a dyn Fn(&str) -> u64;

/// How large one text may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The most bytes a text may have.
    pub max_bytes: u64,
    /// The most tokens a text may have.
    pub max_tokens: Option<u64>,
}

/// The least a packet may be allowed to have, bytes and tokens: less leaves no space beside its head.
const LEAST: u64 = 4096;

impl Limits {
    /// Refuses limits that leave a packet no space beside its head.
    ///
    /// # Errors
    /// Exit 2 below 4,096 bytes or tokens.
    pub fn must_hold_a_packet(self) -> Result<(), Failure> {
        if self.of_packets() == self {
            return Ok(());
        }
        let doing = format!("make packets of at most {} bytes", self.max_bytes);
        Err(Failure::new(Exit::Usage, doing)
            .because(format!("a packet needs {LEAST} bytes, and as many tokens")))
    }

    /// Returns these limits, raised to what a packet needs: 4,096 bytes and tokens.
    #[must_use]
    pub fn of_packets(self) -> Self {
        let Self { max_bytes, max_tokens } = self;
        Self { max_bytes: max_bytes.max(LEAST), max_tokens: max_tokens.map(|it| it.max(LEAST)) }
    }
}

/// A text that is larger than it may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OverCap {
    /// Its bytes.
    pub bytes: u64,
    /// Its tokens, if they were counted: only when the bytes are not too many already.
    pub tokens: Option<u64>,
    /// How large it may be.
    pub limits: Limits,
}

/// A range, rendered.
#[derive(Debug)]
pub struct Bundle {
    manifest: Manifest,
    head: String,
    changes: Vec<Change>,
    max_blob_bytes: u64,
    /// The sections' texts, while they are not too many.
    kept: Option<Vec<String>>,
}

/// Renders a range. `look` sees every section once, in the order of the paths' bytes, also those a
/// policy keeps out of the text. A blob above `max_blob_bytes` is not read.
pub fn build(
    repository: &Repository,
    range: &Range,
    exclusions: &Exclusions,
    max_blob_bytes: u64,
    look: &mut dyn FnMut(&Section<'_>),
) -> Result<Bundle, Failure> {
    let changes = changes(repository, range)?;
    let mut files = Vec::with_capacity(changes.len());
    let mut kept = Some(Vec::with_capacity(changes.len()));
    let mut bytes = 0;
    for change in &changes {
        let excluded = exclusions.of(&change.path);
        let entry = with_section(repository, change, excluded, max_blob_bytes, |rendered| {
            rendered.seen(&change.path, &mut *look);
            let Rendered { entry, text, .. } = rendered;
            bytes += entry.section_bytes;
            if bytes > KEPT_BYTES {
                kept = None;
            }
            if let Some(kept) = &mut kept {
                kept.push(text);
            }
            entry
        })?;
        files.push(entry);
    }
    let (since, to) = range.points();
    let totals = totals(&files);
    let mut manifest = Manifest {
        schema: SCHEMA.to_owned(),
        format: FORMAT,
        since,
        to,
        files,
        totals,
        bundle_sha256: String::new(),
        bundle_bytes: 0,
        packets: Vec::new(),
    };
    let head = head(&manifest);
    manifest.bundle_bytes = head.len() as u64 + bytes;
    let mut bundle = Bundle { manifest, head, changes, max_blob_bytes, kept };
    let mut digest = Sha256::new_with_prefix(&bundle.head);
    bundle.each_section(repository, |_, text| {
        digest.update(text);
        Ok(())
    })?;
    bundle.manifest.bundle_sha256 = hex_of(digest);
    Ok(bundle)
}

impl Bundle {
    /// Returns what the bundle says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns how it is larger than it may be, if it is.
    pub fn over_cap(
        &self,
        repository: &Repository,
        limits: Limits,
        count: Option<Count<'_>>,
    ) -> Result<Option<OverCap>, Failure> {
        let bytes = self.manifest.bundle_bytes;
        if bytes > limits.max_bytes {
            return Ok(Some(OverCap { bytes, tokens: None, limits }));
        }
        let Some((most, count)) = limits.max_tokens.zip(count) else { return Ok(None) };
        let tokens = count(&self.text(repository)?);
        Ok((tokens > most).then_some(OverCap { bytes, tokens: Some(tokens), limits }))
    }

    /// Returns the whole text.
    pub fn text(&self, repository: &Repository) -> Result<String, Failure> {
        let length = usize::try_from(self.manifest.bundle_bytes).unwrap_or(0);
        let mut text = String::with_capacity(length);
        text.push_str(&self.head);
        self.each_section(repository, |_, section| {
            text.push_str(section);
            Ok(())
        })?;
        Ok(text)
    }

    /// Hands on every section's text, in order.
    pub(crate) fn each_section(
        &self,
        repository: &Repository,
        mut take: impl FnMut(&Entry, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (at, (change, entry)) in self.changes.iter().zip(&self.manifest.files).enumerate() {
            if let Some(text) = self.kept.as_ref().and_then(|kept| kept.get(at)) {
                take(entry, text)?;
                continue;
            }
            let excluded = entry.excluded.as_ref();
            with_section(repository, change, excluded, self.max_blob_bytes, |rendered| {
                take(entry, &rendered.text)
            })??;
        }
        Ok(())
    }
}

/// Reads both sides of a change and renders it.
fn with_section<T>(
    repository: &Repository,
    change: &Change,
    excluded: Option<&Exclusion>,
    max_blob_bytes: u64,
    then: impl FnOnce(Rendered<'_>) -> T,
) -> Result<T, Failure> {
    let read = |object: Option<Object>| match object {
        None => Ok(Content::None),
        Some(object) if object.is_submodule() => Ok(Content::None),
        Some(object) => repository.content(object.oid, max_blob_bytes),
    };
    let (old, new) = (read(change.old)?, read(change.new)?);
    Ok(then(render(change, &old, &new, excluded)))
}

fn totals(files: &[Entry]) -> Totals {
    files.iter().fold(Totals::default(), |sum, entry| Totals {
        files: sum.files + 1,
        excluded: sum.excluded + u64::from(entry.excluded.is_some()),
        added: sum.added + entry.added,
        removed: sum.removed + entry.removed,
    })
}

/// What escapes mean, for whoever reads the text.
pub(crate) const LEGEND: &str = "\
    Every line of a file starts with a blank, + or -. A line that starts with \\ is a note,\n\
    with \\> the rest of the line before, which was cut.\n\
    \\u{HEX} is a character that could not be seen for what it is, \\x{HEX} a byte that is no \
    UTF-8,\n\\u{5c} a backslash where an escape would else be read.\n";

/// How the text of every bundle begins, whatever its format.
pub const BEGINNING: &str = "aiops review bundle, format ";

/// Writes what comes before the sections.
fn head(manifest: &Manifest) -> String {
    let mut out = format!("{BEGINNING}{FORMAT}\n{}{LEGEND}", points(manifest));
    let Totals { files, excluded, added, removed } = manifest.totals;
    writeln!(out, "files {files}, not shown by policy {excluded}, lines +{added} -{removed}\n")
        .expect("a String takes everything");
    for Entry { status, added, removed, path, .. } in &manifest.files {
        writeln!(out, "{:<12} +{added} -{removed} {path}", word(*status))
            .expect("a String takes everything");
    }
    out.push('\n');
    out
}

/// Writes where the range starts and ends.
pub(crate) fn points(manifest: &Manifest) -> String {
    let (since, to) = (&manifest.since, &manifest.to);
    format!("since {} tree {}\nto {} tree {}\n", since.commit, since.tree, to.commit, to.tree)
}
