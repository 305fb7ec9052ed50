//! One publication: fetch, build, push, again if the remote moved, then let the branch follow.
//!
//! What a run must not lose is on disk in the evidence folders; references only remember how far
//! it got. They are set in an order that makes every gap between two steps a state that the next
//! run understands: objects are flushed before `refs/aiops/publish` names them, that is set before
//! the push, `refs/aiops/synced` after it, `refs/aiops/inbound` after documents were delivered.

use std::time::Duration;

use bridge::layout::Root;
use bridge::settings::{Publish, Settings};
use gix::ObjectId;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Stop};

use crate::act::branch::{self, Followed, Head};
use crate::act::commits::{Builder, Made};
use crate::act::inbound;
use crate::act::remote::{Fetched, Remote};
use crate::act::sign::Signer;
use crate::decide::ground::{self, Compare, Ground, Known};
use crate::decide::plan;
use crate::observe::{conflict, disk, history};
use crate::report::{Commit, Published};
use crate::repository::{BRANCH, INBOUND, PUBLISH, REMOTE, Repository, SYNCED};

/// How many paths a message lists.
const LISTED: usize = 10;

/// Publishes all there is. `stop` ends the waiting between attempts.
///
/// # Errors
/// Exit 78 when the root is no repository of its own or commits cannot be signed as configured, 75
/// when another publisher runs, 77 when the signing key cannot be used, 69 when the remote cannot
/// be reached, keeps refusing, or has evidence that is not of this root. Commits then wait in
/// `refs/aiops/publish`, and the next run pushes them.
pub fn publish_once(
    context: &Context,
    root: &Root,
    settings: &Settings,
    stop: &Stop,
) -> Result<Published, Failure> {
    let (host, settings) = (&context.host, &settings.publish);
    let repository = Repository::open(host, root.path(), settings)?;
    let lock = host.lock(&repository.own.join("publish.lock"))?;
    let _lock = lock.map_err(|busy| busy.failure("bridge-publish"))?;
    repository.recover(host)?;
    let signer = Signer::configured(host, &repository)?;
    let run = Run { host, root, settings, repository: &repository, signer: signer.as_ref() };
    let place = format!("{}/{}", settings.remote, settings.branch);
    let mut published = Published { place, ..Published::default() };
    let mut failed = 0;
    loop {
        match run.round(&mut published)? {
            Round::Done => break,
            Round::More => failed = 0,
            Round::Failed(why) => {
                failed += 1;
                let random = u64::from_ne_bytes(host.random());
                let pause = Duration::from_millis(settings.retries.delay_ms(failed, random));
                if failed >= settings.retries.attempts || stop.wait(pause) {
                    return Err(run.waiting(&why, failed));
                }
                context
                    .tell(2, &format!("{why}; attempt {failed} of {}", settings.retries.attempts));
            }
        }
    }
    for note in &published.notes {
        context.tell(2, note);
    }
    Ok(published)
}

/// How a round ended.
enum Round {
    /// Everything is on the remote.
    Done,
    /// One batch is; more is to come.
    More,
    /// The remote did not take it, and why.
    Failed(String),
}

/// What a run works with.
struct Run<'a> {
    host: &'a Host,
    root: &'a Root,
    settings: &'a Publish,
    repository: &'a Repository,
    signer: Option<&'a Signer>,
}

