//! A thread for what costs a look at every process of the machine: the loop goes on meanwhile.
//!
//! One look after the other, in the order in which they were asked for: what a signal is to end is counted before
//! it is signalled, and looked for again after that. The thread ends when there is nothing more to look for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Look = Box<dyn FnOnce() + Send>;

/// The looks of one owner; a clone is the same thread.
#[derive(Clone, Default)]
pub(crate) struct LookThread {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Look>,
    is_running: bool,
}

impl LookThread {
    /// Looks, whether or not the answer is waited for; `None` only if the look panics. Where there is no thread to
    /// be had, it is done here.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + 'static {
        let (answer, found) = oneshot::channel();
        // It is too late for an answer that nobody takes.
        let look = Box::new(move || drop(answer.send(look())));
        let is_running = {
            let mut queue = lock(&self.queue);
            queue.waiting.push_back(look);
            std::mem::replace(&mut queue.is_running, true)
        };
        if !is_running {
            let queue = Arc::clone(&self.queue);
            let thread = thread::Builder::new().name("process-look".to_owned());
            if thread.spawn(move || run_all(&queue)).is_err() {
                run_all(&self.queue);
            }
        }
        async { found.await.ok() }
    }

    /// Waits until everything that was asked for is done.
    pub(crate) async fn finish(&self) {
        if lock(&self.queue).is_running {
            self.run(|| ()).await;
        }
    }
}

fn run_all(queue: &Mutex<Queue>) {
    loop {
        let next = {
            let mut queue = lock(queue);
            let next = queue.waiting.pop_front();
            queue.is_running = next.is_some();
            next
        };
        match next {
            Some(look) => look(),
            None => return,
        }
    }
}

/// Of what looks share with the loop: no code under the lock panics.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn looks_are_done_in_order_and_the_caller_does_not_wait() {
        let looks = LookThread::default();
        let (go, wait) = mpsc::channel();
        let (note, notes) = mpsc::channel();
        let late = note.clone();
        let first = looks.run(move || {
            wait.recv().expect("it is told to go on");
            late.send(1).expect("somebody reads");
            "first"
        });
        drop(looks.run(move || note.send(2).expect("somebody reads")));
        assert!(notes.try_recv().is_err());
        go.send(()).expect("it waits");
        looks.finish().await;
        assert_eq!(first.await, Some("first"));
        assert_eq!(notes.iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[tokio::test]
    async fn a_thread_that_has_ended_is_followed_by_another() {
        let looks = LookThread::default();
        assert_eq!(looks.run(|| 1).await, Some(1));
        looks.finish().await;
        assert_eq!(looks.run(|| 2).await, Some(2));
    }
}
