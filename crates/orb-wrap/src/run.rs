//! One job, led through its steps. Whatever happens after its folder is made, it leaves artifact.json;
//! but for exit 75, which leaves neither: the job did not begin.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::{
    Artifact, Invariants, JobId, JobTypes, Kind, Layer, Plan, Reason, Rejection, Repositories,
    Request, Status, Target,
};
use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Kind as EntryKind;
use ops_core::report::Report;
use ops_core::time::{self, Timestamp};
use repo_mirror::{Mirrors, Pinned, Scratch, Worktree};
use rustix::fs::{AtFlags, CWD, Gid, Uid};
use sandbox::{Ended, Job, Outcome};

use crate::documents::Done;
use crate::logs::{Logs, NAMES};
use crate::{decide, outputs, place, scene};

/// The folder that the job writes while it runs, below the artifact folder.
const WORK: &str = ".work";
/// The largest document of a job's own that is read back, bytes.
const LARGEST: u64 = 16 << 20;

/// Runs one job.
pub(crate) fn run(
    context: &Context,
    request: &Request,
    folder: Option<&Path>,
) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let types: JobTypes = config::load(host, &context.configs)?;
    let repositories: Repositories = config::load(host, &context.configs)?;
    let (created, began) = (host.now(), host.ticks());
    let named = folder.and_then(Path::file_name).and_then(|it| JobId::read(it.to_str()?));
    let id = named.unwrap_or_else(|| JobId::new(created, host.random()));
    let home = host.make_dir(&context.home, 0o750).and_then(|()| host.resolve(&context.home));
    let home = home.or_fail(Exit::Unavailable, "find the home folder")?;
    let folder = folder.map_or_else(|| home.join("artifacts/jobs").join(id.as_str()), Into::into);
    let doing = || format!("make the artifact folder {}", folder.display());
    if let Some(ours) = place::is_ours(host, &home, &folder).or_fail(Exit::Unavailable, doing())? {
        return Err(Failure::new(Exit::Usage, doing()).because(format!(
            "{} is orb-wrap's own: a job there would change what others use",
            ours.display()
        )));
    }
    host.make_dir(&folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    let folder = host.resolve(&folder).or_fail(Exit::Unavailable, doing())?;
    // Two that were given one folder: the second must not write into the first one's.
    let _claim = host.lock_folder(&folder)?.map_err(|busy| busy.failure("job in this folder"))?;
    if !host.names(&folder).or_fail(Exit::Unavailable, doing())?.is_empty() {
        return Err(Failure::new(Exit::Malformed, doing())
            .because("it is not empty: an artifact is never overwritten"));
    }
    let mut leading = Leading {
        context,
        home,
        artifact: blank(request, &id, created),
        id,
        folder,
        exit: Exit::Unavailable,
    };
    let led = match jobs::judge(request, &repositories, &types) {
        Ok(plan) => leading.lead(&plan, &types),
        Err(against) => {
            leading.reject(against);
            Ok(())
        }
    };
    if let Err(failure) = led {
        if failure.exit == Exit::TryLater && leading.withdraw() {
            return Err(failure);
        }
        leading.exit = failure.exit;
        leading.fail(&failure);
    }
    leading.finish(began)
}

/// A job on its way.
struct Leading<'a> {
    context: &'a Context,
    home: PathBuf,
    id: JobId,
    folder: PathBuf,
    artifact: Artifact,
    exit: Exit,
}

