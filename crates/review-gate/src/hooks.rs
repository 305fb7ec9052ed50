//! The hooks: what git would run here, putting ours in place, and seeing it run.

use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Kind};
use review_bundle::Repository;

use crate::commit::Checkout;
use crate::documents::Outcome;
use crate::git::{Git, why};
use crate::ground::{self, Ground};

/// The folder of hooks in a work tree.
pub const FOLDER: &str = ".githooks";

/// The hook of a work tree, byte for byte.
pub const PRE_PUSH: &str = include_str!("../../../.githooks/pre-push");

/// What `init` and `install-hooks` wrote before: as strict, and taken where it is installed.
const OLDER_PRE_PUSH: &str = include_str!("hooks/pre-push-loop");

/// The texts that are ours in a work tree.
const OURS: [&str; 2] = [PRE_PUSH, OLDER_PRE_PUSH];

/// The hook of a server, byte for byte.
pub const PRE_RECEIVE: &str = include_str!("hooks/pre-receive");

/// What keeps git from running our pre-push hook here; nothing when it would run.
///
/// # Errors
/// Exit 69 when git cannot be asked.
pub fn problems(checkout: &Checkout<'_>) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    let effective = checkout.git.path(&["--git-path", "hooks"])?;
    let wanted = checkout.top.join(FOLDER);
    if resolved(checkout.host, &effective) != resolved(checkout.host, &wanted) {
        problems.push(format!(
            "git runs the hooks in {}, not those in {FOLDER} (core.hooksPath)",
            effective.display()
        ));
    }
    problems.extend(file_problem(checkout.host, &wanted.join("pre-push"), &OURS));
    if let Some(head) = checkout.commit("HEAD")? {
        let name = format!("{FOLDER}/pre-push");
        let listed = checkout.git.said(["ls-tree", "--full-tree", &head, "--", &name])?;
        if listed.is_empty() {
            problems.push(format!("{name} is in no commit: other clones have no hook"));
        } else if !listed.starts_with(b"100755 ") {
            problems.push(format!("{name} is not executable in HEAD: git would pass over it"));
        } else if !checkout.file_at(&head, &name)?.is_some_and(|it| is_one_of(&it, &OURS)) {
            problems.push(format!("{name} of HEAD is not the text of this review-gate"));
        }
    }
    Ok(problems)
}

/// What is wrong with a hook file, if anything is.
fn file_problem(host: &Host, path: &Path, ours: &[&str]) -> Option<String> {
    let shown = path.display();
    let entry = match host.look(path) {
        Ok(Some(entry)) => entry,
        Ok(None) => return Some(format!("{shown} is not there")),
        Err(err) => return Some(format!("{shown}: {err}")),
    };
    if entry.kind != Kind::File {
        return Some(format!("{shown} is no regular file"));
    }
    match host.read(path, 1 << 20) {
        Ok(bytes) if !is_one_of(&bytes, ours) => {
            return Some(format!("{shown} is not the text of this review-gate"));
        }
        Err(err) => return Some(format!("{shown}: {err}")),
        Ok(_) => {}
    }
    (entry.mode & 0o100 == 0).then(|| format!("{shown} is not executable: git passes over it"))
}

fn is_one_of(bytes: &[u8], texts: &[&str]) -> bool {
    texts.iter().any(|text| text.as_bytes() == bytes)
}

