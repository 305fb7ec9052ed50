//! Looks for what looks like a secret. The rules are `secret-scan`'s; what was found is never shown.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use secret_scan::{Finding, Limits, Rules, Why};

use crate::documents::{Found, Passed, Scanned};

/// The largest text or diff that standard input may bring, bytes.
const LARGEST: u64 = 1 << 30;

/// Scans a path, or standard input.
pub(crate) fn scan(context: &Context, path: &Path, is_diff: bool) -> Result<Scanned, Failure> {
    let rules = Rules::shipped();
    if path != Path::new("-") {
        if is_diff {
            return Err(Failure::new(Exit::Usage, "scan a diff")
                .because("a diff comes from standard input")
                .hint("git diff --cached | key scan --diff"));
        }
        return Ok(walked(rules, context, path));
    }
    let doing = "read standard input";
    let input = context.host.read_input(LARGEST + 1).or_fail(Exit::Unavailable, doing)?;
    if input.len() as u64 > LARGEST {
        return Err(Failure::new(Exit::Malformed, doing)
            .because(format!("it is longer than {LARGEST} bytes")));
    }
    let (findings, binary) = if is_diff {
        let found = rules.scan_diff(&input);
        (found.findings, found.binary)
    } else {
        (rules.scan_text(None, &input), Vec::new())
    };
    let unshown = |path: &Path| Passed {
        path: path.display().to_string(),
        why: "the diff does not show its content (binary)".into(),
    };
    Ok(Scanned {
        schema: SCHEMA.into(),
        findings: findings.into_iter().map(found).collect(),
        files: 0,
        bytes: input.len() as u64,
        passed: vec![],
        unread: binary.iter().map(|path| unshown(path)).collect(),
    })
}

const SCHEMA: &str = "aiops.key.scan/1";

fn walked(rules: &Rules, context: &Context, path: &Path) -> Scanned {
    let walk = rules.walk(&context.host, path, Limits::default());
    let mut unread: Vec<Passed> = walk
        .unread
        .iter()
        .map(|it| Passed { path: it.path.display().to_string(), why: it.why.clone() })
        .collect();
    let mut passed = Vec::new();
    for it in &walk.passed {
        let (list, why) = match it.why {
            Why::Allowed => (&mut passed, "the rules pass such names over"),
            Why::Binary => (&mut passed, "binary"),
            Why::Link => (&mut passed, "a link; what it points to is scanned where it lies"),
            Why::Special => (&mut passed, "a pipe, socket or device"),
            // Nobody chose to leave it out: that is no answer about it.
            Why::TooLarge => (&mut unread, "too large"),
        };
        list.push(Passed { path: it.path.display().to_string(), why: why.into() });
    }
    Scanned {
        schema: SCHEMA.into(),
        findings: walk.findings.into_iter().map(found).collect(),
        files: walk.files,
        bytes: walk.bytes,
        passed,
        unread,
    }
}

fn found(finding: Finding) -> Found {
    Found {
        path: finding.path.map(|path| path.display().to_string()),
        line: finding.line,
        column: finding.column,
        rule: finding.rule,
        description: finding.description,
        masked: finding.masked,
    }
}
