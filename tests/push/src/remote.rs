//! A bare repository that is reached the way people reach theirs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fakes::{Fake, Received};

use crate::hermetic::{Format, Hermetic};
use crate::hook::Hook;
use crate::http::{GitHttp, Login};
use crate::ssh::Sshd;
use crate::tree::Tree;

/// How a remote is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// `file:///…`: git starts the other side itself.
    File,
    /// `ssh://127.0.0.1:PORT/…`: a real sshd.
    Ssh,
    /// `http://127.0.0.1:PORT/…`: git-http-backend.
    Http,
}

impl Transport {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::File, Self::Ssh, Self::Http];
}

/// A bare repository behind a transport. It ends with its servers when it is dropped.
#[derive(Debug)]
pub struct Remote {
    bare: PathBuf,
    format: Format,
    transport: Transport,
    server: Server,
}

#[derive(Debug)]
enum Server {
    None,
    Ssh(Sshd),
    Http(Fake<GitHttp>),
}

impl Remote {
    /// A new empty repository `NAME.git` in the world's folder, or why this transport cannot be
    /// had here.
    pub fn new(
        world: &Hermetic,
        name: &str,
        transport: Transport,
        format: Format,
    ) -> Result<Self, String> {
        let folder = world.path("remotes");
        std::fs::create_dir_all(&folder).expect("a folder for remotes");
        let bare = folder.join(format!("{name}.git"));
        empty(format).write(&bare);
        let server = match transport {
            Transport::File => Server::None,
            Transport::Ssh => {
                Server::Ssh(Sshd::start(world, &world.path(&format!("sshd-{name}")))?)
            }
            Transport::Http => Server::Http(Fake::start(http(world, folder)?)),
        };
        Ok(Self { bare, format, transport, server })
    }

    /// The repository itself, on this machine.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// Its object format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How it is reached.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let bare = self.bare.display();
        match &self.server {
            Server::None => format!("file://{bare}"),
            Server::Ssh(sshd) => format!("ssh://127.0.0.1:{}{bare}", sshd.port()),
            Server::Http(server) => format!("{}/{}", server.url(), self.name()),
        }
    }

    /// Its URL with a name and a password in it; `None` over ssh, which takes no password there.
    /// Over HTTP nobody else gets in from now on.
    pub fn url_with_login(&self, name: &str, password: &str) -> Option<String> {
        if self.transport == Transport::Ssh {
            return None;
        }
        if let Server::Http(server) = &self.server {
            let login = Login { name: name.to_owned(), password: password.to_owned() };
            server.service(|service| service.login = Some(login));
        }
        let url = self.url();
        let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
        // Git ignores the host of a file URL.
        let host = if self.transport == Transport::File { "localhost" } else { "" };
        Some(format!("{scheme}://{name}:{password}@{host}{rest}"))
    }

    /// What `GIT_SSH_COMMAND` must be to get in; nothing but ssh needs it.
    pub fn ssh_command(&self) -> Option<String> {
        match &self.server {
            Server::Ssh(sshd) => Some(sshd.client()),
            Server::None | Server::Http(_) => None,
        }
    }

    /// The HTTP requests that came in; empty for other transports.
    pub fn requests(&self) -> Vec<Received> {
        match &self.server {
            Server::Http(server) => server.received(),
            Server::None | Server::Ssh(_) => Vec::new(),
        }
    }

    /// What the server wrote down for people to read when a test fails.
    pub fn log(&self) -> String {
        match &self.server {
            Server::Ssh(sshd) => sshd.log(),
            Server::None | Server::Http(_) => String::new(),
        }
    }

    /// Has every push asked about by `hook`, which `--no-verify` cannot go around.
    pub fn install_pre_receive(&self, hook: &Hook) {
        hook.install(&self.bare.join("hooks"), "pre-receive");
    }

    /// Every reference and what it points to.
    pub fn refs(&self, world: &Hermetic) -> BTreeMap<String, String> {
        let text = world.done(&self.bare, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        let pair =
            |line: &str| line.split_once(' ').map(|(name, oid)| (name.to_owned(), oid.to_owned()));
        text.lines().filter_map(pair).collect()
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.bare.file_name().expect("a repository has a name").to_string_lossy()
    }
}

/// A new repository, which takes pushes over HTTP and does not tidy itself up after them.
fn empty(format: Format) -> &'static Tree {
    static KEPT: [OnceLock<Tree>; 2] = [OnceLock::new(), OnceLock::new()];
    format.each(&KEPT, || {
        let world = Hermetic::new();
        let object_format = format!("--object-format={}", format.name());
        let init =
            ["init", "-q", "--template=", "--bare", "-b", "main", &object_format, "origin.git"];
        world.done(&world.path(""), &init);
        let bare = world.path("origin.git");
        for (name, value) in [("http.receivepack", "true"), ("receive.autogc", "false")] {
            world.done(&bare, &["config", name, value]);
        }
        Tree::read(&bare)
    })
}

fn http(world: &Hermetic, folder: PathBuf) -> Result<GitHttp, String> {
    static PROGRAMS: OnceLock<String> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(|| world.done(&folder, &["--exec-path"]));
    let program = Path::new(programs).join("git-http-backend");
    if !program.is_file() {
        return Err(format!("{} is missing", program.display()));
    }
    let helper = Path::new(programs).join("git-remote-http");
    if !helper.is_file() {
        return Err(format!("{} is missing: this git speaks no HTTP", helper.display()));
    }
    Ok(GitHttp { program, folder, variables: world.variables().to_vec(), login: None })
}
