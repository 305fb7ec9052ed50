//! One commit on top of HEAD that changes a few files and nothing else; no hook runs.
//!
//! The reference moves first, then index and work tree follow. A run that dies between the two
//! leaves an index that still is the parent's; [`settle`] brings it up, as often as it is called.

use std::path::Path;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};

use crate::git::Git;

/// A file as the commit has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Relative to the top of the work tree.
    pub path: String,
    /// Whether its owner may run it.
    pub executable: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl File {
    fn mode(&self) -> &'static str {
        if self.executable { "100755" } else { "100644" }
    }
}

/// A work tree with its git.
#[derive(Debug)]
pub struct Checkout<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Git, at the top of the work tree.
    pub git: Git<'a>,
    /// The top of the work tree.
    pub top: std::path::PathBuf,
}

impl<'a> Checkout<'a> {
    /// The work tree that holds a folder.
    ///
    /// # Errors
    /// Exit 78 when there is none.
    pub fn at(host: &'a Host, folder: &Path) -> Result<Self, Failure> {
        let top = Git::new(host, folder).path(&["--show-toplevel"]).map_err(|failure| Failure {
            exit: Exit::Config,
            hint: Some("call it inside a work tree of git".to_owned()),
            ..failure
        })?;
        Ok(Self { host, git: Git::new(host, &top), top })
    }

