//! The file itself: opened, checked and made ready; and what is wrong with it.

use std::path::Path;

use ops_host::host::{Host, Kind};
use rusqlite::{Connection, OpenFlags};

use super::PATIENCE;
use super::rows::{SCHEMA, VERSION};
use super::time;
use crate::{Fault, Micros};

/// The bits of the file and of those that `SQLite` keeps beside it: others may not read what jobs
/// were told.
const MODE: u32 = 0o640;

/// Makes the file, unless it is there, so that `SQLite` does not: it takes the mode of those beside it
/// from it. Those that others may read are narrowed; whose they are not is left to their owner.
///
/// # Errors
/// When the file cannot be made.
pub(super) fn keep_private(host: &Host, path: &Path) -> std::io::Result<()> {
    // Looked for first: making it takes an inode even where the name turns out to be taken.
    if host.look(path)?.is_none() {
        match host.create_file(path, b"", MODE) {
            Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let name = Path::new(&name);
        // Not opened: closing it would take SQLite's locks of this process away.
        if let Ok(Some(found)) = host.look(name)
            && found.kind == Kind::File
            && found.mode & !MODE != 0
        {
            let _another_s = host.share(name, found.group, found.mode & MODE).is_err();
        }
    }
    Ok(())
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// Makes the tables of a new file; says what is wrong with an old one. Returns what leases are
/// counted from.
pub(super) fn prepare(
    db: &mut Connection,
    start: &str,
    wall: Micros,
) -> rusqlite::Result<Result<Micros, String>> {
    // A page that was destroyed is else met when somebody asks for what it held.
    let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        return Ok(Err(format!("the file is damaged: {sound}")));
    }
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found != 0 && found != VERSION {
        return Ok(Err(format!("its tables are of version {found}, this program knows {VERSION}")));
    }
    if found == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.execute_batch(time::SCHEMA)?;
    let base = time::base(&transaction, start, wall)?;
    transaction.commit()?;
    Ok(Ok(base))
}

/// Which start of the machine this is; its own where the kernel does not tell.
pub(super) fn start(host: &Host) -> String {
    let told = host.read(Path::new("/proc/sys/kernel/random/boot_id"), 64);
    let told = told.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    told.map_or_else(|| "unknown".into(), |it| it.trim().to_owned())
}

/// The same with the file, for those who open it.
pub(super) fn named(path: &Path, err: &rusqlite::Error) -> Fault {
    let told = |why: String| format!("{}: {why}", path.display());
    match fault(err) {
        Fault::Unreachable(why) => Fault::Unreachable(told(why)),
        Fault::Broken(why) => Fault::Broken(told(why)),
    }
}

pub(super) fn fault(err: &rusqlite::Error) -> Fault {
    match err.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            Fault::Unreachable(err.to_string())
        }
        _ => Fault::Broken(err.to_string()),
    }
}
