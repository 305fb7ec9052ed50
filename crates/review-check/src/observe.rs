//! Reads the repository: commits, ancestry, verdicts and the rules they are held against. No
//! judgement of a push here.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use gix::ObjectId;
use gix::refs::FullName;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use verdict::in_force::InForce;
use verdict::objects::{Objects, Peeled};
use verdict::signers::Signers;
use verdict::statement::Signed;
use verdict::store::Store;
use verdict::trust::{self, Expected};
use verdict::{Policy, notes};

use crate::ancestry::{Ancestry, History};
use crate::branch::{Protected, policy_at, protected_branch};
use crate::facts::{Base, Candidate, Facts, Ground};
use crate::lines::Update;
use crate::{Call, Mode};

/// What is read from.
pub(crate) struct Observer<'a> {
    host: &'a Host,
    call: &'a Call<'a>,
    objects: &'a Objects<'a>,
    history: History<'a>,
    /// The commits of notes that verdicts are read from.
    notes: Vec<ObjectId>,
    branch: Protected,
    /// What was found of a new commit over an old one: many references often move alike.
    found: RefCell<HashMap<(Option<ObjectId>, ObjectId), Found>>,
}

/// What allows a new commit over an old one.
#[derive(Clone)]
struct Found {
    ground: Ground,
    candidates: Vec<Candidate>,
    unreadable: Vec<String>,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(
        host: &'a Host,
        call: &'a Call<'a>,
        objects: &'a Objects<'a>,
        updates: &[Update],
    ) -> Result<Self, Failure> {
        let mut notes: Vec<ObjectId> = notes::tip(objects.git())?.into_iter().collect();
        if call.mode == Mode::PreReceive {
            // The same push may bring the verdict along.
            let pushed = updates.iter().filter(|it| it.reference.as_bstr() == notes::REFERENCE);
            notes.extend(pushed.filter_map(|it| it.new));
        }
        let history = History::of(objects);
        let branch = protected_branch(host, call, objects)?;
        let found = RefCell::default();
        Ok(Self { host, call, objects, history, notes, branch, found })
    }

    /// Everything that is so about one update.
    pub(crate) fn facts(&self, update: &Update) -> Result<Facts, Failure> {
        let local = update.new.map(|id| self.objects.peel(id)).transpose()?;
        let remote = update.old.map(|id| self.objects.peel(id)).transpose()?;
        let mut facts = Facts {
            update: update.clone(),
            is_protected: self.is_protected(update, remote.as_ref())?,
            local,
            remote,
            ground: Ground::Unknown,
            candidates: vec![],
            unreadable: vec![],
        };
        if !facts.is_protected {
            return Ok(facts);
        }
        let Some(Peeled::Commit(tip)) = facts.local else { return Ok(facts) };
        let old = match facts.remote {
            Some(Peeled::Commit(old)) => Some(old),
            None => None,
            Some(_) => return Ok(facts),
        };
        let known = self.found.borrow().get(&(old, tip)).cloned();
        if let Some(Found { ground, candidates, unreadable }) = known {
            return Ok(Facts { ground, candidates, unreadable, ..facts });
        }
        facts.ground = match old {
            Some(old) => self.since_update(old, tip)?,
            None => self.since_branch(tip)?,
        };
        if let Ground::From(bases) = &facts.ground {
            let bases = bases.clone();
            let reviewed = [Some(tip), self.objects.advanced(tip)?];
            for to in reviewed.into_iter().flatten() {
                self.candidates(to, tip, &bases, &mut facts)?;
            }
        }
        let Facts { ground, candidates, unreadable, .. } = facts.clone();
        self.found.borrow_mut().insert((old, tip), Found { ground, candidates, unreadable });
        Ok(facts)
    }

    /// Whether a policy that counts protects the reference: the one at the commit that the remote
    /// has there, and the one at the protected branch. One that cannot be read protects everything.
    fn is_protected(&self, update: &Update, remote: Option<&Peeled>) -> Result<bool, Failure> {
        let names = self.written(update)?;
        let own = match remote {
            Some(Peeled::Commit(id)) if Some(*id) != self.branch.tip => {
                Some(policy_at(self.host, self.call, self.objects, *id))
            }
            _ => None,
        };
        let protects = |it: &Policy| names.iter().any(|name| it.protects(name.as_bstr()));
        let policies = [Some(&self.branch.policy), own.as_ref()];
        Ok(policies.into_iter().flatten().any(|policy| policy.as_ref().map_or(true, protects)))
    }

    /// What a push to a reference writes: that one or, where it is symbolic on the remote, what it
    /// leads to. Only the remote can tell.
    fn written(&self, update: &Update) -> Result<Vec<FullName>, Failure> {
        let mut names = vec![update.reference.clone()];
        if self.call.mode == Mode::PrePush {
            return Ok(names);
        }
        // Git itself follows five.
        for _ in 0..5 {
            let Some(last) = names.last() else { break };
            let found = self.objects.git().try_find_reference(last.as_ref());
            let found = found.or_fail(Exit::Unavailable, format!("read {}", last.as_bstr()))?;
            let Some(next) = found.and_then(|it| it.target().try_name().map(ToOwned::to_owned))
            else {
                break;
            };
            names.push(next);
        }
        Ok(names)
    }

