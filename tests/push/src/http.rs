//! Smart HTTP: git's own server program behind the tests' HTTP server, as CGI (RFC 3875).

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fakes::{Accepted, Received, Reply, Service};

/// The name and password that the server asks for, if it asks.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Serves the repositories below a folder.
#[derive(Debug)]
pub(crate) struct GitHttp {
    /// `git-http-backend`.
    pub(crate) program: PathBuf,
    /// What every repository lies below.
    pub(crate) folder: PathBuf,
    /// The environment of the program.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// Who may come in; everybody without it.
    pub(crate) login: Option<Login>,
}

impl Service for GitHttp {
    fn answer(&mut self, request: &Received) -> Reply {
        if !self.lets_in(request) {
            return Reply::new(401, "text/plain", Vec::new())
                .with_header("WWW-Authenticate", "Basic realm=\"tests\"");
        }
        let (input, output) = (request.body.clone(), self.command(request).spawn());
        let mut child = output.expect("git-http-backend starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        let mut stdout = child.stdout.take().expect("its output is a pipe");
        // A program that ends early does not read what is left.
        let writing = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let mut said = Vec::new();
        stdout.read_to_end(&mut said).expect("its output is read");
        let _whole = writing.join().expect("writing does not panic");
        child.wait().expect("it is waited for");
        reply(&said)
    }

    fn accepted(&self) -> Vec<Accepted> {
        Vec::new()
    }
}

impl GitHttp {
    fn lets_in(&self, request: &Received) -> bool {
        let Some(login) = &self.login else { return true };
        let basic = STANDARD.encode(format!("{}:{}", login.name, login.password));
        request.header("authorization") == Some(&format!("Basic {basic}"))
    }

    fn command(&self, request: &Received) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let own = [
            ("GIT_PROJECT_ROOT", folder(&self.folder)),
            ("GIT_HTTP_EXPORT_ALL", "1"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REQUEST_METHOD", &request.method),
            ("PATH_INFO", path),
            ("QUERY_STRING", query),
            ("CONTENT_LENGTH", &request.body.len().to_string()),
            ("CONTENT_TYPE", request.header("content-type").unwrap_or_default()),
        ];
        command.envs(own);
        if let Some(login) = &self.login {
            command.env("REMOTE_USER", &login.name);
        }
        // The program itself takes a gzip encoding off.
        for (header, variable) in [
            ("accept", "HTTP_ACCEPT"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "HTTP_GIT_PROTOCOL"),
            ("git-protocol", "GIT_PROTOCOL"),
            ("user-agent", "HTTP_USER_AGENT"),
        ] {
            if let Some(value) = request.header(header) {
                command.env(variable, value);
            }
        }
        command.current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

fn folder(path: &Path) -> &str {
    path.to_str().expect("a path of a test is UTF-8")
}

/// The answer in what a CGI program printed.
fn reply(said: &[u8]) -> Reply {
    let end = said.windows(4).position(|part| part == b"\r\n\r\n");
    let end = end.expect("a CGI program prints headers");
    let head = String::from_utf8_lossy(&said[..end]);
    let mut reply = Reply { status: 200, headers: Vec::new(), body: said[end + 4..].to_vec() };
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            reply.status = code.expect("a status is a number");
        } else {
            reply.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    reply
}
