//! The library behind a command line, for tests on machines that really boot: the calls that the
//! real `heal` has, and what came of them as JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command of tests")]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use ops_core::cli::{Common, Context};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use sshd_fix::act::{Fix, Options, wait_address};
use sshd_fix::decide::Decision;
use sshd_fix::places::Place;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    call: Call,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Call {
    /// The fix, or going back
    Ssh {
        #[arg(long)]
        plan: bool,
        #[arg(long)]
        plan_json: bool,
        #[arg(long)]
        plan_file: Option<PathBuf>,
        #[arg(long)]
        confirm: Option<u64>,
        #[arg(long)]
        rollback: Option<PathBuf>,
        #[arg(long)]
        dead_man: Option<u64>,
    },
    /// Confirms a change
    Confirm,
    /// Waits for an address
    WaitAddress {
        address: Ipv4Addr,
        #[arg(long)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let exit = run(&Args::parse()).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit
    });
    exit.into()
}

fn run(args: &Args) -> Result<Exit, Failure> {
    let context = Context::new("heal", Host::real(), &args.common)?;
    let mut options = Options::new(context.host.program().unwrap_or_default());
    let outcome = match &args.call {
        Call::WaitAddress { address, seconds } => {
            let came = wait_address(&context.host, *address, Duration::from_secs(*seconds));
            return Ok(if came { Exit::Ok } else { Exit::No });
        }
        Call::Confirm => Fix::new(&context, Place::default(), options).confirm()?,
        Call::Ssh { rollback: Some(record), .. } => {
            Fix::new(&context, Place::default(), options).rollback(record)?
        }
        Call::Ssh { plan_file: Some(path), .. } => {
            let doing = || format!("read {}", path.display());
            let bytes = context.host.read(path, 1 << 20).or_fail(Exit::Malformed, doing())?;
            let plan = serde_json::from_slice(&bytes).or_fail(Exit::Malformed, doing())?;
            Fix::new(&context, Place::default(), options).run_plan(&plan)?
        }
        Call::Ssh { plan, plan_json, .. } if *plan || *plan_json => {
            let fix = Fix::new(&context, Place::default(), options);
            let facts = fix.observe();
            return match fix.decide(&facts) {
                Decision::Refused(refusal) => {
                    println!("refused: {refusal}");
                    Ok(Exit::No)
                }
                Decision::Planned(plan) if *plan_json => {
                    println!("{}", serde_json::to_string(&plan).unwrap_or_default());
                    Ok(Exit::Ok)
                }
                Decision::Planned(plan) => {
                    let mut text = Vec::new();
                    let written = plan.write_human(&facts, &mut text).is_ok();
                    println!("{}", String::from_utf8_lossy(&text));
                    Ok(if written { Exit::Ok } else { Exit::Unavailable })
                }
            };
        }
        Call::Ssh { confirm, dead_man, .. } => {
            options.confirm_within = confirm.map(Duration::from_secs);
            if let Some(seconds) = dead_man {
                options.dead_man = Duration::from_secs(*seconds);
            }
            Fix::new(&context, Place::default(), options).run()?
        }
    };
    println!("{}", serde_json::to_string_pretty(&outcome).unwrap_or_default());
    Ok(outcome.exit())
}
