//! `bridge-exec watch`: carry out commands as they arrive.

use std::time::Duration;

use bridge::evidence::hex;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Stop, Watcher, Woken};
use ops_core::report::Report;
use sha2::{Digest, Sha256};

use crate::args::{Args, WatchArgs};
use crate::documents::Done;
use crate::engine::Engine;
use crate::open::Surroundings;

pub(crate) fn run(
    args: &Args,
    watch: &WatchArgs,
    context: &Context,
) -> Result<Box<dyn Report>, Failure> {
    let surroundings = Surroundings::new(args, context)?;
    let _locks = surroundings.lock(&context.host)?;
    let poke = surroundings.state.join("poke");
    let host = &context.host;
    host.make_dir(&poke, 0o750).or_fail(Exit::Unavailable, format!("make {}", poke.display()))?;
    let (mut engine, recovered) = surroundings.engine(args, context)?;
    banner(&surroundings, &engine, watch, context);
    let commands = surroundings.root.commands();
    let mut watcher = host
        .watch(&[&commands, &poke])
        .or_fail(Exit::Unavailable, format!("watch {}", commands.display()))?;
    let stop = host.stop_on_signals().or_fail(Exit::Internal, "listen for signals")?;
    host.tell_manager("READY=1");
    let (root, settings) = (&surroundings.root, &surroundings.settings);
    let done = std::thread::scope(|threads| {
        // A remote that hangs must not hold up commands.
        if watch.publish {
            threads.spawn(|| bridge_publish::rounds(context, root, settings, &stop, |_| {}));
        }
        let done = rounds(&mut engine, &mut watcher, &stop, context);
        stop.ask();
        done
    })? + recovered.len();
    host.tell_manager("STOPPING=1");
    let told = format!("stopped after {done} commands");
    Ok(Box::new(Done { schema: "aiops.bridge.done/1".into(), done: vec![told] }))
}

/// Passes over commands/ until somebody asks to stop; returns how many commands ended.
fn rounds(
    engine: &mut Engine<'_>,
    watcher: &mut Watcher,
    stop: &Stop,
    context: &Context,
) -> Result<usize, Failure> {
    let host = &context.host;
    let rescan = Duration::from_secs(engine.judge.settings.rescan_seconds.into());
    let mut done = 0;
    loop {
        let again_in = match engine.pass() {
            Ok(pass) => {
                done += pass.kept.len();
                host.tell_manager(&format!("STATUS={done} commands, {} waiting", pass.retrying));
                for entry in &pass.kept {
                    let reason = entry.reason.map(|it| format!(" {it}")).unwrap_or_default();
                    context.say(&format!("{} {}{reason}", entry.result, entry.id));
                }
                pass.again_in.unwrap_or(rescan).min(rescan)
            }
            // The bridge's own folders or ledger: nothing is lost, a person may have to look.
            Err(failure) if failure.exit == Exit::Unavailable => {
                failure.lines().iter().for_each(|line| context.say(line));
                host.tell_manager(&format!("STATUS={failure}"));
                rescan
            }
            Err(failure) => return Err(failure),
        };
        match watcher.wait(again_in, stop).or_fail(Exit::Unavailable, "wait for commands")? {
            Woken::Stopped => return Ok(done),
            Woken::Changed | Woken::Nothing => {}
        }
    }
}

/// Says once what this executor works with.
fn banner(surroundings: &Surroundings, engine: &Engine<'_>, watch: &WatchArgs, context: &Context) {
    let policy = serde_json::to_vec(&surroundings.settings).unwrap_or_default();
    let policy = hex(&Sha256::digest(&policy));
    let configs = match &context.configs {
        config::Source::Folder(folder) => folder.display().to_string(),
        config::Source::Shipped => "compiled in".to_owned(),
    };
    let retries = surroundings.root.retries();
    for line in [
        format!("bridge-exec {}", ops_core::VERSION),
        format!("  root     {}", surroundings.root.path().display()),
        format!("  home     {}", context.home.display()),
        format!("  configs  {configs}, policy sha256 {}", policy.get(..16).unwrap_or_default()),
        format!("  retries  {}", retries.display()),
        format!("  keys     {}", engine.judge.keys().join(", ")),
        format!("  publish  {}", if watch.publish { "yes" } else { "no (bridge-publish does it)" }),
    ] {
        context.say(&line);
    }
}
