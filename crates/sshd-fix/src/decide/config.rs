//! Steps 3 to 5: what has to change in sshd's configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use super::edit::Edit;
use super::plan::{Step, digest};
use super::preflight::{Refusal, Why};
use crate::config::{Directive, Glob, Reading, Scope, lines, read};
use crate::facts::{Facts, SshdConfig, TextFile};
use crate::places;

/// Folders whose files belong to packages or tools that would undo an edit.
const NOT_OURS: &[&str] = &["/usr", "/run", "/proc", "/nix", "/lib"];

/// What has to change, and what a person should know about it.
pub(super) struct Changes {
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<String>,
    /// The ports that sshd will listen on.
    pub(super) ports: BTreeSet<u16>,
}

/// The text of the file that says where sshd listens.
pub(super) fn listen_text(address: Ipv4Addr) -> String {
    format!(
        "# Written by ai-ops-runner (heal ssh): sshd listens on the tailnet and nowhere else.\n\
         AddressFamily inet\n\
         ListenAddress {address}\n"
    )
}

pub(super) fn changes(facts: &Facts, address: Ipv4Addr) -> Result<Changes, Refusal> {
    let config = facts.config.as_ref().map_err(|why| refuse(why.clone()))?;
    let reading = read(config);
    if let Some(broken) = reading.broken.first() {
        return Err(refuse(broken.clone()));
    }
    if let Some(file) = config.files.iter().find(|file| file.text.0.contains(&0)) {
        return Err(refuse(format!("{} holds a NUL byte", file.path.display())));
    }
    let mut edits: BTreeMap<PathBuf, (Vec<Edit>, &TextFile)> = BTreeMap::new();
    includes(config, &reading, &mut edits)?;
    for file in config.files.iter().filter(|it| it.path != Path::new(places::LISTEN_FILE)) {
        for (index, line) in lines(&file.text.0).iter().enumerate() {
            if ["listenaddress", "addressfamily"].iter().any(|name| line.meaning.is(name)) {
                comment_out(&mut edits, file, index + 1);
            }
        }
    }
    let mut steps = Vec::new();
    for (real, (mut list, file)) in edits {
        if NOT_OURS.iter().any(|folder| real.starts_with(folder)) {
            let what = format!("{} has to change and belongs to a package or tool", real.display());
            return Err(refuse(what));
        }
        list.sort();
        steps.push(Step::EditFile {
            number: 4,
            before: digest(&file.text.0),
            file: real,
            edits: list,
        });
    }
    // Adding the Include comes first of all (step 3): as long as only it is made, sshd's listening
    // is as it was.
    steps.sort_by_key(|step| !matches!(step, Step::EditFile { edits, .. } if prepends(edits)));
    if let Some(Step::EditFile { number, edits, .. }) = steps.first_mut()
        && prepends(edits)
    {
        *number = 3;
    }
    let text = listen_text(address);
    let listen_file = config.file(Path::new(places::LISTEN_FILE));
    if listen_file.is_none_or(|file| file.text.0 != text.as_bytes()) {
        let before = listen_file.map(|file| digest(&file.text.0));
        steps.push(Step::WriteFile { number: 5, file: places::LISTEN_FILE.into(), text, before });
    }
    let ports = ports(facts, &reading);
    let notes = notes(facts, &reading, &ports);
    Ok(Changes { steps, notes, ports })
}

fn prepends(edits: &[Edit]) -> bool {
    edits.iter().any(|edit| matches!(edit, Edit::Prepend { .. }))
}

fn refuse(what: String) -> Refusal {
    Refusal::new(Why::Config, what, "mend sshd's configuration by hand, then run this again")
}

fn comment_out<'a>(
    edits: &mut BTreeMap<PathBuf, (Vec<Edit>, &'a TextFile)>,
    file: &'a TextFile,
    line: usize,
) {
    let (list, _) = edits.entry(file.real.clone()).or_insert_with(|| (Vec::new(), file));
    let edit = Edit::CommentOut { first: line, last: line, instead: None };
    // A file can be found under two names.
    if !list.contains(&edit) {
        list.push(edit);
    }
}

