//! The spool: files that any program drops, read once and then removed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;

use ops_core::alert::{SCHEMA, Spooled, is_check_id, spool};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time::{self, Timestamp};

use crate::store::folder;

/// The largest file that is read, bytes. Writers cut messages far below it.
const LARGEST: u64 = 1 << 20;

/// How many files are taken in one transaction.
const BATCH: usize = 500;

/// What lies in the spool, and what was seen of it before.
#[derive(Debug, Default)]
pub struct Spool {
    /// Names that were looked at and could not be taken away.
    stuck: BTreeSet<OsString>,
    /// What is wrong with the spool, for the report.
    pub troubles: Vec<String>,
}

impl Spool {
    /// The names of messages that were not looked at yet, oldest first.
    ///
    /// # Errors
    /// Exit 69 when the folder cannot be listed.
    pub fn new_names(&self, context: &Context) -> Result<Vec<OsString>, Failure> {
        let mut names = names(context)?;
        names.retain(|name| !self.stuck.contains(name));
        Ok(names)
    }

    /// Reads the next messages, oldest first, with the time each was raised at. What is no message
    /// is moved to malformed/ and never keeps the others waiting.
    ///
    /// # Errors
    /// Exit 69 when the folder cannot be listed.
    pub fn read(&mut self, context: &Context) -> Result<Vec<(Timestamp, Spooled)>, Failure> {
        let folder = spool(&context.home);
        let mut batch = Vec::new();
        for name in self.new_names(context)?.into_iter().take(BATCH) {
            match context.host.read_plain(&folder.join(&name), LARGEST + 1) {
                Ok((_, bytes)) => match parse(&name, &bytes) {
                    Ok(message) => batch.push(message),
                    Err(why) => self.set_aside(context, &name, &why),
                },
                // Nobody else takes messages while we hold the lock, but folders have visitors.
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                Err(err) => self.set_aside(context, &name, &err.to_string()),
            }
        }
        Ok(batch)
    }

    /// Removes messages that are safe in the database.
    pub fn remove(&mut self, context: &Context, batch: &[(Timestamp, Spooled)]) {
        for (_, spooled) in batch {
            let name = format!("{}.json", spooled.id);
            if let Err(err) = context.host.remove_file(&spool(&context.home).join(&name)) {
                self.troubles.push(format!("{name} was taken but cannot be removed: {err}"));
                self.stuck.insert(name.into());
            }
        }
    }

    fn set_aside(&mut self, context: &Context, name: &OsStr, why: &str) {
        let host = &context.host;
        let to = folder(&context.home).join("malformed");
        let from = spool(&context.home).join(name);
        let moved = host.make_dir(&to, 0o750).and_then(|()| {
            host.rename_new(&from, &to.join(name)).or_else(|err| match err.kind() {
                io::ErrorKind::AlreadyExists => {
                    let mut other = name.to_os_string();
                    other.push(format!(".{:08x}", u32::from_ne_bytes(host.random())));
                    host.rename_new(&from, &to.join(other))
                }
                _ => Err(err),
            })
        });
        let shown = name.display();
        match moved {
            Ok(()) => self.troubles.push(format!("{shown} is no message, see malformed/: {why}")),
            Err(err) => {
                let trouble = format!("{shown} is no message ({why}) and cannot be moved: {err}");
                self.troubles.push(trouble);
                self.stuck.insert(name.to_owned());
            }
        }
    }
}

/// The names of whole files in the spool, oldest first.
///
/// # Errors
/// Exit 69 when the folder cannot be listed.
pub fn names(context: &Context) -> Result<Vec<OsString>, Failure> {
    let folder = spool(&context.home);
    let names = match context.host.names(&folder) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        names => names.or_fail(Exit::Unavailable, format!("list {}", folder.display()))?,
    };
    let is_whole = |name: &OsString| !name.as_encoded_bytes().starts_with(b".");
    let mut names: Vec<OsString> = names.into_iter().filter(is_whole).collect();
    names.sort();
    Ok(names)
}

