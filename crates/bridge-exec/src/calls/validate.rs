//! `bridge-exec validate`: all layers, no effects.

use std::path::Path;

use bridge::keys::Keyring;
use bridge::reason::Refusal;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;

use crate::args::Args;
use crate::decide;
use crate::decide::outcome::Accepted;
use crate::decide::stage::Stop;
use crate::documents::Judged;
use crate::judge::Judge;
use crate::ledger::Ledger;
use crate::open::Surroundings;

pub(crate) fn run(args: &Args, file: &Path, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let surroundings = Surroundings::new(args, context)?;
    let keys = Keyring::load(context, &surroundings.settings, args.secrets_dir.as_deref())?;
    let cap = surroundings.settings.max_command_bytes + 1;
    let doing = || format!("read {}", file.display());
    let bytes = match file.to_str() {
        Some("-") => context.host.read_input(cap).or_fail(Exit::Malformed, doing())?,
        _ => context.host.read_start(file, cap).or_fail(Exit::Malformed, doing())?,
    };
    let judge = Judge::new(context, &surroundings.root, &surroundings.settings, keys)?;
    let refusal = judged(&judge, &surroundings, context, &bytes)?;
    Ok(Box::new(Judged {
        schema: "aiops.bridge.judged/1".into(),
        valid: refusal.is_none(),
        reason: refusal.as_ref().map(|it| it.reason),
        detail: refusal.map(|it| it.detail),
    }))
}

fn judged(
    judge: &Judge<'_>,
    surroundings: &Surroundings,
    context: &Context,
    bytes: &[u8],
) -> Result<Option<Refusal>, Failure> {
    let clock = context.host.ticks();
    let ledger = Ledger::look(&context.host, &surroundings.state)?;
    let high_water = ledger.as_ref().map(Ledger::high_water).transpose()?;
    let now = context.host.now().max(high_water.unwrap_or_default());
    let accepted = match judge.read(bytes, bytes.len() as u64, now) {
        Ok(accepted) => accepted,
        Err(turned) => return Ok(Some(turned.refusal)),
    };
    if let Err(refusal) = unique(ledger.as_ref(), surroundings, context, &accepted)? {
        return Ok(Some(refusal));
    }
    match judge.rehearse(&accepted, || context.host.ticks().saturating_sub(clock)) {
        Ok(_) => Ok(None),
        Err(Stop::Refused(refusal)) => Ok(Some(refusal)),
        Err(Stop::Transient(why)) => Err(Failure::new(Exit::Unavailable, "tell").because(why)),
    }
}

fn unique(
    ledger: Option<&Ledger>,
    surroundings: &Surroundings,
    context: &Context,
    accepted: &Accepted,
) -> Result<Result<(), Refusal>, Failure> {
    let id = &accepted.dated.command.id;
    let seen = ledger.map(|it| it.seen(id)).transpose()?.flatten();
    let root = &surroundings.root;
    let exists = [root.archived(id), root.result(id), root.integrity(id), root.diff(id)]
        .iter()
        .try_fold(false, |any, path| {
            Ok::<_, std::io::Error>(any || context.host.look(path)?.is_some())
        })
        .or_fail(Exit::Unavailable, "look for evidence of this id");
    Ok(decide::uniqueness(id, &accepted.content, seen, exists?))
}
