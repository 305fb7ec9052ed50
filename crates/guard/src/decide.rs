//! What guard may do about what was seen. Pure, and the only place where that is settled.

use std::fmt;

use doctor::{Report, Status, Tailnet};
use host_facts::Facts;
use ops_core::time::Timestamp;

use crate::memory::Memory;
use crate::policy::Policy;

/// A check that does not pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trouble {
    /// The check's id.
    pub id: String,
    /// Fail or Unknown.
    pub status: Status,
    /// What was seen.
    pub summary: String,
    /// What a person can do.
    pub remedy: String,
}

/// What guard needs to know of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Situation {
    /// The host.
    pub host: String,
    /// Checks that fail or could not be carried out. Empty: the host passes.
    pub troubles: Vec<Trouble>,
    /// Ids of the checks that pass, waived ones and warnings included.
    pub fine: Vec<String>,
    /// Whether sshd was seen to listen outside the allowed ranges, and no waiver covers it.
    pub sshd_public: bool,
    /// Whether the host can be reached over its tailnet.
    pub tailnet: Tailnet,
}

impl Situation {
    /// What a report and the facts behind it come to.
    pub fn of(report: &Report, facts: &Facts) -> Self {
        let is_trouble = |status| matches!(status, Status::Fail | Status::Unknown);
        let is_fine = |status| matches!(status, Status::Pass | Status::Warn);
        let checks = || report.checks.iter();
        let mut troubles: Vec<Trouble> = checks()
            .filter(|it| is_trouble(it.status))
            .map(|it| Trouble {
                id: it.id.clone(),
                status: it.status,
                summary: it.summary.clone(),
                remedy: it.remediation.clone(),
            })
            .collect();
        if troubles.is_empty() && is_trouble(report.status) {
            // Nothing was judged at all: that is never a pass.
            troubles.push(Trouble {
                id: "doctor".into(),
                status: Status::Unknown,
                summary: "no check was carried out".into(),
                remedy: "run `doctor host`".into(),
            });
        }
        let ports_fail = report.check("ports").is_some_and(|it| it.status == Status::Fail);
        Self {
            host: report.host.clone(),
            troubles,
            fine: checks().filter(|it| is_fine(it.status)).map(|it| it.id.clone()).collect(),
            sshd_public: ports_fail && report.has_flag("SSHD_PUBLIC"),
            tailnet: doctor::tailnet(facts),
        }
    }

    /// Whether the host is as it should be.
    pub fn passes(&self) -> bool {
        self.troubles.is_empty()
    }

    /// The ids of the checks in trouble that stand so, comma-separated.
    pub fn ids(&self, status: Status) -> String {
        let ids = self.troubles.iter().filter(|it| it.status == status).map(|it| it.id.as_str());
        ids.collect::<Vec<_>>().join(",")
    }
}

/// How often this cycle has looked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// This is the first look.
    First,
    /// A first look saw sshd in the open a moment ago.
    Second,
}

/// What guard does. There is no other power than the fix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Nothing: the host passes.
    Pass,
    /// Wait a moment and look again: what was seen is not confirmed.
    LookAgain,
    /// Run the sshd fix.
    Fix,
    /// Alert; there is nothing guard can mend.
    Alert,
    /// Touch nothing, and alert.
    Refuse(Why),
}

/// Why guard touches nothing although something is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Why {
    /// Tailscale is not up: narrowing sshd would lock everyone out.
    TailscaleDown(String),
    /// Whether tailscale is up could not be told.
    TailscaleUnknown(String),
    /// Tailscale has no interface that sshd could listen on.
    UserspaceNetworking,
    /// What guard did before cannot be read, so neither can what it may still do.
    MemoryUnknown(String),
    /// Too many fixes failed; `guard reset` is a person's word that it may try again.
    Latched(u32),
    /// There were enough fixes in the last hour.
    Budget(u32),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TailscaleDown(why) => write!(f, "tailscale down: {why}"),
            Self::TailscaleUnknown(why) => write!(f, "tailscale unknown: {why}"),
            Self::UserspaceNetworking => f.write_str("tailscale runs in userspace networking"),
            Self::MemoryUnknown(why) => {
                write!(f, "what was done before is unknown ({why}); `guard reset` begins anew")
            }
            Self::Latched(failed) => {
                write!(f, "{failed} fixes failed; mend it by hand, then `guard reset`")
            }
            Self::Budget(fixes) => {
                write!(f, "{fixes} fixes within an hour; something undoes them")
            }
        }
    }
}

/// Decides. The memory is `Err` when it could not be read.
pub fn decide(
    seen: &Situation,
    memory: Result<&Memory, &str>,
    policy: &Policy,
    look: Look,
    now: Timestamp,
) -> Action {
    if seen.passes() {
        return Action::Pass;
    }
    match &seen.tailnet {
        Tailnet::Up(_) => {}
        Tailnet::Down(why) => return Action::Refuse(Why::TailscaleDown(why.clone())),
        Tailnet::Unknown(why) => return Action::Refuse(Why::TailscaleUnknown(why.clone())),
        Tailnet::Userspace => return Action::Refuse(Why::UserspaceNetworking),
    }
    if !seen.sshd_public {
        return Action::Alert;
    }
    let memory = match memory {
        Ok(memory) => memory,
        Err(why) => return Action::Refuse(Why::MemoryUnknown(why.to_owned())),
    };
    if memory.latched_at.is_some() {
        return Action::Refuse(Why::Latched(memory.failed_fixes));
    }
    let fixes = memory.fixes_within_an_hour(now);
    if fixes >= policy.fixes_per_hour {
        return Action::Refuse(Why::Budget(fixes));
    }
    if look == Look::First && !memory.confirms(now, policy) {
        return Action::LookAgain;
    }
    Action::Fix
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
