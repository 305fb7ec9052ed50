//! Which fixes a posture asks for. Pure.

use doctor::{Report, Status};

use crate::args::{Fix, PostureArgs};

/// The fixes to apply: those that were asked for by name, else those that a failing check asks for.
/// What could not be looked at asks for nothing.
pub(crate) fn fixes(args: &PostureArgs, before: &Report) -> Vec<Fix> {
    if args.check_only || args.verify_only {
        return Vec::new();
    }
    if !args.only.is_empty() {
        let mut only = args.only.clone();
        only.dedup();
        return only;
    }
    let ports_fail = before.check("ports").is_some_and(|it| it.status == Status::Fail);
    if ports_fail && before.has_flag("SSHD_PUBLIC") { vec![Fix::Ssh] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: Status, flags: &[&str]) -> Report {
        let check = doctor::Check {
            id: "ports".into(),
            title: String::new(),
            status,
            summary: String::new(),
            details: vec![],
            remediation: String::new(),
            waived_by: vec![],
            duration_ms: 0,
        };
        let flags = flags.iter().map(|it| (*it).to_owned()).collect();
        Report::new("example".into(), String::new(), 0, flags, vec![check])
    }

    #[test]
    fn only_a_failing_audit_that_names_sshd_asks_for_the_fix_unless_it_is_named() {
        let flag = &["SSHD_PUBLIC"][..];
        let plain = PostureArgs::default();
        for (status, flags, want) in [
            (Status::Fail, flag, vec![Fix::Ssh]),
            (Status::Fail, &[], vec![]),
            (Status::Warn, flag, vec![]),
            (Status::Unknown, flag, vec![]),
            (Status::Pass, &[], vec![]),
        ] {
            assert_eq!(fixes(&plain, &report(status, flags)), want, "{status:?}");
        }
        let named = PostureArgs { only: vec![Fix::Ssh, Fix::Ssh], ..plain.clone() };
        assert_eq!(fixes(&named, &report(Status::Pass, &[])), [Fix::Ssh]);
        for looking in [
            PostureArgs { check_only: true, ..plain.clone() },
            PostureArgs { verify_only: true, ..plain },
        ] {
            assert!(fixes(&looking, &report(Status::Fail, flag)).is_empty());
        }
    }
}
