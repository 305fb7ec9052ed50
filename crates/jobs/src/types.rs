//! `configs/job_allowlist.yaml`: the types of jobs, what each may do, and what its sandbox must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::Layer;
use crate::params::{Param, is_reserved};

/// Every type of job, and what every sandbox must hold.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JobTypes {
    /// What a sandbox must be, for all types.
    pub sandbox: Sandbox,
    /// The types, by name.
    pub jobs: BTreeMap<String, JobType>,
}

/// What every sandbox must be.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// The layers without which no job runs; each is proved before every job.
    #[schemars(length(min = 1))]
    pub minimum: Vec<Layer>,
    /// Files and folders of this machine that jobs may read, where they are there: programs and
    /// libraries.
    pub visible: Vec<String>,
}

/// One type of job.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JobType {
    /// What it is for.
    pub about: String,
    /// What is known of its results.
    #[serde(default)]
    pub kind: Kind,
    /// The program, `install:NAME` (a program of this install) or `repo:PATH` (a file of the
    /// repository), and its arguments.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Programs that take its place when it is not in the commit: the first that is.
    #[serde(default)]
    pub or: Vec<String>,
    /// What the artifact says when none is there.
    #[serde(default = "program_not_found")]
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]{0,63}$"))]
    pub missing: String,
    /// A file among the outputs that gets what the job said: standard output, then standard error.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]{0,63}\.txt$"))]
    pub keep_output: Option<String>,
    /// How long it may take: `90s`, `10m`, `2h`.
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}[smh]$"))]
    pub timeout: String,
    /// What it may be told.
    #[serde(default)]
    pub allowed_params: Vec<Param>,
    /// Must be true: a repository that is not listed is never looked at.
    pub requires_repo_allowlist: bool,
    /// What of the network it may reach.
    pub network: Network,
    /// What it may use.
    pub limits: Limits,
    /// Its environment, beside parameters and what every job gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of the caller that it gets where they are set.
    #[serde(default)]
    pub pass_env: Vec<String>,
}

/// The parameters of a review bundle that name commits.
const COMMITS: [&str; 2] = ["since_sha", "to_sha"];

/// What is known of a job's results.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its exit code.
    #[default]
    Command,
    /// Its last `N/M` line counts what passed.
    Doctor,
    /// A review bundle, or packets where it is too large. Its `since_sha` and `to_sha` are commits
    /// that an allowed reference must reach, as the request's own.
    ReviewBundle,
}

/// What a job may reach of the network.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing.
    None,
}

/// What a job may use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Memory of all its processes together, MiB.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub memory_mib: u64,
    /// Processes and threads at a time.
    #[schemars(range(min = 1, max = 32768))]
    pub processes: u64,
    /// Bytes kept of each output stream; what comes after is read and dropped.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub output_bytes: u64,
    /// All its outputs together, MiB.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub artifact_mib: u64,
    /// Its private /tmp, MiB.
    #[schemars(range(min = 1, max = 65536))]
    pub tmp_mib: u64,
}

/// Where a job's program is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program<'a> {
    /// A program of this install, by name.
    Install(&'a str),
    /// A file of the repository, by path.
    Repo(&'a str),
}

impl<'a> Program<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn read(text: &'a str) -> Result<Self, String> {
        let ok = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_part = |part: &str| {
            let git = part.to_ascii_lowercase();
            !part.is_empty()
                && !part.starts_with('-')
                && part != "."
                && part != ".."
                && git != ".git"
                && part.chars().all(ok)
        };
        if let Some(name) = text.strip_prefix("install:").filter(|it| is_part(it)) {
            return Ok(Self::Install(name));
        }
        if let Some(path) = text.strip_prefix("repo:").filter(|it| it.split('/').all(is_part)) {
            return Ok(Self::Repo(path));
        }
        Err("expected install:NAME or repo:PATH".to_owned())
    }
}

impl JobType {
    /// How long it may take.
    pub fn deadline(&self) -> Duration {
        let (number, unit) = self.timeout.split_at(self.timeout.len().saturating_sub(1));
        let seconds = match unit {
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        Duration::from_secs(number.parse::<u64>().unwrap_or(0).saturating_mul(seconds))
    }

    /// The programs it may be, in the order in which they are tried.
    ///
    /// # Errors
    /// What is wrong with one; never of a loaded allowlist.
    pub fn programs(&self) -> Result<Vec<Program<'_>>, String> {
        self.argv.iter().take(1).chain(&self.or).map(|text| Program::read(text)).collect()
    }

