//! Hands secrets over: to a shell that captures them, to a program that this process becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};

use ops_core::failure::{Exit, Failure};
use ops_core::host::Replacement;
use ops_core::report::Report;
use secrets::{Key, Secret};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::audit::{Audit, Outcome};
use crate::desk::Desk;

/// `export` lines, the one output that holds values.
pub(crate) struct Exports(Zeroizing<Vec<u8>>);

/// A program with secrets in its environment.
pub(crate) struct Program(Replacement);

/// Finds the secrets and writes them as a shell reads them.
pub(crate) fn emit(desk: &Desk<'_>, names: &[String], json: bool) -> Result<Exports, Failure> {
    let doing = "print secrets for a shell";
    if json {
        return Err(Failure::new(Exit::Usage, doing)
            .because("no JSON document of this program holds a secret")
            .hint("leave --json out"));
    }
    if desk.context.host.output_is_terminal() {
        return Err(Failure::new(Exit::No, doing)
            .because("standard output is a terminal")
            .hint(r#"eval "$(key emit-env NAME)" captures it; key exec is safer"#));
    }
    let secrets = find(desk, names, "emit-env")?;
    let size = secrets.iter().map(|(key, secret)| 16 + key.env().len() + 4 * secret.expose().len());
    // Reserved at once: a growing text would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(size.sum()));
    for (key, secret) in &secrets {
        text.extend_from_slice(b"export ");
        text.extend_from_slice(key.env().as_bytes());
        text.push(b'=');
        quote(secret.expose().as_bytes(), &mut text);
        text.push(b'\n');
    }
    Ok(Exports(text))
}

/// Finds the secrets and names the program that gets them, and no other registered ones.
pub(crate) fn exec(
    desk: &Desk<'_>,
    names: &[String],
    command: &[OsString],
) -> Result<Program, Failure> {
    let (program, args) = command
        .split_first()
        .ok_or_else(|| Failure::new(Exit::Usage, "find a program to run after --"))?;
    let secrets = find(desk, names, "exec")?;
    let asked: BTreeSet<&str> = secrets.iter().map(|(key, _)| key.name.as_str()).collect();
    let others = desk.registry.keys.iter().filter(|key| !asked.contains(key.name.as_str()));
    let with: BTreeMap<OsString, OsString> = secrets
        .iter()
        .map(|(key, secret)| (key.env().into(), OsStr::new(secret.expose()).to_owned()))
        .collect();
    Ok(Program(Replacement {
        program: program.clone(),
        args: args.to_vec(),
        without: others.flat_map(variables).collect(),
        with,
    }))
}

/// All of them, or none: with one missing nothing is handed over. Each leaves an audit line.
fn find<'a>(
    desk: &'a Desk<'_>,
    names: &[String],
    action: &str,
) -> Result<Vec<(&'a Key, Secret)>, Failure> {
    let keys: Vec<&Key> =
        names.iter().map(|name| desk.registry.key(name)).collect::<Result<_, _>>()?;
    let resolver = desk.resolver();
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        found.push((key, desk.need(&resolver, key)?));
    }
    let audit = Audit::of(desk, action)?;
    for (key, secret) in &found {
        audit.line(&key.name, Outcome::HandedOver, None, &[("current", Some(secret))])?;
    }
    Ok(found)
}

/// Every environment variable that a key is read from.
fn variables(key: &Key) -> impl Iterator<Item = OsString> {
    std::iter::once(key.env()).chain(key.older_env.iter().cloned()).map(OsString::from)
}

/// Writes a text so that a POSIX shell reads it back as it is.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in text {
        match byte {
            b'\'' => out.extend_from_slice(br"'\''"),
            _ => out.push(*byte),
        }
    }
    out.push(b'\'');
}

impl Report for Exports {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.0)
    }

    fn json(&self) -> Value {
        json!({})
    }

    /// The redactor would mask the very values that are asked for.
    fn is_exact(&self) -> bool {
        true
    }
}

impl Report for Program {
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
    use ops_core::host::{Exec, Host};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\\x00]{0,40}") {
            let mut script = b"printf %s ".to_vec();
            quote(text.as_bytes(), &mut script);
            let script = String::from_utf8(script).unwrap();
            let said = Host::real().run(&Exec::new("sh", ["-c", script.as_str()])).unwrap();
            prop_assert_eq!(said.stdout, text.as_bytes());
        }
    }
}
