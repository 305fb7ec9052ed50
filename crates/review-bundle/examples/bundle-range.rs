//! `bundle-range FOLDER SINCE TO [MAX_BYTES]`: a range's bundle on standard output, for tests
//! and for looking. With a cap, only the manifest's digest and the number of packets.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use review_bundle::{Exclusions, Limits, MAX_BLOB_BYTES, Repository, build};

fn main() -> Result<(), Box<dyn Error>> {
    let argv: Vec<String> = std::env::args().collect();
    let [_, folder, since, to, cap @ ..] = &argv[..] else {
        return Err("usage: bundle-range FOLDER SINCE TO [MAX_BYTES]".into());
    };
    let repository = Repository::discover(Path::new(folder))?;
    let range = repository.range(since, to)?;
    let exclusions = Exclusions::default();
    let bundle = build(&repository, &range, &exclusions, MAX_BLOB_BYTES, &mut |_| ())?;
    let mut out = std::io::stdout().lock();
    if let Some(max_bytes) = cap.first() {
        let limits = Limits { max_bytes: max_bytes.parse()?, max_tokens: None };
        let manifest = bundle.packets(&repository, limits, None, &mut |_| Ok(()))?;
        writeln!(out, "{} in {} packets", manifest.bundle_sha256, manifest.packets.len())?;
    } else {
        out.write_all(bundle.text(&repository)?.as_bytes())?;
    }
    Ok(out.flush()?)
}
