//! Puts the git commit into release builds. Debug builds say "debug", so that a commit rebuilds nothing.
#![expect(clippy::disallowed_methods, reason = "a build script runs outside the seam")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=AIOPS_COMMIT");
    let commit = env::var("AIOPS_COMMIT").ok().or_else(|| match env::var("PROFILE").as_deref() {
        Ok("release") => head(),
        _ => Some("debug".to_owned()),
    });
    println!("cargo::rustc-env=AIOPS_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
}

fn head() -> Option<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in [".git/HEAD", ".git/logs/HEAD"] {
        let path = top.join(name);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let said =
        Command::new("git").arg("-C").arg(top).args(["rev-parse", "--short=12", "HEAD"]).output();
    let said = said.ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).ok()?.trim().to_owned())
}
