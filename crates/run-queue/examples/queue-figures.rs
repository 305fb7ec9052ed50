//! `queue-figures sqlite|postgresql FOLDER SUBMISSIONS ENDED QUEUED`: what the queue does on this
//! disk, as one JSON document. For ops/bench.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ops_host::host::Host;
use postgres_cluster::Cluster;
use run_queue::{
    Address, Clock, Filter, NewJob, Page, Postgres, Queue, Sqlite, Status, Verdict, Worker,
};

/// Clients that submit at the same time.
const CLIENTS: usize = 16;

/// How often a single call is measured.
const CALLS: usize = 101;

const LEASE: Duration = Duration::from_mins(10);

type Answer<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let argv = Host::real().argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    let told = match words.as_slice() {
        [engine, folder, submissions, ended, queued] => {
            let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
            number(submissions)
                .and_then(|it| Ok([it, number(ended)?, number(queued)?]))
                .map_err(Into::into)
                .and_then(|sizes| figures(engine, Path::new(folder), sizes))
        }
        _ => Err("usage: queue-figures sqlite|postgresql FOLDER SUBMISSIONS ENDED QUEUED".into()),
    };
    match told {
        Ok(told) => {
            #[expect(clippy::print_stdout, reason = "a tool of the benchmarks")]
            {
                println!("{told}");
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            #[expect(clippy::print_stderr, reason = "a tool of the benchmarks")]
            {
                eprintln!("queue-figures: {why}");
            }
            ExitCode::FAILURE
        }
    }
}

fn figures(engine: &str, folder: &Path, sizes: [usize; 3]) -> Answer<String> {
    let [submissions, ended, queued] = sizes;
    let host = Host::real();
    // Kept until the end: it takes the server with it.
    let cluster = if engine == "postgresql" { Some(Cluster::start()?) } else { None };
    let file = || folder.join(format!("{:016x}.db", u64::from_ne_bytes(host.random())));
    let place =
        || cluster.as_ref().map_or_else(|| Place::File(file()), |it| Place::Server(it.database()));
    let rate = submit_all(&host, &*place().open(&host)?, submissions);
    let idle = place();
    let pick_up = pick_up(&host, &*idle.open(&host)?, idle.open(&host)?)?;
    let queue = place().open(&host)?;
    let (list_empty, claim_empty) = (list(&host, &*queue)?, claim(&host, &*queue)?);
    end_all(&host, &*queue, ended);
    let (list_full, claim_full) = (list(&host, &*queue)?, claim(&host, &*queue)?);
    submit_all(&host, &*queue, queued);
    let claim_queued = claim(&host, &*queue)?;
    Ok(format!(
        "{{\"submissions_per_second\": {rate:.0}, \"pick_up_ms\": {pick_up:.3}, \
         \"list_empty_ms\": {list_empty:.3}, \"list_full_ms\": {list_full:.3}, \
         \"claim_empty_ms\": {claim_empty:.3}, \"claim_full_ms\": {claim_full:.3}, \
         \"claim_queued_ms\": {claim_queued:.3}}}"
    ))
}

/// Where an empty queue is.
enum Place {
    File(PathBuf),
    Server(String),
}

impl Place {
    /// Opens it once more, as another process would.
    fn open(&self, host: &Host) -> Answer<Arc<dyn Queue>> {
        Ok(match self {
            Self::Server(url) => {
                let address = Address::parse(url, None, None)?;
                Arc::new(Postgres::open(host, address, Clock::Own)?)
            }
            Self::File(path) => Arc::new(Sqlite::open(host, path, Clock::Own)?),
        })
    }
}

fn job(number: usize, repositories: usize) -> NewJob {
    let name = format!("r{}", number % repositories);
    NewJob {
        idempotency_key: None,
        job_type: "orb_doctor".into(),
        remote_url: format!("https://git.example/{name}"),
        repo_name: name,
        sha: "0".repeat(40),
        params: BTreeMap::new(),
        priority: 0,
        max_attempts: 3,
        deadline: None,
    }
}

/// Submissions a second, all clients together, each waiting for its answer before the next.
fn submit_all(host: &Host, queue: &dyn Queue, count: usize) -> f64 {
    let began = host.ticks();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for number in (client..count).step_by(CLIENTS) {
                    queue.submit(job(number, 20)).expect("the queue takes it");
                }
            });
        }
    });
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
        / host.ticks().saturating_sub(began).as_secs_f64()
}

/// From the submission's beginning to the claim's answer in a waiting worker with an engine of its
/// own on the same queue, as the API's and the worker's processes have them, milliseconds, median.
fn pick_up(host: &Host, queue: &dyn Queue, worker: Arc<dyn Queue>) -> Answer<f64> {
    let (told, claimed) = std::sync::mpsc::channel();
    let at = host.clone();
    let waiting = std::thread::spawn(move || {
        for _ in 0..CALLS {
            let lease = loop {
                let seen = worker.bell().rung();
                if let Ok(Some(claimed)) = worker.claim(&me(), LEASE) {
                    break claimed.lease;
                }
                worker.bell().wait(seen, Duration::from_secs(2));
            };
            let now = at.ticks();
            let done = Verdict { status: Status::Success, exit_code: None, detail: None };
            let ended = worker.finish(&lease, &done).is_ok();
            if told.send(now).is_err() || !ended {
                return;
            }
        }
    });
    let mut samples = vec![];
    for number in 0..CALLS {
        // Idle: everybody waits again.
        host.pause(Duration::from_millis(5));
        let began = host.ticks();
        queue.submit(job(number, 1))?;
        samples.push(claimed.recv()?.saturating_sub(began).as_secs_f64() * 1000.0);
    }
    waiting.join().map_err(|_| "the worker broke off")?;
    Ok(median(samples))
}

fn list(host: &Host, queue: &dyn Queue) -> Answer<f64> {
    let page = Page { before: None, limit: 50 };
    let success = Filter { status: Some(Status::Success), ..Filter::default() };
    // Enough for a whole page in an empty queue, too.
    if queue.list(&success, page)?.len() < page.limit {
        end_all(host, queue, page.limit);
    }
    measured(host, || queue.list(&success, page).map(drop).map_err(Into::into))
}

fn claim(host: &Host, queue: &dyn Queue) -> Answer<f64> {
    let mut samples = vec![];
    for number in 0..CALLS {
        queue.submit(job(number, 1))?;
        let began = host.ticks();
        let claimed = queue.claim(&me(), LEASE)?.ok_or("nothing to claim")?;
        samples.push(host.ticks().saturating_sub(began).as_secs_f64() * 1000.0);
        let done = Verdict { status: Status::Success, exit_code: None, detail: None };
        queue.finish(&claimed.lease, &done)?;
    }
    Ok(median(samples))
}

/// Fills the queue with ended jobs, as workers do: submitted, claimed and finished by all clients.
fn end_all(host: &Host, queue: &dyn Queue, count: usize) {
    submit_all(host, queue, count);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while let Ok(Some(claimed)) = queue.claim(&me(), LEASE) {
                    let done = Verdict { status: Status::Success, exit_code: None, detail: None };
                    if queue.finish(&claimed.lease, &done).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

fn measured(host: &Host, mut call: impl FnMut() -> Answer<()>) -> Answer<f64> {
    let mut samples = vec![];
    for _ in 0..CALLS {
        let began = host.ticks();
        call()?;
        samples.push(host.ticks().saturating_sub(began).as_secs_f64() * 1000.0);
    }
    Ok(median(samples))
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn me() -> Worker {
    Worker { name: "bench".into(), host: "bench".into() }
}
