//! `init`: the first baseline, signer, policy and hook of a repository, as one commit to look at.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::config::Settings as _;
use ops_core::failure::{Exit, Failure, OrFail};
use ssh_key::{Algorithm, PublicKey};

use crate::args::InitArgs;
use crate::commit::{Checkout, File};
use crate::documents::Outcome;
use crate::{hooks, signing};

/// The file that holds the approved commit.
pub const BASELINE: &str = "docs/LAST_REVIEWED_SHA.txt";

/// The file of trusted signers.
pub const SIGNERS: &str = "configs/allowed_signers";

/// The file of the policy.
pub const POLICY: &str = "configs/review.yaml";

/// The hook's file.
const HOOK: &str = ".githooks/pre-push";

/// What `allowed_signers` says before the first line.
const ABOUT: &str = include_str!("../../../configs/allowed_signers");

/// Makes the commit.
///
/// # Errors
/// Exit 65 when the public key cannot be used, 69 when git cannot be asked.
pub fn init(context: &Context, args: &InitArgs, folder: &Path) -> Result<Outcome, Failure> {
    let checkout = Checkout::at(&context.host, folder)?;
    let mut outcome = Outcome::of("init");
    let Some(head) = checkout.commit("HEAD")? else {
        return Ok(outcome.but("there is no commit yet; the baseline names one"));
    };
    let Some(baseline) = checkout.commit(&args.baseline)? else {
        return Ok(outcome.but(format!("{} is no commit here", args.baseline)));
    };
    if let Some(there) = checkout.file_at(&head, BASELINE)? {
        outcome.commit = Some(head);
        let there = String::from_utf8_lossy(&there).trim().to_owned();
        settle(&checkout)?;
        return Ok(outcome.did(format!("{BASELINE} says {there} already; nothing was changed")));
    }
    let signer = signer(context, args)?;
    let mut signers = ABOUT.to_owned();
    match &signer {
        Some(line) => signers.push_str(line),
        None => {
            outcome = outcome.then(format!(
                "add a signer to {SIGNERS}: without one nobody's verdict counts (init --signer FILE does it)"
            ));
        }
    }
    let text =
        |path: &str, text: &str| File { path: path.into(), executable: false, bytes: text.into() };
    let mut files = vec![text(BASELINE, &format!("{baseline}\n"))];
    let policy = policy(&checkout)?;
    for (path, content) in [(SIGNERS, signers.as_str()), (POLICY, policy.as_str())] {
        if checkout.file_at(&head, path)?.is_none() {
            files.push(text(path, content));
        }
    }
    let hook = HOOK;
    if checkout.file_at(&head, hook)?.is_none() {
        files.push(File { path: hook.into(), executable: true, bytes: hooks::PRE_PUSH.into() });
    }
    if let Some(why) = checkout.in_the_way(&head, &files)? {
        return Ok(outcome.but(why));
    }
    let commit = checkout.commit_on(&head, &files, &message(&baseline, &files))?;
    for file in &files {
        outcome = outcome.did(format!("added {}", file.path));
    }
    outcome = outcome.did(format!("made commit {commit}"));
    outcome.next.insert(0, format!("look at it: git show {commit}"));
    outcome.commit = Some(commit);
    Ok(outcome.then("git push, then review-gate install-hooks"))
}

/// Brings index and work tree up where a call died after it had moved HEAD.
fn settle(checkout: &Checkout<'_>) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in [BASELINE, SIGNERS, POLICY, HOOK] {
        if let Some(bytes) = checkout.file_at("HEAD", path)?
            && checkout.file_at("HEAD^1", path)?.is_none()
        {
            files.push(File { path: path.into(), executable: path == HOOK, bytes });
        }
    }
    checkout.settle(&files)
}

/// The policy as shipped, for the branch that is this repository's own: the remote's default branch
/// as far as it is known here, else `main` where there is one, else the one that is checked out.
fn policy(checkout: &Checkout<'_>) -> Result<String, Failure> {
    let shipped = verdict::Policy::SHIPPED;
    let mut name = led_to(checkout, "refs/remotes/origin/HEAD", "refs/remotes/origin/")?;
    for main in ["refs/remotes/origin/main", "refs/heads/main"] {
        if name.is_none() && checkout.commit(main)?.is_some() {
            name = Some("main".to_owned());
        }
    }
    let name = match name {
        Some(name) => name,
        None => led_to(checkout, "HEAD", "refs/heads/")?.unwrap_or_else(|| "main".to_owned()),
    };
    if name == "main" {
        return Ok(shipped.to_owned());
    }
    let line = format!("protectedBranch: {}", serde_json::json!(name));
    let text = shipped.replacen("protectedBranch: main", &line, 1);
    let read = verdict::Policy::read(text.as_bytes());
    let doing = || format!("write {POLICY} for the branch {name}");
    let is_so = read.or_fail(Exit::Internal, doing())?.protected_branch == name;
    is_so.then_some(text).ok_or_else(|| Failure::new(Exit::Internal, doing()))
}

/// The branch that a symbolic reference leads to, without what its name begins with.
fn led_to(
    checkout: &Checkout<'_>,
    reference: &str,
    prefix: &str,
) -> Result<Option<String>, Failure> {
    let ask = ["symbolic-ref", "--quiet", reference];
    let done = checkout.git.run(&checkout.git.quiet(ask))?;
    let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    Ok(said.strip_prefix(prefix).filter(|_| done.success()).map(ToOwned::to_owned))
}

fn message(baseline: &str, files: &[File]) -> String {
    let files: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    format!(
        "review-gate: begin at {baseline:.12}\n\nWhat is reviewed from here on starts at this commit. Adds {}.",
        files.join(", ")
    )
}

/// The line of the first signer.
fn signer(context: &Context, args: &InitArgs) -> Result<Option<String>, Failure> {
    let key = match &args.signer {
        Some(file) => {
            let doing = || format!("use the public key {}", file.display());
            let bytes = context.host.read(file, 64 * 1024).or_fail(Exit::Unavailable, doing())?;
            let text = String::from_utf8(bytes).or_fail(Exit::Malformed, doing())?;
            let key = PublicKey::from_openssh(text.trim()).or_fail(Exit::Malformed, doing());
            key.map_err(|failure| failure.hint("an OpenSSH public key is wanted: the .pub file"))?
        }
        None => match signing::find(context)? {
            Some(key) => key.public_key().clone(),
            None => return Ok(None),
        },
    };
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(Failure::new(Exit::Malformed, "use that public key").because(format!(
            "it is {}, and verdicts are signed with ssh-ed25519",
            key.algorithm()
        )));
    }
    let name: String = key.comment().chars().filter(char::is_ascii_graphic).collect();
    let name = name.trim_start_matches('#').replace(['"', ',', '*', '?', '!'], "-");
    let name = if name.is_empty() { "reviewer".to_owned() } else { name };
    let mut bare = key.clone();
    bare.set_comment("");
    let bare = bare.to_openssh().or_fail(Exit::Malformed, "write the public key")?;
    Ok(Some(format!("{name} namespaces=\"aiops-verdict,aiops-waiver\" {}\n", bare.trim())))
}
