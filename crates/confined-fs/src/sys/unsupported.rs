//! Systems without `openat2`: opening a tree says so, and nothing else can be reached.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::{Errno, Result};

use super::Meta;

pub(crate) fn open_root(_: &Path) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

pub(crate) fn open_root_resolved(_: &Path) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

pub(crate) fn open_folder(_: BorrowedFd<'_>, _: &str) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

pub(crate) fn hold(_: BorrowedFd<'_>, _: &str) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

pub(crate) fn open_file(_: BorrowedFd<'_>, _: &str) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

pub(crate) fn create_file(_: BorrowedFd<'_>, _: &str) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}

pub(crate) fn meta(_: impl AsFd) -> Result<Meta> {
    Err(Errno::NOSYS)
}

pub(crate) fn read(_: impl AsFd, _: &mut [u8]) -> Result<usize> {
    Err(Errno::NOSYS)
}

pub(crate) fn write_all(_: impl AsFd, _: &[u8]) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn give_to(_: impl AsFd, _: u32, _: u32) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn set_mode(_: impl AsFd, _: u32) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn make_folder(_: BorrowedFd<'_>, _: &str) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn remove_file(_: BorrowedFd<'_>, _: &str) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn remove_folder(_: BorrowedFd<'_>, _: &str) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn rename_new(_: BorrowedFd<'_>, _: &str, _: &str) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn exchange(_: BorrowedFd<'_>, _: &str, _: &str) -> Result<()> {
    Err(Errno::NOSYS)
}

pub(crate) fn sync(_: impl AsFd) -> Result<()> {
    Err(Errno::NOSYS)
}
