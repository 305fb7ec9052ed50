//! What every engine must do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ops_host::host::Host;
use run_queue::{Beat, Cancelled, Filter, NewJob, Order, Page, Status, Submitted, Told, Verdict};

use crate::place::{LEASE, Place, claim, job, status, submit, verdict, worker};

pub(crate) use crate::model::random_histories_agree_with_the_model;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_mins(2);

const ALL: Page = Page { before: None, limit: 1_000 };

pub(crate) fn a_job_goes_from_submission_to_its_end(place: &Place) {
    let queue = place.open();
    let submitted = queue.submit(job("a")).unwrap();
    let Submitted::New(waiting) = &submitted else { panic!("{submitted:?}") };
    assert_eq!(queue.get(&waiting.job_id).unwrap().as_ref(), Some(waiting));
    let shape = waiting.job_id.as_bytes();
    assert!(shape.len() == 23 && shape[8] == b'T' && shape[16] == b'-', "{}", waiting.job_id);
    place.pass(Duration::from_secs(3));
    let claimed = queue.claim(&worker("w"), LEASE).unwrap().unwrap();
    assert_eq!(claimed.job.job_id, waiting.job_id);
    assert_eq!((claimed.job.status, claimed.job.attempts), (Status::Running, 1));
    assert_eq!(claimed.job.started_at, Some(place.now()));
    assert_eq!(claimed.lease.expires, place.now() + 20_000_000);
    assert_eq!(queue.get(&waiting.job_id).unwrap(), Some(claimed.job.clone()));
    assert_eq!(claim(&*queue, "w"), None);
    place.pass(Duration::from_secs(19));
    let beat = queue.heartbeat(&claimed.lease, LEASE).unwrap();
    let expires = place.now() + 20_000_000;
    assert_eq!(beat, Beat::Held { expires, order: Order::GoOn });
    let said =
        Verdict { status: Status::Failure, exit_code: Some(3), detail: Some("it said no".into()) };
    assert_eq!(queue.finish(&claimed.lease, &said).unwrap(), Told::Taken);
    let ended = queue.get(&waiting.job_id).unwrap().unwrap();
    assert_eq!((ended.status, ended.exit_code), (Status::Failure, Some(3)));
    assert_eq!(ended.detail.as_deref(), Some("it said no"));
    assert_eq!((ended.finished_at, ended.lease_expires), (Some(place.now()), None));
    assert_eq!(queue.counts().unwrap(), BTreeMap::from([(Status::Failure, 1)]));
    assert_eq!(queue.get("20260101T000000Z-ffffff").unwrap(), None);
    assert_eq!(queue.cancel("20260101T000000Z-ffffff").unwrap(), None);
}

pub(crate) fn the_same_key_gives_the_same_job(place: &Place) {
    let queue = place.open();
    let keyed = NewJob { idempotency_key: Some("k".into()), ..job("a") };
    let first = queue.submit(keyed.clone()).unwrap();
    let first = first.job();
    assert_eq!(queue.submit(keyed.clone()).unwrap(), Submitted::Known(first.clone()));
    let sooner = NewJob { priority: 5, ..keyed.clone() };
    assert!(matches!(queue.submit(sooner).unwrap(), Submitted::Known(_)));
    let other = NewJob { sha: "1".repeat(40), ..keyed.clone() };
    assert_eq!(queue.submit(other).unwrap(), Submitted::Taken(first.clone()));
    let lease = claim(&*queue, "w").unwrap();
    assert_eq!(queue.finish(&lease, &verdict(Status::Success)).unwrap(), Told::Taken);
    let again = queue.submit(keyed.clone()).unwrap();
    assert!(matches!(&again, Submitted::Known(job) if job.status == Status::Success));
    let told = Mutex::new(BTreeSet::new());
    let new = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let keyed = NewJob { idempotency_key: Some("race".into()), ..job("b") };
                let submitted = queue.submit(keyed).unwrap();
                new.fetch_add(
                    usize::from(matches!(submitted, Submitted::New(_))),
                    Ordering::SeqCst,
                );
                told.lock().unwrap().insert(submitted.job().job_id.clone());
            });
        }
    });
    assert_eq!((told.into_inner().unwrap().len(), new.into_inner()), (1, 1));
}

