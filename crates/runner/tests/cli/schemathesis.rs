//! The description of the API against the API, by schemathesis: no answer that is not described, none
//! of the server's own failures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres_cluster::Cluster;
use serde_json::{Value, json};

use crate::fixture::{Service, Site, token, until};
use crate::http::ask;

/// Where `ops/test.sh` puts it.
fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_runner")).ancestors().nth(2);
    target.expect("a target folder").join("tools/schemathesis/bin/schemathesis")
}

/// Whether it is there; told when it is not.
fn is_here() -> bool {
    let program = program();
    if !program.exists() {
        let why = format!("no {}; ops/test.sh installs it", program.display());
        skipped::told(skipped::this_test(), why);
    }
    program.exists()
}

/// Has it ask an API what a description allows and what it does not, with this token.
fn asked(site: &Site, server: &Service, description: &str, token: &str, examples: &str) {
    let done = Command::new(program())
        .args(["run", "--url", &server.address, "--no-color", "--max-examples", examples])
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--seed", "1", "--request-timeout", "20", "--generation-database", "none"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .arg(description)
        .current_dir(site.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    // It asked: a description without operations would pass, too.
    assert!(said.contains("generated"), "{said}");
}

/// The description, narrowed to what is there: what is drawn at random names no job and no
/// repository, and so does not reach what comes after.
fn narrowed(site: &Site, server: &Service) -> String {
    let job = |act: &str| {
        let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
            "params": {"act": act}});
        let said = ask(&server.address, &token(), "POST", "/jobs", &body.to_string()).json();
        said["job_id"].as_str().unwrap().to_owned()
    };
    let ids = [job("say links"), job("fail"), job("wait")];
    until("two end and one runs", || site.ran("begun").len() >= 3);
    let mut whole = ask(&server.address, "", "GET", "/openapi.json", "").json();
    let submission = &mut whole["components"]["schemas"]["Submission"]["properties"];
    submission["job_type"] = json!({"type": "string", "enum": ["stand_in", "orb_doctor"]});
    submission["repo_name"] = json!({"type": "string", "enum": ["r1", "r2"]});
    submission["params"] = json!({"type": "object", "properties": {"act": {"type": "string"}}});
    submission.as_object_mut().unwrap().remove("remote_url");
    let paths = whole["paths"].as_object_mut().unwrap();
    for parameter in paths
        .values_mut()
        .flat_map(|path| path.as_object_mut().unwrap().values_mut())
        .filter_map(|operation| operation.get_mut("parameters")?.as_array_mut())
        .flatten()
    {
        let known = match parameter["name"].as_str() {
            Some("job_id") => json!(ids),
            Some("path") => json!(["artifact.json", "sub/file.txt", "link", "hard", "pipe"]),
            _ => continue,
        };
        // Not only these: what is not as it should be is drawn from what is forbidden.
        parameter["schema"] = json!({"type": "string", "enum": known});
    }
    let file = site.at("narrowed.json");
    fs::write(&file, whole.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn ended_well(server: Service) {
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked") && !log.contains("internal error"), "{log}");
}

#[test]
fn the_api_answers_as_it_is_described() {
    if !is_here() {
        return;
    }
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    asked(&site, &server, &format!("{}/openapi.json", server.address), &token(), "200");
    ended_well(server);
}

#[test]
fn jobs_that_are_there_are_answered_for_as_it_is_described() {
    if !is_here() {
        return;
    }
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    asked(&site, &server, &narrowed(&site, &server), &token(), "120");
    ended_well(server);
}

#[test]
fn jobs_in_postgresql_are_answered_for_as_it_is_described() {
    if !is_here() {
        return;
    }
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let site = Site::new(Some(cluster.database()));
    let server = site.start("serve", &[]);
    asked(&site, &server, &narrowed(&site, &server), &token(), "60");
    ended_well(server);
}

#[test]
fn a_wrong_token_is_answered_as_it_is_described() {
    if !is_here() {
        return;
    }
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let description = format!("{}/openapi.json", server.address);
    asked(&site, &server, &description, &format!("{}0", token()), "60");
    let jobs = ask(&server.address, &token(), "GET", "/jobs", "").json();
    assert_eq!(jobs["jobs"], Value::Array(vec![]));
    ended_well(server);
}
