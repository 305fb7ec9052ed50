//! Tables over every situation a job can be in.

use std::collections::BTreeMap;

use super::*;
use crate::NewJob;

const NOW: Micros = 1_000;
const LEASE: Micros = 20;

fn queued() -> Job {
    let wanted = NewJob {
        idempotency_key: None,
        job_type: "orb_doctor".into(),
        repo_name: "example".into(),
        remote_url: "https://git.example/example".into(),
        sha: "0".repeat(40),
        params: BTreeMap::new(),
        priority: 0,
        max_attempts: 3,
        deadline: None,
    };
    Job {
        seq: 1,
        job_id: "20260101T000000Z-000000".into(),
        wanted,
        status: Status::Queued,
        attempts: 0,
        fence: 0,
        worker: None,
        lease_expires: None,
        cancel_requested: false,
        created_at: 1,
        started_at: None,
        finished_at: None,
        exit_code: None,
        detail: None,
    }
}

fn worker() -> Worker {
    Worker { name: "w".into(), host: "h".into() }
}

fn running(lease_expires: Micros) -> Job {
    Job {
        status: Status::Running,
        attempts: 1,
        fence: 1,
        worker: Some(worker()),
        lease_expires: Some(lease_expires),
        started_at: Some(2),
        ..queued()
    }
}

fn with_deadline(job: Job, deadline: Micros) -> Job {
    Job { wanted: NewJob { deadline: Some(deadline), ..job.wanted }, ..job }
}

fn verdict(status: Status) -> Verdict {
    Verdict { status, exit_code: Some(0), detail: None }
}

