//! Progress of long work, for a person at a terminal.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes less is not worth a line.
const WORTHWHILE: Duration = Duration::from_secs(1);

/// A count of steps. Dropping it clears the line.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    what: &'static str,
    may_show: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize, may_show: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        Self { bar, what, may_show }
    }

    /// Counts one step.
    pub fn step(&mut self) {
        self.bar.inc(1);
        if self.may_show && self.bar.elapsed() >= WORTHWHILE {
            self.may_show = false;
            // Draws nothing where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} {pos}/{len} {wide_bar} {eta} left");
            self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar.set_message(self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How often a sign of life moves.
const MOVES: Duration = Duration::from_millis(120);

/// A sign of life of work whose length nobody knows. Dropping it clears the line.
#[derive(Debug)]
pub struct Waiting {
    bar: ProgressBar,
    mover: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Waiting {
    pub(crate) fn new(may_show: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        if !may_show || !io::stderr().is_terminal() {
            return Self { bar, mover: None };
        }
        let ((end, ended), moved) = (channel(), bar.clone());
        // The work is as good without one.
        let thread = Builder::new().spawn(move || keep_moving(&moved, &ended)).ok();
        Self { bar, mover: thread.map(|thread| (end, thread)) }
    }

    /// What is waited for from now on.
    pub fn set(&self, what: String) {
        self.bar.reset_elapsed();
        self.bar.set_message(what);
    }

    /// Takes the line away while something else is told on the terminal.
    pub fn aside<T>(&self, tell: impl FnOnce() -> T) -> T {
        self.bar.suspend(tell)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.mover.take() {
            drop(end);
            let _panicked = thread.join().is_err();
        }
        self.bar.finish_and_clear();
    }
}

fn keep_moving(bar: &ProgressBar, ended: &Receiver<()>) {
    let goes_on = |limit| ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
    if !goes_on(WORTHWHILE) {
        return;
    }
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.tick();
    while goes_on(MOVES) {
        bar.tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_short_work_shows_nothing() {
        let mut progress = Progress::new("testing", 3, true);
        progress.step();
        progress.step();
        assert_eq!(progress.bar.position(), 2);
        assert!(progress.bar.is_hidden());
    }

    #[test]
    fn a_wait_that_may_not_show_shows_nothing_and_lets_others_tell() {
        let waiting = Waiting::new(false);
        waiting.set("for a test".into());
        assert_eq!(waiting.bar.message(), "for a test");
        assert_eq!(waiting.aside(|| 7), 7);
        assert!(waiting.bar.is_hidden());
    }
}
