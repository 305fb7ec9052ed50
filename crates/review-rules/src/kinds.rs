//! Changes that are more than lines: programs, submodules, links, modes, and names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use review_bundle::{Kind, Section, Side, Status};

use crate::finding::{Gate, Severity};
use crate::invisible::is_hidden;

/// What is told of a change as a whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) rule: &'static str,
    pub(crate) gate: Gate,
    pub(crate) severity: Severity,
    pub(crate) blocks: bool,
    pub(crate) title: &'static str,
    pub(crate) suggestion: &'static str,
}

/// A check of a change as a whole.
pub(crate) struct Check {
    told: Told,
    applies: fn(&Section<'_>) -> bool,
}

const fn check(
    rule: &'static str,
    (gate, severity, blocks): (Gate, Severity, bool),
    applies: fn(&Section<'_>) -> bool,
    title: &'static str,
    suggestion: &'static str,
) -> Check {
    Check { told: Told { rule, gate, severity, blocks, title, suggestion }, applies }
}

type Weight = (Gate, Severity, bool);

const UNSEEN: Weight = (Gate::AllowlistBypass, Severity::High, true);
const NOTED: Weight = (Gate::AllowlistBypass, Severity::Medium, false);
const TRICK: Weight = (Gate::AllowlistBypass, Severity::Critical, true);

const AS_TEXT: &str = "bring it in as text, or build it where it is needed";

/// The id of the one check that a policy can turn into a note.
pub(crate) const BINARY: &str = "binary.content";

/// Every check. All that apply tell.
pub(crate) const CHECKS: &[Check] = &[
    check(
        BINARY,
        UNSEEN,
        |it| is_binary(it) && !is_program(it) && !hides_text(it),
        "a binary that nobody can review",
        AS_TEXT,
    ),
    check(
        "binary.program",
        UNSEEN,
        |it| is_binary(it) && is_program(it),
        "a program that nobody can review",
        AS_TEXT,
    ),
    check(
        "binary.was-text",
        UNSEEN,
        |it| is_binary(it) && !is_program(it) && hides_text(it),
        "a text that became something nobody can review",
        AS_TEXT,
    ),
    check(
        "file.too-large",
        UNSEEN,
        |it| it.entry.kind == Kind::TooLarge && it.entry.new.is_some(),
        "too large to be shown",
        "split it, or keep it elsewhere",
    ),
    check(
        "file.not-shown",
        (Gate::AllowlistBypass, Severity::Low, false),
        |it| it.entry.excluded.is_some(),
        "kept from the reviewer by policy",
        "see whether the policy's reason holds",
    ),
    check(
        "submodule.changed",
        UNSEEN,
        |it| mode(it.entry.new.as_ref()) == "160000",
        "a submodule's content is not part of the review",
        "review the submodule, or bring its files in",
    ),
    check(
        "symlink.leaves",
        TRICK,
        |it| target(it).is_some_and(leaves),
        "a symbolic link that leads out of the repository",
        "link to a path inside",
    ),
    check(
        "symlink.changed",
        NOTED,
        |it| target(it).is_some_and(|to| !leaves(to)),
        "a symbolic link",
        "see whether its target is meant",
    ),
    check(
        "mode.unusual",
        TRICK,
        |it| !matches!(mode(it.entry.new.as_ref()), "" | "100644" | "100755" | "120000" | "160000"),
        "a mode that git does not make",
        "set it to 100644 or 100755",
    ),
    check(
        "mode.executable",
        NOTED,
        |it| mode(it.entry.new.as_ref()) == "100755" && mode(it.entry.old.as_ref()) != "100755",
        "a new program",
        "see whether it is to be run",
    ),
    check(
        "hook.gone",
        (Gate::GuardDoctorIntact, Severity::Critical, true),
        |it| {
            it.entry.status == Status::Deleted && is_hook(it.path)
                || is_hook(it.path)
                    && mode(it.entry.old.as_ref()) == "100755"
                    && mode(it.entry.new.as_ref()) == "100644"
        },
        "a git hook no longer runs",
        "keep the hook",
    ),
    check(
        "name.git",
        TRICK,
        |it| it.path.split(|&byte| byte == b'/').any(is_git),
        "a name that some file systems take for .git",
        "choose another name",
    ),
    check(
        "name.hidden",
        TRICK,
        |it| has_hidden(it.path),
        "a name that is not what it looks like",
        "choose a name that can be seen",
    ),
    check(
        "name.bytes",
        NOTED,
        |it| std::str::from_utf8(it.path).is_err(),
        "a name that is no UTF-8",
        "choose a name in UTF-8",
    ),
];

/// Returns the ids of every check.
#[cfg(test)]
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.told.rule)
}

