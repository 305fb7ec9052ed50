//! What `ss` prints after the addresses: `users:(("sshd",pid=1,fd=3)) ino:7 ...`.
//!
//! A process chooses its own name, so a name may look like more of the line. Inside quotes anything
//! but a quote is a name; a name with a quote in it makes the line unreadable.

use crate::facts::Owner;

/// The words that `ss -e` and `-o` add and that say nothing about who listens.
const PASSED_OVER: [&str; 4] = ["sk:", "cgroup:", "timer:", "fwmark:"];

/// The rest of a line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Extra {
    pub(super) owners: Option<Vec<Owner>>,
    pub(super) inode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) v6only: Option<bool>,
}

pub(super) fn extra(text: &str) -> Result<Extra, &'static str> {
    let mut extra = Extra::default();
    let mut rest = text;
    if let Some(list) = text.strip_prefix("users:(") {
        let (owners, left) = users(list).ok_or("cannot read the processes")?;
        extra.owners = Some(owners);
        rest = left;
    }
    for word in rest.split_ascii_whitespace() {
        let number = |start: &str| word.strip_prefix(start).map(str::parse::<u32>);
        if let Some(inode) = number("ino:") {
            extra.inode = Some(inode.map_err(|_| "the inode is no number")?);
        } else if let Some(uid) = number("uid:") {
            extra.uid = Some(uid.map_err(|_| "the user is no number")?);
        } else if let Some(v6only) = number("v6only:") {
            extra.v6only = Some(v6only.map_err(|_| "v6only is no number")? != 0);
        } else if !PASSED_OVER.iter().any(|it| word.starts_with(it))
            && !["<->", "<--", "-->", "---"].contains(&word)
        {
            return Err("cannot read what follows the addresses");
        }
    }
    Ok(extra)
}

/// `("sshd",pid=1,fd=3),("systemd",pid=1,fd=40))`, or before iproute2 3.13 `("sshd",1,3))`.
fn users(mut text: &str) -> Option<(Vec<Owner>, &str)> {
    let mut owners: Vec<Owner> = Vec::new();
    loop {
        let (name, rest) = text.strip_prefix("(\"")?.split_once('"')?;
        let rest = rest.strip_prefix(',')?;
        let (pid, rest) = number(rest.strip_prefix("pid=").unwrap_or(rest))?;
        let rest = rest.strip_prefix(',')?;
        let (_, rest) = number(rest.strip_prefix("fd=").unwrap_or(rest))?;
        if !owners.iter().any(|it| it.pid == pid) {
            let comm = name.to_owned();
            owners.push(Owner { pid, comm, exe: None, cgroup: None, uid: None });
        }
        let rest = rest.strip_prefix(')')?;
        let Some(more) = rest.strip_prefix(',') else {
            let left = rest.strip_prefix(')')?;
            let is_end = left.is_empty() || left.starts_with(char::is_whitespace);
            return is_end.then_some((owners, left));
        };
        text = more;
    }
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}
