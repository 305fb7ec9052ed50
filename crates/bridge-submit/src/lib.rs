//! The bridge's client: makes, signs and drops commands, and follows them to their outcome.
//!
//! It talks to the executor through files only: a document goes into `commands/`, the answer is
//! read from `results/`, `dead_letter/` or `meta/held/`. What a command may do is for the executor
//! to judge; what is refused here is only what could never become a command.

mod act;
pub mod args;
mod decide;
mod diff;
pub mod documents;
mod observe;
mod sign;
mod smoke;
mod wish;

use bridge::settings::Settings;
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;

use args::{Args, Verb};
use decide::Change;
use documents::{Canonical, Signed};
use sign::Signer;

/// Carries out one call.
///
/// # Errors
/// When there is no answer: input that cannot become a command (65), no root or configuration
/// (78), no key (77), nobody who answers (75).
pub fn run(args: &Args, context: &Context) -> Result<Box<dyn Report>, Failure> {
    args.check()?;
    match &args.verb {
        Verb::Canonical { file } => {
            let bytes = observe::input(&context.host, file, observe::LARGEST_DOCUMENT)?;
            let document = bridge::document::read(&bytes)
                .map_err(|refusal| malformed("read the document", refusal.to_string()))?;
            Ok(Box::new(Canonical::new(&document.signed())))
        }
        Verb::Sign { file } => {
            let settings: Settings = config::load(&context.host, &context.configs)?;
            let signer = Signer::load(context, &settings, args)?;
            let bytes = observe::input(&context.host, file, observe::LARGEST_DOCUMENT)?;
            sign_partial(args, context, &settings, &signer, &bytes)
        }
        Verb::Smoke => {
            let settings: Settings = config::load(&context.host, &context.configs)?;
            let signer = Signer::load(context, &settings, args)?;
            smoke::run(args, context, &settings, &signer)
        }
        Verb::Noop => submit(args, context, |_| Ok(decide::noop())),
        Verb::Write { path, mode, expect_sha256 } => submit(args, context, |settings| {
            let bytes = observe::standard_input(settings.max_command_bytes)?;
            Ok(decide::write(path, bytes, mode.map(Into::into), expect_sha256.clone()))
        }),
        Verb::Move { from, to } => submit(args, context, |_| Ok(decide::rename(from, to))),
        Verb::Delete { path } => submit(args, context, |_| Ok(decide::delete(path))),
        Verb::Patch { file } => submit(args, context, |settings| {
            let bytes = observe::input(&context.host, file, settings.max_command_bytes)?;
            let text = String::from_utf8(bytes)
                .or_fail(Exit::Malformed, format!("use the diff {}", file.display()))
                .map_err(|it| it.hint("send a file that is not text with `write`"))?;
            decide::patch(text)
        }),
    }
}

/// Signs one change and drops it, or prints it.
fn submit(
    args: &Args,
    context: &Context,
    change: impl FnOnce(&Settings) -> Result<Change, Failure>,
) -> Result<Box<dyn Report>, Failure> {
    let settings: Settings = config::load(&context.host, &context.configs)?;
    let root = if args.dry_run { None } else { Some(observe::root(&context.host, &args.root)?) };
    let signer = Signer::load(context, &settings, args)?;
    let change = change(&settings)?;
    let terms = args.terms(&context.host, &settings, &signer, &change);
    let id = terms.id.clone();
    let body = signer.body(change.into_command(terms));
    let bytes = signer.seal(&body, &body)?;
    decide::fit(&bytes, settings.max_command_bytes)?;
    let Some(root) = root else {
        return Ok(Box::new(Signed::new(&id, &bytes)));
    };
    let before = observe::before(&context.host, &root, &id)?;
    let dropped = act::drop_document(&context.host, &root, &id, &bytes)?;
    if !args.following.wait {
        return Ok(Box::new(dropped));
    }
    context.say(&format!("dropped {id} into {}", root.commands().display()));
    act::follow(context, &root, &id, &before, args.following.limit())
}

/// Completes and signs a document somebody else wrote, and prints it.
fn sign_partial(
    args: &Args,
    context: &Context,
    settings: &Settings,
    signer: &Signer,
    bytes: &[u8],
) -> Result<Box<dyn Report>, Failure> {
    let value = canonical_json::parse(bytes)
        .map_err(|err| malformed("read the document", err.to_string()))?;
    let wish = args.completion(&context.host);
    let completed = decide::complete(&value, &wish, &signer.marks())
        .map_err(|why| malformed("complete the document", why))?;
    let body = canonical_json::Value::Object(completed);
    let sealed = signer.seal(&body, &body)?;
    for warning in decide::warnings(&sealed, settings.max_command_bytes) {
        context.say(&format!("warning: the executor will refuse this: {warning}"));
    }
    if !signer.vouches_for(&body) {
        context
            .say("warning: the hmac that was in the document was kept; this key did not make it");
    }
    let id = body.get("id").and_then(canonical_json::Value::as_str).unwrap_or_default();
    Ok(Box::new(Signed::new(id, &sealed)))
}

fn malformed(doing: &str, why: String) -> Failure {
    Failure::new(Exit::Malformed, doing).because(why)
}
