//! Random histories of two workers that crash, beside a model that is simple enough to be believed.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use run_queue::{Beat, Cancelled, Lease, NewJob, Order, Queue, Status, Told};

use crate::place::{LEASE, Place, job, submit, verdict, worker};

#[derive(Clone, Debug)]
enum Step {
    Submit {
        repository: u8,
        priority: i32,
        deadline: Option<u8>,
    },
    Claim {
        worker: usize,
    },
    Beat {
        worker: usize,
    },
    Finish {
        worker: usize,
        status: Status,
    },
    Release {
        worker: usize,
    },
    /// The worker forgets what it had, or comes back with what it had when it was cut off.
    Crash {
        worker: usize,
    },
    Haunt {
        worker: usize,
    },
    Cancel {
        job: usize,
    },
    Pass {
        seconds: u8,
    },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..2_usize;
    let ended = prop_oneof![Just(Status::Success), Just(Status::Failure), Just(Status::Cancelled)];
    prop_oneof![
        3 => (0..3_u8, -1..2_i32, prop::option::weighted(0.3, 1..60_u8)).prop_map(
            |(repository, priority, deadline)| Step::Submit { repository, priority, deadline }),
        4 => worker.clone().prop_map(|worker| Step::Claim { worker }),
        2 => worker.clone().prop_map(|worker| Step::Beat { worker }),
        2 => (worker.clone(), ended).prop_map(|(worker, status)| Step::Finish { worker, status }),
        1 => worker.clone().prop_map(|worker| Step::Release { worker }),
        1 => worker.clone().prop_map(|worker| Step::Crash { worker }),
        1 => worker.prop_map(|worker| Step::Haunt { worker }),
        1 => (0..12_usize).prop_map(|job| Step::Cancel { job }),
        2 => (1..25_u8).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Sweep),
    ]
}

/// A job as the model has it.
#[derive(Clone, Debug)]
struct Model {
    repository: u8,
    priority: i32,
    deadline: Option<i64>,
    status: Status,
    attempts: i32,
    /// Which claim of all claims has it, and until when.
    holder: Option<(usize, i64)>,
    is_cancelled: bool,
    ends: u32,
}

#[derive(Debug, Default)]
struct World {
    jobs: Vec<Model>,
    ids: Vec<String>,
    claims: usize,
    /// What each worker holds: the job, which claim it was, and the engine's lease.
    held: [Option<(usize, usize, Lease)>; 2],
    /// What each held when it was cut off.
    ghosts: [Option<(usize, usize, Lease)>; 2],
}

impl World {
    fn end(&mut self, at: usize, status: Status) {
        let job = &mut self.jobs[at];
        assert!(!job.status.is_final(), "job {at} ends twice");
        job.status = status;
        job.holder = None;
        job.ends += 1;
    }

    /// Ends a job that nobody has and that cannot go on; says whether.
    fn settle(&mut self, at: usize, now: i64) -> bool {
        let job = &self.jobs[at];
        let is_free = match job.status {
            Status::Queued => true,
            Status::Running => job.holder.is_none_or(|(_, until)| until <= now),
            _ => false,
        };
        let is_late = job.deadline.is_some_and(|it| it <= now);
        let end = match (is_free, job.is_cancelled, is_late, job.attempts >= 3) {
            (true, true, _, _) => Status::Cancelled,
            (true, false, true, _) => Status::Timeout,
            (true, false, false, true) => Status::Error,
            _ => return false,
        };
        self.end(at, end);
        true
    }

    /// The job that a claim must give.
    fn claim(&mut self, now: i64) -> Option<usize> {
        loop {
            let abandoned = (0..self.jobs.len())
                .filter_map(|at| Some((self.jobs[at].holder?.1, at)))
                .filter(|(until, _)| *until <= now)
                .min_by_key(|(until, _)| *until)
                .map(|(_, at)| at);
            let is_busy = |repository| {
                self.jobs
                    .iter()
                    .any(|job| job.status == Status::Running && job.repository == repository)
            };
            let waiting = || {
                (0..self.jobs.len())
                    .filter(|at| self.jobs[*at].status == Status::Queued)
                    .filter(|at| !is_busy(self.jobs[*at].repository))
                    .min_by_key(|at| (-self.jobs[*at].priority, *at))
            };
            let at = abandoned.or_else(waiting)?;
            if !self.settle(at, now) {
                return Some(at);
            }
        }
    }

    fn holds(&self, at: usize, claim: usize) -> bool {
        self.jobs[at].holder.is_some_and(|(holder, _)| holder == claim)
    }
}

pub(crate) fn random_histories_agree_with_the_model(place: &Place) {
    let queue = place.open();
    let config =
        Config { cases: place.histories(), failure_persistence: None, ..Config::default() };
    let histories = prop::collection::vec(step(), 1..60);
    let runner = &mut TestRunner::new(config);
    let done = runner.run(&histories, |steps| {
        let mut world = World::default();
        let told = history(place, &*queue, &mut world, &steps);
        empty(place, &*queue);
        told
    });
    if let Err(why) = done {
        panic!("{why}");
    }
}

