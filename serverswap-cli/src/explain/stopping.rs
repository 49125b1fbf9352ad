//! Asks a server to stop while requests are under way, and sees what becomes of them.
//!
//! Our duplicates of its listeners stay open, as those of an arbiter do: what nobody has accepted is not lost.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use serverswap::sys::process::Signal;
use serverswap::sys::wait::wait_readable;

use super::request::{FIRST_HALF, Reply, Request, SECOND_HALF};
use super::seen::StopSeen;
use super::serving::SETTLED;
use super::trial::{Trial, TrialError};
use crate::sys::listen;

/// How long a server that was asked to stop has until that shows, before the rest of a request is sent.
const NOTICES: Duration = Duration::from_secs(2);

/// The same until the first of many requests is answered.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// How long it may take to answer a request that is under way.
const ANSWERS: Duration = Duration::from_secs(5);

/// Requests that are sent just before it is asked to stop, if there is room for so many in its backlog.
const BURST: usize = 32;

impl Trial<'_> {
    /// # Errors
    /// This process was asked to stop, or the kernel refuses something.
    pub(super) fn stop(&mut self, signal: Signal, limit: Duration) -> Result<StopSeen, TrialError> {
        let is_handled = self.handled(&[signal])?.contains(&signal);
        let mut half = self.request(&[FIRST_HALF]);
        // It is in the server's hands when it waits no more.
        self.until(NOTICES, |trial| (trial.waiting() == 0).then_some(()))?;
        let mut burst = Burst::of((0..BURST).map_while(|_| self.request(&[FIRST_HALF, SECOND_HALF])));
        burst.wait_for_the_first()?;
        let mut asked = Instant::now();
        self.signal(signal)?;
        let (mut early, mut unchanged) = (None, (0, Instant::now()));
        self.until(NOTICES, |trial| {
            early = early.or_else(|| half.as_mut()?.reply());
            let waiting = trial.waiting();
            if waiting != unchanged.0 {
                unchanged = (waiting, Instant::now());
            }
            let accepts_no_more = burst.settle() == waiting && unchanged.1.elapsed() > SETTLED;
            (trial.exit.is_some() || early.is_some() || accepts_no_more).then_some(())
        })?;
        if let (None, Some(half)) = (early, &mut half) {
            half.send(SECOND_HALF);
            asked = Instant::now();
        }
        let reply = self.until(ANSWERS, |trial| {
            burst.settle();
            let reply = early.or_else(|| half.as_mut()?.reply());
            reply.or((half.is_none() || trial.exit.is_some()).then_some(Reply::Ended))
        })?;
        let ended = self.until(limit, |trial| {
            burst.settle();
            trial.exit
        })?;
        let ended_after = ended.map(|_| asked.elapsed());
        burst.settle();
        Ok(StopSeen {
            signal,
            is_handled,
            finishes_half: reply == Some(Reply::Http),
            sent: burst.sent,
            cut: burst.cut,
            ended_after,
        })
    }

    fn request(&self, parts: &[&[u8]]) -> Option<Request> {
        let mut request = Request::open(&self.bound.get(self.http?)?.at).ok()?;
        parts.iter().for_each(|part| request.send(part));
        Some(request)
    }

    /// How many connections wait for it.
    fn waiting(&self) -> usize {
        let bound = self.http.and_then(|http| self.bound.get(http));
        bound.and_then(|bound| listen::waiting(&bound.socket)).unwrap_or_default() as usize
    }
}

/// Many whole requests at once.
struct Burst {
    sent: usize,
    /// Those that have ended without an answer.
    cut: usize,
    under_way: Vec<Request>,
}

impl Burst {
    fn of(requests: impl Iterator<Item = Request>) -> Burst {
        let under_way: Vec<Request> = requests.collect();
        Burst { sent: under_way.len(), cut: 0, under_way }
    }

    /// From the first answer on the server is in the middle of them.
    fn wait_for_the_first(&self) -> io::Result<()> {
        if let Some(first) = self.under_way.first() {
            wait_readable(&[first.as_fd()], Some(Instant::now() + FIRST_ANSWER))?;
        }
        Ok(())
    }

    /// Reads what has come back, and says how many are still under way.
    fn settle(&mut self) -> usize {
        let cut = &mut self.cut;
        self.under_way.retain_mut(|request| match request.reply() {
            Some(Reply::Ended) => {
                *cut += 1;
                false
            }
            Some(Reply::Http | Reply::Other) => false,
            None => true,
        });
        self.under_way.len()
    }
}