pub(crate) fn jobs_are_taken_by_priority_and_age_and_one_of_a_repository(place: &Place) {
    let queue = place.open();
    let [low, first, second, high] = [("a", -1), ("b", 0), ("b", 0), ("c", 7)]
        .map(|(repository, priority)| submit(&*queue, NewJob { priority, ..job(repository) }));
    let leases = [high, first.clone(), low].map(|want| {
        let lease = claim(&*queue, "w").unwrap();
        assert_eq!(lease.job_id, want);
        lease
    });
    assert_eq!(claim(&*queue, "w"), None, "its repository is being worked on");
    assert_eq!(status(&*queue, &second), Status::Queued);
    assert_eq!(queue.finish(&leases[1], &verdict(Status::Success)).unwrap(), Told::Taken);
    assert_eq!(claim(&*queue, "w").unwrap().job_id, second);
}

pub(crate) fn an_abandoned_job_is_taken_over_and_its_first_worker_refused(place: &Place) {
    let queue = place.open();
    let id = submit(&*queue, job("a"));
    submit(&*queue, NewJob { priority: 100, ..job("b") });
    let urgent = claim(&*queue, "dead").unwrap();
    let old = claim(&*queue, "slow").unwrap();
    assert_eq!(old.job_id, id);
    queue.finish(&urgent, &verdict(Status::Success)).unwrap();
    place.pass(LEASE.saturating_sub(Duration::from_micros(1)));
    assert_eq!(claim(&*queue, "quick"), None, "the lease still holds");
    place.pass(Duration::from_micros(1));
    submit(&*queue, NewJob { priority: 100, ..job("b") });
    let new = claim(&*queue, "quick").unwrap();
    assert_eq!(new.job_id, id, "what was abandoned goes before what waits");
    assert!(new.fence > old.fence);
    assert_eq!(queue.heartbeat(&old, LEASE).unwrap(), Beat::Lost);
    assert_eq!(queue.finish(&old, &verdict(Status::Success)).unwrap(), Told::Refused);
    assert_eq!(queue.release(&old).unwrap(), Told::Refused);
    assert_eq!(queue.get(&id).unwrap().unwrap().worker.unwrap().name, "quick");
    assert_eq!(queue.finish(&new, &verdict(Status::Failure)).unwrap(), Told::Taken);
    assert_eq!(queue.finish(&new, &verdict(Status::Failure)).unwrap(), Told::Taken, "said again");
    assert_eq!(queue.finish(&new, &verdict(Status::Success)).unwrap(), Told::Refused);
    assert_eq!(queue.finish(&old, &verdict(Status::Failure)).unwrap(), Told::Refused);
    assert_eq!(status(&*queue, &id), Status::Failure);
}

pub(crate) fn attempts_are_counted_at_the_claim_and_capped(place: &Place) {
    let queue = place.open();
    let id = submit(&*queue, job("a"));
    let behind = submit(&*queue, job("a"));
    for attempt in 1..=3 {
        assert_eq!(claim(&*queue, "dies").unwrap().job_id, id);
        assert_eq!(queue.get(&id).unwrap().unwrap().attempts, attempt);
        place.pass(LEASE);
    }
    assert_eq!(claim(&*queue, "next").unwrap().job_id, behind, "it is not tried for ever");
    let ended = queue.get(&id).unwrap().unwrap();
    assert_eq!((ended.status, ended.attempts), (Status::Error, 3));
    assert!(ended.detail.unwrap().contains("3 workers"));
}

pub(crate) fn a_job_is_cancelled_waiting_running_and_abandoned(place: &Place) {
    let queue = place.open();
    let waiting = submit(&*queue, job("a"));
    assert!(matches!(queue.cancel(&waiting).unwrap(), Some(Cancelled::Ended(_))));
    assert!(matches!(queue.cancel(&waiting).unwrap(), Some(Cancelled::TooLate(_))));
    assert_eq!(claim(&*queue, "w"), None);
    let running = submit(&*queue, job("a"));
    let lease = claim(&*queue, "w").unwrap();
    assert!(matches!(queue.cancel(&running).unwrap(), Some(Cancelled::Asked(_))));
    let beat = queue.heartbeat(&lease, LEASE).unwrap();
    assert!(matches!(beat, Beat::Held { order: Order::Cancel, .. }), "{beat:?}");
    let told = queue.finish(&lease, &verdict(Status::Cancelled)).unwrap();
    assert_eq!((told, status(&*queue, &running)), (Told::Taken, Status::Cancelled));
    let late = submit(&*queue, job("a"));
    let lease = claim(&*queue, "w").unwrap();
    queue.cancel(&late).unwrap();
    assert_eq!(queue.finish(&lease, &verdict(Status::Success)).unwrap(), Told::Taken);
    assert_eq!(status(&*queue, &late), Status::Success, "it was quicker than the request");
    let abandoned = submit(&*queue, job("a"));
    let lease = claim(&*queue, "dies").unwrap();
    queue.cancel(&abandoned).unwrap();
    place.pass(LEASE);
    assert_eq!(queue.sweep().unwrap(), 1, "nobody is left to be asked");
    assert_eq!(status(&*queue, &abandoned), Status::Cancelled);
    assert_eq!(queue.finish(&lease, &verdict(Status::Success)).unwrap(), Told::Refused);
}

