//! Paths whose content a policy keeps from the reviewer.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use ops_core::failure::{Exit, Failure, OrFail};

use crate::manifest::Exclusion;

/// Globs with reasons. They must come from a policy that was in force before the range.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    all: Vec<(GlobMatcher, Exclusion)>,
}

impl Exclusions {
    /// Compiles the globs. A star stays within one folder, `**` does not.
    pub fn new(all: impl IntoIterator<Item = Exclusion>) -> Result<Self, Failure> {
        let compile = |it: Exclusion| {
            let doing = format!("read the excluding glob {:?}", it.glob);
            let glob = GlobBuilder::new(&it.glob).literal_separator(true).build();
            glob.or_fail(Exit::Config, doing).map(|glob| (glob.compile_matcher(), it))
        };
        all.into_iter().map(compile).collect::<Result<_, _>>().map(|all| Self { all })
    }

    /// Returns the first exclusion that a path's bytes match.
    pub(crate) fn of(&self, path: &[u8]) -> Option<&Exclusion> {
        let path = Path::new(OsStr::from_bytes(path));
        self.all.iter().find(|(glob, _)| glob.is_match(path)).map(|(_, it)| it)
    }
}
