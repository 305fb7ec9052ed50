//! Relative paths that passed the string rules. Nothing here looks at a disk.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

use crate::fold::{fold, is_dot_git};

const LONGEST_PATH: usize = 1024;
const LONGEST_COMPONENT: usize = 255;

/// A relative, `/`-separated path that passed the string rules. Compared as bytes.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RelPath(String);

/// Why a path was refused, in words for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathFault {
    /// It would leave the tree: absolute, empty, or with a `..` component.
    Escape(String),
    /// It names a place that is refused, or is not written in the one accepted way.
    Denied(String),
}

impl RelPath {
    /// Accepts a path of 1 to 1,024 bytes whose components are 1 to 255 bytes each.
    ///
    /// What would leave the tree is [`PathFault::Escape`] whatever else is wrong with it. Refused
    /// as [`PathFault::Denied`]: empty and `.` components, control characters, backslashes, a
    /// component that starts with a dot or would on a file system that ignores some characters,
    /// and every spelling of `.git` (`git~1`, `.GIT`, …).
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        let escape = |why: &str| Err(PathFault::Escape(format!("{}: {why}", shown(text))));
        let denied = |why: &str| Err(PathFault::Denied(format!("{}: {why}", shown(text))));
        if text.is_empty() {
            return escape("an empty path");
        }
        if text.starts_with('/') {
            return escape("an absolute path");
        }
        if text.split('/').any(|component| component == "..") {
            return escape("goes up with `..`");
        }
        if text.len() > LONGEST_PATH {
            return denied("longer than 1024 bytes");
        }
        if text.contains('\\') {
            return denied("holds a backslash");
        }
        if text.contains(char::is_control) {
            return denied("holds a control character");
        }
        match text.split('/').find_map(objection) {
            Some(why) => denied(why),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// Returns the path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the folder the path is in, or nothing if that is the root of the tree.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Returns the components, outermost first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Returns every folder above the path, outermost first.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.match_indices('/').map(|(end, _)| Self(self.0[..end].to_owned()))
    }
}

impl Display for RelPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for PathFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escape(why) | Self::Denied(why) => f.write_str(why),
        }
    }
}

impl Error for PathFault {}

fn objection(component: &str) -> Option<&'static str> {
    if component.is_empty() {
        return Some("has an empty component");
    }
    if component == "." {
        return Some("has a `.` component");
    }
    if component.len() > LONGEST_COMPONENT {
        return Some("has a component longer than 255 bytes");
    }
    if is_dot_git(component) {
        return Some("names `.git`");
    }
    // `fold` drops trailing dots, so a component of dots alone folds to nothing.
    let folded = fold(component);
    if component.starts_with('.') || folded.starts_with('.') {
        return Some("has a component that starts with a dot");
    }
    folded.is_empty().then_some("has a component without a visible character")
}

/// Quotes a refused path so that it cannot disturb a terminal or flood a log.
fn shown(text: &str) -> String {
    let mut quoted: String = text.escape_debug().take(200).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}