pub(crate) fn deadlines_end_jobs_without_a_worker(place: &Place) {
    let queue = place.open();
    let deadline = Some(place.now() + 10_000_000);
    let waiting = submit(&*queue, NewJob { deadline, priority: -1, ..job("a") });
    let running = submit(&*queue, NewJob { deadline, ..job("b") });
    let free = submit(&*queue, NewJob { priority: -2, ..job("c") });
    let lease = claim(&*queue, "w").unwrap();
    assert_eq!((&lease.job_id, queue.sweep().unwrap()), (&running, 0));
    place.pass(Duration::from_secs(10));
    assert_eq!(queue.sweep().unwrap(), 1, "the one that runs is its worker's to stop");
    assert_eq!(status(&*queue, &waiting), Status::Timeout);
    let beat = queue.heartbeat(&lease, LEASE).unwrap();
    assert!(matches!(beat, Beat::Held { order: Order::TimeOut, .. }), "{beat:?}");
    place.pass(LEASE);
    assert_eq!(claim(&*queue, "w").unwrap().job_id, free);
    assert_eq!(status(&*queue, &running), Status::Timeout);
    assert_eq!(queue.sweep().unwrap(), 0);
}

pub(crate) fn a_job_given_back_is_not_charged(place: &Place) {
    let queue = place.open();
    let id = submit(&*queue, job("a"));
    for _ in 0..5 {
        let lease = claim(&*queue, "drains").unwrap();
        assert_eq!(queue.release(&lease).unwrap(), Told::Taken);
        assert_eq!(queue.release(&lease).unwrap(), Told::Refused);
        assert_eq!(queue.heartbeat(&lease, LEASE).unwrap(), Beat::Lost);
    }
    let found = queue.get(&id).unwrap().unwrap();
    assert_eq!((found.status, found.attempts, found.lease_expires), (Status::Queued, 0, None));
}

pub(crate) fn lists_are_filtered_and_paged(place: &Place) {
    let queue = place.open();
    let mut ids: Vec<String> = (0..25)
        .map(|number| {
            let job_type = if number % 2 == 0 { "orb_doctor" } else { "orb_log_audit" };
            let new = NewJob { job_type: job_type.into(), ..job(["a", "b", "c"][number % 3]) };
            submit(&*queue, new)
        })
        .collect();
    queue.cancel(&ids[0]).unwrap();
    ids.reverse();
    let listed = |filter: &Filter, page| -> Vec<String> {
        queue.list(filter, page).unwrap().into_iter().map(|job| job.job_id).collect()
    };
    let everything = Filter::default();
    assert_eq!(listed(&everything, ALL), ids);
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = queue.list(&everything, Page { before, limit: 7 }).unwrap();
        before = page.last().map(|job| job.seq);
        if page.is_empty() {
            break;
        }
        paged.extend(page.into_iter().map(|job| job.job_id));
        // What comes in while somebody pages does not shift the pages.
        submit(&*queue, job("later"));
    }
    assert_eq!(paged, ids);
    let filter = |status, repo: Option<&str>, job_type: Option<&str>| Filter {
        status,
        repo_name: repo.map(Into::into),
        job_type: job_type.map(Into::into),
    };
    assert_eq!(listed(&filter(Some(Status::Cancelled), None, None), ALL), ids[24..]);
    assert_eq!(listed(&filter(None, Some("b"), None), ALL).len(), 8);
    assert_eq!(listed(&filter(None, Some("a"), Some("orb_log_audit")), ALL).len(), 4);
    assert_eq!(listed(&filter(Some(Status::Queued), Some("a"), Some("orb_doctor")), ALL).len(), 4);
    assert!(listed(&filter(Some(Status::Success), Some("a"), None), ALL).is_empty());
    assert!(listed(&filter(None, Some("' OR true --"), None), ALL).is_empty());
    assert!(listed(&everything, Page { before: Some(i64::MIN), limit: 5 }).is_empty());
}

