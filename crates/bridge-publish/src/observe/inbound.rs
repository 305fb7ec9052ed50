//! What is known on disk of a document that came in by the remote.

use std::path::Path;

use bridge::document;
use bridge::evidence::DeadLetter;
use bridge::layout::Root;
use ops_core::host::Host;

use crate::decide::inbound::{Known, Local};
use crate::repository::below;

/// How many dead letters of a similar name are compared.
const COMPARED: usize = 64;

/// The largest dead letter that is read, bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Looks for what became of a document, by its name, its id and its bytes.
pub(crate) fn known(host: &Host, root: &Root, name: &[u8], bytes: &[u8]) -> Known {
    let path = root.commands().join(below(name));
    let local = match host.look(&path) {
        Ok(None) => Local::Absent,
        Ok(Some(_)) => match host.read_plain(&path, bytes.len() as u64 + 1) {
            Ok((_, there)) if there == bytes => Local::Same,
            _ => Local::Other,
        },
        Err(_) => Local::Other,
    };
    let by_id = id(bytes).is_some_and(|id| {
        let outcomes =
            [root.archived(&id), root.dead_letter(&id), root.held(&id), root.result(&id)];
        outcomes.iter().any(|path| is_there(host, path))
    });
    Known { local, is_processed: by_id || is_dead_lettered(host, root, name, bytes) }
}

/// The id a document claims, if it can name a file. Nobody vouches for it; it only keeps a
/// document from coming back that an outcome of that name exists for.
fn id(bytes: &[u8]) -> Option<String> {
    let document = document::read(bytes).ok()?;
    let id = document.body().get("id")?.as_str()?.to_owned();
    let is_plain = id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.len() <= 128
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    is_plain.then_some(id)
}

fn is_there(host: &Host, path: &Path) -> bool {
    host.look(path).is_ok_and(|found| found.is_some())
}

/// Whether a dead letter named after this file holds exactly these bytes.
fn is_dead_lettered(host: &Host, root: &Root, name: &[u8], bytes: &[u8]) -> bool {
    let stem = name.strip_suffix(b".json").unwrap_or(name);
    // Dead letters are named after the stem made plain, so only its plain beginning is compared.
    let plain = stem.iter().take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(*b));
    let plain: Vec<u8> = plain.copied().collect();
    let folder = root.path().join("dead_letter");
    let Ok(names) = host.names(&folder) else { return false };
    let alike = names
        .into_iter()
        .filter(|found| !plain.is_empty() && found.as_encoded_bytes().starts_with(&plain));
    alike.take(COMPARED).any(|found| {
        let Ok((_, letter)) = host.read_plain(&folder.join(found), LARGEST) else { return false };
        let letter: Option<DeadLetter> = serde_json::from_slice(&letter).ok();
        letter.and_then(|letter| letter.whole_input()).is_some_and(|input| input == bytes)
    })
}
