//! Repository URLs: one written form for each place, and nothing that git could take for more.

use std::fmt;

/// The longest URL that is read, bytes.
const LONGEST: usize = 1024;

/// A repository's URL in its one written form: scheme and host in lower case, no default port, no
/// `.git` and no slash at the end. `git@host:path` is read as `ssh://git@host/path`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RepoUrl {
    text: String,
    scheme: Scheme,
}

/// How a repository is reached.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Scheme {
    Https,
    /// On loopback only.
    Http,
    Ssh,
    File,
}

impl RepoUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it: another protocol, a password, a name that begins with a dash,
    /// a part that leads elsewhere.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("expected a URL of 1 to {LONGEST} bytes"));
        }
        if let Some(at) = text.find(|c: char| !c.is_ascii_alphanumeric() && !"._~+@:/-".contains(c))
        {
            let found = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
            return Err(format!("{found:?} cannot be in a repository URL"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::short_form(text);
        };
        let (scheme, name, port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (Scheme::Https, "https", "443"),
            "http" => (Scheme::Http, "http", "80"),
            "ssh" => (Scheme::Ssh, "ssh", "22"),
            "file" => return Self::file(rest),
            other => return Err(format!("protocol {other:?}; expected https, ssh or file")),
        };
        let (authority, path) =
            rest.split_once('/').ok_or("expected a path after the host".to_owned())?;
        let (user, host) = match authority.rsplit_once('@') {
            Some(_) if scheme != Scheme::Ssh => {
                return Err("a user or password does not belong into an https URL".to_owned());
            }
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let host = match host.split_once(':') {
            Some((host, given)) => {
                let number: u16 = given.parse().map_err(|_| format!("{given:?} is not a port"))?;
                let is_plain = number.to_string() == given && number > 0;
                if !is_plain {
                    return Err(format!("{given:?} is not a port"));
                }
                let host = self::host(host)?;
                if given == port { host } else { format!("{host}:{given}") }
            }
            None => self::host(host)?,
        };
        if scheme == Scheme::Http
            && !matches!(host.split(':').next(), Some("127.0.0.1" | "localhost"))
        {
            return Err("protocol \"http\" is for this machine only; expected https".to_owned());
        }
        let user = user.map(self::user).transpose()?.unwrap_or_default();
        Ok(Self { text: format!("{name}://{user}{host}{}", self::path(path)?), scheme })
    }

    /// `user@host:path`, as ssh's own tools write it.
    fn short_form(text: &str) -> Result<Self, String> {
        let expected = || "expected https://…, ssh://…, file://… or user@host:path".to_owned();
        let (place, path) = text.split_once(':').ok_or_else(expected)?;
        let (user, host) = place.split_once('@').ok_or_else(expected)?;
        let path = self::path(path.strip_prefix('/').unwrap_or(path))?;
        let text = format!("ssh://{}{}{path}", self::user(user)?, self::host(host)?);
        Ok(Self { text, scheme: Scheme::Ssh })
    }

    fn file(rest: &str) -> Result<Self, String> {
        let rest = rest.strip_prefix('/').ok_or("expected file:///absolute/path".to_owned())?;
        Ok(Self { text: format!("file://{}", path(rest)?), scheme: Scheme::File })
    }

    /// The one written form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a folder of this machine.
    pub fn is_file(&self) -> bool {
        self.scheme == Scheme::File
    }

    /// The only protocol that git may speak to reach it.
    pub fn protocol(&self) -> &'static str {
        match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
            Scheme::Ssh => "ssh",
            Scheme::File => "file",
        }
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn host(host: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let ok = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && label.chars().all(ok)
    };
    if host.len() <= 253 && host.split('.').all(is_label) {
        Ok(host.to_ascii_lowercase())
    } else {
        Err(format!("{host:?} is not a host name"))
    }
}

/// A user, with the `@` that follows it.
fn user(user: &str) -> Result<String, String> {
    let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(ok) {
        return Err("expected a plain user name before the @, and no password".to_owned());
    }
    Ok(format!("{user}@"))
}

/// A path, with the `/` before it.
fn path(path: &str) -> Result<String, String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err("a part of its path is empty, \".\" or \"..\"".to_owned());
        }
        if part.starts_with('-') {
            return Err(format!("{part:?} begins with a dash"));
        }
        if part.contains(':') {
            return Err(format!("{part:?} holds a colon"));
        }
    }
    let short = path.strip_suffix(".git").filter(|it| !it.is_empty() && !it.ends_with('/'));
    Ok(format!("/{}", short.unwrap_or(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_place_has_one_written_form() {
        for (given, want) in [
            ("https://git.example/a/b", "https://git.example/a/b"),
            ("HTTPS://Git.Example:443/a/b.git/", "https://git.example/a/b"),
            ("https://git.example:8443/A.git", "https://git.example:8443/A"),
            ("ssh://git@git.example:22/a/b.git", "ssh://git@git.example/a/b"),
            ("git@git.example:a/b.git", "ssh://git@git.example/a/b"),
            ("git@git.example:/a/b", "ssh://git@git.example/a/b"),
            ("ssh://git.example/~ops/a", "ssh://git.example/~ops/a"),
            ("http://127.0.0.1:8080/a.git", "http://127.0.0.1:8080/a"),
            ("file:///srv/a.git", "file:///srv/a"),
            ("file:///srv/a/.git", "file:///srv/a/.git"),
        ] {
            assert_eq!(RepoUrl::read(given).unwrap().as_str(), want, "{given}");
        }
    }

    #[test]
    fn what_git_could_take_for_more_than_a_place_is_refused() {
        for wrong in [
            "",
            "--upload-pack=touch x",
            "-x@git.example:a",
            "git@-oProxyCommand=x:a",
            "ssh://-oProxyCommand=x/a",
            "https://-x.example/a",
            "ext::sh -c id",
            "ext::id",
            "fd::17",
            "http://git.example/a",
            "http://127.0.0.1.git.example/a",
            "http://user@127.0.0.1/a",
            "git://git.example/a",
            "ftp://git.example/a",
            "file://host/srv/a",
            "file:///srv/../etc",
            "file:///",
            "/srv/a",
            "a",
            "https://user:password@git.example/a",
            "https://user@git.example/a",
            "ssh://user:password@git.example/a",
            "https://git.example",
            "https://git.example/",
            "https://git.example//a",
            "https://git.example/a/../b",
            "https://git.example/-a",
            "https://git.example/a%2e%2e",
            "https://git.example/a?b",
            "https://git.example/a#b",
            "https://git.example/a b",
            "https://git.example/a\nb",
            "https://git.example:0443/a",
            "https://git.example:0/a",
            "https://git.example:99999/a",
            "https://git.exämple/a",
            "https://[::1]/a",
            "git@git.example:a:b",
            "git@git.example:",
        ] {
            assert!(RepoUrl::read(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_the_written_form_is_stable(text in "\\PC{0,40}|(https|ssh|file)://[a-z@:./-]{0,30}") {
            if let Ok(url) = RepoUrl::read(&text) {
                prop_assert_eq!(RepoUrl::read(url.as_str()), Ok(url.clone()));
                prop_assert!(!url.as_str().starts_with('-'));
            }
        }
    }
}
