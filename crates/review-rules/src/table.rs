//! What a line may not say: one row a pattern.
//!
//! Patterns ignore case and see bytes. Each is tried on a logical line: what a backslash or a pipe
//! at a line's end ties together is one.

use crate::finding::{Gate, Severity};

/// Where a row's finding only tells and does not block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Blocks {
    /// It blocks wherever it stands: prose sways a reader as well as code does.
    Everywhere,
    /// It blocks in what can be run, and tells in prose, in comments and in the programs of tests.
    InCode,
    /// It only tells.
    Nowhere,
}

/// A pattern and what it means.
#[derive(Debug)]
pub(crate) struct Row {
    /// Stable.
    pub(crate) id: &'static str,
    pub(crate) gate: Gate,
    pub(crate) severity: Severity,
    pub(crate) blocks: Blocks,
    pub(crate) pattern: &'static str,
    pub(crate) title: &'static str,
    pub(crate) suggestion: &'static str,
}

const fn row(
    id: &'static str,
    (gate, severity, blocks): (Gate, Severity, Blocks),
    pattern: &'static str,
    title: &'static str,
    suggestion: &'static str,
) -> Row {
    Row { id, gate, severity, blocks, pattern, title, suggestion }
}

type Weight = (Gate, Severity, Blocks);

const BIND: Weight = (Gate::PublicBinds, Severity::High, Blocks::InCode);
const BYPASS: Weight = (Gate::AllowlistBypass, Severity::Critical, Blocks::InCode);
const CHECK: Weight = (Gate::GuardDoctorIntact, Severity::High, Blocks::InCode);
const QUIET: Weight = (Gate::GuardDoctorIntact, Severity::Low, Blocks::Nowhere);
const MODE: Weight = (Gate::KeyHandling, Severity::High, Blocks::InCode);
const SWAY: Weight = (Gate::AllowlistBypass, Severity::Critical, Blocks::Everywhere);
const LOCK: Weight = (Gate::LockoutRisk, Severity::High, Blocks::InCode);

const TO_TAILNET: &str = "bind to loopback or the tailnet's address";
const BY_REVIEW: &str = "let the hook run and the review answer";
const BY_HAND: &str = "download to a file, check its hash, then run it";
const MEND: &str = "mend what the check finds, or say in a waiver why it cannot be";
const NARROW: &str = "give the one account that needs it the one right that it needs";
const SAY_NOTHING: &str = "remove it: a reviewer is told nothing by what it reviews";
const KEEP_DOOR: &str = "keep a tested way in: see docs/sshd-fix.md";

