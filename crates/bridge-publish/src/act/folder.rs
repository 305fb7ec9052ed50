//! A tree of the repository in memory, opened where it is changed and written version by version.

use gix::ObjectId;
use gix::bstr::BString;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryKind;
use ops_core::failure::{Exit, Failure, OrFail};

use super::sink::Sink;

/// A folder under edit.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    items: Vec<Item>,
    /// The id of the items as they are, once it is known.
    id: Option<ObjectId>,
    /// The id of the version before.
    last: Option<ObjectId>,
}

#[derive(Debug)]
struct Item {
    name: BString,
    what: What,
}

#[derive(Debug)]
enum What {
    Leaf(EntryKind, ObjectId),
    Closed(ObjectId),
    Open(Box<Folder>),
}

impl Item {
    /// What git sorts a tree by: the name, with a slash behind a folder's.
    fn order(name: &[u8], is_folder: bool) -> impl Iterator<Item = u8> {
        name.iter().copied().chain(is_folder.then_some(b'/'))
    }

    fn is_folder(&self) -> bool {
        !matches!(self.what, What::Leaf(..))
    }
}

impl Folder {
    /// Opens a tree; `None` is an empty one.
    pub(crate) fn open(git: &gix::Repository, id: Option<ObjectId>) -> Result<Self, Failure> {
        let Some(id) = id else { return Ok(Self::default()) };
        let tree = git.find_tree(id).or_fail(Exit::Unavailable, format!("read tree {id}"))?;
        let mut items = Vec::new();
        for entry in TreeRefIter::from_bytes(&tree.data, gix::hash::Kind::Sha1) {
            let entry = entry.or_fail(Exit::Unavailable, format!("read tree {id}"))?;
            let what = match entry.mode.kind() {
                EntryKind::Tree => What::Closed(entry.oid.to_owned()),
                leaf => What::Leaf(leaf, entry.oid.to_owned()),
            };
            items.push(Item { name: entry.filename.to_owned(), what });
        }
        Ok(Self { items, id: Some(id), last: None })
    }

    /// Puts a blob at a path, or takes away what is there. Empty folders go.
    pub(crate) fn set(
        &mut self,
        git: &gix::Repository,
        path: &[u8],
        leaf: Option<(EntryKind, ObjectId)>,
    ) -> Result<(), Failure> {
        self.id = None;
        let mut parts = path.splitn(2, |byte| *byte == b'/');
        let (name, rest) = (parts.next().unwrap_or_default(), parts.next());
        let Some(rest) = rest else {
            self.replace(name, leaf.map(|(kind, id)| What::Leaf(kind, id)));
            return Ok(());
        };
        let mut inner = match self.take(name) {
            Some(What::Open(inner)) => inner,
            Some(What::Closed(id)) => Box::new(Self::open(git, Some(id))?),
            Some(What::Leaf(..)) | None => Box::default(),
        };
        inner.set(git, rest, leaf)?;
        let keep = !inner.items.is_empty();
        self.replace(name, keep.then_some(What::Open(inner)));
        Ok(())
    }

    /// Writes what changed since the last time and returns the tree's id.
    pub(crate) fn write(&mut self, sink: &mut Sink<'_>) -> Result<ObjectId, Failure> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        let mut bytes = Vec::with_capacity(self.items.len() * 64);
        for item in &mut self.items {
            let (kind, id) = match &mut item.what {
                What::Leaf(kind, id) => (*kind, *id),
                What::Closed(id) => (EntryKind::Tree, *id),
                What::Open(inner) => (EntryKind::Tree, inner.write(sink)?),
            };
            bytes.extend_from_slice(kind.as_octal_str());
            bytes.push(b' ');
            bytes.extend_from_slice(&item.name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_slice());
        }
        let id = sink.put_tree(bytes, self.last)?;
        (self.id, self.last) = (Some(id), Some(id));
        Ok(id)
    }

    /// Where a name is, or where it would go.
    fn place(&self, name: &[u8], is_folder: bool) -> Result<usize, usize> {
        self.items.binary_search_by(|item| {
            Item::order(&item.name, item.is_folder()).cmp(Item::order(name, is_folder))
        })
    }

    fn take(&mut self, name: &[u8]) -> Option<What> {
        let at = self.place(name, false).or_else(|_| self.place(name, true)).ok()?;
        Some(self.items.remove(at).what)
    }

    fn replace(&mut self, name: &[u8], what: Option<What>) {
        drop(self.take(name));
        let Some(what) = what else { return };
        let item = Item { name: name.into(), what };
        let at = self.place(name, item.is_folder()).unwrap_or_else(|at| at);
        self.items.insert(at, item);
    }
}
