//! `bridge-exec init`: lays out a bridge root. Safe to repeat; changes nothing that is there.

use std::path::Path;

use bridge::layout::{COMMANDS, EVIDENCE, Root};
use bridge::settings::Settings;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Exec;
use ops_core::report::Report;

use crate::args::Args;
use crate::decide::outcome::entry;
use crate::documents::Done;
use crate::journal::{Plan, Planned};
use crate::open::Surroundings;

const GIT_IGNORE: &str = "\
# ai-ops-runner: evidence is committed by bridge-publish alone, whatever this file says.
/results/
/diffs/
/archive/
/dead_letter/
/logs/
/meta/
/.retries.json
.aiops-*
";

const PRE_COMMIT: &str = "\
#!/bin/sh
# ai-ops-runner: evidence and control files are committed by bridge-publish alone.
staged=$(git diff --cached --name-only -- results diffs logs archive dead_letter meta .retries.json)
[ -z \"$staged\" ] && exit 0
echo 'refused: these belong to the bridge and are committed by bridge-publish alone:' >&2
echo \"$staged\" | sed 's/^/  /' >&2
echo 'hint: git restore --staged -- results diffs logs archive dead_letter meta' >&2
exit 1
";

pub(crate) fn run(
    args: &Args,
    reset_clock: bool,
    context: &Context,
) -> Result<Box<dyn Report>, Failure> {
    let settings = config::load::<Settings>(&context.host, &context.configs)?;
    if let Some(path) = &args.root.root {
        let doing = format!("make {}", path.display());
        context.host.make_dir(path, 0o750).or_fail(Exit::Unavailable, doing)?;
    }
    let root = args.root.find(&context.host)?;
    let mut done = vec![format!("bridge root {}", root.path().display())];
    lay_out(context, &root, &settings, &mut done)?;
    if reset_clock {
        done.push(reset(args, context)?);
    }
    if done.len() == 1 {
        done.push("everything was there already".into());
    }
    done.push(format!("next: bridge-exec watch --root {}", root.path().display()));
    Ok(Box::new(Done { schema: "aiops.bridge.done/1".into(), done }))
}

fn lay_out(
    context: &Context,
    root: &Root,
    settings: &Settings,
    done: &mut Vec<String>,
) -> Result<(), Failure> {
    let host = &context.host;
    for folder in EVIDENCE.iter().chain(&[COMMANDS, "meta/held"]) {
        let path = root.path().join(folder);
        let doing = || format!("make {}", path.display());
        if host.look(&path).or_fail(Exit::Unavailable, doing())?.is_none() {
            host.make_dir(&path, 0o750).or_fail(Exit::Unavailable, doing())?;
            done.push(format!("made {folder}/"));
        }
    }
    create(context, &root.retries(), b"{}\n", 0o640, done)?;
    create(context, &root.path().join(".gitignore"), GIT_IGNORE.as_bytes(), 0o644, done)?;
    let git = root.path().join(".git");
    if host.look(&git).or_fail(Exit::Unavailable, "look for .git")?.is_none() {
        init_repository(context, root, &settings.publish.branch)?;
        done.push(format!("made a git repository, branch {}", settings.publish.branch));
    }
    // A linked worktree keeps its hooks elsewhere: that repository's owner decides.
    if host.look(&git.join("hooks")).or_fail(Exit::Unavailable, "look for .git/hooks")?.is_some() {
        create(context, &git.join("hooks/pre-commit"), PRE_COMMIT.as_bytes(), 0o755, done)?;
    }
    Ok(())
}

fn create(
    context: &Context,
    path: &Path,
    bytes: &[u8],
    mode: u32,
    done: &mut Vec<String>,
) -> Result<(), Failure> {
    match context.host.create_file(path, bytes, mode) {
        Ok(()) => done.push(format!("made {}", path.display())),
        Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(err) => return Err(err).or_fail(Exit::Unavailable, format!("make {}", path.display())),
    }
    Ok(())
}

fn init_repository(context: &Context, root: &Root, branch: &str) -> Result<(), Failure> {
    let doing = "make a git repository";
    let mut git = Exec::new("git", ["init", "--quiet", "--initial-branch", branch, "."]);
    git.folder = Some(root.path().to_path_buf());
    git.env.insert("GIT_CONFIG_NOSYSTEM".into(), "1".into());
    let said = context.host.run(&git).or_fail(Exit::Unavailable, doing)?;
    if said.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&said.stderr).into_owned();
    Err(Failure::new(Exit::Unavailable, doing).because(why))
}

/// Lets time begin anew at the machine's clock, with a line in the audit log.
fn reset(args: &Args, context: &Context) -> Result<String, Failure> {
    let surroundings = Surroundings::new(args, context)?;
    let _locks = surroundings.lock(&context.host)?;
    let (mut engine, _) = surroundings.engine(args, context)?;
    let now = context.host.now();
    let before = engine.desk.ledger.high_water()?;
    engine.desk.commit(vec![Plan {
        inbound: None,
        accepts: None,
        releases: None,
        entry: entry(
            &format!("clock-{}", before.as_second()),
            "reset-clock",
            "clock_reset",
            0,
            0,
            now,
        ),
        outcome: Planned::Note,
    }])?;
    engine.desk.ledger.reset_time(now)?;
    Ok(format!("the latest time was {before}, it is {now} from now on"))
}
