//! Looks for secrets in the documented order: environment, credential, keychain, file.

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Entry, Host, Kind};
use ops_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::decide::{self, Reader};
use crate::keychain::{Answer, Keychain};
use crate::registry::Switch;
use crate::{Key, LARGEST, Registry, Secret, Source};

/// A file's own facts, and its bytes.
type Read = (Entry, Zeroizing<Vec<u8>>);

/// What is asked for secrets, in one place.
#[derive(Debug)]
pub struct Resolver<'a> {
    pub(crate) host: &'a Host,
    pub(crate) folder: PathBuf,
    pub(crate) keychain: Option<&'a dyn Keychain>,
    /// Why the keychain does not answer, once it did not: it is not asked again.
    silent: OnceCell<Answer>,
    group_name: String,
    group: OnceCell<Option<u32>>,
}

impl<'a> Resolver<'a> {
    /// One that asks the environment, systemd and the secrets folder.
    pub fn new(host: &'a Host, registry: &Registry, folder: PathBuf) -> Self {
        Self {
            host,
            folder,
            keychain: None,
            silent: OnceCell::new(),
            group_name: registry.group.clone(),
            group: OnceCell::new(),
        }
    }

    /// The policy's group, if this machine has it. Asked for only where it matters: a look-up can go
    /// through half the system's name services.
    pub(crate) fn group(&self) -> Option<u32> {
        let found = || uzers::get_group_by_name(&self.group_name).map(|group| group.gid());
        *self.group.get_or_init(found)
    }

    /// The same, asking this keychain too unless the registry says never.
    #[must_use]
    pub fn with_keychain(mut self, registry: &Registry, keychain: &'a dyn Keychain) -> Self {
        self.keychain = (registry.keychain == Switch::Auto).then_some(keychain);
        self
    }

