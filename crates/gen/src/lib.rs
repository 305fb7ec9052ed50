//! What is generated from the code: JSON Schemas (checked in), man pages and completions (made at
//! installation).

use bridge::{command, evidence, settings};
use bridge_exec::documents as exec;
use bridge_report::documents as report;
use bridge_submit::documents as submit;
use clap::{Command, CommandFactory};
use key::documents as keys;
use notify::documents as told;
use schemars::{Schema, schema_for};

/// Every schema that is checked in: file name below configs/schemas/, and the schema.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("bridge.schema.json", schema_for!(settings::Settings)),
        ("command.schema.json", schema_for!(command::Command)),
        ("bridge.result.schema.json", schema_for!(evidence::Outcome)),
        ("bridge.integrity.schema.json", schema_for!(evidence::Integrity)),
        ("bridge.dead_letter.schema.json", schema_for!(evidence::DeadLetter)),
        ("bridge.drained.schema.json", schema_for!(exec::Drained)),
        ("bridge.judged.schema.json", schema_for!(exec::Judged)),
        ("bridge.held.schema.json", schema_for!(exec::HeldList)),
        ("bridge.decided.schema.json", schema_for!(exec::Decided)),
        ("bridge.verification.schema.json", schema_for!(exec::Verification)),
        ("bridge.status.schema.json", schema_for!(exec::Standing)),
        ("bridge.done.schema.json", schema_for!(exec::Done)),
        ("bridge.submitted.schema.json", schema_for!(submit::Submitted)),
        ("bridge.signed.schema.json", schema_for!(submit::Signed)),
        ("bridge.canonical.schema.json", schema_for!(submit::Canonical)),
        ("bridge.publish.schema.json", schema_for!(bridge_publish::Published)),
        ("bridge.publish_watch.schema.json", schema_for!(bridge_publish::Watched)),
        ("bridge.report.schema.json", schema_for!(report::Summary)),
        ("bridge.smoke.schema.json", schema_for!(submit::Smoke)),
        ("doctor.schema.json", schema_for!(doctor::Policy)),
        ("doctor.report.schema.json", schema_for!(doctor::Report)),
        ("heal.schema.json", schema_for!(heal::documents::Summary)),
        ("heal.evidence.schema.json", schema_for!(heal::documents::Verified)),
        ("guard.schema.json", schema_for!(guard::Policy)),
        ("guard.cycle.schema.json", schema_for!(guard::documents::Cycle)),
        ("guard.install.schema.json", schema_for!(guard::documents::Installed)),
        ("guard.reset.schema.json", schema_for!(guard::documents::Reset)),
        ("guard.state.schema.json", schema_for!(guard::memory::Memory)),
        ("guard.status.schema.json", schema_for!(guard::documents::Standing)),
        ("facts.schema.json", schema_for!(host_facts::Facts)),
        ("alert.schema.json", schema_for!(ops_core::alert::Spooled)),
        ("job.schema.json", schema_for!(jobs::Artifact)),
        ("job.gc.schema.json", schema_for!(orb_wrap::documents::Collected)),
        ("job.list.schema.json", schema_for!(orb_wrap::documents::List)),
        ("job.log_audit.schema.json", schema_for!(orb_wrap::documents::Audit)),
        ("job.plan.schema.json", schema_for!(orb_wrap::documents::Explained)),
        ("job_allowlist.schema.json", schema_for!(jobs::JobTypes)),
        ("key.audit.schema.json", schema_for!(key::audit::Entry)),
        ("key.deleted.schema.json", schema_for!(keys::Deletion)),
        ("key.doctor.schema.json", schema_for!(keys::Examination)),
        ("key.list.schema.json", schema_for!(keys::Listing)),
        ("key.migrated.schema.json", schema_for!(keys::Migrated)),
        ("key.rotation.schema.json", schema_for!(keys::Rotated)),
        ("key.scan.schema.json", schema_for!(keys::Scanned)),
        ("key.source.schema.json", schema_for!(keys::Origin)),
        ("key.status.schema.json", schema_for!(keys::Status)),
        ("key.stored.schema.json", schema_for!(keys::Stored)),
        ("key_rotation.schema.json", schema_for!(secrets::rotation::Rotation)),
        ("keys.schema.json", schema_for!(secrets::Registry)),
        ("notify.schema.json", schema_for!(notify::settings::Settings)),
        ("notify.sent.schema.json", schema_for!(told::Sent)),
        ("notify.dry_run.schema.json", schema_for!(told::DryRun)),
        ("notify.flushed.schema.json", schema_for!(told::Flushed)),
        ("notify.status.schema.json", schema_for!(told::Standing)),
        ("notify.sms.schema.json", schema_for!(told::SmsPoll)),
        ("alert_delivery.schema.json", schema_for!(notify::channels::AlertDelivery)),
        ("repo_allowlist.schema.json", schema_for!(jobs::Repositories)),
        ("review_manifest.schema.json", schema_for!(review_bundle::Manifest)),
        ("size_cap_meta.schema.json", schema_for!(review_bundle::SizeCapMeta)),
        ("run.schema.json", schema_for!(ops_core::record::Run)),
        ("runner.schema.json", schema_for!(runner::settings::Settings)),
        ("runner.artifacts.schema.json", schema_for!(runner::documents::ArtifactList)),
        ("runner.health.schema.json", schema_for!(runner::documents::Health)),
        ("runner.job.schema.json", schema_for!(runner::documents::JobView)),
        ("runner.jobs.schema.json", schema_for!(runner::documents::JobList)),
        ("runner.logs.schema.json", schema_for!(runner::documents::Logs)),
        ("runner.problem.schema.json", schema_for!(runner::documents::Problem)),
        ("runner.served.schema.json", schema_for!(runner::documents::Served)),
        ("runner.smoke.schema.json", schema_for!(runner::documents::Smoke)),
        ("runner.submission.schema.json", schema_for!(runner::documents::Submission)),
    ]
}

/// The command line of every binary.
pub fn commands() -> Vec<Command> {
    vec![
        bridge_exec::args::Args::command(),
        bridge_publish::args::Args::command(),
        bridge_report::args::Args::command(),
        bridge_submit::args::Args::command(),
        doctor::args::Args::command(),
        guard::args::Args::command(),
        heal::args::Args::command(),
        key::args::Args::command(),
        notify::args::Args::command(),
        orb_wrap::args::Args::command(),
        runner::args::Args::command(),
    ]
}
