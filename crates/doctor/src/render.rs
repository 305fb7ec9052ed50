//! Writes reports. Chooses neither status nor exit code.

mod human;
mod junit;
mod prometheus;
mod sarif;
mod tap;

use std::io::{self, Write};

use crate::args::Format;
use crate::report::Report;

pub(crate) fn write(report: &Report, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Human => human::write(report, out),
        Format::Json => {
            serde_json::to_writer(&mut *out, report)?;
            writeln!(out)
        }
        Format::Junit => junit::write(report, out),
        Format::Tap => tap::write(report, out),
        Format::Prometheus => prometheus::write(report, out),
        Format::Sarif => sarif::write(report, out),
    }
}
