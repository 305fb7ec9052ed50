//! Delivers inbound documents of the remote into commands/.

use std::io;

use bridge::layout::Root;
use gix::ObjectId;
use gix::bstr::ByteSlice;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use crate::decide::inbound::{Fate, candidate, fate};
use crate::observe::{history, inbound};
use crate::repository::{Repository, below};

/// The largest document that is delivered, bytes: the most a policy can accept.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What was delivered, and what there is to say.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) names: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// Delivers what the remote added or changed between two of its commits. Durable on return.
pub(crate) fn deliver(
    host: &Host,
    repository: &Repository,
    root: &Root,
    from: Option<ObjectId>,
    to: ObjectId,
) -> Result<Delivered, Failure> {
    let git = &repository.git;
    let commands = |commit: Option<ObjectId>| {
        let tree = commit.map(|commit| history::tree_of(git, commit)).transpose()?;
        Ok::<_, Failure>(history::find(git, tree, "commands")?.map(|(_, id)| id))
    };
    let mut differences = Vec::new();
    history::diff(git, b"commands/", commands(from)?, commands(Some(to))?, &mut differences)?;
    let mut done = Delivered::default();
    for difference in &differences {
        let (Some(name), Some((_, id))) = (candidate(difference), difference.new) else { continue };
        let shown = name.as_bstr();
        let doing = || format!("deliver commands/{shown}");
        let header = git.find_header(id).or_fail(Exit::Unavailable, doing())?;
        if header.size() > LARGEST {
            done.notes.push(format!("commands/{shown} is not delivered: larger than any policy"));
            continue;
        }
        let blob = git.find_blob(id).or_fail(Exit::Unavailable, doing())?;
        match fate(inbound::known(host, root, name, &blob.data)) {
            Fate::Deliver
                if place(host, repository, root, name, &blob.data)
                    .or_fail(Exit::Unavailable, doing())? =>
            {
                done.names.push(shown.to_string());
            }
            Fate::Deliver | Fate::NameTaken => done.notes.push(format!(
                "commands/{shown} is not delivered: another document of that name waits"
            )),
            Fate::Waiting | Fate::Processed => {}
        }
    }
    if !done.names.is_empty() {
        host.sync_file_system(&root.commands()).or_fail(Exit::Unavailable, "flush commands/")?;
    }
    Ok(done)
}

/// Lets a whole document appear under its name; false when the name is taken meanwhile.
fn place(
    host: &Host,
    repository: &Repository,
    root: &Root,
    name: &[u8],
    bytes: &[u8],
) -> io::Result<bool> {
    host.make_dir(&root.commands(), 0o750)?;
    let to = root.commands().join(below(name));
    let temp = repository.own.join("inbound");
    host.replace_file_unsynced(&temp, bytes, 0o640)?;
    let placed = match host.rename_new(&temp, &to) {
        // Another file system, or one that cannot rename without replacing.
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::CrossesDevices | io::ErrorKind::InvalidInput
            ) =>
        {
            host.create_file(&to, bytes, 0o640)
        }
        placed => placed,
    };
    match placed {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(err),
    }
}
