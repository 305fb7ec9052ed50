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
}