pub(crate) fn ended_jobs_can_be_forgotten_and_others_cannot(place: &Place) {
    let queue = place.open();
    let ids: Vec<String> = ["a", "b", "c", "d"].iter().map(|it| submit(&*queue, job(it))).collect();
    for _ in 0..3 {
        place.pass(Duration::from_secs(1));
        let lease = claim(&*queue, "w").unwrap();
        if lease.job_id != ids[2] {
            queue.finish(&lease, &verdict(Status::Success)).unwrap();
        }
    }
    let ended = |skip, limit| -> Vec<String> {
        queue.ended(skip, limit).unwrap().into_iter().map(|job| job.job_id).collect()
    };
    assert_eq!(ended(0, 9), ids[..2]);
    assert_eq!(ended(1, 1), ids[1..2]);
    assert_eq!(queue.forget(&ids).unwrap(), 2, "neither what runs nor what waits");
    assert_eq!(queue.get(&ids[0]).unwrap(), None);
    assert_eq!(status(&*queue, &ids[2]), Status::Running);
    assert_eq!(status(&*queue, &ids[3]), Status::Queued);
    assert_eq!(queue.forget(&[]).unwrap(), 0);
}

pub(crate) fn what_was_accepted_is_there_after_reopening(place: &Place) {
    let queue = place.open();
    let id = submit(&*queue, job("a"));
    let lease = claim(&*queue, "w").unwrap();
    drop(queue);
    let queue = place.open();
    assert_eq!(status(&*queue, &id), Status::Running);
    assert_eq!(queue.finish(&lease, &verdict(Status::Success)).unwrap(), Told::Taken);
}

pub(crate) fn many_submitters_and_workers_lose_and_double_nothing(place: &Place) {
    const EACH: usize = 25;
    let queues = [place.open(), place.open()];
    let ended = Mutex::new(Vec::new());
    let accepted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for submitter in 0..8 {
            let (queue, accepted) = (&queues[submitter % 2], &accepted);
            scope.spawn(move || {
                for number in 0..EACH {
                    let new = job(&format!("r{}", (submitter * EACH + number) % 17));
                    accepted.lock().unwrap().push(submit(&**queue, new));
                }
            });
        }
        for number in 0..4 {
            let (queue, ended) = (&queues[number % 2], &ended);
            scope.spawn(move || {
                let host = Host::real();
                while ended.lock().unwrap().len() < 8 * EACH && host.ticks() < PATIENCE {
                    let seen = queue.bell().rung();
                    let Some(lease) = claim(&**queue, &format!("w{number}")) else {
                        queue.bell().wait(seen, Duration::from_millis(100));
                        continue;
                    };
                    let told = queue.finish(&lease, &verdict(Status::Success)).unwrap();
                    assert_eq!(told, Told::Taken);
                    ended.lock().unwrap().push(lease.job_id);
                }
            });
        }
    });
    let (mut accepted, mut ended) = (accepted.into_inner().unwrap(), ended.into_inner().unwrap());
    accepted.sort();
    ended.sort();
    assert_eq!(accepted.len(), 8 * EACH);
    assert_eq!(accepted, ended, "each accepted job ended, and ended once");
}

pub(crate) fn a_change_wakes_who_waits_in_another_process(place: &Place) {
    let (ours, theirs) = (place.open(), place.open());
    // The listener may still be connecting: what it then does is ring, so wait for quiet.
    let mut seen = theirs.bell().rung();
    loop {
        let rung = theirs.bell().wait(seen, Duration::from_millis(500));
        if rung == seen {
            break;
        }
        seen = rung;
    }
    submit(&*ours, job("a"));
    let rung = theirs.bell().wait(seen, Duration::from_secs(30));
    assert!(rung > seen, "nothing was heard");
}

pub(crate) fn odd_texts_come_back_as_they_went_in(place: &Place) {
    let queue = place.open();
    let odd = "é\u{1f600}'\"\\;--%_\n\t{}[]$1?1";
    let new = NewJob {
        idempotency_key: Some(odd.into()),
        job_type: odd.into(),
        repo_name: odd.into(),
        params: BTreeMap::from([(odd.into(), odd.into()), ("NULL".into(), "NULL".into())]),
        priority: i32::MIN,
        deadline: Some(i64::MAX),
        ..job(odd)
    };
    let id = submit(&*queue, new.clone());
    assert_eq!(queue.get(&id).unwrap().unwrap().wanted, new);
    let lease = claim(&*queue, odd).unwrap();
    let detail = Some(odd.to_owned());
    let said = Verdict { status: Status::MutationDetected, exit_code: Some(i32::MIN), detail };
    assert_eq!(queue.finish(&lease, &said).unwrap(), Told::Taken);
    let found = queue.get(&id).unwrap().unwrap();
    assert_eq!((found.detail.as_deref(), found.exit_code), (Some(odd), Some(i32::MIN)));
    assert_eq!(found.status, Status::MutationDetected);
}
