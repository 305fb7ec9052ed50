//! What git tells its hooks on standard input (githooks(5)), strictly.

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::refs::FullName;

use crate::Mode;

/// The most bytes that are read.
pub const LARGEST: usize = 64 << 20;

/// A reference that is to move.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Update {
    /// Its full name on the remote.
    pub reference: FullName,
    /// What it names there now; `None`: it is not there.
    pub old: Option<ObjectId>,
    /// What it is to name; `None`: it is to go.
    pub new: Option<ObjectId>,
}

/// Reads what a hook was told: each line an update, or why it is none. No lines, no updates.
pub fn read(mode: Mode, bytes: &[u8]) -> Vec<Result<Update, String>> {
    if bytes.len() >= LARGEST {
        return vec![Err(format!("more than {LARGEST} bytes of lines"))];
    }
    let Some(whole) = bytes.strip_suffix(b"\n") else {
        let cut = || vec![Err("the last line has no end: it was cut".to_owned())];
        return if bytes.is_empty() { vec![] } else { cut() };
    };
    whole.split(|byte| *byte == b'\n').map(|line| update(mode, line)).collect()
}

fn update(mode: Mode, line: &[u8]) -> Result<Update, String> {
    let (reference, old, new) = match mode {
        Mode::PrePush => {
            // From the right: the first field is what the user typed, and may hold spaces.
            let mut fields = line.rsplitn(4, |byte| *byte == b' ');
            match (fields.next(), fields.next(), fields.next(), fields.next()) {
                (Some(old), Some(reference), Some(new), Some(_)) => (reference, old, new),
                _ => return Err("four fields are wanted".to_owned()),
            }
        }
        Mode::PreReceive => {
            let mut fields = line.split(|byte| *byte == b' ');
            match (fields.next(), fields.next(), fields.next(), fields.next()) {
                (Some(old), Some(new), Some(reference), None) => (reference, old, new),
                _ => return Err("three fields are wanted".to_owned()),
            }
        }
    };
    let oid = |text: &[u8]| -> Result<ObjectId, String> {
        let is_lower = !text.iter().any(u8::is_ascii_uppercase);
        let id = ObjectId::from_hex(text).ok().filter(|_| is_lower);
        id.ok_or_else(|| format!("{:?} is no object id", text.as_bstr()))
    };
    let (old, new) = (oid(old)?, oid(new)?);
    if old.kind() != new.kind() {
        return Err("its two object ids are of different lengths".to_owned());
    }
    let reference = FullName::try_from(reference.as_bstr())
        .ok()
        .filter(|name| name.as_bstr().starts_with(b"refs/"))
        .ok_or_else(|| format!("{:?} is no name of a reference", reference.as_bstr()))?;
    let there = |id: ObjectId| (!id.is_null()).then_some(id);
    Ok(Update { reference, old: there(old), new: there(new) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(digit: char, length: usize) -> String {
        digit.to_string().repeat(length)
    }

    #[test]
    fn lines_of_pre_push_are_read_from_the_right() {
        let (a, b, zero) = (id('a', 40), id('b', 40), id('0', 40));
        for (first, new, old) in [
            ("refs/heads/x", &a, &b),
            ("HEAD@{0 seconds ago}", &a, &b),
            (":/a text with spaces", &a, &b),
            ("", &a, &b),
            ("main^0", &a, &zero),
            ("(delete)", &zero, &b),
        ] {
            let line = format!("{first} {new} refs/heads/main {old}\n");
            let found = read(Mode::PrePush, line.as_bytes());
            let [Ok(found)] = found.as_slice() else { panic!("{line}: {found:?}") };
            let there = |text: &String| ObjectId::from_hex(text.as_bytes()).ok();
            assert_eq!(found.reference.as_bstr(), "refs/heads/main");
            assert_eq!(found.new, there(new).filter(|id| !id.is_null()));
            assert_eq!(found.old, there(old).filter(|id| !id.is_null()));
        }
    }

    #[test]
    fn sha256_lines_and_pre_receive_lines_are_read() {
        let (a, zero) = (id('a', 64), id('0', 64));
        let found = read(Mode::PrePush, format!("x {a} refs/tags/v1 {zero}\n").as_bytes());
        assert!(matches!(&*found, [Ok(Update { old: None, new: Some(_), .. })]), "{found:?}");
        let found = read(Mode::PreReceive, format!("{zero} {a} refs/tags/v1\n").as_bytes());
        assert!(matches!(&*found, [Ok(Update { old: None, new: Some(_), .. })]), "{found:?}");
    }

    #[test]
    fn what_does_not_parse_is_no_update_and_no_lines_are_none() {
        assert!(read(Mode::PrePush, b"").is_empty());
        let (a, b, short, long) = (id('a', 40), id('b', 40), id('a', 39), id('a', 64));
        for line in [
            String::from("\n"),
            format!("refs/heads/x {a} refs/heads/main {b}"),
            format!("{a} refs/heads/main {b}\n"),
            format!("x {short} refs/heads/main {b}\n"),
            format!("x {long} refs/heads/main {b}\n"),
            format!("x {} refs/heads/main {b}\n", id('A', 40)),
            format!("x {a} main {b}\n"),
            format!("x {a} refs/heads/a..b {b}\n"),
            format!("x {a} refs/heads/main {b}\r\n"),
            format!("x {a} refs/heads/main {b} \n"),
            format!("x {a}  refs/heads/main {b}\n\n"),
        ] {
            let found = read(Mode::PrePush, line.as_bytes());
            assert!(found.iter().any(Result::is_err), "{line:?}: {found:?}");
        }
        for line in [format!("{a} {b} refs/heads/main x\n"), format!("{a} {b}\n")] {
            assert!(read(Mode::PreReceive, line.as_bytes()).iter().all(Result::is_err), "{line:?}");
        }
    }

    #[test]
    fn a_line_end_in_the_first_field_hides_no_update() {
        let (a, b) = (id('a', 40), id('b', 40));
        let typed = format!("x {a} refs/notes/x {b}\nHEAD");
        let found = read(Mode::PrePush, format!("{typed} {a} refs/heads/main {b}\n").as_bytes());
        let last = found.last().unwrap().as_ref().unwrap();
        assert_eq!(last.reference.as_bstr(), "refs/heads/main");
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_every_line_counts(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for mode in [Mode::PrePush, Mode::PreReceive] {
                let found = read(mode, &bytes);
                if bytes.ends_with(b"\n") {
                    prop_assert_eq!(found.len(), bytes.split(|it| *it == b'\n').count() - 1);
                } else {
                    prop_assert_eq!(found.len(), usize::from(!bytes.is_empty()));
                }
            }
        }
    }
}
