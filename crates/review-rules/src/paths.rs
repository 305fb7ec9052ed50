//! Paths that belong to the gate, to the guards, or to the way in: whoever changes them is told of.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ops_core::failure::{Exit, Failure, OrFail};

use crate::finding::Gate;

/// Paths and what they are.
pub(crate) struct Row {
    /// Stable.
    pub(crate) id: &'static str,
    pub(crate) globs: &'static [&'static str],
    pub(crate) gate: Gate,
    pub(crate) what: &'static str,
}

/// Every row. The first that a path matches tells.
pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "path.hook",
        globs: &[
            "**/.githooks/**",
            "**/.husky/**",
            "**/.pre-commit-config.y*ml",
            "**/lefthook.y*ml",
        ],
        gate: Gate::GuardDoctorIntact,
        what: "a git hook",
    },
    Row {
        id: "path.ci",
        globs: &[
            "**/.github/**",
            "**/.forgejo/**",
            "**/.gitea/**",
            "**/.gitlab-ci.y*ml",
            "**/.circleci/**",
            "**/.buildkite/**",
            "**/Jenkinsfile",
            "**/azure-pipelines.y*ml",
            "**/CODEOWNERS",
        ],
        gate: Gate::GuardDoctorIntact,
        what: "CI",
    },
    Row {
        id: "path.signers",
        globs: &["**/allowed_signers", "**/allowed_signers.*"],
        gate: Gate::KeyHandling,
        what: "who may sign verdicts",
    },
    Row {
        id: "path.baseline",
        globs: &["**/LAST_REVIEWED_SHA.txt"],
        gate: Gate::GuardDoctorIntact,
        what: "the baseline of the review",
    },
    Row {
        id: "path.policy",
        globs: &[
            "**/configs/**",
            "**/.gitleaksignore",
            "**/.gitleaks.toml",
            "**/secret-scan/rules/**",
            "**/.shellcheckrc",
            "**/clippy.toml",
            "**/deny.toml",
            "**/.sops.yaml",
        ],
        gate: Gate::AllowlistBypass,
        what: "a policy, a schema or an allowlist",
    },
    Row {
        id: "path.attributes",
        globs: &["**/.gitattributes", "**/.gitmodules", "**/.lfsconfig", "**/.gitconfig"],
        gate: Gate::AllowlistBypass,
        what: "how git shows and fetches files",
    },
    Row {
        id: "path.sshd",
        globs: &[
            "**/sshd_config",
            "**/sshd_config.d/**",
            "**/sshd-fix/**",
            "**/sshd*.rs",
            "**/authorized_keys*",
            "**/sudoers",
            "**/sudoers.d/**",
            "**/pam.d/**",
            "**/polkit-1/**",
        ],
        gate: Gate::LockoutRisk,
        what: "the way in",
    },
    Row {
        id: "path.unit",
        globs: &[
            "**/*.service",
            "**/*.socket",
            "**/*.timer",
            "**/*.mount",
            "**/systemd/**",
            "**/launchd/**",
            "**/*.plist",
            "**/cron.d/**",
            "**/crontab",
        ],
        gate: Gate::GuardDoctorIntact,
        what: "a unit",
    },
    Row {
        id: "path.gate",
        globs: &[
            "crates/{review-*,verdict,ship,secret-scan,key-shapes,llm*,confined-fs}/**",
            "crates/{guard,doctor,heal,host-facts,listeners,ops-host}/**",
            "ops/**",
        ],
        gate: Gate::GuardDoctorIntact,
        what: "the gate, a guard, or what puts them on a host",
    },
];

/// The rows' globs and a policy's, ready to be asked.
#[derive(Debug)]
pub(crate) struct GatePaths {
    rows: Vec<GlobSet>,
    policy: GlobSet,
}

/// What is told of a path.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: &'static str,
    pub(crate) gate: Gate,
    pub(crate) what: &'static str,
}

impl GatePaths {
    pub(crate) fn new(policy: &[String]) -> Result<Self, Failure> {
        let rows = ROWS.iter().map(|row| set(row.globs.iter().copied()));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
            policy: set(policy.iter().map(String::as_str))?,
        })
    }

    /// Returns what a path is to the gate. Case is ignored, as on file systems that do.
    pub(crate) fn of(&self, path: &std::path::Path) -> Option<Told> {
        let row = self.rows.iter().position(|set| set.is_match(path)).and_then(|at| ROWS.get(at));
        row.map(|row| Told { id: row.id, gate: row.gate, what: row.what }).or_else(|| {
            let what = "a path that the policy names";
            let told = Told { id: "path.named", gate: Gate::GuardDoctorIntact, what };
            self.policy.is_match(path).then_some(told)
        })
    }
}

fn set<'a>(globs: impl Iterator<Item = &'a str>) -> Result<GlobSet, Failure> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let doing = || format!("read the gate's glob {glob:?}");
        let built = GlobBuilder::new(glob).literal_separator(true).case_insensitive(true).build();
        set.add(built.or_fail(Exit::Config, doing())?);
    }
    set.build().or_fail(Exit::Config, "read the gate's globs")
}
