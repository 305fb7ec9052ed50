//! Workers: claim jobs, have `orb-wrap` run each in a process group of its own, and say how it ended.

mod job;
mod lease;
mod notes;
mod verdict;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ops_core::cli::Context;
use ops_core::config::Source;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Host, Replacement, Stop};
use ops_core::report::Report;
use run_queue::{Queue, Worker};

use crate::settings::Settings;
pub(crate) use notes::Notes;

/// How long a waiting worker waits for the bell before it looks by itself: what was abandoned rings
/// no bell.
pub(crate) const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// How long a worker waits after the queue could not be asked.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// How long a worker that is to end waits for the queue, after what still runs was stopped.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The program that runs one job.
const PROGRAM: &str = "orb-wrap";

/// What all threads of a worker process share.
#[derive(Debug)]
struct Shop {
    host: Host,
    queue: Arc<dyn Queue>,
    worker: Worker,
    settings: Settings,
    /// `orb-wrap`.
    program: PathBuf,
    /// This program, which becomes that one.
    own: PathBuf,
    home: PathBuf,
    notes: Notes,
    configs: Source,
    /// Set when no more jobs are to be taken.
    drains: AtomicBool,
    /// Asked when what still runs is to be given back.
    running: Mutex<Vec<Arc<Stop>>>,
    is_over: AtomicBool,
    verbosity: u8,
    ended: AtomicU64,
    not_ended: AtomicU64,
}

/// The workers of this process.
#[derive(Debug)]
pub(crate) struct Workers {
    shop: Arc<Shop>,
    threads: Vec<JoinHandle<()>>,
}

/// What workers did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Jobs that they ended.
    pub(crate) ended: u64,
    /// Jobs that they gave back or lost.
    pub(crate) not_ended: u64,
}

/// Starts workers.
pub(crate) fn start(
    context: &Context,
    settings: &Settings,
    queue: Arc<dyn Queue>,
    count: u32,
) -> Result<Workers, Failure> {
    let host = context.host.clone();
    let not_there = |name: &str| {
        Failure::new(Exit::Unavailable, format!("run jobs: {name} is not installed"))
            .hint("it belongs beside this program")
    };
    let program = host.find_program(PROGRAM).ok_or_else(|| not_there(PROGRAM))?;
    let own = host.program().ok_or_else(|| not_there("runner"))?;
    let random: [u8; 3] = host.random();
    let name = format!("{}:{}:{:06x}", host.name(), std::process::id(), {
        u32::from_be_bytes([0, random[0], random[1], random[2]])
    });
    let shop = Arc::new(Shop {
        worker: Worker { name, host: host.name() },
        host,
        queue,
        settings: settings.clone(),
        program,
        own,
        home: context.home.clone(),
        notes: Notes::new(&context.host, &context.home),
        configs: context.configs.clone(),
        drains: AtomicBool::new(false),
        running: Mutex::default(),
        is_over: AtomicBool::new(false),
        verbosity: context.verbosity,
        ended: AtomicU64::new(0),
        not_ended: AtomicU64::new(0),
    });
    let mut threads = vec![];
    for number in 0..count {
        let at = Arc::clone(&shop);
        let thread = std::thread::Builder::new().name(format!("worker-{number}"));
        let thread = thread.spawn(move || at.work());
        threads.push(thread.or_fail(Exit::Unavailable, "start a worker's thread")?);
    }
    Ok(Workers { shop, threads })
}

impl Workers {
    /// The name under which they claim.
    pub(crate) fn name(&self) -> &str {
        &self.shop.worker.name
    }

    /// Takes no more jobs, lets those that run end in time, gives the others back.
    pub(crate) fn end(self) -> Done {
        let shop = &self.shop;
        shop.drains.store(true, Ordering::SeqCst);
        shop.queue.bell().ring();
        let limit = shop.host.ticks() + Duration::from_secs(shop.settings.drain_seconds.into());
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            if shop.host.ticks() >= limit {
                shop.stop_all();
            }
            if shop.host.ticks() >= limit + LAST_WORDS {
                // A database that hangs answers nobody. The leases run out by themselves, and what
                // still runs goes with this process.
                shop.tell("the queue does not answer: what still runs is left to it");
                break;
            }
            shop.host.pause(Duration::from_millis(50));
        }
        Done {
            ended: shop.ended.load(Ordering::SeqCst),
            not_ended: shop.not_ended.load(Ordering::SeqCst),
        }
    }
}

impl Shop {
    /// Claims and runs until there is to be an end.
    fn work(&self) {
        let mut trouble: Option<String> = None;
        while !self.drains.load(Ordering::SeqCst) {
            let seen = self.queue.bell().rung();
            let since = self.host.uptime();
            let claimed = self.queue.claim(&self.worker, self.settings.lease());
            if claimed.is_ok() && trouble.take().is_some() {
                self.tell("the queue answers again");
            }
            match claimed {
                Ok(Some(claimed)) => {
                    let count =
                        if self.run(&claimed, since) { &self.ended } else { &self.not_ended };
                    count.fetch_add(1, Ordering::SeqCst);
                }
                Ok(None) => {
                    self.queue.bell().wait(seen, BETWEEN_LOOKS);
                }
                Err(fault) => {
                    // Once for each trouble, not once a second as long as it lasts.
                    let why = fault.to_string();
                    if trouble.as_ref() != Some(&why) {
                        self.tell(&format!("no job could be claimed: {why}"));
                        trouble = Some(why);
                    }
                    self.host.pause(AFTER_FAULT);
                }
            }
        }
    }

    /// Registers something to be stopped when time is up.
    fn register(&self, stop: &Arc<Stop>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.push(Arc::clone(stop));
        if self.is_over.load(Ordering::SeqCst) {
            stop.ask();
        }
    }

    fn unregister(&self, stop: &Arc<Stop>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|it| !Arc::ptr_eq(it, stop));
    }

    fn stop_all(&self) {
        if !self.is_over.swap(true, Ordering::SeqCst) {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.iter().for_each(|stop| stop.ask());
        }
    }

    fn tell(&self, text: &str) {
        use std::io::Write;
        if self.verbosity > 0 {
            let text = ops_core::redact::Redactor::default().clean(text);
            let _unheard = writeln!(std::io::stderr(), "runner: {text}").is_err();
        }
    }
}

/// Becomes a program that the kernel kills when the worker that started it is gone.
pub(crate) fn inside(
    context: &Context,
    parent: u32,
    command: &[OsString],
) -> Result<Box<dyn Report>, Failure> {
    let doing = || "run a job's program";
    let lives = context.host.die_with_parent(parent).or_fail(Exit::Unavailable, doing())?;
    if !lives {
        return Err(Failure::new(Exit::Unavailable, doing()).because("its worker is gone"));
    }
    let (program, args) = command.split_first().ok_or_else(|| crate::malformed(doing(), "none"))?;
    Ok(Box::new(Becoming(Replacement {
        program: program.clone(),
        args: args.to_vec(),
        without: std::collections::BTreeSet::new(),
        with: std::collections::BTreeMap::new(),
    })))
}

/// A program that this process becomes instead of saying anything.
struct Becoming(Replacement);

impl Report for Becoming {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, _out: &mut dyn std::io::Write) -> std::io::Result<()> {
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn becomes(&self) -> Option<&Replacement> {
        Some(&self.0)
    }
}
