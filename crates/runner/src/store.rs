//! Opens the queue that the settings name.

use std::path::Path;
use std::sync::Arc;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use run_queue::{Address, Clock, Postgres, Queue, Sqlite};
use secrets::{Registry, Resolver};

use crate::args::Args;
use crate::settings::Settings;

/// The secret that a PostgreSQL server asks for.
const PASSWORD: &str = "runner_database_password";

/// The largest file of an authority's certificates, bytes.
const LARGEST: u64 = 1 << 20;

/// Opens the queue.
pub(crate) fn open(
    args: &Args,
    context: &Context,
    settings: &Settings,
) -> Result<Arc<dyn Queue>, Failure> {
    if let Some(url) = args.database_url.as_ref().or(settings.database_url.as_ref()) {
        let address = address(args, context, settings, url)?;
        return Ok(Arc::new(Postgres::open(&context.host, address, Clock::Own)?));
    }
    let folder = context.home.join("state/runner");
    let doing = || format!("make the folder {}", folder.display());
    context.host.make_dir(&folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    let queue = Sqlite::open(&context.host, &folder.join("queue.db"), Clock::Own);
    let queue = queue.map_err(|fault| {
        Failure::from(fault).hint(format!(
            "a damaged queue.db is not mended: with `{folder}` moved away the queue begins anew, \
             and what jobs left stays",
            folder = folder.display()
        ))
    });
    Ok(Arc::new(queue?))
}

fn address(
    args: &Args,
    context: &Context,
    settings: &Settings,
    url: &str,
) -> Result<Address, Failure> {
    let refuse = |why: String| {
        Failure::new(Exit::Config, "use the database's address").because(why).hint(
            "databaseUrl of runner.yaml, AIOPS_DATABASE_URL or --database-url names it: \
             postgres://user@host/database",
        )
    };
    if Address::has_password(url) {
        let why = "it carries a password, and command lines and settings are read by others";
        return Err(refuse(why.to_owned()).hint(format!("store it: key set {PASSWORD}")));
    }
    let registry = Registry::load(context)?;
    let folder = secrets::folder(&context.host, args.secrets_dir.as_deref());
    let password = Resolver::new(&context.host, &registry, folder).find(registry.key(PASSWORD)?)?;
    if let Some(password) = &password {
        context.learn_secret(password.expose());
    }
    let authority = settings.database_authority.as_deref().map(|path| read(context, path));
    let authority = authority.transpose()?;
    let password = password.as_ref().map(secrets::Secret::expose);
    Address::parse(url, password, authority.as_deref()).map_err(refuse)
}

fn read(context: &Context, path: &Path) -> Result<Vec<u8>, Failure> {
    context.host.read(path, LARGEST).or_fail(Exit::Config, format!("read {}", path.display()))
}