fn resolved(host: &Host, path: &Path) -> PathBuf {
    host.resolve(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Makes git run our pre-push hook in this work tree, and sees it run.
///
/// # Errors
/// Exit 69 when git cannot be asked or the hook cannot be written.
pub fn install(host: &Host, folder: &Path) -> Result<Outcome, Failure> {
    let checkout = Checkout::at(host, folder)?;
    let mut outcome = Outcome::of("install-hooks");
    if checkout.commit("HEAD")?.is_none() {
        return Ok(outcome.but("there is no commit yet, so nothing that could be pushed"));
    }
    let effective = checkout.git.path(&["--git-path", "hooks"])?;
    let ours = checkout.top.join(FOLDER);
    let is_set = resolved(host, &effective) == resolved(host, &ours);
    if !is_set {
        let foreign = foreign(host, &effective)?;
        if !foreign.is_empty() {
            let named = foreign.join(", ");
            return Ok(outcome
                .but(format!("{} holds other hooks: {named}", effective.display()))
                .then(format!("move them into {FOLDER}/ (git runs one folder of hooks only), or remove them; then call this again")));
        }
    }
    let hook = ours.join("pre-push");
    match host.look(&hook).or_fail(Exit::Unavailable, format!("look at {}", hook.display()))? {
        None => {
            put(host, &hook, PRE_PUSH)?;
            outcome = outcome.did(format!("wrote {FOLDER}/pre-push")).then(format!(
                "git add {FOLDER}/pre-push and commit it, so that other clones have it"
            ));
        }
        Some(_) => match file_problem(host, &hook, &OURS) {
            None => {}
            Some(problem) if problem.contains("not executable") => {
                put(host, &hook, PRE_PUSH)?;
                outcome = outcome.did(format!("wrote {FOLDER}/pre-push, executable"));
            }
            Some(problem) => {
                return Ok(outcome.but(problem).then(format!(
                    "move what it does into another hook, remove {FOLDER}/pre-push, and call this again"
                )));
            }
        },
    }
    if is_set {
        outcome = outcome.did(format!("core.hooksPath leads to {FOLDER} already"));
    } else {
        checkout.git.said(["config", "--local", "core.hooksPath", FOLDER])?;
        outcome = outcome.did(format!("set core.hooksPath to {FOLDER}"));
        let now = checkout.git.path(&["--git-path", "hooks"])?;
        if resolved(host, &now) != resolved(host, &ours) {
            return Ok(outcome.but(format!(
                "git still runs the hooks in {}: another setting of core.hooksPath counts more (git config --show-origin --get-all core.hooksPath)",
                now.display()
            )));
        }
    }
    let outcome = measure(&checkout, outcome)?;
    prove(&checkout, outcome)
}

/// Has the remote tell which branch is its own, where that is not known here: a clone knows, a
/// repository that got its remote later does not. Anybody may make a branch called main.
fn measure(checkout: &Checkout<'_>, outcome: Outcome) -> Result<Outcome, Failure> {
    let repository = || Repository::discover(&checkout.top);
    let Some(remote) = ground::remote(&repository()?) else { return Ok(outcome) };
    let head = format!("refs/remotes/{remote}/HEAD");
    let mut is_asked = false;
    if checkout.commit(&head)?.is_none() {
        let ask = ["remote", "set-head", remote.as_str(), "--auto"];
        is_asked = checkout.git.run(&checkout.git.quiet(ask))?.success();
    }
    Ok(match Ground::of(checkout.host, &repository()?)? {
        Ground::Branch(branch) if is_asked => {
            outcome.did(format!("asked {remote}: changes are measured against {}", branch.name))
        }
        Ground::Unknown { why, hint } => {
            outcome.then(format!("before the first review: {hint} ({why})"))
        }
        Ground::Branch(_) | Ground::NoRemote => outcome,
    })
}

/// Pushes (dry) to a scratch repository, where our hook must say no to a name that only we know.
fn prove(checkout: &Checkout<'_>, outcome: Outcome) -> Result<Outcome, Failure> {
    let scratch = tempfile::tempdir().or_fail(Exit::Unavailable, "make a scratch folder")?;
    let bare = scratch.path().join("probe.git");
    let probe = probe(checkout.host);
    let head = format!("HEAD:{probe}");
    let format = checkout.git.said(["rev-parse", "--show-object-format"])?;
    let format = format!("--object-format={}", String::from_utf8_lossy(&format));
    let made = Git::new(checkout.host, scratch.path());
    made.said([
        "init".as_ref(),
        "--quiet".as_ref(),
        "--bare".as_ref(),
        format.as_ref(),
        bare.as_os_str(),
    ])?;
    let mut push = checkout.git.plain(["push", "--dry-run", "--quiet"]);
    push.args.extend([bare.into_os_string(), head.into()]);
    let done = checkout.git.run(&push)?;
    Ok(fired(&done, &probe, "git push --dry-run", outcome))
}

/// Whether the hook said no to the probe.
fn fired(done: &ops_core::host::Finished, probe: &str, call: &str, outcome: Outcome) -> Outcome {
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.success() && told.contains(probe) && told.contains("review-gate") {
        outcome.did(format!("seen: {call} runs the hook, and it refused {probe}"))
    } else if done.success() {
        outcome.but(format!("{call} went through: the hook does not run"))
    } else {
        let outcome =
            outcome.but(format!("{call} failed, but not by the hook's answer: {}", why(done)));
        if !told.contains("review-gate: not found") {
            return outcome;
        }
        outcome.then("put review-gate where the hook looks: /opt/ai-ops-runner/bin, PATH, target/release (cargo build --release -p review-gate)")
    }
}

/// A reference that nobody uses.
fn probe(host: &Host) -> String {
    let [a, b, c, d] = host.random::<4>();
    format!("refs/heads/aiops-probe-{a:02x}{b:02x}{c:02x}{d:02x}")
}

fn put(host: &Host, path: &Path, text: &str) -> Result<(), Failure> {
    let doing = || format!("write {}", path.display());
    if let Some(folder) = path.parent() {
        host.make_dir(folder, 0o755).or_fail(Exit::Unavailable, doing())?;
    }
    host.replace_file(path, text.as_bytes(), 0o755).or_fail(Exit::Unavailable, doing())
}

/// The hooks in a folder that are not samples, and not ours.
fn foreign(host: &Host, folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match host.list(folder) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        listed => listed.or_fail(Exit::Unavailable, format!("list {}", folder.display()))?,
    };
    let mut names: Vec<String> = entries
        .iter()
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".sample"))
        .collect();
    names.sort();
    Ok(names)
}

