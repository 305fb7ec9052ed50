//! Path rules: an accepted path stays inside and names no hidden place, however it is joined.
#![no_main]

use confined_fs::{RelPath, fold};
use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};

fuzz_target!(|text: &str| {
    assert_eq!(fold(&fold(text)), fold(text));
    let Ok(path) = RelPath::parse(text) else { return };
    assert_eq!(path.as_str(), text);
    assert!(text.len() <= 1024 && !text.contains(['\0', '\\']));
    for component in Path::new(text).components() {
        let Component::Normal(name) = component else { panic!("{text:?} has {component:?}") };
        assert!(!name.as_encoded_bytes().starts_with(b"."), "{text:?}");
        assert_ne!(fold(&name.to_string_lossy()), ".git", "{text:?}");
    }
    assert_eq!(path.components().collect::<Vec<_>>().join("/"), text);
});
