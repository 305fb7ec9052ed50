//! Compares with the official library, in the Python that `ops/test.sh` installs it for, else in
//! `TWILIO_PYTHON`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test asks another program, and says how often both agreed"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use twilio::signature::{Body, Keys, verify};

const CASES: usize = 500;

/// Reads cases, signs `signed` and says whether the library takes that for `url`.
const ORACLE: &str = r#"
import json, sys
import twilio
from twilio.request_validator import RequestValidator
assert tuple(map(int, twilio.__version__.split(".")[:2])) >= (9, 13)
class Pairs(dict):
    def getall(self, name):
        return self[name]
for line in sys.stdin:
    case = json.loads(line)
    params = Pairs()
    for name, value in case["params"]:
        params.setdefault(name, []).append(value)
    validator = RequestValidator(case["token"])
    signature = validator.compute_signature(case["signed"], params, case["algorithm"])
    for name, value in case["added"]:
        params.setdefault(name, []).append(value)
    taken = validator.validate(case["url"], params, signature, case["algorithm"])
    print(json.dumps([signature, taken]))
"#;

fn python() -> PathBuf {
    std::env::var_os("TWILIO_PYTHON").map_or_else(
        || {
            let here = std::env::current_exe().expect("a test has a file");
            let target = here.ancestors().nth(3).unwrap_or(Path::new("target"));
            target.join("tools/twilio/bin/python")
        },
        PathBuf::from,
    )
}

fn ask(cases: &[Value]) -> Result<Vec<(String, bool)>, String> {
    let program = python();
    let python = program.display();
    let mut child = Command::new(&program)
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|err| format!("{python}: {err}"))?;
    let lines: String = cases.iter().flat_map(|case| [case.to_string(), "\n".into()]).collect();
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).is_ok());
    let output = child.wait_with_output().map_err(|err| err.to_string())?;
    if !output.status.success() || !writing.join().unwrap_or(false) {
        return Err(format!("{python} has no twilio 9.13"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).map_err(|err| err.to_string())).collect()
}

#[test]
fn random_requests_are_judged_as_the_official_library_does() {
    let host = "[a-z]{1,8}(\\.example)?(:(443|80|8443|1))?";
    let url = (prop_oneof!["https", "http"], host, "(/[a-zA-Z0-9%._-]{0,8}){0,3}", "[a-z=&]{1,8}");
    let url =
        url.prop_map(|(scheme, host, path, query)| format!("{scheme}://{host}{path}?{query}"));
    let pair = ("[A-Za-z]{1,4}", "\\PC{0,6}");
    let params = proptest::collection::vec(pair, 0..6);
    let added = prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(pair, 1..3)];
    let other = prop_oneof![4 => Just(None), 1 => Just(Some(":443")), 1 => Just(Some(":80"))];
    let case = (url, params, added, other, any::<bool>(), "\\PC{1,20}");
    let mut runner = TestRunner::deterministic();
    let cases: Vec<Value> = (0..CASES)
        .map(|_| {
            let tree = case.new_tree(&mut runner).expect("a case");
            let (url, params, added, port, is_sha256, token) = tree.current();
            // What Twilio signed may differ from what is configured by a port.
            let signed = port.map_or_else(|| url.clone(), |port| ported(&url, port));
            let algorithm = if is_sha256 { "HMAC_SHA256" } else { "HMAC_SHA1" };
            json!({
                "url": url, "signed": signed, "params": params, "added": added,
                "algorithm": algorithm, "token": token,
            })
        })
        .collect();
    let answers = match ask(&cases) {
        Ok(answers) => answers,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    assert_eq!(answers.len(), CASES);
    let mut agreed = [0, 0];
    for (case, (signature, taken)) in cases.iter().zip(answers) {
        let text = |name: &str| case[name].as_str().expect("a text");
        let pairs = |name: &str| -> Vec<(String, String)> {
            serde_json::from_value(case[name].clone()).expect("pairs")
        };
        let params = [pairs("params"), pairs("added")].concat();
        let shared = [("k", text("token"))];
        let keys = Keys { auth_token: Some(text("token")), shared: &shared };
        let settings =
            (text("algorithm") == "HMAC_SHA256").then_some("key=k,algorithm=HMAC_SHA256");
        let ours = verify(&keys, text("url"), Body::Form(&params), Some(&signature), settings);
        assert_eq!(ours.is_ok(), taken, "{case} {ours:?}");
        agreed[usize::from(taken)] += 1;
    }
    assert!(agreed.iter().all(|count| *count > 50), "{agreed:?}");
    eprintln!("{} refused and {} taken by both", agreed[0], agreed[1]);
}

fn ported(url: &str, port: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.split(':').next().unwrap_or_default();
    format!("{scheme}://{host}{port}{tail}")
}
