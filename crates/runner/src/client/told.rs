//! What the client tells: as text for people, as the API's own documents for programs.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use run_queue::Status;
use serde_json::{Value, json};

use super::plain;
use crate::documents::{Ended, JobList, JobView, Logs, Refused};

/// A job.
pub(super) struct Shown(pub(super) JobView);

/// Jobs.
pub(super) struct Listed(pub(super) JobList);

fn write_job(job: &JobView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {}", job.job_id, job.status)?;
    let is_asked = job.cancel_requested && !job.status.is_final();
    let attempts = format!("{} of {}", job.attempts, job.max_attempts);
    let lines = [
        ("job", Some(job.job_type.clone())),
        ("repository", Some(job.repo_name.clone())),
        ("address", Some(job.remote_url.clone())),
        ("commit", Some(job.sha.clone())),
        ("submitted", Some(job.created_at.clone())),
        ("started", job.started_at.clone()),
        ("ended", job.finished_at.clone()),
        ("worker", job.worker.as_ref().map(|it| it.name.clone())),
        ("attempts", (job.attempts > 1).then_some(attempts)),
        ("cancel", is_asked.then(|| "its worker is asked to stop it".into())),
        ("exit code", job.exit_code.map(|it| it.to_string())),
        ("why", job.detail.clone()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "  {name:<11} {}", plain::line(&value))?;
        }
    }
    for (name, value) in &job.params {
        writeln!(out, "  {:<11} {}", "parameter", plain::line(&format!("{name}={value}")))?;
    }
    Ok(())
}

impl Report for Shown {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        write_job(&self.0, out)
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

impl Report for Ended {
    fn exit(&self) -> Exit {
        if self.job.status == Status::Success { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        write_job(&self.job, out)?;
        let left = |out: &mut dyn Write, it: &str| writeln!(out, "  {:<11} {it}", "left");
        for file in self.files.iter().flatten() {
            left(out, &format!("{} ({} bytes)", plain::line(&file.path), file.bytes))?;
        }
        if self.is_cut {
            left(out, "and more")?;
        }
        match &self.files_unknown {
            Some(why) => left(out, &format!("unknown: {}", plain::line(why))),
            None => Ok(()),
        }
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

impl Report for Listed {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for job in &self.0.jobs {
            let (id, status) = (&job.job_id, job.status.name());
            writeln!(out, "{id}  {status:<17} {:<18} {}", job.job_type, job.repo_name)?;
        }
        if self.0.jobs.is_empty() {
            return writeln!(out, "no jobs");
        }
        match &self.0.next {
            Some(next) => writeln!(out, "more: --before {next}"),
            None => Ok(()),
        }
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

impl Report for Refused {
    fn exit(&self) -> Exit {
        Exit::No
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "refused: {}", plain::line(&self.detail))?;
        for error in &self.errors {
            // The field is empty where the whole is meant.
            let field = if error.field.is_empty() { "" } else { &format!("{}: ", error.field) };
            writeln!(out, "  {}", plain::line(&format!("{field}{}", error.message)))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

impl Report for Logs {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        plain::lines(&self.text).try_for_each(|line| writeln!(out, "{line}"))
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
