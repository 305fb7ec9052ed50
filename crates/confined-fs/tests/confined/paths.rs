//! Which paths are accepted.

use confined_fs::{PathFault, RelPath, fold};
use proptest::prelude::*;

fn verdict(text: &str) -> &'static str {
    match RelPath::parse(text) {
        Ok(_) => "ok",
        Err(PathFault::Escape(_)) => "escape",
        Err(PathFault::Denied(_)) => "denied",
    }
}

#[test]
fn each_rule_has_its_verdict() {
    let longest = format!("{}/{}", "d".repeat(255), "a/".repeat(384) + "f");
    assert_eq!((longest.len(), verdict(&longest)), (1025, "denied"));
    assert_eq!(verdict(&longest[..1024].replace("/a/a/", "/a-a/")), "denied", "ends in a slash");
    assert_eq!(verdict(&longest[1..]), "ok");
    assert_eq!(verdict(&"x".repeat(255)), "ok");
    assert_eq!(verdict(&"x".repeat(256)), "denied");
    assert_eq!(verdict(&format!("{}/../x", "y".repeat(2000))), "escape");
    for (text, expected) in [
        ("a", "ok"),
        ("docs/guide.md", "ok"),
        ("a/b..c/d", "ok"),
        ("a b/ü/名前", "ok"),
        ("-rf", "ok"),
        ("~", "ok"),
        ("git~2", "ok"),
        ("github", "ok"),
        ("", "escape"),
        ("/", "escape"),
        ("/etc/passwd", "escape"),
        ("//x", "escape"),
        ("..", "escape"),
        ("../x", "escape"),
        ("a/../b", "escape"),
        ("a/..", "escape"),
        ("a//../b", "escape"),
        ("a\\..\\..", "denied"),
        ("a\\b", "denied"),
        ("C:\\x", "denied"),
        ("a//b", "denied"),
        ("a/", "denied"),
        (".", "denied"),
        ("./a", "denied"),
        ("a/./b", "denied"),
        ("a\0b", "denied"),
        ("a\nb", "denied"),
        ("a\u{7f}", "denied"),
        ("a\u{85}", "denied"),
        (".env", "denied"),
        ("a/.hidden/b", "denied"),
        ("...", "denied"),
        (".git/config", "denied"),
        ("a/.GIT", "denied"),
        (".git ", "denied"),
        (".git.", "denied"),
        ("git~1/config", "denied"),
        ("a/GIT~1", "denied"),
        ("git~1 .", "denied"),
        ("git~1::$INDEX_ALLOCATION/config", "denied"),
        (".g\u{200c}it", "denied"),
        ("\u{200c}.git", "denied"),
        ("\u{feff}.env", "denied"),
        ("g\u{200d}it~1", "denied"),
        ("a/ /b", "denied"),
        ("\u{200b}", "denied"),
    ] {
        assert_eq!(verdict(text), expected, "{text:?}");
    }
}

#[test]
fn a_refusal_cannot_disturb_a_terminal_or_flood_a_log() {
    let text = format!("\u{1b}[2J\n{}", "é".repeat(5000));
    let why = RelPath::parse(&text).unwrap_err().to_string();
    assert!(!why.contains(char::is_control) && why.len() < 600, "{why}");
}

#[test]
fn a_path_comes_apart_into_its_parts() {
    let path = RelPath::parse("a/b/c").unwrap();
    assert_eq!(path.file_name(), "c");
    assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b", "c"]);
    let parent = path.parent().unwrap();
    assert_eq!(parent.as_str(), "a/b");
    assert_eq!(parent.parent().unwrap().parent(), None);
    assert_eq!(RelPath::parse("x").unwrap().file_name(), "x");
}

/// Mostly pieces that matter, so that most of the paths built from them are near a rule.
fn hostile_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("git".to_owned()),
        Just("GIT~1".to_owned()),
        Just("\u{200c}".to_owned()),
        Just(" ".to_owned()),
        Just("\\".to_owned()),
        "[a-c]{1,2}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_accepted_path_leaves_the_root_or_names_a_hidden_place(text in hostile_path()) {
        let Ok(path) = RelPath::parse(&text) else { return Ok(()) };
        prop_assert_eq!(path.as_str(), &text);
        let root = std::path::Path::new("/root/of/tree");
        let mut normal = root.to_path_buf();
        for component in root.join(path.as_str()).strip_prefix(root).unwrap().components() {
            match component {
                std::path::Component::Normal(name) => normal.push(name),
                other => prop_assert!(false, "{:?} in {:?}", other, text),
            }
        }
        prop_assert!(normal.starts_with(root) && normal != root);
        prop_assert_eq!(normal.strip_prefix(root).unwrap().to_str().unwrap(), &text);
        for component in path.components() {
            let folded = fold(component);
            prop_assert!(!component.starts_with('.') && !folded.starts_with('.'));
            prop_assert!(!folded.is_empty() && folded != "git~1");
            prop_assert!(!component.contains(|c: char| c.is_control() || c == '\\'));
        }
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>()) {
        let _judged = RelPath::parse(&text);
    }
}
