//! Moves secrets from the folders of older installs: stored and read back here before they go there.

use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Entry, Host, Kind};
use secrets::store::Deleted;
use secrets::{Key, Resolver, Source};

use crate::args::To;
use crate::audit::{Audit, Outcome};
use crate::change::write;
use crate::desk::Desk;
use crate::documents::{Migrated, MovedFile, Took};

/// Moves what older folders hold.
///
/// # Errors
/// Exit 69 when an older folder cannot be listed or an audit line not be written.
pub(crate) fn migrate(desk: &Desk<'_>) -> Result<Migrated, Failure> {
    let _held = desk.hold()?;
    let host = &desk.context.host;
    let mut files = Vec::new();
    let move_all = Move { desk, resolver: desk.resolver(), audit: Audit::of(desk, "migrate")? };
    for folder in desk.registry.older_folders.iter().map(PathBuf::from) {
        let doing = || format!("look for older secrets in {}", folder.display());
        match host.look(&folder).or_fail(Exit::Unavailable, doing())? {
            None => continue,
            // The same folder by another name: moving would delete what is in use.
            Some(_) if is_same_folder(host, &folder, desk.folder()) => continue,
            Some(_) => {}
        }
        let mut entries = host.list(&folder).or_fail(Exit::Unavailable, doing())?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            files.push(move_all.file(&folder.join(&entry.name), &entry)?);
        }
    }
    Ok(Migrated::new(desk.folder().display().to_string(), files))
}

fn is_same_folder(host: &Host, one: &Path, other: &Path) -> bool {
    match (host.resolve(one), host.resolve(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

struct Move<'a> {
    desk: &'a Desk<'a>,
    resolver: Resolver<'a>,
    audit: Audit<'a>,
}

impl Move<'_> {
    fn file(&self, path: &Path, entry: &Entry) -> Result<MovedFile, Failure> {
        let moved = |name: Option<&Key>, outcome, why: Option<String>| MovedFile {
            path: path.display().to_string(),
            name: name.map(|key| key.name.clone()),
            outcome,
            why,
        };
        let Some(key) = self.key_of(entry) else { return Ok(moved(None, Took::Unknown, None)) };
        let refused = |why: &Failure| moved(Some(key), Took::Refused, Some(why.to_string()));
        let older = match self.resolver.read_elsewhere(path, key) {
            Ok(found) => found,
            Err(failure) => return Ok(refused(&failure)),
        };
        let Some(older) = self.desk.learn(older) else {
            return Ok(moved(Some(key), Took::Unknown, Some("it is empty".into())));
        };
        let stored = match self.resolver.look_in(Source::File, key) {
            Ok(found) => self.desk.learn(found),
            Err(failure) => return Ok(refused(&failure)),
        };
        if self.is_one_file(key, entry) {
            let why = "it is the very file in use, by another name";
            return Ok(moved(Some(key), Took::Refused, Some(why.into())));
        }
        let outcome = match &stored {
            Some(stored) if stored.is_same(&older) => Took::AlreadyThere,
            Some(_) => return Ok(moved(Some(key), Took::Differs, None)),
            None => Took::Moved,
        };
        let of = [("old", stored.as_ref()), ("new", Some(&older))];
        self.audit.line(&key.name, Outcome::Begun, None, &of)?;
        let done = match outcome {
            Took::Moved => write(&self.resolver, key, To::File, &older, false),
            _ => Ok(()),
        };
        let done = done.and_then(|()| match self.resolver.delete_file(path) {
            Deleted::Gone | Deleted::NotThere => Ok(()),
            Deleted::Still(why) => {
                Err(Failure::new(Exit::Unavailable, "remove the older file").because(why))
            }
        });
        let ok = done.is_ok();
        let ended = if ok { Outcome::Done } else { Outcome::Failed };
        self.audit.line(&key.name, ended, None, &of)?;
        Ok(match done {
            Ok(()) => moved(Some(key), outcome, None),
            Err(failure) => refused(&failure),
        })
    }

    /// The secret that a file of this name held: older installs named files as today, or as the
    /// environment variable.
    fn key_of(&self, entry: &Entry) -> Option<&Key> {
        let name = entry.name.to_str().filter(|_| entry.kind != Kind::Folder)?;
        self.desk
            .registry
            .keys
            .iter()
            .find(|key| key.name == name || key.file() == name || key.env() == name)
    }

    /// A mount can show one file in two folders.
    fn is_one_file(&self, key: &Key, entry: &Entry) -> bool {
        let stored = self.desk.folder().join(key.file());
        let stored = self.desk.context.host.look(&stored).ok().flatten();
        stored.is_some_and(|it| it.inode == entry.inode && it.changed_ns == entry.changed_ns)
    }
}