impl Check {
    /// Returns what is told of a change, if anything.
    pub(crate) fn tell(&self, section: &Section<'_>) -> Option<&Told> {
        (self.applies)(section).then_some(&self.told)
    }
}

fn mode(side: Option<&Side>) -> &str {
    side.map_or("", |side| &side.mode)
}

fn is_binary(section: &Section<'_>) -> bool {
    section.entry.new.as_ref().is_some_and(|side| side.binary)
}

fn hides_text(section: &Section<'_>) -> bool {
    section.entry.old.as_ref().is_some_and(|side| !side.binary && side.size != Some(0))
}

/// Returns whether something could run it: by its mode, its first bytes, or its name.
fn is_program(section: &Section<'_>) -> bool {
    /// ELF, Windows, Mach-O in its orders, Java and fat Mach-O, WebAssembly, a script.
    const STARTS: &[&[u8]] = &[
        b"\x7fELF",
        b"MZ",
        b"\xfe\xed\xfa",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\0asm",
        b"#!",
    ];
    const ENDINGS: &[&str] = &[
        "a", "bash", "bat", "bin", "c", "cc", "class", "cmd", "com", "cpp", "dll", "dylib", "exe",
        "go", "h", "jar", "js", "ko", "lua", "mjs", "msi", "node", "o", "php", "pl", "ps1", "py",
        "pyc", "pyd", "rb", "rs", "service", "sh", "so", "ts", "wasm", "whl", "yaml", "yml", "zsh",
    ];
    let starts = STARTS.iter().any(|start| section.new.starts_with(start));
    let ending = Path::new(OsStr::from_bytes(section.path)).extension();
    let ending = ending.and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    mode(section.entry.new.as_ref()) == "100755" || starts || ENDINGS.contains(&&*ending)
}

/// Returns where a path leads now, relative to its own place, if it is a symbolic link.
fn target<'a>(section: &Section<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let is_link = mode(section.entry.new.as_ref()) == "120000";
    is_link.then_some((section.path, section.new))
}

/// Returns whether a link leads out of the repository, or into its git folder.
fn leaves((path, target): (&[u8], &[u8])) -> bool {
    let mut depth = path.split(|&byte| byte == b'/').count() - 1;
    for part in Path::new(OsStr::from_bytes(target)).components() {
        match part {
            Component::Prefix(_) | Component::RootDir => return true,
            Component::CurDir => {}
            Component::Normal(name) if is_git(name.as_bytes()) => return true,
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
        }
    }
    // A name with a backslash is a path where that separates.
    target.contains(&b'\\')
}

fn is_hook(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|part| part == b".githooks" || part == b".husky")
}

/// Returns whether some file system takes a name for `.git`: in another case, by its short name, with
/// what Windows drops from the end, with what macOS does not see, or behind a backslash.
fn is_git(name: &[u8]) -> bool {
    name.split(|&byte| byte == b'\\').any(|name| {
        let seen: String =
            String::from_utf8_lossy(name).chars().filter(|&c| !is_hidden(c)).collect();
        let stream = seen.split(':').next().unwrap_or_default();
        let name = stream.trim_end_matches([' ', '.']).to_ascii_lowercase();
        name == ".git" || name == "git~1"
    })
}

fn has_hidden(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name);
    text.chars().any(|c| is_hidden(c) || c.is_control())
        || text.split('/').any(|it| it.trim() != it)
}