/// Puts the pre-receive hook into a bare repository, and sees it run on a scratch one.
///
/// # Errors
/// Exit 69 when git cannot be asked or the hook cannot be written, 78 when it is no repository.
pub fn install_on_server(host: &Host, bare: &Path) -> Result<Outcome, Failure> {
    let outcome = Outcome::of("install-hooks");
    let git = Git::new(host, bare);
    let is_bare = git.said(["rev-parse", "--is-bare-repository"]);
    if is_bare.map_err(|failure| Failure { exit: Exit::Config, ..failure })? != b"true" {
        return Ok(outcome.but(format!("{} is no bare repository", bare.display())));
    }
    let folder = git.path(&["--git-path", "hooks"])?;
    let hook = folder.join("pre-receive");
    let there =
        host.look(&hook).or_fail(Exit::Unavailable, format!("look at {}", hook.display()))?;
    let outcome = match there.and_then(|_| file_problem(host, &hook, &[PRE_RECEIVE])) {
        Some(problem) if !problem.contains("not executable") => {
            return Ok(outcome.but(problem).then(format!(
                "git runs one pre-receive only: move {} away, and call this again",
                hook.display()
            )));
        }
        None if host.look(&hook).is_ok_and(|it| it.is_some()) => {
            outcome.did(format!("{} is ours already", hook.display()))
        }
        _ => {
            put(host, &hook, PRE_RECEIVE)?;
            outcome.did(format!("wrote {}", hook.display()))
        }
    };
    prove_on_server(host, &folder, outcome)
}

/// Pushes a commit to a scratch repository that uses the server's folder of hooks.
fn prove_on_server(host: &Host, hooks: &Path, outcome: Outcome) -> Result<Outcome, Failure> {
    let scratch = tempfile::tempdir().or_fail(Exit::Unavailable, "make a scratch folder")?;
    let git = Git::new(host, scratch.path());
    git.said(["init", "--quiet", "--bare", "probe.git"])?;
    let bare = scratch.path().join("probe.git");
    let inside = Git::new(host, &bare);
    let mut set = inside.quiet(["config", "core.hooksPath"]);
    set.args.push(hooks.as_os_str().to_owned());
    inside.run(&set)?;
    git.said(["init", "--quiet", "client"])?;
    let client = Git::new(host, &scratch.path().join("client"));
    let tree = client.fed(["mktree"], b"")?;
    let mut make = client.quiet(["commit-tree", "-m", "probe", &String::from_utf8_lossy(&tree)]);
    for who in ["AUTHOR", "COMMITTER"] {
        make.env.insert(format!("GIT_{who}_NAME").into(), "probe".into());
        make.env.insert(format!("GIT_{who}_EMAIL").into(), "probe@localhost".into());
    }
    let commit = client.run(&make)?.stdout;
    let probe = probe(host);
    let spec = format!("{}:{probe}", String::from_utf8_lossy(&commit).trim());
    // The client's side runs no hooks; the server's reads its own setting.
    let done = client.run(&client.quiet(["push", "--quiet", "../probe.git", &spec]))?;
    Ok(fired(&done, &probe, "a push", outcome))
}
