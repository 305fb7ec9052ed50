//! What stock tools need to check a verdict: the signed bytes, the signature, the signers.

use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use crate::dsse::Envelope;

/// The exact bytes that are signed: DSSE's pre-authentication encoding of the statement.
pub const SIGNED: &str = "signed-bytes";
/// The statement, for a JSON reader.
pub const STATEMENT: &str = "statement.json";
/// The envelope, for a DSSE reader.
pub const ENVELOPE: &str = "verdict.dsse.json";
/// The signers in force.
pub const SIGNERS: &str = "allowed_signers";
/// What to do with all that.
pub const README: &str = "README.txt";

/// Writes an envelope apart into a folder: one signature file for each signature, and a README with
/// the commands. `signers` are the bytes of `allowed_signers` as of `since`.
///
/// # Errors
/// Exit 69 when a file cannot be written.
pub fn export(
    host: &Host,
    folder: &Path,
    envelope: &Envelope,
    signers: &[u8],
) -> Result<Vec<PathBuf>, Failure> {
    let doing = || format!("write to {}", folder.display());
    host.make_dir(folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    let mut files: Vec<(String, Vec<u8>)> = vec![
        (SIGNED.into(), envelope.signed_bytes()),
        (STATEMENT.into(), envelope.payload().to_vec()),
        (ENVELOPE.into(), envelope.to_bytes()),
        (SIGNERS.into(), signers.to_vec()),
        (README.into(), readme(envelope).into_bytes()),
    ];
    for (at, it) in envelope.signatures().iter().enumerate() {
        files.push((signature_name(at), it.armoured.clone()));
    }
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        host.replace_file(&path, &bytes, 0o640).or_fail(Exit::Unavailable, doing())?;
        written.push(path);
    }
    Ok(written)
}

/// The file of a signature, counted from 0.
pub fn signature_name(at: usize) -> String {
    if at == 0 { format!("{SIGNED}.sig") } else { format!("{SIGNED}.{}.sig", at + 1) }
}

fn readme(envelope: &Envelope) -> String {
    let namespace = envelope.kind().namespace;
    let mut text = format!(
        "A review verdict, apart.

{SIGNED}        the exact bytes that are signed: DSSE's encoding of {STATEMENT}
{STATEMENT}      an in-toto statement about a commit and its tree; the verdict is its predicate
{ENVELOPE}   both in their DSSE envelope
{SIGNERS}     configs/allowed_signers as of the reviewed range's start

Who signed, and whether that is so, with OpenSSH's own program:
"
    );
    for at in 0..envelope.signatures().len() {
        let file = signature_name(at);
        let line = format!(
            "
    who=$(ssh-keygen -Y find-principals -s {file} -f {SIGNERS} | head -n 1)
    ssh-keygen -Y verify -f {SIGNERS} -I \"$who\" -n {namespace} -s {file} < {SIGNED}
"
        );
        text.push_str(&line);
    }
    text.push_str(
        "
This shows who signed the verdict, not that it allows a push: that is what
`review-gate check` decides, by commits, trees and the rules in force.
",
    );
    text
}
