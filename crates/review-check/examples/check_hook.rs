//! A hook that does nothing but check, for the test that pushes to a real server:
//! `check_hook pre-push REMOTE` and `check_hook pre-receive`. The hook itself is review-gate's.

use std::process::ExitCode;

use ops_core::host::Host;
use ops_core::report::Report;
use review_check::{Call, Mode, check, lines};
use verdict::in_force::Fallback;

fn main() -> ExitCode {
    let host = Host::real();
    let argv = host.argv();
    let mode = match argv.get(1).map(String::as_str) {
        Some("pre-push") => Mode::PrePush,
        Some("pre-receive") => Mode::PreReceive,
        _ => return ExitCode::from(2),
    };
    let Ok(input) = host.read_input(lines::LARGEST as u64) else { return ExitCode::from(69) };
    let Ok(cwd) = std::env::current_dir() else { return ExitCode::from(69) };
    let remote = argv.get(2).map(String::as_str);
    let call = Call { mode, cwd: &cwd, lines: &input, remote, fallback: Fallback::production(&[]) };
    match check(&host, &call) {
        Ok(report) => {
            let _unread = report.write_human(&mut std::io::stderr()).is_err();
            report.exit().into()
        }
        Err(failure) => {
            use std::io::Write;
            let _unread = writeln!(std::io::stderr(), "{failure}").is_err();
            failure.exit.into()
        }
    }
}
