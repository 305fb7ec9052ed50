//! Makes a repository trust a reviewer of the benchmarks', and signs as that reviewer.
//!
//! `bench-verdict configure FOLDER` writes the files to commit;
//! `bench-verdict sign REPOSITORY SINCE TO` keeps an approval of that range, no model needed.
#![expect(clippy::disallowed_methods, reason = "a benchmark sets its scene itself")]

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use push::{Draft, Reviewer};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let reviewer = Reviewer::new();
    match words[..] {
        ["configure", folder] => match configure(&reviewer, Path::new(folder)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => told(&why.to_string(), 69),
        },
        ["sign", repository, since, to] => {
            reviewer.store(Path::new(repository), &Draft::approved(since, to));
            ExitCode::SUCCESS
        }
        _ => told("bench-verdict configure FOLDER | sign REPOSITORY SINCE TO", 2),
    }
}

fn configure(reviewer: &Reviewer, folder: &Path) -> std::io::Result<()> {
    for (path, content) in reviewer.configuration() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, content)?;
    }
    Ok(())
}

fn told(why: &str, code: u8) -> ExitCode {
    let _told = writeln!(std::io::stderr(), "bench-verdict: {why}").is_ok();
    ExitCode::from(code)
}
