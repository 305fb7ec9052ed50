//! One time limit around work that cannot be trusted to end.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;

use secrets::keychain::{Answer, Change};

use crate::LIMIT;

/// Why a keychain gave no answer. Texts are for people and never hold what a service sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// There is none.
    Absent(String),
    /// It is locked.
    Locked(String),
    /// It did not answer as it should, or not in time.
    Failed(String),
}

impl From<Trouble> for Answer {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Absent(why) => Self::Absent(why),
            Trouble::Locked(why) => Self::Locked(why),
            Trouble::Failed(why) => Self::Failed(why),
        }
    }
}

impl Trouble {
    /// What a deletion came to: where there is no keychain, nothing was there.
    pub(crate) fn on_delete(self) -> Change {
        match self {
            Self::Absent(_) => Change::Nothing,
            other => other.into(),
        }
    }
}

impl From<Trouble> for Change {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Absent(why) | Trouble::Locked(why) | Trouble::Failed(why) => {
                Self::Refused(why)
            }
        }
    }
}

/// Runs work on a thread of its own, and gives up on it after [`LIMIT`].
///
/// `give_up` is called then; it should make the work end soon, because the thread stays until the
/// work returns.
pub(crate) fn within<T: Send + 'static>(
    who: &str,
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
    give_up: impl FnOnce(),
) -> Result<T, Trouble> {
    let (tell, told) = sync_channel(1);
    thread::Builder::new()
        .name("keychain".to_owned())
        .spawn(move || {
            // Nobody listens any more when the work came too late.
            let _too_late = tell.send(work()).is_err();
        })
        .map_err(|err| Trouble::Failed(format!("no thread to ask {who} on: {err}")))?;
    told.recv_timeout(LIMIT).unwrap_or_else(|err| {
        Err(Trouble::Failed(match err {
            RecvTimeoutError::Timeout => {
                give_up();
                format!("{who} did not answer within {} s", LIMIT.as_secs())
            }
            RecvTimeoutError::Disconnected => format!("asking {who} ended in a bug"),
        }))
    })
}
