//! `booted shell`: boots a machine and gives a shell in it, to look around by hand. `booted base`
//! makes the base and says where it is.
#![expect(clippy::print_stdout, reason = "a tool for people at a terminal")]

use std::net::Ipv4Addr;
use std::process::ExitCode;

use booted::{Base, Machine, Options};

const USAGE: &str = "usage: booted base | booted shell [TAILNET-ADDRESS]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (shell, address) = match args.as_slice() {
        ["base"] => (false, None),
        ["shell"] => (true, None),
        ["shell", address] => match address.parse::<Ipv4Addr>() {
            Ok(address) => (true, Some(address)),
            Err(_) => return told(USAGE, 2),
        },
        _ => return told(USAGE, 2),
    };
    let base = match Base::get() {
        Ok(base) => base,
        Err(skipped) => return told(&format!("cannot boot here: {skipped}"), 69),
    };
    println!("base: {}, {} MiB", base.root().display(), base.size() >> 20);
    if shell {
        let machine = Machine::boot(&base, Options::default());
        if let Some(address) = address {
            machine.tailnet_up(address);
        }
        println!("booted in {:?}; the shell's end is the machine's", machine.boot_took());
        machine.shell();
    }
    ExitCode::SUCCESS
}

fn told(what: &str, code: u8) -> ExitCode {
    println!("{what}");
    ExitCode::from(code)
}
