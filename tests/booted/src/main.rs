//! Machines by hand: `booted shell` boots one and gives a shell in it; `booted hold` boots one, says
//! how to enter it, and keeps it until its input ends; `booted base` makes the base.
#![expect(clippy::print_stdout, reason = "a tool for people at a terminal")]

use std::net::Ipv4Addr;
use std::process::ExitCode;

use booted::{Base, Machine, Options};

const USAGE: &str = "usage: booted base | booted shell|hold [TAILNET-ADDRESS]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (stay, address): (Option<fn(&Machine)>, _) = match args.as_slice() {
        ["base"] => (None, ""),
        ["shell", rest @ ..] => (Some(Machine::shell), rest.first().copied().unwrap_or_default()),
        ["hold", rest @ ..] => (Some(hold), rest.first().copied().unwrap_or_default()),
        _ => return told(USAGE, 2),
    };
    let address = match address {
        "" => None,
        given => match given.parse::<Ipv4Addr>() {
            Ok(address) => Some(address),
            Err(_) => return told(USAGE, 2),
        },
    };
    let base = match Base::get() {
        Ok(base) => base,
        Err(skipped) => return told(&format!("cannot boot here: {skipped}"), 69),
    };
    println!("base: {}, {} MiB", base.root().display(), base.size() >> 20);
    let Some(stay) = stay else { return ExitCode::SUCCESS };
    let machine = Machine::boot(&base, Options::default());
    if let Some(address) = address {
        machine.tailnet_up(address);
    }
    println!("booted in {:?}", machine.boot_took());
    stay(&machine);
    ExitCode::SUCCESS
}

/// Until standard input ends.
fn hold(machine: &Machine) {
    println!("name: {}", machine.name());
    println!("group: {}", machine.control_group().display());
    println!("enter: nsenter -t {} -a bash -l", machine.leader());
    // An error is an end as well.
    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
}

fn told(what: &str, code: u8) -> ExitCode {
    println!("{what}");
    ExitCode::from(code)
}
