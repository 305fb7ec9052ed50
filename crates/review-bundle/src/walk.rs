//! Compares two trees: every path that differs, by the bytes of its name. No renames.

use std::collections::BTreeMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::{Kind, TreeRefIter};
use ops_core::failure::{Exit, Failure};

use crate::escape;
use crate::observe::{Range, Repository};

/// The most folders a path may lie in. Trees that refer to each other can be made deeper than any
/// file system allows.
const DEEPEST: usize = 1024;

/// The longest path, bytes: Linux's `PATH_MAX`. Nothing can check out a longer one.
const LONGEST: usize = 4096;

/// A path that is not the same in both trees.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Its bytes, as the trees have them.
    pub path: Vec<u8>,
    /// What was there.
    pub old: Option<Object>,
    /// What is there.
    pub new: Option<Object>,
}

/// What a path is in a tree. Never a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Object {
    /// The mode as the tree has it.
    pub mode: u32,
    /// The blob's oid, or a submodule's commit.
    pub oid: ObjectId,
}

impl Object {
    /// Returns whether it is a symbolic link.
    pub fn is_symlink(self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }

    /// Returns whether it is a submodule.
    pub fn is_submodule(self) -> bool {
        self.mode & 0o170_000 == 0o160_000
    }
}

type Tree = BTreeMap<Vec<u8>, Object>;

/// Two folders of the same name still to be compared; one may be missing.
struct Pair {
    /// The folder's path, with a slash behind it unless it is the root.
    path: Rc<[u8]>,
    depth: usize,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
}

/// Returns what changed, in the order of the paths' bytes. A tree that git itself would not have
/// made (names twice, out of order, or impossible) is refused: a path could hide in it.
pub fn changes(repository: &Repository, range: &Range) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    let root = Pair {
        path: Rc::from(Vec::new()),
        depth: 0,
        old: Some(range.since_tree),
        new: Some(range.to_tree),
    };
    let mut pairs = vec![root];
    while let Some(pair) = pairs.pop() {
        if pair.old == pair.new {
            continue;
        }
        if pair.depth > DEEPEST || pair.path.len() > LONGEST {
            let shown = &pair.path[..pair.path.len().min(LONGEST)];
            let doing = format!("read the folder {}", escape::name(shown));
            return Err(Failure::new(Exit::Malformed, doing).because("no path may be that long"));
        }
        let old = read(repository, &pair.path, pair.old)?;
        let mut new = read(repository, &pair.path, pair.new)?;
        for (name, old) in old {
            let new = new.remove(&name);
            compare(&pair, &name, Some(old), new, &mut pairs, &mut changes);
        }
        for (name, new) in new {
            compare(&pair, &name, None, Some(new), &mut pairs, &mut changes);
        }
    }
    changes.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(changes)
}

fn compare(
    pair: &Pair,
    name: &[u8],
    old: Option<Object>,
    new: Option<Object>,
    pairs: &mut Vec<Pair>,
    changes: &mut Vec<Change>,
) {
    if old == new {
        return;
    }
    let path = [&pair.path, name].concat();
    let folder = |it: Option<Object>| it.filter(|it| is_folder(*it)).map(|it| it.oid);
    let plain = |it: Option<Object>| it.filter(|it| !is_folder(*it));
    if folder(old).is_some() || folder(new).is_some() {
        pairs.push(Pair {
            path: [&path[..], b"/"].concat().into(),
            depth: pair.depth + 1,
            old: folder(old),
            new: folder(new),
        });
    }
    let (old, new) = (plain(old), plain(new));
    if old.is_some() || new.is_some() {
        changes.push(Change { path, old, new });
    }
}

fn is_folder(object: Object) -> bool {
    object.mode & 0o170_000 == 0o040_000
}

/// Reads one tree, strictly.
fn read(repository: &Repository, path: &[u8], oid: Option<ObjectId>) -> Result<Tree, Failure> {
    let Some(oid) = oid else { return Ok(Tree::new()) };
    let refuse = |why: String| {
        Failure::new(Exit::Malformed, format!("read the tree {oid} ({})", escape::name(path)))
            .because(why)
            .hint("`git fsck` says more; such a tree is not reviewed")
    };
    let data = repository.object(oid, Kind::Tree)?;
    let mut tree = Tree::new();
    let mut last: Vec<u8> = Vec::new();
    for entry in TreeRefIter::from_bytes(&data, oid.kind()) {
        let entry = entry.map_err(|err| refuse(err.to_string()))?;
        let name: &[u8] = entry.filename;
        let object = Object { mode: u32::from(entry.mode.value()), oid: entry.oid.to_owned() };
        if name.len() + path.len() > LONGEST {
            return Err(refuse("a name in it is too long".to_owned()));
        }
        if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0) {
            return Err(refuse(format!("the name {} is impossible", escape::name(name))));
        }
        // Git sorts folders as if their names ended in a slash.
        let key = [name, if is_folder(object) { &b"/"[..] } else { b"" }].concat();
        if key <= last || tree.insert(name.to_vec(), object).is_some() {
            return Err(refuse(format!("{} is out of order or there twice", escape::name(name))));
        }
        last = key;
    }
    Ok(tree)
}
