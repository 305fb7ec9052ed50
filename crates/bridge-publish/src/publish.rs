//! One publication: fetch, build, push, again if the remote moved, then let the branch follow.
//!
//! What a run must not lose is on disk in the evidence folders; references only remember how far
//! it got. They are set in an order that makes every gap between two steps a state that the next
//! run understands: objects are flushed before `refs/aiops/publish` names them, that is set before
//! the push, `refs/aiops/synced` after it, `refs/aiops/inbound` after documents were delivered.

mod refusals;

use std::cell::Cell;
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
use crate::act::remote::{Fetched, Pushed, Remote};
use crate::act::sign::Signer;
use crate::decide::ground::{self, Compare, Ground, Known};
use crate::decide::plan;
use crate::observe::{disk, history};
use crate::report::{Commit, Published};
use crate::repository::{BRANCH, INBOUND, PUBLISH, Repository, SYNCED};

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
    let run = Run {
        context,
        host,
        root,
        settings,
        repository: &repository,
        signer: signer.as_ref(),
        slice: Cell::new(usize::MAX),
    };
    let mut published = Published::new(format!("{}/{}", settings.remote, settings.branch));
    let done = run.rounds(&mut published, stop);
    if done.is_err() {
        // The report is not printed then, but documents did arrive.
        for name in &published.inbound {
            context.say(&format!("inbound: commands/{name}"));
        }
        for what in &published.left_out {
            context.say(&format!("left out: {what}"));
        }
    }
    for note in &published.notes {
        context.tell(2, note);
    }
    done.map(|()| published)
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
    context: &'a Context,
    host: &'a Host,
    root: &'a Root,
    settings: &'a Publish,
    repository: &'a Repository,
    signer: Option<&'a Signer>,
    /// How many commits are pushed at once: fewer, after that took too long.
    slice: Cell<usize>,
}

impl Run<'_> {
    fn rounds(&self, published: &mut Published, stop: &Stop) -> Result<(), Failure> {
        let retries = &self.settings.retries;
        let mut failed = 0;
        loop {
            match self.round(published)? {
                Round::Done => return Ok(()),
                Round::More => failed = 0,
                Round::Failed(why) => {
                    failed += 1;
                    let random = u64::from_ne_bytes(self.host.random());
                    let pause = Duration::from_millis(retries.delay_ms(failed, random));
                    if failed >= retries.attempts || stop.wait(pause) {
                        return Err(self.waiting(&why, failed));
                    }
                    let left = retries.attempts - failed;
                    self.context.tell(2, &format!("{why}; trying again, {left} times at most"));
                }
            }
        }
    }

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
        if let Some(against) = tip.or(ground.on) {
            let checked_out = if let Head::On(commit) = head { commit } else { None };
            self.refuse_conflicts(ground.compare, against, checked_out)?;
        }
        if let Some(tip) = tip {
            self.receive(tip, published)?;
        }
        let made = self.build(&ground, head != Head::Elsewhere, published)?;
        add(&mut published.left_out, &made.left_out);
        let ended = match fetched {
            Fetched::Unreachable(why) => Round::Failed(why),
            _ if made.tip == tip => Round::Done,
            _ => self.push(&remote, &made, tip, published)?,
        };
        if matches!(ended, Round::Done)
            && let Some(tip) = made.tip
        {
            self.repository.set(self.host, SYNCED, tip)?;
            published.remote_tip = Some(tip.to_string());
        }
        self.follow(&made, published);
        Ok(if made.is_cut && matches!(ended, Round::Done) { Round::More } else { ended })
    }

    /// Pushes what the remote does not have, oldest first, as much as goes at once.
    fn push(
        &self,
        remote: &Remote<'_>,
        made: &Made,
        tip: Option<ObjectId>,
        published: &mut Published,
    ) -> Result<Round, Failure> {
        let mut waiting = history::chain(&self.repository.git, made.tip, tip)?;
        waiting.retain(|id| Some(*id) != tip);
        waiting.reverse();
        let slice = self.slice.get().min(waiting.len());
        let (now, later) = waiting.split_at(slice);
        let Some(last) = now.last() else { return Ok(Round::Done) };
        match remote.push(*last, slice >= 16)? {
            Pushed::Arrived => {}
            Pushed::Refused(why) => return Ok(Round::Failed(why)),
            Pushed::TooSlow(why) => {
                self.slice.set((slice / 2).max(1));
                return Ok(Round::Failed(why));
            }
        }
        self.repository.set(self.host, SYNCED, *last)?;
        published.remote_tip = Some(last.to_string());
        self.count(published, now)?;
        Ok(if later.is_empty() { Round::Done } else { Round::More })
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

    /// Delivers inbound documents.
    fn receive(&self, tip: ObjectId, published: &mut Published) -> Result<(), Failure> {
        let from = self.repository.commit_at(INBOUND)?;
        if from == Some(tip) {
            return Ok(());
        }
        let delivered = inbound::deliver(self.host, self.repository, self.root, from, tip)?;
        published.inbound.extend(delivered.names);
        add(&mut published.notes, &delivered.notes);
        self.repository.set(self.host, INBOUND, tip)
    }

    /// Makes what is not in the ground's tree yet, durable and remembered.
    fn build(
        &self,
        ground: &Ground,
        is_attached: bool,
        published: &mut Published,
    ) -> Result<Made, Failure> {
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
        add(&mut made.left_out, &disk.left_out);
        add(&mut published.notes, &disk.notes);
        if let Some(tip) = made.tip {
            self.host
                .sync_file_system(git.common_dir())
                .or_fail(Exit::Unavailable, "flush the new commits")?;
            self.repository.set(self.host, PUBLISH, tip)?;
        }
        Ok(made)
    }

    /// Lets the local branch follow. Whatever keeps it from that, the evidence is published.
    fn follow(&self, made: &Made, published: &mut Published) {
        let Some(tip) = made.tip else { return };
        let root = self.root.path();
        let followed = self.repository.commit_at(BRANCH).and_then(|left_at| {
            branch::follow(self.host, self.repository, root, tip, left_at, &made.placed)
        });
        let done = match followed {
            Ok(Followed::Left(why)) => {
                add(&mut published.notes, &[format!("the local branch was left alone: {why}")]);
                return;
            }
            Ok(Followed::Moved) => {
                published.branch_moved = true;
                self.repository.set(self.host, BRANCH, tip)
            }
            Ok(Followed::There) => self.repository.set(self.host, BRANCH, tip),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = done {
            for line in failure.lines() {
                self.context.say(&line);
            }
            add(&mut published.notes, &[failure.to_string()]);
        }
    }

    /// Counts what arrived on the remote.
    fn count(&self, published: &mut Published, arrived: &[ObjectId]) -> Result<(), Failure> {
        published.pushed = true;
        for id in arrived {
            let subject = history::subject(&self.repository.git, *id)?;
            let is_outcome =
                subject.starts_with("bridge: results ") || subject.starts_with("bridge: DLQ ");
            published.outcomes += usize::from(is_outcome);
            published.commits.push(Commit { oid: id.to_string(), subject });
        }
        Ok(())
    }
}

/// Adds what was not said yet: a round that is repeated says the same again.
fn add(said: &mut Vec<String>, more: &[String]) {
    for text in more {
        if !said.contains(text) {
            said.push(text.clone());
        }
    }
}
