//! `bundle` and `packets`: the range as text, for people and other reviewers.

use std::io::{self, Write};
use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};
use ops_core::report::Report;
use review_bundle::{BEGINNING, Limits, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::args::BundleArgs;
use crate::basis::Basis;
use crate::range;
use crate::run::look;

/// A bundle, or packets of one: `aiops.review.bundle/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bundled {
    /// `aiops.review.bundle/1`.
    pub schema: String,
    /// Where the range starts, a commit in full.
    pub since: String,
    /// Where it ends.
    pub to: String,
    /// How many files it changes.
    pub files: u64,
    /// How long the whole text is, bytes.
    pub bytes: u64,
    /// SHA-256 of the whole text, 64 hex digits.
    pub sha256: String,
    /// Whether it is larger than one text may be.
    pub over_cap: bool,
    /// What was written: bundle.txt, or the folder of packets; nothing after standard output.
    pub written: Option<String>,
    /// The names of the packets' files.
    pub packets: Vec<String>,
    #[serde(skip)]
    #[schemars(skip)]
    text: Option<String>,
    /// Whether packets were asked for, and not one text.
    #[serde(skip)]
    #[schemars(skip)]
    in_packets: bool,
}

/// The text's name in the folder that `--out` names.
const TEXT: &str = "bundle.txt";

impl Report for Bundled {
    fn exit(&self) -> Exit {
        if self.over_cap && !self.in_packets { Exit::SizeCap } else { Exit::Ok }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(text) = &self.text {
            return out.write_all(text.as_bytes());
        }
        let Self { files, bytes, .. } = self;
        let place = self.written.as_deref().unwrap_or_default();
        if self.exit() == Exit::SizeCap {
            writeln!(
                out,
                "over the cap; HOW_TO_PASTE.txt beside the packets says what they are for"
            )?;
        }
        match self.packets.len() {
            0 => writeln!(out, "wrote {place}: {bytes} bytes, {files} files"),
            many => writeln!(out, "wrote {many} packets of {bytes} bytes, {files} files: {place}"),
        }
    }

    fn json(&self) -> Value {
        json!(self)
    }

    /// A bundle is the same bytes everywhere.
    fn is_exact(&self) -> bool {
        self.text.is_some()
    }
}

/// Renders a range, as one text or in packets. One text that is over the cap is written in packets
/// too, and its report is a no.
///
/// # Errors
/// Exit 2 when packets are to be smaller than their heads, or a file that is no bundle lies where
/// one would, 69 when the repository cannot be read or
/// a file written, 78 when the rules are invalid.
pub fn bundle(
    context: &Context,
    args: &BundleArgs,
    folder: &Path,
    in_packets: bool,
) -> Result<Bundled, Failure> {
    let host = &context.host;
    if let (Some(out), false) = (&args.out, in_packets) {
        must_be_ours(host, &out.join(TEXT))?;
    }
    let repository = Repository::discover(folder)?;
    let range = range::resolve(&repository, &args.range)?;
    let basis = Basis::at(host, &repository, range.since)?;
    let own = look::limits(&basis, host)?;
    let limits = Limits {
        max_bytes: args.max_bytes.unwrap_or(own.max_bytes),
        max_tokens: args.max_tokens.or(own.max_tokens),
    };
    if in_packets {
        limits.must_hold_a_packet()?;
    }
    let count = look::counter(&basis, host)?;
    let bundle = look::unjudged(&repository, &range, &basis.policy)?;
    let manifest = bundle.manifest();
    let over =
        bundle.over_cap(&repository, counted(limits, manifest.bundle_bytes), Some(&count))?;
    let mut bundled = Bundled {
        schema: "aiops.review.bundle/1".into(),
        since: manifest.since.commit.clone(),
        to: manifest.to.commit.clone(),
        files: manifest.totals.files,
        bytes: manifest.bundle_bytes,
        sha256: manifest.bundle_sha256.clone(),
        over_cap: over.is_some(),
        written: None,
        packets: vec![],
        text: None,
        in_packets,
    };
    if let (Some(over), false) = (over, in_packets) {
        let tokens = over.tokens.map(|it| format!(", {it} tokens")).unwrap_or_default();
        context.say(&format!("{} bytes{tokens} are more than one text may have", over.bytes));
        if let Some(folder) = &args.out {
            forget(host, &folder.join(TEXT))?;
        }
    }
    if in_packets || over.is_some() {
        let below = args.out.clone().unwrap_or_else(|| context.home.join("artifacts/review"));
        let written =
            review_bundle::write_packets(host, &below, &bundle, &repository, limits, Some(&count))?;
        bundled.written = Some(written.folder.display().to_string());
        bundled.packets = written.manifest.packets.iter().map(|it| it.file.clone()).collect();
        return Ok(bundled);
    }
    let text = bundle.text(&repository)?;
    match &args.out {
        None => bundled.text = Some(text),
        Some(folder) => {
            let path = folder.join(TEXT);
            write(host, &path, &text)?;
            bundled.written = Some(path.display().to_string());
        }
    }
    Ok(bundled)
}

