//! The description of the API against the API, by schemathesis: no answer that is not described, none
//! of the server's own failures.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{Site, token};

/// Where `ops/test.sh` puts it.
fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_runner")).ancestors().nth(2);
    target.expect("a target folder").join("tools/schemathesis/bin/schemathesis")
}

#[test]
fn the_api_answers_as_it_is_described() {
    let program = program();
    if !program.exists() {
        let why = format_args!("no {}; ops/test.sh installs it", program.display());
        return skipped::told(skipped::this_test(), why);
    }
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let done = Command::new(program)
        .args(["run", "--url", &server.address, "--no-color", "--max-examples", "40"])
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--seed", "1", "--request-timeout", "20"])
        .args(["--header", &format!("Authorization: Bearer {}", token())])
        .arg(format!("{}/openapi.json", server.address))
        .current_dir(site.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
}