/// Sees to it that the listen file is read once, and outside any Match.
fn includes<'a>(
    config: &'a SshdConfig,
    reading: &Reading,
    edits: &mut BTreeMap<PathBuf, (Vec<Edit>, &'a TextFile)>,
) -> Result<(), Refusal> {
    let covers = |pattern: &[u8]| {
        Glob::new(pattern).is_ok_and(|glob| glob.matches(places::LISTEN_FILE.as_bytes()))
    };
    let patterns = |it: &Directive| -> Vec<bool> {
        let here = config.includes.iter().filter(|i| i.file == it.file && i.line == it.line);
        here.map(|included| covers(&included.pattern.0)).collect()
    };
    let covering: Vec<(&Directive, Vec<bool>)> = reading
        .directives
        .iter()
        .filter(|it| it.is("include"))
        .map(|it| (it, patterns(it)))
        .filter(|(_, covers)| covers.contains(&true))
        .collect();
    for (directive, covers) in covering.iter().filter(|(it, _)| it.scope != Scope::Global) {
        // sshd refuses to start when ListenAddress is read below a Match.
        let file = config.file(&directive.file).filter(|_| covers.iter().all(|covers| *covers));
        let Some(file) = file else {
            let place = format!("{} line {}", directive.file.display(), directive.line);
            let what = "below a Match, includes sshd_config.d and other files on one line";
            return Err(refuse(format!("{place}, {what}")));
        };
        comment_out(edits, file, directive.line);
    }
    if !covering.iter().any(|(it, _)| it.scope == Scope::Global) {
        let Some(main) = config.file(&config.main) else {
            return Err(refuse(format!("{} was not read", config.main.display())));
        };
        let (list, _) = edits.entry(main.real.clone()).or_insert_with(|| (Vec::new(), main));
        list.push(Edit::Prepend { line: format!("Include {}", places::DROP_INS) });
    }
    Ok(())
}

/// The ports in force: as sshd itself says, else as its files say, else 22.
fn ports(facts: &Facts, reading: &Reading) -> BTreeSet<u16> {
    let told = facts.effective.as_ref().ok();
    let told = told.into_iter().flatten().filter_map(|line| line.strip_prefix("port "));
    let ports: BTreeSet<u16> = told.filter_map(|port| port.trim().parse().ok()).collect();
    if !ports.is_empty() {
        return ports;
    }
    let written = reading.directives.iter().filter(|it| it.is("port"));
    let ports: BTreeSet<u16> = written.filter_map(|it| it.value().parse().ok()).collect();
    if ports.is_empty() { BTreeSet::from([22]) } else { ports }
}

fn notes(facts: &Facts, reading: &Reading, ports: &BTreeSet<u16>) -> Vec<String> {
    let mut notes = Vec::new();
    let now: BTreeSet<u16> = facts
        .listening
        .as_ref()
        .map(|all| all.iter().map(SocketAddr::port).collect())
        .unwrap_or_default();
    for port in now.difference(ports) {
        let after: Vec<String> = ports.iter().map(u16::to_string).collect();
        notes.push(format!(
            "sshd answers on port {port} now and will answer on port {} only: \
             write `Port {port}` into {} to keep it",
            after.join(", "),
            places::SSHD_CONFIG,
        ));
    }
    if ports.len() > 1 {
        let places = reading.directives.iter().filter(|it| it.is("port"));
        let places: Vec<String> =
            places.map(|it| format!("{} line {}", it.file.display(), it.line)).collect();
        notes.push(format!("sshd listens on {} ports: {}", ports.len(), places.join(", ")));
    }
    notes
}

/// Where sshd will listen.
pub(super) fn sockets(address: Ipv4Addr, ports: &BTreeSet<u16>) -> Vec<SocketAddr> {
    ports.iter().map(|port| SocketAddrV4::new(address, *port).into()).collect()
}