    /// The folder of secret files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Finds a secret: the first source that holds it. An empty value counts as missing.
    ///
    /// # Errors
    /// Exit 77 when one is there but must not be used, or when a source cannot tell: unreadable,
    /// wrong owner, mode or characters, a locked keychain. No later source is asked then.
    pub fn find(&self, key: &Key) -> Result<Option<Secret>, Failure> {
        for source in Source::ORDER {
            if let Some(secret) = self.look_in(source, key)? {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }

    /// Finds a secret that must be there.
    ///
    /// # Errors
    /// As [`Resolver::find`], and exit 77 when it is nowhere.
    pub fn need(&self, key: &Key) -> Result<Secret, Failure> {
        self.find(key)?.ok_or_else(|| {
            Failure::new(Exit::NotPermitted, format!("use the secret {}", key.name))
                .because(format!("it is nowhere: {}", self.places(key).join(", ")))
                .hint(format!("store it: key set {} (it reads standard input)", key.name))
        })
    }

    /// Looks in one source alone.
    ///
    /// # Errors
    /// As [`Resolver::find`].
    pub fn look_in(&self, source: Source, key: &Key) -> Result<Option<Secret>, Failure> {
        match source {
            Source::Environment => self.environment(key),
            Source::Credential => match self.host.env("CREDENTIALS_DIRECTORY") {
                Some(folder) => self.read(&Path::new(folder).join(&key.name), source, key),
                None => Ok(None),
            },
            Source::Keychain => self.ask_keychain(key),
            Source::File => self.read(&self.folder.join(key.file()), source, key),
        }
    }

    /// Where it is looked for, for people.
    pub fn places(&self, key: &Key) -> Vec<String> {
        let mut places = vec![format!("environment {}", key.env())];
        if let Some(folder) = self.host.env("CREDENTIALS_DIRECTORY") {
            places.push(format!("credential {}", Path::new(folder).join(&key.name).display()));
        }
        places.extend(self.keychain.map(|it| format!("{} {}", it.name(), key.env())));
        places.push(format!("file {}", self.folder.join(key.file()).display()));
        places
    }

    fn environment(&self, key: &Key) -> Result<Option<Secret>, Failure> {
        for variable in std::iter::once(key.env()).chain(key.older_env.iter().cloned()) {
            if let Some(value) = self.host.env(&variable) {
                let bytes = Zeroizing::new(value.as_encoded_bytes().to_vec());
                let place = format!("the environment variable {variable}");
                return found(&bytes, key, Source::Environment, None, &place).map(Some);
            }
        }
        Ok(None)
    }

    fn ask_keychain(&self, key: &Key) -> Result<Option<Secret>, Failure> {
        let Some(keychain) = self.keychain else { return Ok(None) };
        let place = format!("the {}", keychain.name());
        let refuse = |why: String, hint: &str| {
            Failure::new(Exit::NotPermitted, format!("look for {} in {place}", key.name))
                .because(why)
                .hint(hint)
        };
        let answer = self.silent.get().cloned().unwrap_or_else(|| {
            let answer = keychain.get(&key.env());
            if matches!(answer, Answer::Absent(_) | Answer::Failed(_)) {
                // Nobody set it meanwhile: this is the only thread that uses the cell.
                let _remembered = self.silent.set(answer.clone()).is_ok();
            }
            answer
        });
        match answer {
            Answer::Found(bytes) if bytes.is_empty() => Ok(None),
            Answer::Found(bytes) => found(&bytes, key, Source::Keychain, None, &place).map(Some),
            Answer::Missing | Answer::Absent(_) => Ok(None),
            Answer::Locked(why) => Err(refuse(why, "unlock it, then try again")),
            Answer::Failed(why) => {
                Err(refuse(why, "mend it, or set keychain: never in keys.yaml to leave it out"))
            }
        }
    }

    /// Whether the secrets folder holds it as a file that the policy's group may read.
    pub fn is_shared(&self, key: &Key) -> bool {
        let about = self.host.look(&self.folder.join(key.file())).ok().flatten();
        about.is_some_and(|it| {
            it.kind == Kind::File && it.mode & 0o040 != 0 && Some(it.group) == self.group()
        })
    }

    /// Reads a secret from a file anywhere, held to the rules of the secrets folder.
    ///
    /// # Errors
    /// As [`Resolver::find`].
    pub fn read_elsewhere(&self, path: &Path, key: &Key) -> Result<Option<Secret>, Failure> {
        self.read(path, Source::File, key)
    }

    pub(crate) fn read(
        &self,
        path: &Path,
        source: Source,
        key: &Key,
    ) -> Result<Option<Secret>, Failure> {
        let Some((about, bytes)) = self.read_file(path, source)? else { return Ok(None) };
        let since = i64::try_from(about.modified_ns / 1_000).unwrap_or(0);
        let since = Timestamp::from_microsecond(since).ok();
        found(&bytes, key, source, since, &path.display().to_string()).map(Some)
    }

    /// The bytes of a file that may be believed. `None` when it is missing or empty.
    pub(crate) fn read_file(&self, path: &Path, source: Source) -> Result<Option<Read>, Failure> {
        let doing = || format!("use the secret file {}", path.display());
        let (about, bytes) = match self.host.read_plain(path, LARGEST + 1) {
            Ok((about, bytes)) => (about, Zeroizing::new(bytes)),
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
            Err(err) => {
                return Err(err).or_fail(Exit::NotPermitted, doing()).map_err(|failure| {
                    failure.hint("it must be a regular file that this user may read")
                });
            }
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let refuse = |why: String, hint: String| {
            Failure::new(Exit::NotPermitted, doing()).because(why).hint(hint)
        };
        if bytes.len() as u64 > LARGEST {
            let hint = "a secret is a key, not a document".to_owned();
            return Err(refuse(format!("it is larger than {LARGEST} bytes"), hint));
        }
        let folder = self
            .host
            .resolve(path.parent().unwrap_or(Path::new("/")))
            .and_then(|folder| self.host.look(&folder))
            .or_fail(Exit::NotPermitted, doing())?
            .ok_or_else(|| refuse("its folder is gone".into(), "try again".into()))?;
        let is_shared = about.mode & 0o040 != 0;
        let group = if is_shared { self.group() } else { None };
        let reader = Reader { user: self.host.user(), group };
        decide::file(&about, &folder, reader, source, path)
            .map_err(|(why, mend)| refuse(why, mend))?;
        Ok(Some((about, bytes)))
    }
}

fn found(
    bytes: &[u8],
    key: &Key,
    source: Source,
    since: Option<Timestamp>,
    place: &str,
) -> Result<Secret, Failure> {
    let text = decide::text(bytes, key.format).map_err(|why| {
        Failure::new(Exit::NotPermitted, format!("use the secret {} in {place}", key.name))
            .because(why)
            .hint("store the bare value; one newline at its end is fine")
    })?;
    Ok(Secret { text: Zeroizing::new(text.to_owned()), source, since })
}