#[test]
fn a_claim_takes_what_waits_or_was_abandoned_and_settles_what_cannot_run() {
    let asked = |job: Job| Job { cancel_requested: true, ..job };
    let spent = |job: Job| Job { attempts: 3, ..job };
    for (name, job, want) in [
        ("waiting", queued(), Some(Status::Running)),
        ("held", running(NOW + 1), None),
        ("abandoned at this instant", running(NOW), Some(Status::Running)),
        ("without a lease's end", Job { lease_expires: None, ..running(0) }, Some(Status::Running)),
        ("waiting past its deadline", with_deadline(queued(), NOW), Some(Status::Timeout)),
        ("waiting before its deadline", with_deadline(queued(), NOW + 1), Some(Status::Running)),
        ("held past its deadline", with_deadline(running(NOW + 1), NOW), None),
        ("abandoned past its deadline", with_deadline(running(NOW), NOW), Some(Status::Timeout)),
        ("abandoned and cancelled", asked(running(NOW)), Some(Status::Cancelled)),
        ("held and cancelled", asked(running(NOW + 1)), None),
        ("out of attempts", spent(running(NOW)), Some(Status::Error)),
        ("one attempt left", Job { attempts: 2, ..running(NOW) }, Some(Status::Running)),
        ("ended", Job { status: Status::Success, ..running(NOW) }, None),
    ] {
        let found = match claim(&job, &worker(), NOW, LEASE) {
            Claim::Run(job) => {
                assert_eq!(job.lease_expires, Some(NOW + LEASE), "{name}");
                Some(job.status)
            }
            Claim::Settle(job) => {
                assert!(job.finished_at == Some(NOW) && job.lease_expires.is_none(), "{name}");
                Some(job.status)
            }
            Claim::Leave => None,
        };
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn every_claim_counts_an_attempt_and_gives_a_higher_number() {
    let Claim::Run(first) = claim(&queued(), &worker(), NOW, LEASE) else { panic!() };
    assert_eq!((first.attempts, first.fence, first.started_at), (1, 1, Some(NOW)));
    let Claim::Run(second) = claim(&first, &worker(), NOW + LEASE, LEASE) else { panic!() };
    assert_eq!((second.attempts, second.fence, second.started_at), (2, 2, Some(NOW)));
}

#[test]
fn a_heartbeat_of_the_last_lease_renews_it_and_of_another_is_told_so() {
    for (name, job, fence, order) in [
        ("held", running(NOW + 1), 1, Some(Order::GoOn)),
        ("late, but nobody took it", running(1), 1, Some(Order::GoOn)),
        ("cancelled", Job { cancel_requested: true, ..running(NOW + 1) }, 1, Some(Order::Cancel)),
        ("past its deadline", with_deadline(running(NOW + 1), NOW), 1, Some(Order::TimeOut)),
        ("an older lease", Job { fence: 2, ..running(NOW + 1) }, 1, None),
        ("a lease never given", running(NOW + 1), 2, None),
        ("ended", Job { status: Status::Error, ..running(NOW + 1) }, 1, None),
        ("given back", Job { fence: 1, ..queued() }, 1, None),
    ] {
        let (beat, job) = heartbeat(&job, fence, NOW, LEASE);
        let want = match order {
            Some(order) => Beat::Held { expires: NOW + LEASE, order },
            None => Beat::Lost,
        };
        assert_eq!(beat, want, "{name}");
        let expires = job.map(|job| job.lease_expires);
        assert_eq!(expires, order.map(|_| Some(NOW + LEASE)), "{name}");
    }
}

#[test]
fn only_the_last_lease_ends_a_job_and_only_once() {
    let (told, ended) = finish(&running(NOW + 1), 1, &verdict(Status::Success), NOW);
    let ended = ended.unwrap();
    assert_eq!((told, ended.status, ended.finished_at), (Told::Taken, Status::Success, Some(NOW)));
    for (name, job, fence, status, want) in [
        ("said again", ended.clone(), 1, Status::Success, Told::Taken),
        ("said otherwise", ended.clone(), 1, Status::Failure, Told::Refused),
        ("said by another", ended, 2, Status::Success, Told::Refused),
        ("by an older lease", Job { fence: 2, ..running(9) }, 1, Status::Success, Told::Refused),
        ("given back", Job { fence: 1, ..queued() }, 1, Status::Success, Told::Refused),
        ("not an end", running(NOW + 1), 1, Status::Queued, Told::Refused),
    ] {
        assert_eq!(finish(&job, fence, &verdict(status), NOW), (want, None), "{name}");
    }
    let late = finish(&running(1), 1, &verdict(Status::Failure), NOW);
    assert_eq!(late.0, Told::Taken, "nobody took it over, so nobody else can end it");
}

#[test]
fn a_job_given_back_waits_as_before_unless_it_was_cancelled() {
    let (told, job) = release(&running(NOW + 1), 1, NOW);
    let job = job.unwrap();
    assert_eq!((told, job.status, job.attempts, job.fence), (Told::Taken, Status::Queued, 0, 1));
    let asked = Job { cancel_requested: true, ..running(NOW + 1) };
    assert_eq!(release(&asked, 1, NOW).1.map(|job| job.status), Some(Status::Cancelled));
    assert_eq!(release(&running(NOW + 1), 2, NOW), (Told::Refused, None));
}

#[test]
fn a_cancelled_job_ends_at_once_unless_a_worker_has_it() {
    assert!(matches!(cancel(&queued(), NOW), Cancelled::Ended(_)));
    assert!(matches!(cancel(&running(NOW), NOW), Cancelled::Ended(_)));
    let Cancelled::Asked(job) = cancel(&running(NOW + 1), NOW) else { panic!() };
    assert!(job.cancel_requested && job.status == Status::Running);
    let ended = Job { status: Status::Success, ..running(1) };
    assert_eq!(cancel(&ended, NOW), Cancelled::TooLate(ended.clone()));
}

#[test]
fn statuses_are_named_as_documents_name_them() {
    for status in Status::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        assert_eq!(Status::parse(status.name()), Some(status));
    }
    assert_eq!(Status::parse("Queued"), None);
}
