//! What is checked in is what the code says, and what is shipped is valid.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests look at the checkout")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge::settings::Settings;
use ops_core::config::{self, Source};
use ops_core::host::Host;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn checked_in_schemas_are_current_and_none_is_forgotten() {
    let folder = top().join("configs/schemas");
    let mut known = BTreeSet::new();
    for (name, schema) in r#gen::schemas() {
        let want = serde_json::to_value(&schema).unwrap();
        let found = fs::read(folder.join(name)).unwrap_or_default();
        let found: serde_json::Value = serde_json::from_slice(&found).unwrap_or_default();
        assert_eq!(found, want, "{name} is stale: cargo run -p gen schemas configs/schemas");
        known.insert(name.to_owned());
    }
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, known);
}

#[test]
fn the_checked_in_description_of_the_api_is_current() {
    let found = fs::read(top().join("docs/runner.openapi.json")).unwrap_or_default();
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap_or_default();
    let want = runner::api::openapi::document_of_api();
    assert_eq!(found, want, "it is stale: cargo run -p gen openapi docs");
}

/// Loads a shipped file past the short cut that `load` takes for what is shipped as it is: with one
/// more line, it is any other file.
fn whole<S: config::Settings>(folder: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let mut text = fs::read_to_string(folder.join(S::FILE)).unwrap();
    assert_eq!(text, S::SHIPPED, "{}", S::FILE);
    text.push_str(if Path::new(S::FILE).extension().is_some_and(|it| it == "json") {
        "\n"
    } else {
        "# Not as it was shipped.\n"
    });
    fs::write(dir.path().join(S::FILE), text).unwrap();
    config::load::<S>(&Host::real(), &Source::Folder(dir.path().into())).unwrap();
}

#[test]
fn shipped_configuration_is_valid_and_nothing_else_is_shipped() {
    let folder = top().join("configs");
    whole::<guard::Policy>(&folder);
    whole::<Settings>(&folder);
    whole::<doctor::Policy>(&folder);
    whole::<jobs::JobTypes>(&folder);
    whole::<jobs::Repositories>(&folder);
    whole::<secrets::Registry>(&folder);
    whole::<notify::settings::Settings>(&folder);
    whole::<llm::settings::Settings>(&folder);
    whole::<llm::models::Models>(&folder);
    whole::<verdict::Policy>(&folder);
    whole::<ship::settings::Settings>(&folder);
    review_gate::prompt::Prompt::parse(
        "configs/prompts/review.md",
        &fs::read(folder.join("prompts/review.md")).unwrap(),
    )
    .unwrap();
    let signers = fs::read(folder.join("allowed_signers")).unwrap();
    assert!(verdict::signers::Signers::read(&signers).entries.is_empty(), "shipped: nobody");
    whole::<runner::settings::Settings>(&folder);
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // A new file takes its line above.
    assert_eq!(
        files,
        BTreeSet::from(
            [
                "allowed_signers",
                "bridge.yaml",
                "doctor.yaml",
                "guard.yaml",
                "keys.yaml",
                "llm.json",
                "models.json",
                "notify.yaml",
                "prompts",
                "review.yaml",
                "schemas",
                "ship.yaml",
                "job_allowlist.yaml",
                "runner.yaml",
                "repo_allowlist.yaml",
                "schemas"
            ]
            .map(str::to_owned)
        )
    );
}

#[test]
fn every_object_a_schema_describes_is_closed() {
    for (name, schema) in r#gen::schemas() {
        open_objects(name, "", schema.as_value());
    }
}