/// Plays a history on the engine and on the model, and compares every answer.
fn history(
    place: &Place,
    queue: &dyn Queue,
    world: &mut World,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    for step in steps {
        one(place, queue, world, step)?;
        for (at, job) in world.jobs.iter().enumerate() {
            let found = queue.get(&world.ids[at]).unwrap().unwrap();
            prop_assert_eq!((found.status, found.attempts), (job.status, job.attempts));
            prop_assert!(job.ends <= 1);
        }
    }
    // Whatever happened, living workers bring every job to an end.
    for _ in 0..20 * world.jobs.len() + 5 {
        place.pass(LEASE);
        one(place, queue, world, &Step::Claim { worker: 0 })?;
        one(place, queue, world, &Step::Finish { worker: 0, status: Status::Success })?;
    }
    for (at, job) in world.jobs.iter().enumerate() {
        prop_assert!(job.ends == 1 && job.status.is_final(), "job {} is {:?}", at, job);
    }
    Ok(())
}

fn one(
    place: &Place,
    queue: &dyn Queue,
    world: &mut World,
    step: &Step,
) -> Result<(), TestCaseError> {
    let now = place.now();
    let lease_us = i64::try_from(LEASE.as_micros()).unwrap();
    match step {
        Step::Submit { repository, priority, deadline } => {
            let deadline = deadline.map(|seconds| now + i64::from(seconds) * 1_000_000);
            let new = NewJob { priority: *priority, deadline, ..job(&format!("r{repository}")) };
            world.ids.push(submit(queue, new));
            world.jobs.push(Model {
                repository: *repository,
                priority: *priority,
                deadline,
                status: Status::Queued,
                attempts: 0,
                holder: None,
                is_cancelled: false,
                ends: 0,
            });
        }
        Step::Claim { worker: number } => {
            let found = queue.claim(&worker(&format!("w{number}")), LEASE).unwrap();
            let want = world.claim(now);
            prop_assert_eq!(
                found.as_ref().map(|it| it.lease.job_id.as_str()),
                want.map(|at| world.ids[at].as_str())
            );
            if let (Some(found), Some(at)) = (found, want) {
                world.claims += 1;
                let job = &mut world.jobs[at];
                job.status = Status::Running;
                job.attempts += 1;
                job.holder = Some((world.claims, now + lease_us));
                // A worker that claims a second job has forgotten the first: it crashed.
                world.held[*number] = Some((at, world.claims, found.lease));
            }
        }
        Step::Beat { worker } => {
            if let Some((at, claim, lease)) = world.held[*worker].clone() {
                let want = if world.holds(at, claim) {
                    let job = &mut world.jobs[at];
                    job.holder = Some((claim, now + lease_us));
                    let order = match (job.is_cancelled, job.deadline) {
                        (true, _) => Order::Cancel,
                        (false, Some(deadline)) if deadline <= now => Order::TimeOut,
                        _ => Order::GoOn,
                    };
                    Beat::Held { expires: now + lease_us, order }
                } else {
                    Beat::Lost
                };
                prop_assert_eq!(queue.heartbeat(&lease, LEASE).unwrap(), want);
            }
        }
        Step::Finish { worker, status } => {
            if let Some((at, claim, lease)) = world.held[*worker].take() {
                let want = if world.holds(at, claim) {
                    world.end(at, *status);
                    Told::Taken
                } else {
                    Told::Refused
                };
                prop_assert_eq!(queue.finish(&lease, &verdict(*status)).unwrap(), want);
            }
        }
        Step::Release { worker } => {
            if let Some((at, claim, lease)) = world.held[*worker].take() {
                let want = if world.holds(at, claim) {
                    let job = &mut world.jobs[at];
                    job.status = Status::Queued;
                    job.attempts -= 1;
                    job.holder = None;
                    world.settle(at, now);
                    Told::Taken
                } else {
                    Told::Refused
                };
                prop_assert_eq!(queue.release(&lease).unwrap(), want);
            }
        }
        Step::Crash { worker } => world.ghosts[*worker] = world.held[*worker].take(),
        Step::Haunt { worker } => {
            if let Some(ghost) = world.ghosts[*worker].take() {
                world.held[*worker] = Some(ghost);
            }
        }
        Step::Cancel { job } => cancel(queue, world, *job, now)?,
        Step::Pass { seconds } => place.pass(Duration::from_secs(u64::from(*seconds))),
        Step::Sweep => {
            let mut settled = 0;
            for at in 0..world.jobs.len() {
                settled += usize::from(world.settle(at, now));
            }
            prop_assert_eq!(queue.sweep().unwrap(), settled);
        }
    }
    Ok(())
}

fn cancel(queue: &dyn Queue, world: &mut World, at: usize, now: i64) -> Result<(), TestCaseError> {
    if at >= world.jobs.len() {
        return Ok(());
    }
    let want = if world.jobs[at].status.is_final() {
        "too late"
    } else {
        world.jobs[at].is_cancelled = true;
        if world.settle(at, now) { "ended" } else { "asked" }
    };
    let found = match queue.cancel(&world.ids[at]).unwrap().unwrap() {
        Cancelled::Ended(_) => "ended",
        Cancelled::Asked(_) => "asked",
        Cancelled::TooLate(_) => "too late",
    };
    prop_assert_eq!(found, want);
    Ok(())
}

/// Leaves nothing for the next history.
fn empty(place: &Place, queue: &dyn Queue) {
    for _ in 0..10_000 {
        let counts: BTreeMap<Status, u64> = queue.counts().unwrap();
        if counts.keys().all(|status| status.is_final()) {
            break;
        }
        place.pass(LEASE);
        if let Some(claimed) = queue.claim(&worker("cleaner"), LEASE).unwrap() {
            queue.finish(&claimed.lease, &verdict(Status::Success)).unwrap();
        }
    }
    let ended = queue.ended(0, 10_000).unwrap();
    let ids: Vec<String> = ended.into_iter().map(|job| job.job_id).collect();
    queue.forget(&ids).unwrap();
}
