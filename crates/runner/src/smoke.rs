//! Questions whose answers are known: does an API run, and does it say no?

use std::io::{self, Write};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;
use serde_json::{Value, json};

use crate::args::Args;
use crate::client::{Api, Reply};
use crate::documents::{Smoke, SmokeCheck};

/// Asks all of them. Exit 69 when no API answers at all.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let mut api = Api::open(args, context)?;
    // Nothing can come of it: no list has such a type.
    let unlisted =
        json!({"job_type": "smoke-test", "repo_name": "smoke-test", "sha": "0".repeat(40)});
    let mut checks = vec![];
    let mut check = |name: &str, expected: &str, reply: Reply| {
        let fields: Vec<String> =
            reply.problem().errors.into_iter().map(|error| error.field).collect();
        let mut found = reply.status.to_string();
        if !reply.is_success() && !fields.is_empty() {
            let name = |field: String| if field.is_empty() { "the whole".into() } else { field };
            let names: Vec<String> = fields.into_iter().map(name).collect();
            found = format!("{found} naming {}", names.join(", "));
        }
        let (name, expected) = (name.to_owned(), expected.to_owned());
        checks.push(SmokeCheck { name, ok: found == expected, expected, found });
    };
    check("health", "200", api.get_openly("/healthz")?);
    check("without-token", "401", api.get_openly("/jobs")?);
    check("list", "200", api.get("/jobs", &[("limit", "1")])?);
    check("metrics", "200", api.get("/metrics", &[])?);
    check("unlisted", "422 naming job_type, repo_name", api.post("/jobs", Some(&unlisted))?);
    check("malformed", "422 naming the whole", api.post("/jobs", Some(&json!([])))?);
    check("escape", "404", api.get("/jobs/20000101T000000Z-000000/artifacts/x", &[])?);
    let ok = checks.iter().all(|check| check.ok);
    let schema = "aiops.runner.smoke/1".into();
    Ok(Box::new(Smoke { schema, ok, api: api.origin().to_owned(), checks }))
}

impl Report for Smoke {
    fn exit(&self) -> Exit {
        if self.ok { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for check in &self.checks {
            let SmokeCheck { name, expected, found, ok } = check;
            if *ok {
                writeln!(out, "ok      {name:<14} {found}")?;
            } else {
                writeln!(out, "FAILED  {name:<14} expected {expected}, found {found}")?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