impl Leading<'_> {
    fn lead(&mut self, plan: &Plan, types: &JobTypes) -> Result<(), Failure> {
        let host = &self.context.host;
        self.artifact.repo.url = plan.url.to_string();
        for swept in Scratch::sweep(host, &self.home) {
            self.context.say(&format!("removed what the killed job {swept} left"));
        }
        let Some((pinned, worktree)) = self.set_up(plan)? else { return Ok(()) };
        self.artifact.repo.sha = Some(pinned.sha.to_string());
        self.artifact.warnings.extend(pinned.warnings.iter().chain(&worktree.warnings).cloned());
        let done = self.carry_out(plan, types, &pinned, &worktree);
        if done.is_err() {
            // Nobody of the job is left: what it left was not taken.
            let _stays = host.remove_deep_tree(&self.folder.join(WORK)).is_err();
        }
        let removed = worktree.remove();
        if let Err(failure) = removed {
            self.artifact.warnings.push(format!("WORKTREE_LEFT: {failure}"));
        }
        done
    }

    /// The commit, pinned, and its tree. A mirror that turns out to be corrupt is made anew, once.
    fn set_up(&mut self, plan: &Plan) -> Result<Option<(Pinned, Worktree)>, Failure> {
        let host = &self.context.host;
        let mirrors = Mirrors::new(host, &self.home);
        for anew in [false, true] {
            let (sha, others) = (plan.sha.as_ref(), &plan.commits);
            let working = self.context.working("looking for the commit in the mirror, or fetching");
            let pinned = mirrors.pin(&plan.repository, sha, others, &self.id, anew)?;
            drop(working);
            let pinned = match pinned {
                Ok(pinned) => pinned,
                Err(nos) => {
                    let against = nos.into_iter().map(|it| Rejection {
                        field: it.field,
                        reason: it.reason,
                        message: it.message,
                    });
                    self.reject(against.collect());
                    return Ok(None);
                }
            };
            let working = self.context.working("writing the work tree");
            let written = Worktree::write(host, &self.home, &self.id, &pinned, scene::INSIDE)?;
            drop(working);
            match written {
                Ok(worktree) => return Ok(Some((pinned, worktree))),
                Err(why) => self.context.say(&format!("the mirror is corrupt: {why}")),
            }
        }
        Err(Failure::new(Exit::Unavailable, "write the commit's tree")
            .because("the remote itself is corrupt: a fresh mirror of it is"))
    }

    fn carry_out(
        &mut self,
        plan: &Plan,
        types: &JobTypes,
        pinned: &Pinned,
        worktree: &Worktree,
    ) -> Result<(), Failure> {
        let host = &self.context.host;
        let work = self.folder.join(WORK);
        let found = scene::job(host, plan, types, pinned, worktree, &self.id, &work)?;
        let Some(job) = found else {
            self.artifact.status = Status::Failure;
            self.artifact.error = Some(plan.job.missing.clone());
            let tried: Vec<&str> =
                plan.job.argv.iter().take(1).chain(&plan.job.or).map(String::as_str).collect();
            self.artifact.error_detail = Some(format!("not in the commit: {}", tried.join(", ")));
            self.artifact.invariants.clean_tree_ok = worktree.compare(host, pinned).is_empty();
            return Ok(());
        };
        self.make_work(&work, job.user)?;
        let doing = || "keep what the job says";
        let mut logs = Logs::new(&self.folder, plan.job.limits.output_bytes)
            .or_fail(Exit::Unavailable, doing())?;
        let stop = host.stop_on_signals().or_fail(Exit::Unavailable, "listen for signals")?;
        let working = self.context.working("running the job");
        let ran = sandbox::run(host, &job, &mut |stream, bytes| logs.add(stream, bytes), &stop);
        drop(working);
        // Also when the run failed half-way: what was changed is told whatever else is.
        let working = self.context.working("looking whether anything was changed");
        let changes = worktree.compare(host, pinned);
        drop(working);
        self.artifact.invariants.clean_tree_ok = changes.is_empty();
        self.artifact.changed_files = changes;
        match ran? {
            Ok(outcome) => self.judge(plan, &job, &outcome, &logs, &work),
            Err(refused) => {
                self.sandboxed(refused.held, false);
                let missing: Vec<String> = refused.missing.iter().copied().map(word).collect();
                self.artifact.error = Some("SANDBOX_REFUSED".to_owned());
                let mut detail = format!("not held: {}", missing.join(", "));
                if !refused.said.is_empty() {
                    detail = format!("{detail}; {}", refused.said);
                }
                self.artifact.error_detail = Some(detail);
                host.remove_deep_tree(&work).or_fail(Exit::Unavailable, "remove the job's folder")
            }
        }
    }

    fn make_work(&self, work: &Path, user: u32) -> Result<(), Failure> {
        let host = &self.context.host;
        let doing = || "make the folder that the job may write";
        host.make_dir(work, 0o700).or_fail(Exit::Unavailable, doing())?;
        let mut params =
            serde_json::to_vec_pretty(&self.artifact.params).or_fail(Exit::Internal, doing())?;
        params.push(b'\n');
        let path = work.join("params.json");
        host.replace_file_unsynced(&path, &params, 0o644).or_fail(Exit::Unavailable, doing())?;
        if host.is_root() {
            let (uid, gid) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(user)));
            for path in [work, &path] {
                rustix::fs::chownat(CWD, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
                    .or_fail(Exit::Unavailable, doing())?;
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        plan: &Plan,
        job: &Job,
        outcome: &Outcome,
        logs: &Logs,
        work: &Path,
    ) -> Result<(), Failure> {
        let host = &self.context.host;
        self.sandboxed(outcome.held.clone(), true);
        let set_up = outcome.set_up.as_secs_f64() * 1000.0;
        self.context.tell(2, &format!("sandbox: {set_up:.1} ms until all of it was tried"));
        let artifact = &mut self.artifact;
        artifact.started_at = Some(time::rfc3339(outcome.started));
        let (status, error) =
            decide::status(outcome.ended, &artifact.changed_files, outcome.all_gone);
        (artifact.status, artifact.error) = (status, error);
        artifact.exit_code = match outcome.ended {
            Ended::Code(code) => Some(code),
            _ => None,
        };
        let [out, err] = logs.tails();
        artifact.stdout_tail = self.context.clean(&out);
        artifact.stderr_tail = self.context.clean(&err);
        if logs.are_cut() {
            artifact.warnings.push("OUTPUT_CUT: it said more than is kept".to_owned());
        }
        if !outcome.all_gone {
            // Somebody may still write there.
            return Ok(());
        }
        let kept = plan.job.keep_output.as_deref();
        if outcome.too_much {
            let dropped = "OUTPUT_DROPPED: it left more than it may, or what cannot be looked at";
            artifact.warnings.push(dropped.to_owned());
            let doing = || "remove what the job left";
            host.remove_deep_tree(work).or_fail(Exit::Unavailable, doing())?;
            return self.read_results(plan, kept, job, outcome.ended);
        }
        let taken = outputs::take(host, work, &self.folder, kept);
        artifact.warnings.extend(taken.or_fail(Exit::Unavailable, "take the job's outputs")?);
        self.read_results(plan, kept, job, outcome.ended)
    }

    /// What is known of this kind of job's results.
    fn read_results(
        &mut self,
        plan: &Plan,
        kept: Option<&str>,
        job: &Job,
        ended: Ended,
    ) -> Result<(), Failure> {
        let host = &self.context.host;
        let cap = job.limits.output_bytes;
        let mut said = vec![];
        for name in NAMES {
            let bytes = host.read(&self.folder.join(name), cap);
            said.extend(bytes.or_fail(Exit::Unavailable, "read what the job said")?);
        }
        if let Some(name) = kept {
            let done = host.create_file(&self.folder.join(name), &said, 0o640);
            done.or_fail(Exit::Unavailable, format!("write {name}"))?;
        }
        match plan.job.kind {
            Kind::Doctor => self.artifact.doctor = decide::count(&String::from_utf8_lossy(&said)),
            // Of a job that was ended on its way they are half-written, and no answer of it.
            Kind::ReviewBundle if ended == Ended::Code(0) => self.find_packets(),
            Kind::Command | Kind::ReviewBundle => {}
        }
        Ok(())
    }

    /// The packets that took a bundle's place. A job that says it made some and did not has failed.
    fn find_packets(&mut self) {
        let host = &self.context.host;
        let top = "review_packets";
        let Ok(names) = host.names(&self.folder.join(top)) else { return };
        let Some(name) = names.into_iter().max() else { return };
        let folder = format!("{top}/{}", name.to_string_lossy());
        let archive = format!("{folder}/ORB_REVIEW_PACKETS.tar.gz");
        let meta = host.read_plain(&self.folder.join(&folder).join("size_cap_meta.json"), LARGEST);
        let meta = meta.ok().and_then(|(_, bytes)| serde_json::from_slice(&bytes).ok());
        let has_archive = host
            .look(&self.folder.join(&archive))
            .is_ok_and(|it| it.is_some_and(|it| it.kind == EntryKind::File));
        let artifact = &mut self.artifact;
        match meta {
            Some(meta) if has_archive => {
                artifact.size_cap_fallback = Some(meta);
                artifact.size_cap_exceeded = true;
                artifact.warnings.push("SIZE_CAP_EXCEEDED".to_owned());
                artifact.review_packets_archive = Some(archive);
                artifact.review_packets_dir = Some(folder);
            }
            _ if artifact.status == Status::Success => {
                artifact.status = Status::Failure;
                artifact.error = Some("PACKETS_INCOMPLETE".to_owned());
            }
            _ => {}
        }
    }

    fn sandboxed(&mut self, held: Vec<jobs::Held>, started: bool) {
        let is_held = |layer| held.iter().any(|it| it.layer == layer && it.held);
        let read_only_ok = is_held(Layer::ReadOnlyMount) || is_held(Layer::Landlock);
        let invariants = &mut self.artifact.invariants;
        // Nothing was kept read-only for a job that was not started.
        invariants.read_only_ok = read_only_ok && started;
        invariants.sandbox = held;
    }

    fn reject(&mut self, against: Vec<Rejection>) {
        self.artifact.status = Status::Rejected;
        let first = against.first().map_or(Reason::JobTypeNotAllowed, |it| it.reason);
        self.artifact.error =
            serde_json::to_value(first).ok().and_then(|it| Some(it.as_str()?.to_owned()));
        self.artifact.rejections = against;
    }

    /// Leaves no trace of a job that did not begin, such as one that runs already: it has an artifact
    /// of its own. Returns whether there is none, not even a folder.
    fn withdraw(&self) -> bool {
        let gone = self.context.host.remove_empty_folder(&self.folder);
        gone.is_ok_and(|it| it)
    }

    fn fail(&mut self, failure: &Failure) {
        if self.artifact.status != Status::MutationDetected {
            self.artifact.status = if self.artifact.changed_files.is_empty() {
                Status::Error
            } else {
                Status::MutationDetected
            };
        }
        self.artifact.error.get_or_insert_with(|| "ERROR".to_owned());
        self.artifact.error_detail = Some(self.context.clean(&failure.to_string()));
    }

    fn finish(mut self, began: Duration) -> Result<Box<dyn Report>, Failure> {
        let host = &self.context.host;
        let doing = || format!("write {}", self.folder.join("artifact.json").display());
        let outputs = outputs::list(host, &self.folder, WORK);
        self.artifact.outputs = outputs.or_fail(Exit::Unavailable, doing())?;
        self.artifact.finished_at = time::rfc3339(host.now());
        let taken = host.ticks().saturating_sub(began).as_millis();
        self.artifact.duration_ms = u64::try_from(taken).unwrap_or(u64::MAX);
        let text = serde_json::to_string_pretty(&self.artifact).or_fail(Exit::Internal, doing())?;
        let path = self.folder.join("artifact.json");
        host.create_file(&path, format!("{text}\n").as_bytes(), 0o640)
            .or_fail(Exit::Unavailable, doing())?;
        let folder = self.folder.display().to_string();
        Ok(Box::new(Done { artifact: self.artifact, folder, exit: self.exit }))
    }
}

fn word(layer: Layer) -> String {
    let value = serde_json::to_value(layer).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn blank(request: &Request, id: &JobId, created: Timestamp) -> Artifact {
    let place = request.remote_url.as_ref().or(request.repo_name.as_ref());
    Artifact {
        schema: jobs::SCHEMA.to_owned(),
        job_id: id.to_string(),
        job_type: request.job_type.clone(),
        status: Status::Error,
        exit_code: None,
        created_at: time::rfc3339(created),
        started_at: None,
        finished_at: String::new(),
        duration_ms: 0,
        repo: Target { url: place.cloned().unwrap_or_default(), sha: request.sha.clone() },
        params: request.params.clone(),
        invariants: Invariants::default(),
        changed_files: vec![],
        outputs: vec![],
        stdout_tail: String::new(),
        stderr_tail: String::new(),
        warnings: vec![],
        error: None,
        error_detail: None,
        rejections: vec![],
        doctor: None,
        size_cap_exceeded: false,
        size_cap_fallback: None,
        review_packets_archive: None,
        review_packets_dir: None,
    }
}