impl Run<'_> {
    fn round(&self, published: &mut Published) -> Result<Round, Failure> {
        let remote =
            Remote { host: self.host, repository: self.repository, settings: self.settings };
        let fetched = remote.fetch()?;
        let known = self.known(&fetched)?;
        let ground = ground::ground(&known).ok_or_else(|| self.branch_is_gone())?;
        let head = branch::head(self.repository)?;
        let tip = match fetched {
            Fetched::Tip(tip) => Some(tip),
            Fetched::NoBranch | Fetched::Unreachable(_) => None,
        };
        if let Some(tip) = tip {
            let checked_out = if let Head::On(commit) = head { commit } else { None };
            self.refuse_conflicts(ground.compare, tip, checked_out)?;
            self.receive(tip, published)?;
        }
        let made = self.build(&ground, head != Head::Elsewhere)?;
        note(published, &made.notes);
        if let Fetched::Unreachable(why) = fetched {
            self.follow(&made, published)?;
            return Ok(Round::Failed(why));
        }
        if made.tip != tip
            && let Some(ours) = made.tip
        {
            let many = made.commits.len() >= 16;
            if let Err(why) = remote.push(ours, many)? {
                self.follow(&made, published)?;
                return Ok(Round::Failed(why));
            }
            let arrived = history::chain(&self.repository.git, Some(ours), tip)?;
            self.count(published, &arrived, tip)?;
        }
        if let Some(ours) = made.tip {
            self.repository.set(SYNCED, ours)?;
            published.remote_tip = Some(ours.to_string());
        }
        self.follow(&made, published)?;
        Ok(if made.is_cut { Round::More } else { Round::Done })
    }

    fn known(&self, fetched: &Fetched) -> Result<Known, Failure> {
        let git = &self.repository.git;
        let at = |name: &str| self.repository.commit_at(name);
        let synced = at(SYNCED)?;
        let chain = history::chain(git, at(PUBLISH)?.or(synced), synced)?;
        let (remote, shared) = match fetched {
            Fetched::Tip(tip) if chain.is_empty() => (ground::Remote::Tip(*tip), None),
            Fetched::Tip(tip) => {
                (ground::Remote::Tip(*tip), history::newest_shared(git, *tip, &chain)?)
            }
            Fetched::NoBranch => (ground::Remote::NoBranch, None),
            Fetched::Unreachable(_) => (ground::Remote::Unreachable, None),
        };
        let Publish { remote: name, branch, .. } = self.settings;
        // A remote given as an address has no tracking branch, nor a name that could have one.
        let tracking = at(&format!("refs/remotes/{name}/{branch}")).unwrap_or_default();
        Ok(Known { remote, chain, shared, synced, tracking })
    }

    fn refuse_conflicts(
        &self,
        compare: Compare,
        tip: ObjectId,
        head: Option<ObjectId>,
    ) -> Result<(), Failure> {
        let git = &self.repository.git;
        let paths = conflict::paths(self.host, git, self.root.path(), compare, tip, head)?;
        if paths.is_empty() {
            return Ok(());
        }
        let mut listed: Vec<&str> = paths.iter().map(String::as_str).take(LISTED).collect();
        let more = format!("and {} more", paths.len().saturating_sub(LISTED));
        if paths.len() > LISTED {
            listed.push(&more);
        }
        let Publish { remote, branch, .. } = self.settings;
        let hint = match compare {
            Compare::Disk => format!(
                "this root meets {remote}/{branch} for the first time and lacks what is there: \
                 git pull in the root, or publish to another branch"
            ),
            Compare::Since(_) | Compare::Nothing => format!(
                "revert that commit on {remote}/{branch}; to accept the branch as it is, remove \
                 our memory of it: git update-ref -d {SYNCED}; git update-ref -d {PUBLISH}"
            ),
        };
        Err(Failure::new(
            Exit::Unavailable,
            "publish: the remote has evidence that is not of this root",
        )
        .because(listed.join("\n"))
        .hint(hint))
    }

    fn branch_is_gone(&self) -> Failure {
        let Publish { remote, branch, .. } = self.settings;
        Failure::new(
            Exit::Unavailable,
            format!("publish: {remote} has no branch {branch} any more"),
        )
        .because("it had one that evidence was published to".to_owned())
        .hint(format!(
            "git push {remote} {SYNCED}:refs/heads/{branch} puts it back; to start anew: \
                 git update-ref -d {SYNCED}; git update-ref -d {PUBLISH}"
        ))
    }

    /// Delivers inbound documents.
    fn receive(&self, tip: ObjectId, published: &mut Published) -> Result<(), Failure> {
        let from = self.repository.commit_at(INBOUND)?;
        if from == Some(tip) {
            return Ok(());
        }
        let delivered = inbound::deliver(self.host, self.repository, self.root, from, tip)?;
        published.inbound.extend(delivered.names);
        note(published, &delivered.notes);
        self.repository.set(INBOUND, tip)
    }

    /// Makes what is not in the ground's tree yet, durable and remembered.
    fn build(&self, ground: &Ground, is_attached: bool) -> Result<Made, Failure> {
        let git = &self.repository.git;
        // While another branch is checked out, files that are not there were not removed.
        let removals = is_attached && ground.compare != Compare::Disk && ground.on.is_some();
        let disk = disk::read(self.host, git, self.root.path(), ground.on, removals)?;
        let plan = plan::commits(disk.outcomes, disk.dead_letters, disk.changes);
        let builder = Builder {
            host: self.host,
            repository: self.repository,
            root: self.root.path(),
            settings: self.settings,
            signer: self.signer,
        };
        let mut made = builder.make(ground.on, &plan)?;
        made.notes.extend(disk.notes);
        if let Some(tip) = made.tip {
            self.host
                .sync_file_system(git.common_dir())
                .or_fail(Exit::Unavailable, "flush the new commits")?;
            self.repository.set(PUBLISH, tip)?;
        }
        Ok(made)
    }

    fn follow(&self, made: &Made, published: &mut Published) -> Result<(), Failure> {
        let Some(tip) = made.tip else { return Ok(()) };
        let left_at = self.repository.commit_at(BRANCH)?;
        let root = self.root.path();
        match branch::follow(self.host, self.repository, root, tip, left_at, &made.placed)? {
            Followed::Moved => {
                published.branch_moved = true;
                self.repository.set(BRANCH, tip)
            }
            Followed::There => self.repository.set(BRANCH, tip),
            Followed::Left(why) => {
                note(published, &[format!("the local branch was left alone: {why}")]);
                Ok(())
            }
        }
    }

    /// Counts what arrived on the remote, from its old tip on.
    fn count(
        &self,
        published: &mut Published,
        arrived: &[ObjectId],
        until: Option<ObjectId>,
    ) -> Result<(), Failure> {
        published.pushed = true;
        for id in arrived.iter().rev().filter(|id| Some(**id) != until) {
            let subject = history::subject(&self.repository.git, *id)?;
            let is_outcome =
                subject.starts_with("bridge: results ") || subject.starts_with("bridge: DLQ ");
            published.outcomes += usize::from(is_outcome);
            published.commits.push(Commit { oid: id.to_string(), subject });
        }
        Ok(())
    }

    fn waiting(&self, why: &str, attempts: u32) -> Failure {
        let Publish { remote, branch, .. } = self.settings;
        let at = |name: &str| self.repository.commit_at(name).ok().flatten();
        let tracking = format!("refs/remotes/{remote}/{branch}");
        let there = [at(SYNCED), at(REMOTE), at(&tracking)];
        let chain = history::chain(&self.repository.git, at(PUBLISH), there[0]).unwrap_or_default();
        let waiting = match chain.iter().take_while(|id| !there.contains(&Some(**id))).count() {
            1 => "1 commit waits".to_owned(),
            count => format!("{count} commits wait"),
        };
        Failure::new(
            Exit::Unavailable,
            format!("publish to {remote}/{branch}, tried {attempts} times"),
        )
        .because(why.to_owned())
        .hint(format!("{waiting} in {PUBLISH}; the next run pushes again"))
    }
}

/// Adds what was not said yet: a round that is repeated says the same again.
fn note(published: &mut Published, notes: &[String]) {
    for note in notes {
        if !published.notes.contains(note) {
            published.notes.push(note.clone());
        }
    }
}
