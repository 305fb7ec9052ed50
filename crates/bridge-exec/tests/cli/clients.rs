//! The clients that docs/bridge.md shows, taken from there and run as they stand.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::fixture::{Bridge, has, text};

fn code_block(language: &str) -> String {
    let docs = include_str!("../../../../docs/bridge.md");
    let start = docs.split_once(&format!("```{language}\n")).expect("the block is there").1;
    start.split_once("```").expect("and ends").0.to_owned()
}

#[test]
fn the_python_client_of_the_documentation_works_as_printed() {
    if !has("python3") {
        return;
    }
    let bridge = Bridge::new();
    let code = code_block("python");
    assert!(code.lines().filter(|line| !line.trim().is_empty()).count() <= 20, "20 lines");
    let mut client = bridge.command("python3");
    client.args(["-c", &code, "docs/é.md"]).stdin(Stdio::piped());
    let mut client = client.spawn().unwrap();
    client.stdin.take().unwrap().write_all("naïve 😀 \u{7f}\n".as_bytes()).unwrap();
    assert!(client.wait().unwrap().success());
    let done = bridge.exec(&["once"]);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    let written = fs::read_to_string(bridge.root().join("docs/é.md")).unwrap();
    assert_eq!(written, "naïve 😀 \u{7f}\n");
}

#[test]
fn the_shell_client_of_the_documentation_works_as_printed() {
    if !has("openssl") {
        return;
    }
    let bridge = Bridge::new();
    let ran = bridge.command("sh").args(["-euc", &code_block("sh")]).output().unwrap();
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let done = bridge.exec(&["once"]);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    assert_eq!(bridge.names("archive").len(), 1);
}
