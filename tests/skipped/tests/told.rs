//! The line that a skipping test leaves behind, as the real test runner lets it through.
#![expect(clippy::disallowed_methods, reason = "starts this file's own program again")]

use std::process::{Command, Output};

/// Runs the inner test, with or without insisting that everything runs.
fn inner(required: Option<&str>) -> (Output, String) {
    let mut command = Command::new(std::env::current_exe().expect("a test runs from a file"));
    command.args(["--exact", "inside::a_test_that_skips", "--ignored"]);
    command.env_remove("AIOPS_REQUIRE_ALL");
    command.envs(required.map(|value| ("AIOPS_REQUIRE_ALL", value)));
    let output = command.output().expect("this program starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, told)
}

mod inside {
    #[test]
    #[ignore = "run by the other tests of this file"]
    fn a_test_that_skips() {
        skipped::told(skipped::this_test(), "no program:\n  not\tfound\r\n");
    }
}

#[test]
fn a_skipped_test_is_told_past_the_capture_on_one_line() {
    for required in [None, Some("0"), Some("")] {
        let (output, told) = inner(required);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(told, "SKIPPED inside::a_test_that_skips: no program: not found\n");
    }
}

#[test]
fn where_everything_has_to_run_a_skip_is_a_failure() {
    let (output, _) = inner(Some("1"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{output:?}");
    let why = "AIOPS_REQUIRE_ALL=1, and SKIPPED inside::a_test_that_skips: no program: not found";
    assert!(said.contains(why), "{said}");
}
