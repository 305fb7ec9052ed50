//! The options that sshd's service gives it: none may say where it listens.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::preflight::{Refusal, Why};
use crate::config::lines;
use crate::facts::{Bytes, Service, TextFile, Units};
use crate::unit::{Setting, assignments, command_line, environment, settings};

/// sshd's options that take a value.
const WITH_VALUE: &[u8] = b"CEbcfghkopu";
/// Options that only say how it logs or stays in the foreground: not passed on to `sshd -T`.
const ABOUT_RUNNING: &[u8] = b"DEdeqr";
/// Options that change nothing about listening.
const HARMLESS: &[u8] = b"4bcghku";

/// How its service starts sshd.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The program.
    pub program: PathBuf,
    /// Its options, those left out that are about running and not about what it does.
    pub options: Vec<Bytes>,
}

/// Returns how the one service that is sshd starts it.
///
/// # Errors
/// When there is no such service, or as [`started_by`].
pub fn started(units: &Units) -> Result<Started, Refusal> {
    started_by(super::units::real_service(units)?, units)
}

/// Returns how a service starts sshd.
///
/// # Errors
/// When an option says where sshd listens or which file it reads, or the command line cannot be
/// read with certainty. The refusal names the place.
pub(super) fn started_by(service: &Service, units: &Units) -> Result<Started, Refusal> {
    let line = Line::of(service, units)?;
    let words = command_line(&line.value, &line.values()).map_err(|why| line.unreadable(&why))?;
    let program = words.first().map(Vec::as_slice).unwrap_or_default();
    if program.rsplit(|byte| *byte == b'/').next() != Some(b"sshd") {
        let found = format!("{} starts {}, not sshd", line.place, String::from_utf8_lossy(program));
        return Err(Refusal::new(Why::CommandLine, found, "let the service start sshd itself"));
    }
    let kept = kept_options(words.get(1..).unwrap_or_default());
    let options = kept.map_err(|what| line.refusal(&what))?;
    let program = OsString::from_vec(program.to_vec()).into();
    Ok(Started { program, options })
}

/// A problem with a command line.
enum Problem {
    /// Something that must be configured elsewhere.
    Sets(String),
    /// Something not understood.
    Unknown(String),
}

fn kept_options(words: &[Vec<u8>]) -> Result<Vec<Bytes>, Problem> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(flags) = word.strip_prefix(b"-").filter(|flags| !flags.is_empty()) else {
            return Err(Problem::Unknown(String::from_utf8_lossy(word).into_owned()));
        };
        for (at, flag) in flags.iter().enumerate() {
            let behind = flags.get(at + 1..).unwrap_or_default();
            let value = if !WITH_VALUE.contains(flag) {
                None
            } else if behind.is_empty() {
                Some(words.next().cloned().unwrap_or_default())
            } else {
                Some(behind.to_vec())
            };
            let value_text = value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let shown = format!("-{} {value_text}", char::from(*flag)).trim_end().to_owned();
            match flag {
                b'o' => {
                    let sets = ["listenaddress", "port", "addressfamily", "include"];
                    let told = lines(value.as_deref().unwrap_or_default());
                    if told.iter().any(|it| sets.iter().any(|name| it.meaning.is(name))) {
                        return Err(Problem::Sets(shown));
                    }
                }
                b'p' | b'f' | b'6' => return Err(Problem::Sets(shown)),
                flag if ABOUT_RUNNING.contains(flag) => {}
                flag if HARMLESS.contains(flag) => {}
                _ => return Err(Problem::Unknown(shown)),
            }
            if !ABOUT_RUNNING.contains(flag) {
                kept.push(Bytes(vec![b'-', *flag]));
                kept.extend(value.clone().map(Bytes));
            }
            if value.is_some() {
                break;
            }
        }
    }
    Ok(kept)
}

/// The `ExecStart=` in force, with the variables it may use and where each comes from.
struct Line {
    value: Vec<u8>,
    place: String,
    variables: BTreeMap<Vec<u8>, (Vec<u8>, String)>,
}

impl Line {
    fn of(service: &Service, units: &Units) -> Result<Self, Refusal> {
        let mut found: Option<(Vec<u8>, String)> = None;
        let mut variables = BTreeMap::new();
        let told = |bytes: &Bytes| {
            let at = bytes.0.iter().position(|byte| *byte == b'=')?;
            let (name, value) = bytes.0.split_at(at);
            let place = "the environment of systemd (`systemctl show-environment`)".to_owned();
            Some((name.to_vec(), (value.get(1..)?.to_vec(), place)))
        };
        variables.extend(units.environment.iter().filter_map(told));
        for file in service.fragment.iter().chain(&service.drop_ins) {
            for setting in settings(&file.text.0) {
                let place = place(file, &setting);
                if setting.is("Service", "ExecStart") {
                    found = (!setting.value.is_empty()).then_some((setting.value, place));
                } else if setting.is("Service", "Environment") {
                    let pairs = assignments(&setting.value).map_err(|why| {
                        let found = format!("{place} cannot be read: {why}");
                        Refusal::new(Why::CommandLine, found, "write it without escapes")
                    })?;
                    let placed = |(name, value)| (name, (value, place.clone()));
                    variables.extend(pairs.into_iter().map(placed));
                }
            }
        }
        for file in &service.environment_files {
            let place = file.path.display().to_string();
            let placed = |(name, value)| (name, (value, place.clone()));
            variables.extend(environment(&file.text.0).into_iter().map(placed));
        }
        let (value, place) = found.ok_or_else(|| {
            let found = format!("{} has no ExecStart", service.name);
            Refusal::new(Why::CommandLine, found, "see `systemctl cat` of it")
        })?;
        Ok(Self { value, place, variables })
    }

