//! Hears that another process changed something.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use ops_host::host::{Host, Stop};

use super::PATIENCE;
use crate::Bell;

/// A thread that rings when another process changed something.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) button: PathBuf,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(host: &Host, folder: &Path, bell: &Arc<Bell>) -> std::io::Result<Self> {
        let button = folder.join("rung");
        let ends = Arc::new(AtomicBool::new(false));
        let mut watcher = host.watch(&[folder])?;
        let (bell, over) = (Arc::clone(bell), Arc::clone(&ends));
        let thread = std::thread::Builder::new().name("queue-bell".into()).spawn(move || {
            while !over.load(Ordering::SeqCst) {
                if watcher.wait(PATIENCE, &Stop::never()).is_err() {
                    // Without it, changes of other processes are seen when their waiters' limits end.
                    break;
                }
                bell.ring();
            }
        })?;
        Ok(Self { button, ends, thread: Some(thread) })
    }

    pub(super) fn end(&mut self, host: &Host) {
        self.ends.store(true, Ordering::SeqCst);
        if host.wake_watchers(&self.button).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _panicked = thread.join().is_err();
        }
    }
}