    /// The parameters that name commits: what is not reached by an allowed reference is refused.
    pub fn commits(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::ReviewBundle => &COMMITS,
            Kind::Command | Kind::Doctor => &[],
        }
    }

    /// Whether our own program makes its review bundle: it takes commits from its environment.
    fn makes_bundle(&self) -> bool {
        let programs = self.programs().unwrap_or_default();
        programs.contains(&Program::Install("orb-wrap"))
            && self.argv.iter().any(|it| it == "review-bundle")
    }

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = vec![];
        if self.makes_bundle() && self.kind != Kind::ReviewBundle {
            let why = "expected review_bundle: its commits are held to the allowed references";
            wrong.push(("kind".to_owned(), why.to_owned()));
        }
        if !self.requires_repo_allowlist {
            let why = "expected true: what is not listed is refused";
            wrong.push(("requires_repo_allowlist".to_owned(), why.to_owned()));
        }
        let first = self.argv.iter().take(1).map(|text| ("argv/0".to_owned(), text));
        let more = self.or.iter().enumerate().map(|(n, text)| (format!("or/{n}"), text));
        for (at, text) in first.chain(more) {
            wrong.extend(Program::read(text).err().map(|why| (at, why)));
        }
        if self.deadline() > Duration::from_hours(24) {
            wrong.push(("timeout".to_owned(), "expected at most 24h".to_owned()));
        }
        let mut names = BTreeSet::new();
        for (n, param) in self.allowed_params.iter().enumerate() {
            let at = |field: &str| format!("allowed_params/{n}/{field}");
            wrong.extend(param.check().into_iter().map(|(field, why)| (at(field), why)));
            if !names.insert(param.variable()) {
                wrong.push((at("name"), "it is there twice".to_owned()));
            }
        }
        let variables = self.env.keys().map(|name| ("env", name));
        for (field, name) in variables.chain(self.pass_env.iter().map(|name| ("pass_env", name))) {
            let ok = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(ok)
                && !is_reserved(name)
                && !self.commits().iter().any(|it| it.eq_ignore_ascii_case(name));
            if !is_name || !names.insert(name.clone()) {
                let why = format!(
                    "{name}: expected a variable in capitals, given once, that means nothing to programs"
                );
                wrong.push((field.to_owned(), why));
            }
        }
        if self.argv.iter().chain(self.env.values()).any(|text| text.contains('\0')) {
            wrong.push((String::new(), "a zero byte".to_owned()));
        }
        wrong
    }
}

impl config::Settings for JobTypes {
    const FILE: &'static str = "job_allowlist.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/job_allowlist.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/job_allowlist.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = vec![];
        for (n, path) in self.sandbox.visible.iter().enumerate() {
            let is_plain = path.starts_with('/')
                && path.len() > 1
                && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
            if !is_plain {
                let why = "expected an absolute path, and not the root".to_owned();
                wrong.push((format!("/sandbox/visible/{n}"), why));
            }
        }
        for (name, job) in &self.jobs {
            let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
            if !name.starts_with(|c: char| c.is_ascii_lowercase())
                || !name.chars().all(ok)
                || name.len() > 64
            {
                let why = "expected a name of lower-case letters, digits, _ and -".to_owned();
                wrong.push((format!("/jobs/{name}"), why));
            }
            let at = |field: String| format!("/jobs/{name}/{field}");
            wrong.extend(job.check().into_iter().map(|(field, why)| (at(field), why)));
        }
        wrong
    }
}

fn program_not_found() -> String {
    "PROGRAM_NOT_FOUND".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_core::config::{Settings, Source, load};
    use ops_core::host::Host;

    fn shipped() -> JobTypes {
        load::<JobTypes>(&Host::real(), &Source::Shipped).unwrap()
    }

    #[test]
    fn the_shipped_types_are_sound() {
        let types = shipped();
        assert_eq!(types.check(), []);
        for (name, job) in &types.jobs {
            assert!(
                !job.programs().unwrap().is_empty() && job.deadline() > Duration::ZERO,
                "{name}"
            );
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        type Spoil = fn(&mut JobType);
        let cases: [(&str, Spoil); 12] = [
            ("requires_repo_allowlist", |it| it.requires_repo_allowlist = false),
            ("argv/0", |it| it.argv[0] = "/bin/sh".into()),
            ("argv/0", |it| it.argv[0] = "repo:../x".into()),
            ("argv/0", |it| it.argv[0] = "repo:.GIT/hooks/x".into()),
            ("argv/0", |it| it.argv[0] = "repo:-x".into()),
            ("argv/0", |it| it.argv[0] = "install:../orb-wrap".into()),
            ("or/0", |it| it.or = vec!["repo:/etc/x".into()]),
            ("timeout", |it| it.timeout = "25h".into()),
            ("env", |it| drop(it.env.insert("LD_PRELOAD".into(), "x".into()))),
            ("env", |it| drop(it.env.insert("lower".into(), "x".into()))),
            ("pass_env", |it| it.pass_env.push("HOME".into())),
            ("", |it| it.argv.push("a\0b".into())),
        ];
        for (field, spoil) in cases {
            let mut types = shipped();
            spoil(types.jobs.get_mut("orb_doctor").unwrap());
            let at: Vec<String> = types.check().into_iter().map(|it| it.0).collect();
            assert_eq!(at, [format!("/jobs/orb_doctor/{field}")]);
        }
        let commits: [(&str, Spoil); 3] = [
            ("kind", |it| it.kind = Kind::Command),
            ("pass_env", |it| it.pass_env.push("TO_SHA".into())),
            ("env", |it| drop(it.env.insert("SINCE_SHA".into(), "x".into()))),
        ];
        for (field, spoil) in commits {
            let mut types = shipped();
            let job = types.jobs.get_mut("orb_review_bundle").unwrap();
            job.allowed_params.clear();
            spoil(job);
            let at: Vec<String> = types.check().into_iter().map(|it| it.0).collect();
            assert_eq!(at, [format!("/jobs/orb_review_bundle/{field}")]);
        }
        let mut types = shipped();
        types.sandbox.visible = vec!["/usr/../root".into(), "/".into(), "etc".into()];
        assert_eq!(types.check().len(), 3);
    }
}