/// Returns the limits that a text of so many bytes has to be held to: its tokens need no counting
/// where they cannot be too many. A token has a byte at least, and a byte becomes six at most in the
/// JSON string that is counted.
fn counted(limits: Limits, bytes: u64) -> Limits {
    let most = bytes.saturating_mul(6).saturating_add(2);
    Limits { max_tokens: limits.max_tokens.filter(|allowed| *allowed < most), ..limits }
}

fn write(host: &Host, path: &Path, text: &str) -> Result<(), Failure> {
    let doing = || format!("write {}", path.display());
    if let Some(folder) = path.parent() {
        let made = host.make_dir(folder, 0o700).or_fail(Exit::Unavailable, doing());
        made.map_err(|failure| failure.hint("--out names a folder"))?;
    }
    host.replace_file(path, text.as_bytes(), 0o600).or_fail(Exit::Unavailable, doing())
}

/// Refuses to write over, or to remove, what no earlier call left.
fn must_be_ours(host: &Host, path: &Path) -> Result<(), Failure> {
    let doing = || format!("write {}", path.display());
    let there = host.look(path).or_fail(Exit::Unavailable, doing());
    let Some(there) = there.map_err(|failure| failure.hint("--out names a folder"))? else {
        return Ok(());
    };
    if there.kind == Kind::File {
        let start = host.read_plain(path, BEGINNING.len() as u64);
        let (_, start) = start.or_fail(Exit::Unavailable, doing())?;
        if start == BEGINNING.as_bytes() {
            return Ok(());
        }
    }
    Err(Failure::new(Exit::Usage, doing())
        .because("what is there is no bundle")
        .hint("name another folder with --out"))
}

/// Removes the text of an earlier call, which would be taken for this one's.
fn forget(host: &Host, path: &Path) -> Result<(), Failure> {
    let doing = || format!("remove {}, which an earlier call left", path.display());
    host.remove_file(path).or_fail(Exit::Unavailable, doing())
}

#[cfg(test)]
mod tests {
    use llm_tokens::Tokenizer;
    use proptest::prelude::*;

    use super::*;
    use crate::prompt;

    proptest! {
        #[test]
        fn tokens_that_are_not_counted_are_never_too_many(text in "\\PC{0,40}|[\\x00-\\x20\"]{0,40}") {
            for tokenizer in [Tokenizer::O200kBase, Tokenizer::Cl100kBase, Tokenizer::Other] {
                let tokens = llm_tokens::count(tokenizer, &prompt::string(&text)).tokens;
                let limits = Limits { max_bytes: 0, max_tokens: Some(tokens.saturating_sub(1)) };
                prop_assert_eq!(counted(limits, text.len() as u64), limits);
            }
        }
    }

    #[test]
    fn tokens_are_counted_where_they_may_be_too_many() {
        let limits = |most| Limits { max_bytes: 10, max_tokens: most };
        for (most, bytes, counts) in [
            (Some(602), 100, false),
            (Some(601), 100, true),
            (Some(0), 0, true),
            (None, 100, false),
            (Some(u64::MAX), u64::MAX, false),
            (Some(1), u64::MAX, true),
        ] {
            let held = counted(limits(most), bytes);
            assert_eq!(held.max_tokens, most.filter(|_| counts), "{most:?} {bytes}");
            assert_eq!(held.max_bytes, 10);
        }
    }
}
