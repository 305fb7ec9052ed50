//! `JUnit` XML as CI systems read it: a test case for each check. A warning is told in its output.

use std::io::{self, Write};

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::writer::Writer;

use crate::report::{Check, Report, Status};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = report.counts;
    let mut suite = BytesStart::new("testsuite");
    suite.push_attribute(("name", "doctor"));
    suite.push_attribute(("hostname", report.host.as_str()));
    suite.push_attribute(("timestamp", report.started_at.as_str()));
    suite.push_attribute(("tests", report.checks.len().to_string().as_str()));
    suite.push_attribute(("failures", counts.fail.to_string().as_str()));
    suite.push_attribute(("errors", counts.unknown.to_string().as_str()));
    suite.push_attribute(("skipped", counts.skip.to_string().as_str()));
    suite.push_attribute(("time", seconds(report.duration_ms).as_str()));
    xml.write_event(Event::Start(BytesStart::new("testsuites")))?;
    xml.write_event(Event::Start(suite))?;
    for check in &report.checks {
        case(check, &mut xml)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    drop(xml);
    writeln!(out)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn case<W: Write>(check: &Check, xml: &mut Writer<W>) -> io::Result<()> {
    let mut start = BytesStart::new("testcase");
    start.push_attribute(("classname", "doctor"));
    start.push_attribute(("name", check.id.as_str()));
    start.push_attribute(("time", seconds(check.duration_ms).as_str()));
    xml.write_event(Event::Start(start))?;
    let name = match check.status {
        Status::Pass | Status::Warn => None,
        Status::Skip => Some("skipped"),
        Status::Unknown => Some("error"),
        Status::Fail => Some("failure"),
    };
    let mut lines = check.details.clone();
    if !check.remediation.is_empty() {
        lines.push(format!("do: {}", check.remediation));
    }
    let text = lines.join("\n");
    let element = name.unwrap_or("system-out");
    let mut start = BytesStart::new(element);
    if name.is_some() {
        start.push_attribute(("message", check.summary.as_str()));
    }
    xml.write_event(Event::Start(start))?;
    xml.write_event(Event::Text(BytesText::new(&text)))?;
    xml.write_event(Event::End(BytesEnd::new(element)))?;
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}
