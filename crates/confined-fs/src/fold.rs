//! Names as a careless file system would compare them. For refusing names, never for opening them.

/// Returns the name a file system that ignores case, trailing dots and spaces, and invisible
/// characters would see.
///
/// Two names that fold alike may be one file on HFS+, APFS, NTFS or a case-folding ext4. Use it to
/// compare a component with denied names; it refuses more than any one of them would (`ı` folds to
/// `i`). Accents are compared as they are written, composed or not. Folding twice changes nothing.
pub fn fold(name: &str) -> String {
    let visible: String = name.chars().filter(|&c| !is_ignorable(c)).collect();
    visible
        .trim_end_matches(['.', ' '])
        .chars()
        // Down first as well, or `ẞ` would stop at `ß`, which itself folds to `ss`.
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Says whether some file system would open the `.git` folder under this component.
///
/// Follows git's `is_hfs_dotgit` and `is_ntfs_dotgit`: case, ignorable characters, trailing dots
/// and spaces, the short name `git~1`, and NTFS streams (`git~1:x`).
pub(crate) fn is_dot_git(component: &str) -> bool {
    let before_stream = component.split(':').next().unwrap_or_default();
    matches!(fold(before_stream).as_str(), ".git" | "git~1")
}

/// Characters that Unicode calls default-ignorable: HFS+ skips some of them, ext4's case folding
/// all of them.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_file_system_confuses_fold_alike() {
        for (name, folded) in [
            ("commands", "commands"),
            ("COMMANDS", "commands"),
            ("Commands. . ", "commands"),
            ("com\u{200d}mands", "commands"),
            ("co\u{ad}mmands\u{fe0f}", "commands"),
            ("re\u{17f}ults", "results"),
            ("\u{212a}eys", "keys"),
            ("STRA\u{1e9e}E", "strasse"),
            ("straße", "strasse"),
            ("meta\u{feff}.", "meta"),
            ("...", ""),
            ("", ""),
            ("a.b", "a.b"),
        ] {
            assert_eq!(fold(name), folded, "{name:?}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing_for_any_character() {
        for c in '\0'..=char::MAX {
            let once = fold(&format!("{c}x"));
            assert_eq!(fold(&once), once, "{c:?}");
        }
    }

    #[test]
    fn every_spelling_of_dot_git_is_known() {
        for name in [
            ".git",
            ".GIT",
            ".gIt",
            ".git ",
            ".git.",
            ".git . .",
            "git~1",
            "GIT~1",
            "Git~1. ",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".git\u{206f}",
            "\u{202a}g\u{200f}it~1",
            ".git:x",
            "git~1::$INDEX_ALLOCATION",
            ".gıt",
        ] {
            assert!(is_dot_git(name), "{name:?}");
        }
        for name in ["git", "git~2", "git~10", ".gitignore", "a.git", "gi t~1", ".got", ""] {
            assert!(!is_dot_git(name), "{name:?}");
        }
    }
}
