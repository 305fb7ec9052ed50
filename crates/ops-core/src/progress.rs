//! Progress of long work, for a person at a terminal.

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

/// How often a wait shows that it goes on.
const TURN: Duration = Duration::from_millis(200);

/// A wait of unknown length: what for, and since when. Dropping it clears the line.
#[derive(Debug)]
pub struct Waiting {
    bar: ProgressBar,
}

impl Waiting {
    pub(crate) fn new(may_show: bool) -> Self {
        if !may_show {
            return Self { bar: ProgressBar::hidden() };
        }
        // Draws nothing where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        if !bar.is_hidden() {
            bar.enable_steady_tick(TURN);
        }
        Self { bar }
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
        self.bar.finish_and_clear();
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