/// Every row.
pub(crate) const ROWS: &[Row] = &[
    row(
        "bind.any-v4",
        BIND,
        r"(^|[^\d.])0\.0\.0\.0([^\d.]|\.?$)",
        "listens on every IPv4 address, or admits them all",
        TO_TAILNET,
    ),
    row(
        "bind.any-v6",
        BIND,
        r#"\[::\]|["'= ]::(["' ,]|$|/0)"#,
        "listens on every IPv6 address, or admits them all",
        TO_TAILNET,
    ),
    row(
        "bind.any-name",
        BIND,
        r"\bINADDR_ANY\b|\bin6addr_any\b|Ipv[46]Addr::UNSPECIFIED|\bIPAddress(\.IPv6)?\.Any\b",
        "listens on every address",
        TO_TAILNET,
    ),
    row(
        "bind.socket-unit",
        BIND,
        r"^\s*Listen(Stream|Datagram)\s*=\s*\d+\s*$",
        "a systemd socket that listens on every address",
        TO_TAILNET,
    ),
    row("bind.sshd", BIND, r"^\s*ListenAddress\s+(\*|::)", "sshd on every address", TO_TAILNET),
    row(
        "bind.port-only",
        BIND,
        r#"(listen(andserve(tls)?)?\s*\(\s*["'](tcp[46]?["']\s*,\s*["'])?:\d+)|bind\s*\(\s*\(?\s*["']{2}\s*,"#,
        "listens on every address, by naming a port only",
        TO_TAILNET,
    ),
    row(
        "bind.web-server",
        BIND,
        r"^\s*listen\s+(\*:)?\d+\b",
        "a web server on every address",
        TO_TAILNET,
    ),
    row(
        "bind.published-port",
        BIND,
        r#"(\s(-p|--publish)[ =]["']?\d+:\d+)|^\s*-\s*["']?\d{1,5}:\d{1,5}(/(tcp|udp))?["']?\s*$|network_mode:\s*["']?host"#,
        "a container's port on every address",
        "publish it as 127.0.0.1:PORT:PORT",
    ),
    row(
        "bind.funnel",
        BIND,
        r"\btailscale\s+funnel\b",
        "opens a port to the whole Internet",
        "use tailscale serve",
    ),
    row("bypass.no-verify", BYPASS, r"--no-veri(f|fy)?\b", "goes around git's hooks", BY_REVIEW),
    row(
        "bypass.commit-n",
        BYPASS,
        r"\bgit\b.{0,40}\bcommit\b[^|;&#]*\s-[a-mo-z]*n[a-z]*(\s|$)",
        "goes around git's commit hooks",
        BY_REVIEW,
    ),
    row(
        "bypass.hooks-path",
        BYPASS,
        r#"core\.hooksPath["', =]+(/dev/null|/tmp\b|["']{2}|$)"#,
        "switches git's hooks off",
        BY_REVIEW,
    ),
    row(
        "bypass.variable",
        BYPASS,
        r"\b(CODEX_SKIP|HUSKY_SKIP_HOOKS|SKIP_(HOOKS|REVIEW|VERDICT|CHECKS?|GATE))\s*[=:]\s*\S|\bHUSKY\s*=\s*0\b",
        "switches a check off by a variable",
        BY_REVIEW,
    ),
    row(
        "bypass.send-pack",
        BYPASS,
        r"\bgit[ -]send-pack\b",
        "pushes past the pre-push hook",
        "use git push",
    ),
    row(
        "bypass.force-push",
        BYPASS,
        r#"\bpush\b[^|;&#]*(["'\s]-[a-z]*f[a-z]*(["'\s]|$)|--force(\b|-)|--mirror\b|\s["']?\+(HEAD|refs/|[a-z]+:)\S*)"#,
        "rewrites what others have",
        "push what follows on what is there",
    ),
    row(
        "bypass.pipe-to-shell",
        BYPASS,
        r"\b(curl|wget|fetch|iwr|invoke-webrequest)\b.*\|\s*(sudo\s+(-\S+\s+)*|env\s+(\S+=\S*\s+)*|exec\s+)*(\S*/)?((ba|z|da|k|a|fi|c)?sh|python[\d.]*|perl|node|ruby|iex|php)\b",
        "runs whatever a server answers",
        BY_HAND,
    ),
    row(
        "bypass.run-download",
        BYPASS,
        r#"(\b(ba|z|da|k|a)?sh\b(\s+-\S+)*|\beval|\bsource|(^|\s)\.)\s*["']?\s*(<\(|\$\(|`)\s*(curl|wget)\b"#,
        "runs whatever a server answers",
        BY_HAND,
    ),
    row(
        "bypass.no-tls",
        BYPASS,
        r"\bcurl\b.*\s(-k|--insecure)(\s|$)|--no-check-certificate\b|danger_accept_invalid|NODE_TLS_REJECT_UNAUTHORIZED|\bverify\s*=\s*False\b|InsecureSkipVerify:\s*true|http\.sslVerify[ =]+false|StrictHostKeyChecking[ =]+(no|off)\b",
        "believes any server",
        "verify the certificate or the host key",
    ),
    row(
        "bypass.replace",
        BYPASS,
        r"\bgit\s+(replace|update-ref\s+refs/replace)\b|info/grafts\b",
        "makes git show other commits than those that are pushed",
        "leave history as it is",
    ),
    row(
        "check.masked",
        CHECK,
        r"\b(test|check|clippy|lint|fmt|audit|verify|verdict|scan|review|doctor|guard|shellcheck|deny|pytest|ruff|mypy|eslint|gate)[\w-]*\b.*\|\|\s*(true|:|exit\s+0)(\s|;|$)",
        "a check whose failure counts for nothing",
        MEND,
    ),
    row(
        "check.ignored-test",
        CHECK,
        r"#\s*\[\s*ignore\b|@pytest\.mark\.(skip|xfail)|@unittest\.skip|\b(it|test|describe)\.skip\s*\(|\bx(it|describe)\s*\(|\bt\.Skip(f|Now)?\s*\(|^\s*@(Disabled|Ignore)\b",
        "a test that is not run",
        MEND,
    ),
    row(
        "check.no-errexit",
        CHECK,
        r"\bset\s+(\+[a-z]*e[a-z]*\b|\+o\s+(errexit|pipefail))",
        "a script that goes on after failures",
        MEND,
    ),
    row(
        "check.continue-on-error",
        CHECK,
        r"continue-on-error\s*:\s*(true|\$)|allow_failure\s*:\s*true|^\s*(-\s*)?if\s*:\s*(false|\$\{\{\s*false)",
        "a step of CI whose failure counts for nothing",
        MEND,
    ),
    row(
        "check.skipped-ci",
        CHECK,
        r"\[(skip ci|ci skip|no ci|skip actions)\]",
        "keeps CI from running",
        MEND,
    ),
    row(
        "check.unsafe-target",
        CHECK,
        r"^\s*on\s*:\s*(\[.*)?pull_request_target|^\s*pull_request_target\s*:",
        "CI that gives a stranger's change the repository's rights",
        "use pull_request",
    ),
    row(
        "check.silenced",
        QUIET,
        r"\bnosec\b|\bnoqa\b|eslint-disable|shellcheck\s+disable|#!?\[allow\(|\btype:\s*ignore\b|@ts-(ignore|nocheck)|\bNOLINT\b",
        "a lint is silenced",
        "see whether it is right here",
    ),
    row(
        "check.no-core",
        CHECK,
        r"\b(systemctl|launchctl)\b.*\b(disable|mask|stop|unload|bootout)\b.*\b(aiops|guard|doctor|sshd?-?fix|auditd)\b",
        "stops a unit that guards the host",
        "leave it running",
    ),
    row(
        "mode.world-writable",
        MODE,
        r"\bchmod\s+(-\S+\s+)*([0-7]?[0-7]{2}[2367]\b|[ugo]*[ao][ugo]*[+=][rxst]*w|\+[rx]*w)|\b(install|mkdir)\b.*\s(-m|--mode)[ =]?[0-7]?[0-7]{2}[2367]\b",
        "everybody may write",
        NARROW,
    ),
    row(
        "mode.world-writable-call",
        MODE,
        r"(chmod|from_mode|set_mode|mode|makedirs|mkdir)\s*\(([^()]*,)?\s*0?o?[0-7]?[0-7]{2}[2367]\s*[,)]",
        "everybody may write",
        NARROW,
    ),
    row(
        "mode.umask",
        MODE,
        r"\bumask\s*\(?\s*=?\s*0?o?0*\s*\)?\s*;?\s*$",
        "everybody may write what is made from here on",
        NARROW,
    ),
    row(
        "mode.unit",
        MODE,
        r"^\s*(SocketMode|DirectoryMode|RuntimeDirectoryMode|StateDirectoryMode)\s*=\s*[0-7]?[0-7]{2}[2367]\s*$|^\s*UMask\s*=\s*0*\s*$",
        "everybody may write",
        NARROW,
    ),
    row(
        "mode.setuid",
        MODE,
        r"\bchmod\s+(-\S+\s+)*([2-7][0-7]{3}\b|[ugoa]*[+=][rwx]*s)|\bsetcap\b",
        "a program with another's rights",
        NARROW,
    ),
    row(
        "mode.root-for-all",
        MODE,
        r"\bALL\s*=\s*\(\s*(ALL|root)\b.*NOPASSWD|docker\.sock\b|--privileged\b|^\s*privileged\s*:\s*true",
        "gives away the host",
        NARROW,
    ),
    row(
        "lock.sshd-off",
        LOCK,
        r"\bsystemctl\b.*\b(disable|mask|stop)\b.*\bsshd?\b|\brm\b.*authorized_keys|\b(ufw|iptables|nft)\b.*\b(deny|drop|reject)\b.*\b(22|ssh)\b|^\s*iptables\s+-P\s+INPUT\s+DROP",
        "may lock the operator out",
        KEEP_DOOR,
    ),
    row(
        "lock.tailscale-off",
        LOCK,
        r"\btailscale\s+(down|logout)\b([^:]|$)|\bsystemctl\b.*\b(disable|mask|stop)\b.*\btailscaled?\b",
        "may lock the operator out",
        KEEP_DOOR,
    ),
    row(
        "lock.sshd-open",
        LOCK,
        r"^\s*(PermitRootLogin|PasswordAuthentication|PermitEmptyPasswords)\s+yes\b",
        "sshd lets more in than keys",
        KEEP_DOOR,
    ),
    row(
        "sway.ignore",
        SWAY,
        r"\b(ignore|disregard|forget|override|bypass)\b.{0,30}\b(previous|prior|above|earlier|preceding|system|your|these|all)\b.{0,20}\b(instructions?|prompts?|rules|guidelines|directions)\b",
        "tells a reviewer to forget what it was told",
        SAY_NOTHING,
    ),
    row(
        "sway.reviewed",
        SWAY,
        r"\b(already|previously|pre-?)[ -]?(been\s+)?(reviewed|approved|audited|vetted)\b",
        "says that it was reviewed",
        SAY_NOTHING,
    ),
    row(
        "sway.passed",
        SWAY,
        r"\b(saniti[sz]er|scanner|secret[ -]scan|security[ -](scan|check|review|audit)|review[ -]gate|verdict)\s+(has\s+|have\s+|is\s+|was\s+)?(already\s+)?(passed|approved|succeeded|clean|green)\b",
        "says that a check passed",
        SAY_NOTHING,
    ),
    row(
        "sway.answer",
        SWAY,
        r#"\b(respond|reply|answer|output|return|say|emit|print|write|produce)\b.{0,30}["'`*: ](approved|lgtm)\b|\b(respond|reply|answer)\s+(only\s+)?with\s+(an?\s+)?(approval|no\s+(blockers|findings))"#,
        "tells a reviewer what to answer",
        SAY_NOTHING,
    ),
    row(
        "sway.approve",
        SWAY,
        r"\b(please\s+)?(approve|mark|rate|treat|consider|classify|accept)\s+(this|the|these)\s+(change|changes|diff|commit|patch|file|pr|pull request|code|packet|bundle)s?\b.{0,20}(approved|safe|trusted|clean|passing|harmless)?",
        "asks for approval",
        SAY_NOTHING,
    ),
    row(
        "sway.address",
        SWAY,
        r"\b(dear|hey|hello|hi|attention|note to|notes? for|message (to|for)|instructions? (to|for))\s*[,:]?\s*(the\s+|any\s+|all\s+)?(automated\s+)?(ai|llm|language model|gpt|claude|copilot|code[ -]?review(er)?|reviewer|review (bot|model|agent)|assistant)s?\b",
        "speaks to the reviewer",
        SAY_NOTHING,
    ),
    row(
        "sway.role",
        SWAY,
        r"\byou (are|act as|must act as) (now )?(a|an|the|in)\b.{0,40}\b(reviewer|assistant|model|auditor|developer mode|ai|llm)\b|\bas an (ai|llm|language model)\b",
        "gives the reviewer a role",
        SAY_NOTHING,
    ),
    row(
        "sway.hide",
        SWAY,
        r"\b(do not|don't|never|must not|should not)\s+(report|flag|mention|block|list|raise)\s+(this|these|any|it|the following|issues|findings|blockers)\b",
        "tells a reviewer what not to say",
        SAY_NOTHING,
    ),
    row(
        "sway.no-review",
        SWAY,
        r"\b(no|without)\s+(further\s+|additional\s+|manual\s+|human\s+)?review\s+(is\s+|was\s+)?(needed|required|necessary)\b|\b(skip|omit|stop)\s+(this\s+|the\s+|further\s+)?(security\s+|code\s+)?review(ing)?\b|\bsafe to (approve|merge)\b|\blgtm\b",
        "says that no review is needed",
        SAY_NOTHING,
    ),
    row(
        "sway.verdict",
        SWAY,
        r#"\\?["'](verdict|decision)\\?["']\s*:\s*\\?["'](approved|blocked)"#,
        "looks like a verdict",
        SAY_NOTHING,
    ),
    row(
        "sway.frame",
        SWAY,
        r"<\|?/?(im_start|im_end|im_sep|endoftext|system|begin_of_text|eot_id)\|?>|\[/?INST\]|<</?SYS>>|</?(system|assistant|instructions|untrusted[_-]?(data|diff|input))>|^\s*(###\s*)?(system|assistant|human)\s*:\s+\S",
        "looks like the frame around what a model reads",
        SAY_NOTHING,
    ),
    row(
        "sway.bundle",
        SWAY,
        r"^\s*=== (added|deleted|modified|mode-changed|type-changed) |\bof this bundle|aiops review (bundle|packet)\b|\bend of (the )?(bundle|packet|diff|review data|untrusted)",
        "looks like a part of the review's own text",
        SAY_NOTHING,
    ),
];
