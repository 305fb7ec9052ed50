//! The git repository of a bridge root: what is ours in it, and what a crash of ours left there.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bridge::settings::Publish;
use gix::ObjectId;
use gix::open::permissions::{Config, Environment};
use gix::open::{Options, Permissions};
use gix::refs::transaction::{LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};
use gix::sec::Permission;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

/// Where a fetch puts the remote's branch.
pub(crate) const REMOTE: &str = "refs/aiops/remote";
/// The newest commit of the remote that was pushed or accepted by us.
pub(crate) const SYNCED: &str = "refs/aiops/synced";
/// The newest evidence commit, on the remote or waiting to get there.
pub(crate) const PUBLISH: &str = "refs/aiops/publish";
/// The commit of the remote up to which inbound documents were delivered.
pub(crate) const INBOUND: &str = "refs/aiops/inbound";
/// Where we last left the local branch.
pub(crate) const BRANCH: &str = "refs/aiops/branch";

/// An opened repository.
pub(crate) struct Repository {
    pub(crate) git: gix::Repository,
    /// Our own folder inside the common git folder.
    pub(crate) own: PathBuf,
    /// The full name of the published branch, here and there.
    pub(crate) branch: FullName,
    author: (String, String),
}

impl Repository {
    /// Opens the repository whose work tree is exactly the bridge root.
    pub(crate) fn open(host: &Host, root: &Path, settings: &Publish) -> Result<Self, Failure> {
        let dot = root.join(".git");
        let there = host.look(&dot).or_fail(Exit::Config, format!("look at {}", dot.display()))?;
        if there.is_none() {
            let outer = root
                .ancestors()
                .skip(1)
                .find(|dir| host.look(&dir.join(".git")).is_ok_and(|found| found.is_some()));
            let failure = Failure::new(
                Exit::Config,
                format!("publish {}: it is no git repository", root.display()),
            );
            return Err(match outer {
                Some(outer) => failure
                    .because(format!("it lies inside the repository {}", outer.display()))
                    .hint("the bridge root must be a repository of its own: bridge-exec init"),
                None => failure.hint("`bridge-exec init` makes one"),
            });
        }
        let doing = || format!("open the git repository {}", root.display());
        let git = gix::open_opts(root, options()).or_fail(Exit::Config, doing())?;
        if git.workdir().and_then(|dir| host.resolve(dir).ok()).as_deref() != Some(root) {
            return Err(Failure::new(Exit::Config, doing())
                .because("the bridge root is not the top of its work tree")
                .hint("a bare repository, or core.worktree, cannot be a bridge root"));
        }
        let branch = format!("refs/heads/{}", settings.branch);
        let branch = FullName::try_from(branch)
            .or_fail(Exit::Config, format!("use the branch name {:?}", settings.branch))
            .map_err(|it| it.hint("mend publish.branch in bridge.yaml"))?;
        let own = git.common_dir().join("ai-ops-runner");
        host.make_dir(&own, 0o750).or_fail(Exit::Unavailable, format!("make {}", own.display()))?;
        let author = (settings.author_name.clone(), settings.author_email.clone());
        Ok(Self { git, own, branch, author })
    }

    /// The commit a reference names, if it exists.
    pub(crate) fn commit_at(&self, name: &str) -> Result<Option<ObjectId>, Failure> {
        let doing = || format!("read {name}");
        let found = self.git.try_find_reference(name).or_fail(Exit::Unavailable, doing())?;
        Ok(found.and_then(|it| it.target().try_id().map(ToOwned::to_owned)))
    }

