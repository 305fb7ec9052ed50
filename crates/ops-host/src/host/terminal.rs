//! Standard streams that may be terminals: a secret is typed without being shown.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::{Host, Stop};

/// The longest line that a terminal hands over whole (`N_TTY_BUF_SIZE`), in bytes.
const LONGEST_LINE: usize = 4095;

impl Host {
    /// Whether standard input is a terminal.
    pub fn input_is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Whether standard output is a terminal.
    pub fn output_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Reads at most `limit` bytes of standard input into a buffer that never moves, so that no
    /// copy stays behind. On a terminal nothing typed is shown: one line is read, or all to the
    /// end of input when `lines`; the terminal is put back as it was, also when this process is
    /// asked to end. `ready` is called once nothing is shown any more, and only on a terminal.
    ///
    /// # Errors
    /// `Interrupted` when this process is asked to end, `InvalidInput` when a typed line is longer
    /// than a terminal can pass on, else what the system says.
    pub fn read_secret(
        &self,
        limit: usize,
        lines: bool,
        ready: impl FnOnce(),
    ) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(vec![0; limit]);
        let input = io::stdin();
        let file = File::from(input.as_fd().try_clone_to_owned()?);
        let length = if self.input_is_terminal() {
            let stop = self.stop_on_signals()?;
            let _shown_again = Silent::new(&file)?;
            ready();
            typed(&file, &mut bytes, &stop, lines)?
        } else {
            fill(&file, &mut bytes)?
        };
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn fill(mut file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(length)
}

fn typed(mut file: &File, bytes: &mut [u8], stop: &Stop, lines: bool) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        if stop.wait_for(file.as_fd())? {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "asked to end"));
        }
        match file.read(rest) {
            Ok(0) => break,
            Ok(LONGEST_LINE..) => {
                let why = "a terminal cuts lines of this length; use a pipe";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            Ok(more) => length += more,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
        if !lines && bytes.get(..length).is_some_and(|line| line.ends_with(b"\n")) {
            break;
        }
    }
    Ok(length)
}

/// A terminal that shows nothing of what is typed but the line's end, until this is dropped.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        // These would leave the terminal silent: a stopped or dumped process puts nothing back.
        silent.special_codes[SpecialCodeIndex::VSUSP] = 0;
        silent.special_codes[SpecialCodeIndex::VQUIT] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _gone = tcsetattr(self.terminal, OptionalActions::Flush, &self.before).is_err();
    }
}
