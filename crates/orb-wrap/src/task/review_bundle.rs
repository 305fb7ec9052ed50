//! `orb_review_bundle`: what changed since a commit, as one text, or as packets.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use review_bundle::{Exclusions, Limits, MAX_BLOB_BYTES, Repository, build, write_packets};

use super::{Said, artifacts, param};

/// Makes REVIEW_BUNDLE.txt, or packets when it is larger than `max_bytes`.
pub(crate) fn run(context: &Context, max_bytes: u64) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let folder = artifacts(context)?;
    let missing = || Failure::new(Exit::Usage, "find SINCE_SHA");
    let since = param(context, "SINCE_SHA").ok_or_else(missing)?;
    let to = param(context, "TO_SHA").unwrap_or("HEAD");
    let repository = Repository::open(Path::new(crate::scene::INSIDE.git))?;
    let range = repository.range(since, to)?;
    let bundle = build(&repository, &range, &Exclusions::default(), MAX_BLOB_BYTES, &mut |_| ())?;
    let limits = Limits { max_bytes, max_tokens: None };
    let is_forced = param(context, "FORCE_SIZE_CAP") == Some("1");
    if is_forced || bundle.over_cap(&repository, limits, None)?.is_some() {
        let written = write_packets(host, &folder, &bundle, &repository, limits, None)?;
        let packets = written.manifest.packets.len();
        return Ok(Box::new(Said(format!("too large for one text: {packets} packets"))));
    }
    let text = bundle.text(&repository)?;
    let path = folder.join("REVIEW_BUNDLE.txt");
    let done = host.replace_file(&path, text.as_bytes(), 0o640);
    done.or_fail(Exit::Unavailable, "write REVIEW_BUNDLE.txt")?;
    let manifest = serde_json::to_vec_pretty(bundle.manifest())
        .or_fail(Exit::Internal, "write manifest.json")?;
    let done = host.replace_file(&folder.join("manifest.json"), &manifest, 0o640);
    done.or_fail(Exit::Unavailable, "write manifest.json")?;
    Ok(Box::new(Said(format!("{} bytes in REVIEW_BUNDLE.txt", text.len()))))
}
