//! Real terminals, by way of `script` from util-linux.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use crate::machine::{KEY, Machine};

/// A terminal in which a shell line runs.
struct Terminal {
    child: Child,
    shown: String,
}

impl Terminal {
    /// Starts the line, or says that it cannot.
    fn start(machine: &Machine, line: &str) -> Option<Self> {
        if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
            skipped::told(skipped::this_test(), "script (util-linux) is not installed");
            return None;
        }
        // Nothing below waits longer than that.
        let mut command = Command::new("timeout");
        machine.surround(&mut command);
        command.args(["--signal=KILL", "60", "script"]);
        command.args(["--quiet", "--return", "--flush", "--command", line, "/dev/null"]);
        command.env("KEY", KEY).env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Some(Self { child: command.spawn().unwrap(), shown: String::new() })
    }

    /// Waits until this is shown.
    #[track_caller]
    fn wait_for(&mut self, text: &str) -> &mut Self {
        let mut byte = [0];
        while !self.shown.contains(text) {
            let read = self.child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
            assert!(read == 1, "{text:?} never came: {:?}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&byte));
        }
        self
    }

    fn type_in(&mut self, text: &str) -> &mut Self {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        self
    }

    /// Waits for the end; returns the exit code and all that was shown.
    fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.child.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        (self.child.wait().unwrap().code().unwrap(), self.shown)
    }
}

#[test]
fn what_is_typed_is_stored_and_not_shown() {
    let machine = Machine::new();
    let Some(mut terminal) = Terminal::start(&machine, r#""$KEY" set console_token; stty -a"#)
    else {
        return;
    };
    terminal.wait_for("it is not shown").type_in("canary-typed-value\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("stored in file"), "{shown}");
    assert!(shown.contains(" echo ") && shown.contains("susp = ^Z"), "{shown}");
    assert_eq!(machine.get("secrets/console_token"), "canary-typed-value\n");
}

#[test]
fn an_interrupt_changes_nothing_and_puts_the_terminal_back() {
    let machine = Machine::new();
    let line = r#"trap : INT; "$KEY" set console_token; echo "code $?"; stty -a"#;
    let Some(mut terminal) = Terminal::start(&machine, line) else { return };
    terminal.wait_for("it is not shown").type_in("canary-half\x03");
    let (_, shown) = terminal.end();
    assert!(shown.contains("code 75") && shown.contains("nothing was changed"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains(" echo ") && shown.contains("quit = ^\\"), "{shown}");
    assert!(!machine.is_there("secrets/console_token"));
    let record = machine.records().pop().unwrap();
    assert_eq!(record["status"], "refused");
}

#[test]
fn several_lines_end_with_the_end_of_input() {
    let machine = Machine::new();
    let line = r#""$KEY" set verdict_signing_key"#;
    let Some(mut terminal) = Terminal::start(&machine, line) else { return };
    let text = "-----BEGIN X-----\rcanary\r-----END X-----\r\x04";
    terminal.wait_for("Ctrl-D").type_in(text);
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    let stored = machine.get("secrets/verdict_signing_key");
    assert_eq!(stored, "-----BEGIN X-----\ncanary\n-----END X-----\n");
}

#[test]
fn emit_env_is_refused_on_a_terminal_and_colour_and_prompts_appear_nowhere_else() {
    let machine = Machine::new();
    machine.put("secrets/console_token", "canary-value", 0o600);
    let line = r#""$KEY" emit-env console_token; echo "code $?""#;
    let Some(terminal) = Terminal::start(&machine, line) else { return };
    let (_, shown) = terminal.end();
    assert!(shown.contains("code 1") && shown.contains("is a terminal"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(machine.audit().is_empty());
}

#[test]
fn a_program_has_the_terminal_and_its_signals_to_itself() {
    let machine = Machine::new();
    machine.put("secrets/console_token", "canary-value", 0o600);
    let inner =
        r#"tty >/dev/null && echo "on a terminal"; trap "exit 7" INT; echo ready; read -r x"#;
    let line =
        format!(r#"trap : INT; "$KEY" exec console_token -- sh -c '{inner}'; echo "code $?""#);
    let Some(mut terminal) = Terminal::start(&machine, &line) else { return };
    terminal.wait_for("ready").type_in("\x03");
    let (_, shown) = terminal.end();
    assert!(shown.contains("on a terminal") && shown.contains("code 7"), "{shown}");
}
