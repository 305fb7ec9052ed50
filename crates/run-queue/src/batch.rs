//! One thread that does the work of many at once, so that they share one flush to the disk.
//!
//! Nobody waits for company: what came in while a batch was under way is the next batch.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, Sender, SyncSender};

/// A thread that takes requests in batches.
pub(crate) struct Batcher<I, O> {
    requests: Sender<(I, SyncSender<O>)>,
}

impl<I, O> fmt::Debug for Batcher<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batcher")
    }
}

impl<I: Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// Starts the thread; it ends when this value is dropped and all is answered.
    pub(crate) fn start(
        name: &str,
        most: usize,
        mut work: impl FnMut(Vec<I>) -> Vec<O> + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, taken) = mpsc::channel::<(I, SyncSender<O>)>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(first) = taken.recv() {
                let (mut inputs, mut replies) = (vec![first.0], vec![first.1]);
                while inputs.len() < most
                    && let Ok((input, reply)) = taken.try_recv()
                {
                    inputs.push(input);
                    replies.push(reply);
                }
                for (reply, output) in replies.into_iter().zip(work(inputs)) {
                    // Whoever asked may have gone.
                    let _unheard = reply.send(output).is_err();
                }
            }
        })?;
        Ok(Self { requests })
    }

    /// Has one request done; `None` when the thread is gone.
    pub(crate) fn ask(&self, input: I) -> Option<O> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.requests.send((input, reply)).ok()?;
        answer.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn everybody_gets_the_answer_to_their_own_question() {
        let largest = Arc::new(std::sync::Mutex::new(0));
        let seen = Arc::clone(&largest);
        let doubler = Batcher::start("doubler", 8, move |batch: Vec<u32>| {
            let mut seen = seen.lock().unwrap();
            *seen = batch.len().max(*seen);
            batch.into_iter().map(|it| it * 2).collect()
        });
        let doubler = Arc::new(doubler.unwrap());
        let askers: Vec<_> = (0..64)
            .map(|number| {
                let doubler = Arc::clone(&doubler);
                std::thread::spawn(move || doubler.ask(number) == Some(number * 2))
            })
            .collect();
        assert!(askers.into_iter().all(|asker| asker.join().unwrap()));
        assert!((1..=8).contains(&*largest.lock().unwrap()));
    }

    #[test]
    fn a_thread_that_is_gone_answers_nothing() {
        let broken = Batcher::start("broken", 1, |_: Vec<()>| -> Vec<()> { panic!("on purpose") });
        let broken = broken.unwrap();
        assert_eq!(broken.ask(()), None);
        assert_eq!(broken.ask(()), None);
    }
}