    /// Sets one of the references that are ours alone.
    pub(crate) fn set(&self, name: &str, to: ObjectId) -> Result<(), Failure> {
        let doing = || format!("set {name}");
        if self.commit_at(name)? == Some(to) {
            return Ok(());
        }
        let full = FullName::try_from(name).or_fail(Exit::Internal, doing())?;
        let log = LogChange {
            mode: RefLog::AndReference,
            force_create_reflog: false,
            message: "bridge-publish".into(),
        };
        let edit = RefEdit::update_with_log(full, Target::Object(to), PreviousValue::Any, log);
        let who = gix::actor::SignatureRef {
            name: self.author.0.as_str().into(),
            email: self.author.1.as_str().into(),
            time: "0 +0000",
        };
        self.git.edit_references_as([edit], Some(who)).or_fail(Exit::Unavailable, doing())?;
        Ok(())
    }

    /// The file that a second name of is our lock on something of git's.
    pub(crate) fn mark(&self) -> PathBuf {
        self.own.join("lock.mark")
    }

    /// The loose file of the published branch.
    pub(crate) fn branch_file(&self) -> PathBuf {
        self.git.common_dir().join(below(self.branch.as_bstr()))
    }

    /// Puts a whole file in place of another; flushing is the caller's. The temporary name lies in
    /// our own folder, so that a crash leaves nothing in the work tree or among git's files.
    pub(crate) fn install(
        &self,
        host: &Host,
        to: &Path,
        bytes: &[u8],
        mode: u32,
    ) -> io::Result<()> {
        let temp = self.own.join("next");
        host.replace_file_unsynced(&temp, bytes, mode)?;
        match host.rename(&temp, to) {
            Err(err) if err.kind() == io::ErrorKind::CrossesDevices => {
                host.replace_file_unsynced(to, bytes, mode)
            }
            done => done,
        }
    }

    /// Removes what a crash of ours left. Only under the publish lock.
    ///
    /// References below refs/aiops are written by us alone, so any lock on them is stale. A lock
    /// on the index or the branch is ours only if it is a second name of our mark.
    pub(crate) fn recover(&self, host: &Host) -> Result<(), Failure> {
        let doing = || "clear what an earlier run left in the git folder";
        let mark = self.mark();
        let marked = host.look(&mark).or_fail(Exit::Unavailable, doing())?;
        for path in [lock_of(&self.git.index_path()), lock_of(&self.branch_file())] {
            let found = host.look(&path).or_fail(Exit::Unavailable, doing())?;
            if marked.as_ref().zip(found).is_some_and(|(mark, found)| mark.inode == found.inode) {
                host.remove_file(&path).or_fail(Exit::Unavailable, doing())?;
            }
        }
        if marked.is_none() {
            host.create_file(
                &mark,
                b"A lock of git's that is a second name of this is bridge-publish's.\n",
                0o640,
            )
            .or_fail(Exit::Unavailable, doing())?;
        }
        let refs = self.git.common_dir().join("refs/aiops");
        sweep(host, &refs, "", ".lock").or_fail(Exit::Unavailable, doing())?;
        sweep(host, &self.own, ".aiops-", ".tmp").or_fail(Exit::Unavailable, doing())
    }
}

/// Removes the files in a folder whose names begin and end like that.
fn sweep(host: &Host, folder: &Path, head: &str, tail: &str) -> io::Result<()> {
    let names = match host.names(folder) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    let stale = names.iter().filter(|name| {
        name.to_str().is_some_and(|name| name.starts_with(head) && name.ends_with(tail))
    });
    for name in stale {
        host.remove_file(&folder.join(name))?;
    }
    Ok(())
}

/// The bytes of a git path as a path.
pub(crate) fn below(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// The name git locks a file by.
pub(crate) fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// The user's configuration counts (signing may be set there); the environment does not, since
/// `GIT_DIR`, `GIT_INDEX_FILE` and the like would lead somewhere else.
fn options() -> Options {
    let env = Environment {
        home: Permission::Allow,
        xdg_config_home: Permission::Allow,
        ..Environment::isolated()
    };
    let config = Config { env: false, ..Config::all() };
    Options::isolated()
        .permissions(Permissions { env, config, ..Permissions::isolated() })
        .config_overrides(["core.useReplaceRefs=false"])
}