    fn since_update(&self, old: ObjectId, tip: ObjectId) -> Result<Ground, Failure> {
        Ok(match self.history.is_ancestor(old, tip)? {
            Ancestry::Yes => Ground::From(vec![self.base(old)?]),
            Ancestry::No => Ground::Diverged,
            Ancestry::Unproved(missing) => {
                Ground::Unproved(format!("{missing} is not here, so that {old} may be forced away"))
            }
        })
    }

    fn since_branch(&self, tip: ObjectId) -> Result<Ground, Failure> {
        let Some(branch) = self.branch.tip else {
            return Ok(Ground::NoProtectedBranch(self.branch.name.clone()));
        };
        let git = self.objects.git();
        if git.is_shallow().or_fail(Exit::Unavailable, "look for a shallow boundary")? {
            return Ok(Ground::Unproved("this clone is shallow".to_owned()));
        }
        let bases = self.history.merge_bases(branch, tip)?;
        if bases.is_empty() {
            return Ok(Ground::Unrelated(self.branch.name.clone()));
        }
        let bases = bases.into_iter().map(|id| self.base(id)).collect::<Result<_, _>>()?;
        Ok(Ground::From(bases))
    }

    fn base(&self, id: ObjectId) -> Result<Base, Failure> {
        Ok(Base { id, advances: self.objects.advanced(id)? })
    }

    /// Adds the verdicts about a commit.
    fn candidates(
        &self,
        to: ObjectId,
        tip: ObjectId,
        bases: &[Base],
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let mut stored = match self.call.mode {
            Mode::PrePush => Store::of(self.objects.git()).verdicts(self.host, &to.to_string())?,
            Mode::PreReceive => vec![],
        };
        for id in &self.notes {
            match notes::read_at(self.objects, Some(*id), to) {
                Ok(more) => stored.extend(more),
                Err(failure) => facts.unreadable.push(failure.to_string()),
            }
        }
        // The same verdict lies in the git directory and in a note, with or without a line end.
        let mut seen = BTreeSet::new();
        stored.retain(|bytes| seen.insert(bytes.trim_ascii().to_vec()));
        for bytes in stored {
            let signed = match Signed::read(&bytes) {
                Ok(signed) => signed,
                Err(why) => {
                    facts.unreadable.push(format!("a verdict about {to} that is none: {why}"));
                    continue;
                }
            };
            let Ok(since) = ObjectId::from_hex(signed.range().since_sha.as_bytes()) else {
                continue;
            };
            // Only where nothing is new any older range will do.
            let is_there = bases.iter().any(|base| base.id == to || base.id == tip);
            let is_ancestor = is_there && self.history.is_ancestor(since, to)? == Ancestry::Yes;
            let trust = self.trust(&signed, to, since, is_there);
            // What the branch has already was let in when its signer was trusted.
            let trust = if is_there { trust } else { self.still_trusted(&signed, since, trust) };
            facts.candidates.push(Candidate { to, since, is_ancestor, trust });
        }
        Ok(())
    }

    /// The same, if the protected branch still has the signer: otherwise a key that was taken out
    /// there could let in what starts from before that.
    fn still_trusted(
        &self,
        signed: &Signed,
        since: ObjectId,
        trust: Result<String, Vec<String>>,
    ) -> Result<String, Vec<String>> {
        let by = trust?;
        let Some(tip) = self.branch.tip.filter(|tip| *tip != since) else { return Ok(by) };
        let told = |failure: Failure| vec![failure.to_string()];
        let name = verdict::in_force::SIGNERS;
        let bytes =
            verdict::in_force::file(self.host, self.objects, tip, name, &self.call.fallback)
                .map_err(told)?;
        let signers = Signers::read(&bytes);
        match trust::signer(signed.envelope(), &signers, &[self.host.now()]) {
            Ok(_) => Ok(by),
            Err(_) => {
                Err(vec![format!("signer taken out: {by} may not sign as of {}", self.branch.name)])
            }
        }
    }

    /// Who vouches for a verdict, by the rules in force where its range starts.
    fn trust(
        &self,
        signed: &Signed,
        to: ObjectId,
        since: ObjectId,
        is_published: bool,
    ) -> Result<String, Vec<String>> {
        let told = |failure: Failure| vec![failure.to_string()];
        let commit = self.objects.commit(to).map_err(told)?;
        let tree = commit.ok_or_else(|| vec![format!("{to} is no commit")])?.tree.to_string();
        if self.objects.commit(since).map_err(told)?.is_none() {
            return Err(vec![format!("its since_sha {since} is not here")]);
        }
        let rules =
            InForce::at(self.host, self.objects, since, &self.call.fallback).map_err(told)?;
        let policy = rules.policy().map_err(told)?;
        let expected = Expected {
            to: &to.to_string(),
            tree: &tree,
            since: &since.to_string(),
            signers: &rules.signers(),
            digests: &rules.digests(),
            policy: &policy,
            now: self.host.now(),
            is_published,
        };
        trust::judge(signed, &expected)
            .map_err(|reasons| reasons.iter().map(ToString::to_string).collect())
    }
}