    fn values(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.variables.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    }

    fn unreadable(&self, why: &crate::unit::Unread) -> Refusal {
        let found = format!("the command line in {} cannot be read: {why}", self.place);
        Refusal::new(Why::CommandLine, found, "write it plainly, then run this again")
    }

    /// Names where the offending option is: in the line itself, or in a variable it uses.
    fn refusal(&self, problem: &Problem) -> Refusal {
        let words = command_line(&self.value, &BTreeMap::new()).unwrap_or_default();
        let is_literal = kept_options(words.get(1..).unwrap_or_default()).is_err();
        let used = self.variables.iter().filter(|(name, _)| {
            let with = [b"$", name.as_slice()].concat();
            let braced = [b"${", name.as_slice(), b"}"].concat();
            let holds = |part: &[u8]| self.value.windows(part.len()).any(|it| it == part);
            holds(&with) || holds(&braced)
        });
        let variable = used
            .filter(|(_, (value, _))| !value.is_empty())
            .map(|(name, (_, place))| format!("{} in {place}", String::from_utf8_lossy(name)));
        let place = match variable.collect::<Vec<_>>().join(", ") {
            names if is_literal || names.is_empty() => self.place.clone(),
            names => names,
        };
        let (found, remedy) = match problem {
            Problem::Sets(what) => (
                format!("sshd is started with `{what}`, which decides where it listens: {place}"),
                "take it out there; what it says belongs into /etc/ssh/sshd_config",
            ),
            Problem::Unknown(what) => (
                format!("sshd is started with `{what}`, which is not understood here: {place}"),
                "take it out there",
            ),
        };
        Refusal::new(Why::CommandLine, found, remedy)
    }
}

fn place(file: &TextFile, setting: &Setting) -> String {
    format!("{} line {}", file.path.display(), setting.lines.start())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn told(exec: &str, default: &str, drop_in: &str) -> Result<String, String> {
        let mut facts = sample::public_sshd();
        let units = facts.units.as_mut().unwrap();
        let service = units.services.first_mut().unwrap();
        service.fragment = Some(sample::file(
            "/lib/systemd/system/ssh.service",
            &format!("[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStart={exec}\n"),
        ));
        service.drop_ins = vec![sample::file("/etc/systemd/system/ssh.service.d/x.conf", drop_in)];
        service.environment_files = vec![sample::file("/etc/default/ssh", default)];
        let service = service.clone();
        let started = started_by(&service, units).map_err(|refusal| refusal.found)?;
        assert_eq!(started.program, std::path::Path::new("/usr/sbin/sshd"));
        Ok(started.options.iter().map(Bytes::to_string).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn options_that_set_addresses_are_refused_with_their_place() {
        let plain = "/usr/sbin/sshd -D $SSHD_OPTS";
        for (exec, default, drop_in, want) in [
            (plain, "", "", Ok("")),
            (
                plain,
                "SSHD_OPTS='-4 -u0 -o PermitRootLogin=no -E /x -e'",
                "",
                Ok("-4|-u|0|-o|PermitRootLogin=no"),
            ),
            (
                plain,
                "SSHD_OPTS=-p2222",
                "",
                Err("-p 2222`, which decides where it listens: SSHD_OPTS in /etc/default/ssh"),
            ),
            (
                plain,
                "SSHD_OPTS='-o \"ListenAddress 0.0.0.0\"'",
                "",
                Err("SSHD_OPTS in /etc/default/ssh"),
            ),
            (plain, "SSHD_OPTS=-oListenAddress=0.0.0.0", "", Err("/etc/default/ssh")),
            (plain, "SSHD_OPTS=-Dp 2222", "", Err("-p 2222")),
            (plain, "SSHD_OPTS=-De6", "", Err("`-6`")),
            (
                "/usr/sbin/sshd -D -f /etc/ssh/other",
                "",
                "",
                Err(
                    "`-f /etc/ssh/other`, which decides where it listens: /lib/systemd/system/ssh.service line 3",
                ),
            ),
            (
                plain,
                "",
                "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o port=23\n",
                Err("/etc/systemd/system/ssh.service.d/x.conf line 3"),
            ),
            (plain, "", "[Service]\nEnvironment=\"SSHD_OPTS=-p 23\"\n", Err("x.conf line 2")),
            (plain, "SSHD_OPTS=", "[Service]\nEnvironment=\"SSHD_OPTS=-p 23\"\n", Ok("")),
            (plain, "SSHD_OPTS=-i", "", Err("`-i`, which is not understood")),
            (plain, "SSHD_OPTS=extra", "", Err("`extra`, which is not understood")),
            ("/bin/sh -c sshd", "", "", Err("starts /bin/sh, not sshd")),
            ("/usr/sbin/sshd %i", "", "", Err("% specifier")),
            ("", "", "", Err("has no ExecStart")),
        ] {
            match (told(exec, default, drop_in), want) {
                (Ok(told), Ok(want)) => assert_eq!(told, want),
                (Err(told), Err(want)) => assert!(told.contains(want), "{told} lacks {want}"),
                (told, want) => panic!("{exec} {default} {drop_in}: {told:?}, expected {want:?}"),
            }
        }
    }
}
