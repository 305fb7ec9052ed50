//! Publishing again and again.

use std::time::Duration;

use bridge::layout::Root;
use bridge::settings::Settings;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Stop;

use crate::report::Watched;

/// Publishes every `publish.every_seconds` until SIGTERM or SIGINT.
///
/// # Errors
/// Exit 69 when signals cannot be received.
pub fn watch(context: &Context, root: &Root, settings: &Settings) -> Result<Watched, Failure> {
    let host = &context.host;
    let stop = host.stop_on_signals().or_fail(Exit::Unavailable, "wait for signals")?;
    host.tell_manager("READY=1");
    let watched = rounds(context, root, settings, &stop, |status| {
        host.tell_manager(&format!("STATUS={status}"));
    });
    host.tell_manager("STOPPING=1");
    Ok(watched)
}

/// Publishes every `publish.every_seconds` until `stop`, and passes on how each round went. A round
/// that fails is said and does not end it: its commits wait for the next.
pub fn rounds(
    context: &Context,
    root: &Root,
    settings: &Settings,
    stop: &Stop,
    status: impl Fn(&str),
) -> Watched {
    let pause = Duration::from_secs(u64::from(settings.publish.every_seconds));
    let mut watched = Watched::default();
    loop {
        let told = match crate::publish_once(context, root, settings, stop) {
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
        status(&told);
        if stop.wait(pause) {
            return watched;
        }
    }
}
