//! The system calls, one function each. No judgement here.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod unsupported;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::*;

/// What the system says about one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) kind: Kind,
    /// Device and inode: the file itself, whatever it is called.
    pub(crate) id: (u64, u64),
    pub(crate) has_other_links: bool,
    /// Permission bits, the special ones included.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) len: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    File,
    Link,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "where no tree can be opened, nothing is ever seen")
    )]
    /// Anything else, named for people: "a folder".
    Other(&'static str),
}

/// Lets a test stop an operation before any of its system calls, or act between two of them.
#[cfg(test)]
pub(crate) mod gate {
    use std::cell::RefCell;

    use rustix::io::Errno;

    /// Is told the number of the system call that comes next; false stops it and all that follow.
    type Hook = Box<dyn FnMut(usize) -> bool>;

    thread_local! {
        static HOOK: RefCell<(usize, Option<Hook>)> = const { RefCell::new((0, None)) };
    }

    pub(crate) fn pass() -> rustix::io::Result<()> {
        HOOK.with_borrow_mut(|(count, hook)| {
            *count += 1;
            let go_on = hook.as_mut().is_none_or(|hook| hook(*count - 1));
            if go_on { Ok(()) } else { Err(Errno::IO) }
        })
    }

    /// Runs `operation` with a hook; returns its result and how many system calls it tried.
    pub(crate) fn with<T>(
        hook: impl FnMut(usize) -> bool + 'static,
        operation: impl FnOnce() -> T,
    ) -> (T, usize) {
        HOOK.set((0, Some(Box::new(hook))));
        let result = operation();
        let (count, _) = HOOK.replace((0, None));
        (result, count)
    }
}