/// Reads one file of the spool.
fn parse(name: &OsStr, bytes: &[u8]) -> Result<(Timestamp, Spooled), String> {
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let spooled: Spooled = serde_json::from_slice(bytes).map_err(|err| err.to_string())?;
    if spooled.schema != SCHEMA {
        return Err(format!("its schema is {:?} and not {SCHEMA:?}", spooled.schema));
    }
    if name != OsStr::new(&format!("{}.json", spooled.id)) {
        return Err("it says another id than its name".into());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if spooled.id.len() > 100 || !spooled.id.chars().all(plain) {
        return Err("its id has other characters than letters, digits and -".into());
    }
    if let Some(check) = spooled.alert.check.as_deref().filter(|check| !is_check_id(check)) {
        return Err(format!("its check id is none: {check:?}"));
    }
    Ok((time::parse(&spooled.raised_at)?, spooled))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use ops_core::alert::{Alert, Kind, Severity};
    use ops_core::cli::Common;
    use ops_core::host::Host;
    use proptest::prelude::*;

    use super::*;

    fn spooled(id: &str) -> Spooled {
        Spooled {
            schema: SCHEMA.into(),
            id: id.into(),
            raised_at: "2026-11-21T10:00:00.000Z".into(),
            raised_by: "guard".into(),
            alert: Alert {
                title: "t".into(),
                message: "m".into(),
                check: Some("a.b".into()),
                severity: Severity::Warn,
                kind: Kind::Event,
                channel: None,
            },
        }
    }

    fn bytes(change: impl FnOnce(&mut Spooled)) -> Vec<u8> {
        let mut message = spooled("0001-a");
        change(&mut message);
        serde_json::to_vec(&message).unwrap()
    }

    #[test]
    fn only_whole_messages_of_this_version_are_read() {
        let good = bytes(|_| {});
        assert_eq!(parse("0001-a.json".as_ref(), &good).unwrap().1, spooled("0001-a"));
        for (name, bytes, part) in [
            ("0001-a.json", b"".to_vec(), "EOF"),
            ("0001-a.json", good[..good.len() - 1].to_vec(), "EOF"),
            ("0001-a.json", b"\xff\xfe".to_vec(), "expected"),
            ("0002-a.json", good.clone(), "another id"),
            ("0001-a", good.clone(), "another id"),
            ("0001-a.json", bytes(|it| it.schema = "aiops.alert/2".into()), "aiops.alert/2"),
            ("0001-a.json", bytes(|it| it.raised_at = "now".into()), "RFC 3339"),
            ("0001-a.json", bytes(|it| it.alert.check = Some("a b".into())), "check id"),
            ("a/b.json", bytes(|it| it.id = "a/b".into()), "other characters"),
            ("0001-a.json", vec![b' '; (1 << 20) + 1], "larger"),
        ] {
            let why = parse(name.as_ref(), &bytes).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn a_malformed_file_is_set_aside_and_the_others_are_taken_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::with([("PATH", "")], Timestamp::UNIX_EPOCH);
        let common = Common { home: Some(dir.path().into()), ..Common::default() };
        let context = Context::new("notify", host, &common).unwrap();
        let mut spool_of = Spool::default();
        assert!(spool_of.read(&context).unwrap().is_empty());
        let new = spool(dir.path());
        context.host.make_dir(&new.join("folder.json"), 0o750).unwrap();
        let put = |name: &str, bytes: &[u8]| {
            context.host.create_file(&new.join(name), bytes, 0o640).unwrap();
        };
        put("0002-a.json", &serde_json::to_vec(&spooled("0002-a")).unwrap());
        put("0001-a.json", &serde_json::to_vec(&spooled("0001-a")).unwrap());
        put("0000-a.json", b"{");
        put(".unfinished.json", b"{");
        std::os::unix::fs::symlink("/dev/zero", new.join("0003-a.json")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", new.join(OsStr::from_bytes(b"\xff"))).unwrap();
        for round in 0..2 {
            let batch = spool_of.read(&context).unwrap();
            let ids: Vec<&str> = batch.iter().map(|it| it.1.id.as_str()).collect();
            assert_eq!(ids, ["0001-a", "0002-a"], "{round}");
        }
        let batch = spool_of.read(&context).unwrap();
        spool_of.remove(&context, &batch);
        assert!(spool_of.new_names(&context).unwrap().is_empty());
        assert_eq!(names(&context).unwrap(), Vec::<OsString>::new());
        assert_eq!(spool_of.troubles.len(), 4, "{:?}", spool_of.troubles);
        let mut aside = context.host.names(&folder(dir.path()).join("malformed")).unwrap();
        aside.sort();
        let odd = OsStr::from_bytes(b"\xff");
        assert_eq!(
            aside,
            ["0000-a.json", "0003-a.json", "folder.json"]
                .map(OsStr::new)
                .into_iter()
                .chain([odd])
                .collect::<Vec<_>>()
        );
        put("0000-a.json", b"{");
        assert!(spool_of.read(&context).unwrap().is_empty());
        assert_eq!(context.host.names(&folder(dir.path()).join("malformed")).unwrap().len(), 5);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse("x.json".as_ref(), &bytes).is_err());
        }
    }
}
