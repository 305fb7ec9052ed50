//! `doctor providers`: becomes `llm doctor`, so that this binary links no HTTP client.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Replacement;
use ops_core::report;
use serde_json::{Value, json};

use crate::args::{Args, Format, ProvidersArgs};

/// The program that asks the providers.
#[derive(Debug)]
struct Asker(Replacement);

/// Names the program, with the options that this one was given.
///
/// # Errors
/// Exit 2 for a format it does not have, 69 when it is not installed.
pub(super) fn run(
    args: &Args,
    of: &ProvidersArgs,
    format: Format,
    context: &Context,
) -> Result<Box<dyn report::Report>, Failure> {
    if !matches!(format, Format::Human | Format::Json) {
        return Err(Failure::new(Exit::Usage, "judge providers in this format")
            .hint("--format human or json"));
    }
    let program = context.host.find_program("llm").ok_or_else(|| {
        Failure::new(
            Exit::Unavailable,
            "ask the providers: llm is neither beside doctor nor on PATH",
        )
        .hint("install it: ops/install.sh")
    })?;
    Ok(Box::new(Asker(Replacement {
        program: program.into(),
        args: words(args, of, format),
        without: BTreeSet::new(),
        with: BTreeMap::new(),
    })))
}

fn words(args: &Args, of: &ProvidersArgs, format: Format) -> Vec<OsString> {
    let common = &args.common;
    let mut words: Vec<OsString> = vec!["doctor".into()];
    for (name, value) in [
        ("--configs", &common.configs),
        ("--home", &common.home),
        ("--secrets-dir", &of.secrets_dir),
    ] {
        if let Some(value) = value {
            words.extend([name.into(), value.into()]);
        }
    }
    words.extend((format == Format::Json).then(|| "--json".into()));
    words.extend(common.quiet.then(|| "--quiet".into()));
    words.extend((0..common.verbose).map(|_| "--verbose".into()));
    words
}

impl report::Report for Asker {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn json(&self) -> Value {
        json!({})
    }

    fn becomes(&self) -> Option<&Replacement> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Call;

    #[test]
    fn options_are_handed_on_and_nothing_else() {
        for (line, want) in [
            ("doctor providers", "doctor"),
            ("doctor providers --json -v", "doctor --json --verbose"),
            (
                "doctor --home /h --configs /c providers --secrets-dir /s -q",
                "doctor --configs /c --home /h --secrets-dir /s --quiet",
            ),
        ] {
            let args = Args::parse_from(line.split(' '));
            let Some(Call::Providers(of)) = &args.call else { panic!("{line}") };
            let format = if args.common.json { Format::Json } else { Format::Human };
            let words = words(&args, of, format);
            let words: Vec<_> = words.iter().map(|it| it.to_string_lossy()).collect();
            assert_eq!(words.join(" "), want, "{line}");
        }
    }
}