    /// The commit that a name stands for, in full; `None` when it stands for none.
    ///
    /// # Errors
    /// Exit 69 when git cannot be asked.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Failure> {
        self.parsed(&format!("{name}^{{commit}}"))
    }

    /// The object that an expression stands for, in full.
    ///
    /// # Errors
    /// Exit 69 when git cannot be asked.
    pub fn parsed(&self, expression: &str) -> Result<Option<String>, Failure> {
        let ask = ["rev-parse", "--verify", "--quiet", "--end-of-options", expression];
        let done = self.git.run(&self.git.quiet(ask))?;
        let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        Ok((done.success() && !said.is_empty()).then_some(said))
    }

    /// A file of a commit; `None` when the commit has none of that name.
    ///
    /// # Errors
    /// Exit 69 when git cannot be asked.
    pub fn file_at(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(blob) = self.parsed(&format!("{commit}:{path}"))? else { return Ok(None) };
        let done = self.git.run(&self.git.quiet(["cat-file", "blob", &blob]))?;
        Ok(done.success().then_some(done.stdout))
    }

    /// Says why HEAD cannot be built upon with these files, if it cannot: staged changes, or a file
    /// in the work tree that would be written over.
    ///
    /// # Errors
    /// Exit 69 when git cannot be asked.
    pub fn in_the_way(&self, head: &str, files: &[File]) -> Result<Option<String>, Failure> {
        let staged = self.git.run(&self.git.quiet(["write-tree"]))?;
        let tree = self.parsed(&format!("{head}^{{tree}}"))?.unwrap_or_default();
        if !staged.success() {
            let why = crate::git::why(&staged);
            let is_merge = why.contains("unmerged") || why.contains("error building trees");
            return Ok(Some(if is_merge {
                "the index holds a merge that is not resolved".to_owned()
            } else {
                format!("git cannot read the index: {why}")
            }));
        }
        if String::from_utf8_lossy(&staged.stdout).trim() != tree {
            return Ok(Some("changes are staged: commit or unstage them first".to_owned()));
        }
        for file in files {
            let before = self.file_at(head, &file.path)?;
            let there = self.host.look(&self.top.join(&file.path));
            let doing = || format!("look at {}", file.path);
            let there = match there.or_fail(Exit::Unavailable, doing())? {
                None => None,
                Some(entry) if entry.kind != Kind::File => {
                    return Ok(Some(format!("{} is no regular file", file.path)));
                }
                Some(_) => {
                    let bytes = self.host.read_plain(&self.top.join(&file.path), 4 << 20);
                    Some(bytes.or_fail(Exit::Unavailable, doing())?.1)
                }
            };
            let is_ours = there.as_ref() == Some(&file.bytes);
            if there.is_some() && there != before && !is_ours {
                return Ok(Some(format!("{} has changes that are in no commit", file.path)));
            }
        }
        Ok(None)
    }

    /// Makes the commit on top of `head`, which HEAD must still be, and lets index and work tree
    /// follow. Returns its name.
    ///
    /// # Errors
    /// Exit 69 with what git said; 75 when HEAD moved meanwhile.
    pub fn commit_on(&self, head: &str, files: &[File], message: &str) -> Result<String, Failure> {
        let scratch = tempfile::tempdir().or_fail(Exit::Unavailable, "make a scratch folder")?;
        let index = scratch.path().join("index");
        let with_index = |args: &[&str]| {
            let mut exec = self.git.quiet(args.iter().copied());
            exec.env.insert("GIT_INDEX_FILE".into(), index.clone().into());
            exec
        };
        let must = |exec| -> Result<String, Failure> {
            let done = self.git.run(&exec)?;
            if done.success() {
                return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
            }
            Err(Failure::new(Exit::Unavailable, "make the commit").because(crate::git::why(&done)))
        };
        must(with_index(&["read-tree", head]))?;
        for file in files {
            let blob = self.git.fed(["hash-object", "-w", "--stdin"], &file.bytes)?;
            let blob = String::from_utf8_lossy(&blob).into_owned();
            let entry = format!("{},{blob},{}", file.mode(), file.path);
            must(with_index(&["update-index", "--add", "--cacheinfo", &entry]))?;
        }
        let tree = must(with_index(&["write-tree"]))?;
        let mut exec = self.git.quiet(["commit-tree", "-p", head, "-m", message, &tree]);
        let known = self.git.run(&self.git.quiet(["var", "GIT_COMMITTER_IDENT"]))?;
        if !known.success() {
            for who in ["AUTHOR", "COMMITTER"] {
                exec.env.insert(format!("GIT_{who}_NAME").into(), "review-gate".into());
                exec.env.insert(format!("GIT_{who}_EMAIL").into(), "review-gate@localhost".into());
            }
        }
        let commit = must(exec)?;
        let subject = format!("review-gate: {}", message.lines().next().unwrap_or_default());
        let done =
            self.git.run(&self.git.quiet(["update-ref", "-m", &subject, "HEAD", &commit, head]))?;
        if !done.success() {
            return Err(Failure::new(Exit::TryLater, "move HEAD to the new commit")
                .because(crate::git::why(&done))
                .hint("somebody committed meanwhile, or another git command runs: try again"));
        }
        self.follow(files)?;
        Ok(commit)
    }

    /// Brings index and work tree up to HEAD's version of these files.
    ///
    /// # Errors
    /// Exit 69 with what git said.
    pub fn follow(&self, files: &[File]) -> Result<(), Failure> {
        for file in files {
            let head = self.parsed(&format!("HEAD:{}", file.path))?.unwrap_or_default();
            let entry = format!("{},{head},{}", file.mode(), file.path);
            self.git.said(["update-index", "--add", "--cacheinfo", &entry])?;
        }
        let paths = files.iter().map(|file| file.path.as_str());
        self.git.said(["checkout-index", "-f", "-u", "--"].into_iter().chain(paths)).map(drop)
    }

    /// Brings them up after a run that died in between: only where the index, or a file in the work
    /// tree, still is the parent's.
    ///
    /// # Errors
    /// Exit 69 with what git said.
    pub fn settle(&self, files: &[File]) -> Result<(), Failure> {
        let staged = self.git.said(["write-tree"])?;
        let staged = String::from_utf8_lossy(&staged).into_owned();
        if self.parsed("HEAD^{tree}")?.as_deref() != Some(&staged)
            && self.parsed("HEAD^1^{tree}")?.as_deref() == Some(&staged)
        {
            return self.follow(files);
        }
        for file in files {
            let there = self.host.read_plain(&self.top.join(&file.path), 4 << 20);
            let there = there.ok().map(|(_, bytes)| bytes);
            let is_parents = there == self.file_at("HEAD^1", &file.path)?;
            if is_parents && there.as_ref() != Some(&file.bytes) {
                self.follow(std::slice::from_ref(file))?;
            }
        }
        Ok(())
    }
}
