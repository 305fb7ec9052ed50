//! The description of the API against the API, by schemathesis: no answer that is not described, none
//! of the server's own failures.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fixture::{Site, token};

/// Installs it beside the build, once; says why it cannot be had.
fn installed() -> Result<PathBuf, String> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let program = tools.join("schemathesis/bin/schemathesis");
    if program.exists() {
        return Ok(program);
    }
    std::fs::create_dir_all(&tools).map_err(|err| err.to_string())?;
    let run = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        let done = command.args(args).current_dir(&tools).stdin(Stdio::null()).output();
        let done = done.map_err(|err| err.to_string())?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(said) }
    };
    run(Path::new("python3"), &["-m", "venv", "schemathesis"])?;
    let pip = tools.join("schemathesis/bin/pip");
    run(&pip, &["install", "--quiet", "--disable-pip-version-check", "schemathesis==4.*"])?;
    Ok(program)
}

#[test]
fn the_api_answers_as_it_is_described() {
    let program = match installed() {
        Ok(program) => program,
        Err(why) => {
            let why = why.lines().last().unwrap_or_default().to_owned();
            eprintln!("SKIPPED the_api_answers_as_it_is_described: schemathesis: {why}");
            return;
        }
    };
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