/// Answers are open for readers of later versions; whatever is read from outside is closed.
fn open_objects(name: &str, at: &str, schema: &serde_json::Value) {
    let read_by_us = [
        "alert.schema.json",
        "bridge.schema.json",
        "command.schema.json",
        "doctor.schema.json",
        "facts.schema.json",
        "guard.schema.json",
        "guard.state.schema.json",
        "job_allowlist.schema.json",
        "key_rotation.schema.json",
        "keys.schema.json",
        "llm.health.schema.json",
        "llm.schema.json",
        "models.schema.json",
        "notify.schema.json",
        "review.schema.json",
        "review.waiver.schema.json",
        "ship.schema.json",
        "ship.shipping.schema.json",
        "verdict.schema.json",
        "repo_allowlist.schema.json",
        "runner.schema.json",
        "runner.submission.schema.json",
    ];
    if let Some(object) = schema.as_object() {
        let is_closed = object.contains_key("additionalProperties");
        if read_by_us.contains(&name) && object.contains_key("properties") {
            assert!(is_closed, "{name} at {at}: additionalProperties is missing");
        }
        // What stands in allOf narrows a shape that is closed beside it.
        for (key, value) in object.iter().filter(|(key, _)| *key != "allOf") {
            open_objects(name, &format!("{at}/{key}"), value);
        }
    } else if let Some(list) = schema.as_array() {
        for (index, value) in list.iter().enumerate() {
            open_objects(name, &format!("{at}/{index}"), value);
        }
    }
}

#[test]
fn man_pages_and_completions_are_made_for_every_binary() {
    let dir = tempfile::tempdir().unwrap();
    for what in ["man", "completions"] {
        let made =
            Command::new(env!("CARGO_BIN_EXE_gen")).args([what, "."]).current_dir(&dir).status();
        assert!(made.unwrap().success());
    }
    for command in r#gen::commands() {
        let name = command.get_name();
        for file in
            [format!("{name}.1"), name.to_owned(), format!("_{name}"), format!("{name}.fish")]
        {
            let text = fs::read_to_string(dir.path().join(&file)).unwrap_or_default();
            assert!(text.contains(name), "{file}");
        }
    }
    assert_eq!(Command::new(env!("CARGO_BIN_EXE_gen")).status().unwrap().code(), Some(1));
}

#[test]
fn the_installer_and_the_package_know_every_binary_and_every_file() {
    let read = |name: &str| fs::read_to_string(top().join(name)).unwrap();
    let (script, package) = (read("ops/install.sh"), read("crates/gen/Cargo.toml"));
    let start = script.find("programs=\"").unwrap();
    let programs = script[start..].split('"').nth(1).unwrap().replace("\\\n", "");
    let programs: BTreeSet<&str> = programs.split_whitespace().collect();
    let timers = script.split("\ntimers=\"").nth(1).and_then(|it| it.split('"').next()).unwrap();
    assert!(timers.split_whitespace().count() >= 5, "{timers}");
    for timer in timers.split_whitespace() {
        assert!(top().join("ops/systemd").join(timer).exists(), "{timer} is not there");
        for (file, times) in [("postinst", 2), ("prerm", 1)] {
            let text = fs::read_to_string(top().join("ops/debian").join(file)).unwrap();
            assert_eq!(text.matches(timer).count(), times, "{file} of the package: {timer}");
        }
    }
    for command in r#gen::commands() {
        let name = command.get_name();
        assert!(programs.contains(name), "ops/install.sh leaves {name} out");
        let asset = format!("[\"target/release/{name}\", \"opt/ai-ops-runner/bin/\", \"755\"]");
        assert!(package.contains(&asset), "the package leaves {name} out");
    }
    for entry in fs::read_dir(top().join("configs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = if name == "prompts" { "prompts/review.md".to_owned() } else { name };
        let is_told = package.contains(&format!("/etc/ai-ops-runner/configs/{name}\""));
        assert!(is_told || name == "schemas", "the package does not know that {name} is edited");
    }
    for entry in fs::read_dir(top().join("ops/systemd")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_conf = Path::new(&name).extension().is_some_and(|it| it == "conf");
        assert!(!is_conf || package.contains(&name), "the package leaves {name} out");
    }
}
