//! What a bundle says about itself: every changed path once, by what and where it is shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The manifest's format.
pub const SCHEMA: &str = "aiops.review-manifest/1";

/// Every path that a range changes, exactly once, in the order of the paths' bytes.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Manifest {
    /// `aiops.review-manifest/1`.
    pub schema: String,
    /// The version of the bundle's text format.
    pub format: u32,
    /// Where the range starts; not part of it.
    pub since: Point,
    /// Where the range ends.
    pub to: Point,
    /// The changed paths.
    pub files: Vec<Entry>,
    /// Sums over the files.
    pub totals: Totals,
    /// The SHA-256 of the whole bundle's text, in hex, whether it fits the caps or not.
    pub bundle_sha256: String,
    /// The length of the whole bundle's text, bytes.
    pub bundle_bytes: u64,
    /// The packets the bundle was cut into; empty while it is one text.
    pub packets: Vec<PacketEntry>,
}

/// A commit and its tree.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The commit's oid, 40 or 64 hex digits.
    pub commit: String,
    /// Its tree's oid.
    pub tree: String,
}

/// What happened to one path.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The path as the bundle shows it: escaped by [`name`](crate::name), one-to-one.
    pub path: String,
    /// What happened to it.
    pub status: Status,
    /// How it is shown.
    pub kind: Kind,
    /// What was there before.
    pub old: Option<Side>,
    /// What is there now.
    pub new: Option<Side>,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Where in the file its hunks are, context included.
    pub hunks: Vec<Hunk>,
    /// The SHA-256 of its section of the bundle, in hex.
    pub section_sha256: String,
    /// The length of its section, bytes.
    pub section_bytes: u64,
    /// The numbers of the packets that hold it, in order, from 1; empty while the bundle is one text.
    pub packets: Vec<u32>,
    /// Why its content is not shown, if a policy says so.
    pub excluded: Option<Exclusion>,
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was not there.
    Added,
    /// It is gone.
    Deleted,
    /// Its content changed, and perhaps its mode.
    Modified,
    /// Only its mode changed.
    ModeChanged,
    /// It became something else: a file, a symbolic link, a submodule.
    TypeChanged,
}

/// How a change is shown.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// As lines, whatever their encoding.
    Text,
    /// By size and hash: one of the sides is no text. A side that is text is shown.
    Binary,
    /// By its target: one of the sides is a symbolic link.
    Symlink,
    /// By its commits: one of the sides is a submodule.
    Submodule,
    /// Not at all: one of the sides is too large to be read. Nobody can have reviewed it.
    TooLarge,
}

/// One side of a change.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The mode as the tree has it, octal: `100644`.
    pub mode: String,
    /// The blob's oid, or a submodule's commit.
    pub oid: String,
    /// The blob's size, bytes; nothing for a submodule.
    pub size: Option<u64>,
    /// Whether it is shown by size and hash only.
    pub binary: bool,
}

/// The lines of one hunk.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hunk {
    /// In the old file.
    pub old: Span,
    /// In the new file.
    pub new: Span,
}

/// Lines of a file.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first line, from 1; where there is none, the line before, from 0.
    pub start: u64,
    /// How many.
    pub count: u64,
}

/// Why a file's content is not shown.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The glob of the policy that the path matches.
    pub glob: String,
    /// The policy's reason.
    pub reason: String,
}

/// Sums over a manifest's files.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Paths that changed.
    pub files: u64,
    /// Of these, paths a policy excludes.
    pub excluded: u64,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

/// One packet of a bundle that is too large for one text.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PacketEntry {
    /// From 1.
    pub number: u32,
    /// The file's name: `packet_001.txt`.
    pub file: String,
    /// The SHA-256 of its text, in hex.
    pub sha256: String,
    /// Its length, bytes.
    pub bytes: u64,
    /// Its length in tokens, if somebody counted them.
    pub tokens: Option<u64>,
    /// What it holds.
    pub parts: Vec<Part>,
}

/// A file's section, or a part of it, in a packet.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The path, as [`Entry::path`].
    pub path: String,
    /// Which part of the section, from 1.
    pub part: u32,
    /// Whether the section ends here.
    pub last: bool,
}

/// `size_cap_meta.json`: why there are packets.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SizeCapMeta {
    /// `aiops.size-cap/1`.
    pub schema: String,
    /// Where the range starts.
    pub since: Point,
    /// Where the range ends.
    pub to: Point,
    /// The most a text may have, bytes.
    pub max_bytes: u64,
    /// The most a text may have, tokens.
    pub max_tokens: Option<u64>,
    /// What the whole bundle has, bytes.
    pub actual_bytes: u64,
    /// The SHA-256 of the whole bundle's text, in hex.
    pub bundle_sha256: String,
    /// How many files changed.
    pub files: u64,
    /// The packets.
    pub packets: Vec<PacketEntry>,
}

impl Manifest {
    /// Returns the entry of a path, escaped as [`Entry::path`] is.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.files.iter().find(|entry| entry.path == path)
    }

    /// Returns whether a finding at this place is about something the bundle shows: a path of the
    /// manifest and, where the file is shown as lines, a line of a hunk. Line 0 is the file itself.
    pub fn anchors(&self, path: &str, line: u64) -> bool {
        self.entry(path).is_some_and(|entry| entry.anchors(line))
    }
}

impl Entry {
    /// Returns whether a line is one of those shown: of the new file, or of the old one where no new
    /// one is. Line 0 is the file itself. Of what has no lines only the first is one.
    pub fn anchors(&self, line: u64) -> bool {
        let span = |hunk: &Hunk| if self.new.is_some() { hunk.new } else { hunk.old };
        line == 0
            || (self.hunks.is_empty() && line == 1)
            || self.hunks.iter().map(span).any(|span| span.holds(line))
    }
}

impl Span {
    /// Returns whether a line is one of these.
    pub fn holds(self, line: u64) -> bool {
        line >= self.start && line - self.start < self.count
    }
}
