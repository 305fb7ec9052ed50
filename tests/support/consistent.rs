//! The one check that holds whatever happened: nothing lost, nothing twice, the chain intact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::fixture::Bridge;
use crate::snapshot;

impl Bridge {
    /// Fails unless every one of these ids is in exactly one place, the log tells each outcome
    /// once, the evidence fits its hashes and nothing temporary lies about.
    #[track_caller]
    pub fn assert_consistent<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let ids: BTreeSet<&str> = ids.into_iter().collect();
        drop(self.run(&["verify"]).expect(0));
        let folders = ["archive", "dead_letter", "commands", "meta/held"];
        let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for folder in folders {
            for name in self.names(folder) {
                let id = name.strip_suffix(".json").unwrap_or(&name).to_owned();
                places.entry(id).or_default().push(folder);
            }
        }
        for id in &ids {
            let found = places.get(*id).map_or(&[][..], Vec::as_slice);
            assert_eq!(
                found.len(),
                1,
                "{id} is in {found:?}, wanted in exactly one of {folders:?}"
            );
            let is_done = found == ["archive"];
            for (folder, name) in [
                ("results", format!("{id}.json")),
                ("results", format!("{id}.integrity.json")),
                ("diffs", format!("{id}.patch")),
            ] {
                let exists = self.root.join(folder).join(&name).exists();
                assert_eq!(exists, is_done, "{id} is in {found:?}, and {folder}/{name}: {exists}");
            }
        }
        self.assert_logged_once(&ids, &places);
        self.assert_tidy();
    }

    fn assert_logged_once(&self, ids: &BTreeSet<&str>, places: &BTreeMap<String, Vec<&str>>) {
        let mut logged: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in self.log() {
            let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            *logged.entry((text("id"), text("result"))).or_default() += 1;
        }
        for id in ids {
            let (ok, dead, held) = match places.get(*id).and_then(|it| it.first()) {
                Some(&"archive") => (1, 0, None),
                Some(&"dead_letter") => (0, 1, None),
                Some(&"meta/held") => (0, 0, Some(1)),
                _ => (0, 0, Some(0)),
            };
            let count = |result: &str| {
                logged.get(&((*id).to_owned(), result.to_owned())).copied().unwrap_or(0)
            };
            assert_eq!((count("ok"), count("dead_letter")), (ok, dead), "log lines about {id}");
            assert!(held.is_none_or(|held| count("held") == held), "log lines about {id}");
        }
    }

    /// Fails if a temporary name was left in the root or the target.
    #[track_caller]
    pub fn assert_tidy(&self) {
        for folder in [&self.root, &self.work] {
            let left: Vec<_> =
                snapshot(folder, &[".git"]).into_keys().filter(|path| is_temporary(path)).collect();
            assert!(left.is_empty(), "left over in {}: {left:?}", folder.display());
        }
    }
}

fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".aiops-"))
}
