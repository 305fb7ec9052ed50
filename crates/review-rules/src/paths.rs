//! Paths that belong to the gate, to the guards, or to the way in: whoever changes them is told of,
//! and no machine mends them. The one list of them: a test of `ship` holds every crate that the gate
//! and the guards are built from against it.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ops_core::failure::{Exit, Failure, OrFail};

use crate::finding::{Gate, Severity};

/// Paths and what they are.
pub(crate) struct Row {
    /// Stable.
    pub(crate) id: &'static str,
    pub(crate) globs: &'static [&'static str],
    pub(crate) gate: Gate,
    pub(crate) severity: Severity,
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
        severity: Severity::High,
        what: "a git hook",
    },
    Row {
        id: "path.ci",
        globs: &[
            "**/.ci/**",
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
        severity: Severity::High,
        what: "CI",
    },
    Row {
        id: "path.signers",
        globs: &["**/allowed_signers", "**/allowed_signers.*"],
        gate: Gate::KeyHandling,
        severity: Severity::High,
        what: "who may sign verdicts",
    },
    Row {
        id: "path.baseline",
        globs: &["**/LAST_REVIEWED_SHA.txt"],
        gate: Gate::GuardDoctorIntact,
        severity: Severity::High,
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
        severity: Severity::High,
        what: "a policy, a schema or an allowlist",
    },
    Row {
        id: "path.attributes",
        globs: &["**/.gitattributes", "**/.gitmodules", "**/.lfsconfig", "**/.gitconfig"],
        gate: Gate::AllowlistBypass,
        severity: Severity::High,
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
        severity: Severity::High,
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
        severity: Severity::High,
        what: "a unit",
    },
    Row {
        id: "path.gate",
        globs: &[
            "crates/{review-*,verdict,ship,secret-scan,key-shapes,hook-bypass,llm*,outbound}/**",
            "crates/{ops-core,ops-host,confined-fs,file-patch,canonical-json,audit-chain}/**",
            "crates/{secrets,keychain}/**",
            "crates/{guard,doctor,heal,host-facts,listeners,tailscale}/**",
            "ops/**",
        ],
        gate: Gate::GuardDoctorIntact,
        severity: Severity::High,
        what: "the gate, a guard, or what puts them on a host",
    },
    Row {
        id: "path.tests",
        globs: &["tests/{booted,fakes,push,scenarios,session-bus,skipped,support}/**"],
        gate: Gate::GuardDoctorIntact,
        severity: Severity::Medium,
        what: "what tests the gate",
    },
    Row {
        id: "path.build",
        globs: &[
            "**/Cargo.toml",
            "**/Cargo.lock",
            "**/.cargo/**",
            "**/build.rs",
            "**/rustfmt.toml",
            "**/.rustfmt.toml",
            "**/.clippy.toml",
            "**/rust-toolchain",
            "**/rust-toolchain.toml",
        ],
        gate: Gate::GuardDoctorIntact,
        severity: Severity::Low,
        what: "what builds and runs the checks",
    },
];

/// The rows' globs and a policy's, ready to be asked.
#[derive(Debug)]
pub struct GatePaths {
    rows: Vec<GlobSet>,
    policy: GlobSet,
}

/// What a path is to the gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GatePath {
    /// The rule: stable.
    pub id: &'static str,
    /// Which question of the verdict a change of it is about.
    pub gate: Gate,
    /// How much a change of it is to be looked at.
    pub severity: Severity,
    /// What it is, in a few words.
    pub what: &'static str,
}

/// A path that the policy names.
const NAMED: GatePath = GatePath {
    id: "path.named",
    gate: Gate::GuardDoctorIntact,
    severity: Severity::High,
    what: "a path that gatePaths of review.yaml names",
};

impl GatePaths {
    /// Those that always are, and a policy's `gatePaths`: globs in which `*` stops at slashes.
    ///
    /// # Errors
    /// Exit 78 when a glob of the policy is none.
    pub fn new(policy: &[String]) -> Result<Self, Failure> {
        let rows = ROWS.iter().map(|row| set(row.globs.iter().copied()));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
            policy: set(policy.iter().map(String::as_str))?,
        })
    }

    /// Returns what a path, relative to the top, is to the gate. Case is ignored, as on file systems
    /// that do.
    pub fn of(&self, path: &Path) -> Option<GatePath> {
        let row = self.rows.iter().position(|set| set.is_match(path)).and_then(|at| ROWS.get(at));
        row.map(|row| {
            let Row { id, gate, severity, what, .. } = *row;
            GatePath { id, gate, severity, what }
        })
        .or_else(|| self.policy.is_match(path).then_some(NAMED))
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
