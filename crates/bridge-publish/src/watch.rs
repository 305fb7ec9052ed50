//! Publishing again and again.

use std::time::Duration;

use bridge::layout::Root;
use bridge::settings::Settings;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use sd_notify::NotifyState;

use crate::report::Watched;

/// Publishes every `publish.every_seconds` until SIGTERM or SIGINT. A round that fails is said and
/// does not end it: its commits wait for the next.
///
/// # Errors
/// Exit 69 when signals cannot be received.
pub fn watch(context: &Context, root: &Root, settings: &Settings) -> Result<Watched, Failure> {
    let stop = context.host.stop_on_signals().or_fail(Exit::Unavailable, "wait for signals")?;
    let pause = Duration::from_secs(u64::from(settings.publish.every_seconds));
    let mut watched = Watched::default();
    tell_manager(&[NotifyState::Ready]);
    loop {
        let status = match crate::publish_once(context, root, settings, &stop) {
            Ok(published) => {
                watched.rounds += 1;
                watched.commits += published.commits.len() as u64;
                let level = if published.pushed || !published.inbound.is_empty() { 1 } else { 2 };
                context.tell(level, &published.summary());
                for name in &published.inbound {
                    context.say(&format!("inbound: commands/{name}"));
                }
                published.summary()
            }
            Err(failure) => {
                watched.failed += 1;
                for line in failure.lines() {
                    context.say(&line);
                }
                failure.lines().swap_remove(0)
            }
        };
        tell_manager(&[NotifyState::Status(&status)]);
        if stop.wait(pause) {
            tell_manager(&[NotifyState::Stopping]);
            return Ok(watched);
        }
    }
}

/// Tells the service manager, if there is one.
fn tell_manager(state: &[NotifyState<'_>]) {
    // A manager that does not listen changes nothing about publishing.
    let _unheard = sd_notify::notify(state).is_err();
}
