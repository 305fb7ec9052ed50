//! Signs commits with an SSH key when the repository is configured to.

use std::path::PathBuf;
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Exec, Host};

use crate::repository::Repository;

/// Signs with `ssh-keygen -Y sign`, which never asks here: it has no terminal and no askpass.
#[derive(Debug)]
pub(crate) struct Signer {
    program: PathBuf,
    key: PathBuf,
    /// Whether the key file is only the public half, and an agent signs.
    by_agent: bool,
}

impl Signer {
    /// The signer that the repository's configuration asks for; `None` when it asks for none.
    ///
    /// # Errors
    /// Exit 78 when commits are to be signed in a way that is not possible here.
    pub(crate) fn configured(
        host: &Host,
        repository: &Repository,
    ) -> Result<Option<Self>, Failure> {
        let config = repository.git.config_snapshot();
        if !config.boolean("commit.gpgSign").unwrap_or(false) {
            return Ok(None);
        }
        let refuse = |why: &str| {
            Failure::new(Exit::Config, "sign commits, as commit.gpgSign asks for")
                .because(why.to_owned())
                .hint("set gpg.format to ssh and user.signingKey, or commit.gpgSign to false, in the bridge root")
        };
        let text = |name: &str| config.string(name).map(|value| value.to_string());
        if text("gpg.format").as_deref() != Some("ssh") {
            return Err(refuse("gpg.format is not ssh"));
        }
        let named = text("user.signingKey").filter(|key| !key.is_empty());
        let named = named.ok_or_else(|| refuse("user.signingKey is not set"))?;
        let literal = named.strip_prefix("key::").unwrap_or(&named);
        let is_literal = literal.len() < named.len() || named.starts_with("ssh-");
        let key = if is_literal {
            let file = repository.own.join("signing.pub");
            host.replace_file(&file, format!("{literal}\n").as_bytes(), 0o600)
                .or_fail(Exit::Unavailable, "write the public signing key")?;
            file
        } else if let Some(rest) = named.strip_prefix("~/") {
            let home = host.env("HOME").ok_or_else(|| refuse("HOME is not set"))?;
            PathBuf::from(home).join(rest)
        } else {
            PathBuf::from(&named)
        };
        let program = text("gpg.ssh.program").unwrap_or_else(|| "ssh-keygen".into()).into();
        Ok(Some(Self { program, key, by_agent: is_literal }))
    }

    /// Signs a commit and returns the armoured signature.
    ///
    /// # Errors
    /// Exit 77 when the key cannot be used.
    pub(crate) fn sign(&self, host: &Host, commit: Vec<u8>) -> Result<String, Failure> {
        let doing = || format!("sign a commit with {}", self.key.display());
        let mut exec = Exec::new(self.program.as_os_str(), ["-Y", "sign", "-n", "git", "-f"]);
        exec.args.push(self.key.as_os_str().to_owned());
        if self.by_agent {
            exec.args.push("-U".into());
        }
        for name in ["HOME", "SSH_AUTH_SOCK"] {
            exec.env.extend(host.env(name).map(|value| (name.into(), value.to_owned())));
        }
        exec.input = commit;
        exec.deadline = Duration::from_secs(10);
        let said = host.run(&exec).or_fail(Exit::NotPermitted, doing())?;
        if !said.success() {
            let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
            return Err(Failure::new(Exit::NotPermitted, doing())
                .because(format!("{} ended with {:?}: {why}", self.program.display(), said.ending))
                .hint("the key must be readable and without a passphrase, or held by an agent"));
        }
        String::from_utf8(said.stdout).or_fail(Exit::NotPermitted, doing())
    }
}
