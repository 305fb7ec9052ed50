//! `key scan`: what looks like a secret is told by place and rule, never shown.

use crate::machine::Machine;

fn secret() -> String {
    format!("{}-proj-{}", "sk", "Abc9Def8Ghi7Jkl6Mno5Pqr4Stu3")
}

#[test]
fn a_folder_a_text_and_a_diff_are_scanned() {
    let machine = Machine::new();
    std::fs::create_dir(machine.path("tree")).unwrap();
    machine.put("tree/clean.txt", "nothing here\n", 0o644);
    let said = machine.run("scan tree --json").expect(0).json();
    assert_eq!(said["files"], 1);
    let line = format!("key = \"{}\"\n", secret());
    machine.put("tree/settings.py", &line, 0o644);
    let said = machine.run("scan tree --json").expect(1);
    let found = said.json()["findings"][0].clone();
    assert_eq!((found["path"].as_str(), found["line"].as_u64()), (Some("settings.py"), Some(1)));
    let diff = format!("--- a/x.py\n+++ b/x.py\n@@ -1,1 +1,2 @@\n a\n+{line}");
    for (call, input) in [("scan -", line.as_bytes()), ("scan --diff", diff.as_bytes())] {
        let said = machine.feed(call, input).expect(1);
        assert!(!said.out.contains(&secret()), "{said:?}");
        assert!(said.out.contains("1 found"), "{said:?}");
    }
    drop(machine.feed("scan --diff", b"-gone\n").expect(0));
    drop(machine.run("scan tree --diff").expect(2));
    drop(machine.run("scan no-such-place").expect(69));
}

#[test]
fn a_binary_in_a_diff_was_not_looked_at() {
    let machine = Machine::new();
    let diff = b"diff --git a/x.bin b/x.bin\nBinary files a/x.bin and b/x.bin differ\n";
    let said = machine.feed("scan --diff", diff).expect(69);
    assert!(said.out.contains("x.bin: NOT LOOKED AT"), "{said:?}");
}
