//! The git repository of a bridge root: what is ours in it, and what a crash of ours left there.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge::settings::Publish;
use gix::ObjectId;
use gix::open::permissions::{Config, Environment};
use gix::open::{Options, Permissions};
use gix::refs::FullName;
use gix::sec::Permission;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Stop};

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

/// How often, and how far apart, a lock that a git command holds for a moment is tried.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// An opened repository.
pub(crate) struct Repository {
    pub(crate) git: gix::Repository,
    /// Our own folder inside the common git folder.
    pub(crate) own: PathBuf,
    /// The full name of the published branch, here and there.
    pub(crate) branch: FullName,
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
        Ok(Self { git, own, branch })
    }

    /// The commit a reference names, if it exists.
    pub(crate) fn commit_at(&self, name: &str) -> Result<Option<ObjectId>, Failure> {
        let doing = || format!("read {name}");
        let found = self.git.try_find_reference(name).or_fail(Exit::Unavailable, doing())?;
        Ok(found.and_then(|it| it.target().try_id().map(ToOwned::to_owned)))
    }

    /// Sets one of the references that are ours alone, durable on return.
    ///
    /// Written by hand, under git's own lock: what a killed process leaves of that lock is known
    /// as ours, and after a power failure the file is never empty, which git could not read.
    pub(crate) fn set(&self, host: &Host, name: &str, to: ObjectId) -> Result<(), Failure> {
        let doing = || format!("set {name}");
        if self.commit_at(name)? == Some(to) {
            return Ok(());
        }
        let file = self.git.common_dir().join(name);
        for _ in 0..LOCK_TRIES {
            if let Some(_held) =
                Held::take(host, self, &file).or_fail(Exit::Unavailable, doing())?
            {
                let line = format!("{to}\n");
                return host
                    .replace_file(&file, line.as_bytes(), 0o644)
                    .or_fail(Exit::Unavailable, doing());
            }
            Stop::never().wait(LOCK_PAUSE);
        }
        Err(Failure::new(Exit::TryLater, doing())
            .because(format!("{} exists", lock_of(&file).display()))
            .hint("a git command is running in the bridge root, or left this behind"))
    }

    /// The file that a second name of is our lock on something of git's.
    pub(crate) fn mark(&self) -> PathBuf {
        self.own.join("lock.mark")
    }

    /// The loose file of the published branch.
    pub(crate) fn branch_file(&self) -> PathBuf {
        self.git.common_dir().join(below(self.branch.as_bstr()))
    }

    /// Puts a whole file in place of another. The temporary name lies in our own folder, so that a
    /// crash leaves nothing in the work tree or among git's files. If it is to be `durable`, its
    /// content is before the name changes: after a power failure it is the old file or the new.
    pub(crate) fn install(
        &self,
        host: &Host,
        to: &Path,
        bytes: &[u8],
        mode: u32,
        durable: bool,
    ) -> io::Result<()> {
        let temp = self.own.join("next");
        if durable {
            host.replace_file(&temp, bytes, mode)?;
        } else {
            host.replace_file_unsynced(&temp, bytes, mode)?;
        }
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
        for folder in [&refs, &self.own] {
            sweep(host, folder, ".aiops-", ".tmp").or_fail(Exit::Unavailable, doing())?;
        }
        Ok(())
    }
}

/// A lock of git's, held as a second name of our mark: a file of that inode is known as ours even
/// after a crash, and nobody else's is ever taken away.
pub(crate) struct Held<'a> {
    host: &'a Host,
    path: PathBuf,
}

impl<'a> Held<'a> {
    pub(crate) fn take(
        host: &'a Host,
        repository: &Repository,
        of: &Path,
    ) -> io::Result<Option<Self>> {
        let path = lock_of(of);
        if let Some(folder) = path.parent() {
            host.make_dir(folder, 0o755)?;
        }
        match host.hard_link(&repository.mark(), &path) {
            Ok(()) => Ok(Some(Self { host, path })),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(err) => Err(err),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // A lock that stays is known by its inode in the next run.
        let _stays = self.host.remove_file(&self.path).is_err();
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
