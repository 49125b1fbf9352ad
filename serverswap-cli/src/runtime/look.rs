//! A look on a thread whose answer is waited for together with other things; one at a time.

use std::future::pending;
use std::pin::Pin;

use super::look_thread::LookThread;

/// Looks of one kind.
pub(super) struct Look<T> {
    thread: LookThread,
    running: Option<Pin<Box<dyn Future<Output = Option<T>>>>>,
}

impl<T: Send + 'static> Look<T> {
    /// None runs yet.
    pub(super) fn new() -> Self {
        Look { thread: LookThread::default(), running: None }
    }

    /// Begins, unless another one runs; returns whether it did. [`found`](Self::found) has the answer.
    pub(super) fn start(&mut self, look: impl FnOnce() -> T + Send + 'static) -> bool {
        let is_free = self.running.is_none();
        if is_free {
            self.running = Some(Box::pin(self.thread.run(look)));
        }
        is_free
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Waits for the answer, if a look runs. Nothing is lost when it is cancelled.
    pub(super) async fn found(&mut self) -> T {
        if let Some(running) = &mut self.running {
            let found = running.await;
            self.running = None;
            if let Some(found) = found {
                return found;
            }
        }
        pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_look_runs_at_a_time_and_the_next_after_its_answer() {
        let mut look = Look::new();
        assert!(look.start(|| 1));
        assert!(!look.start(|| 2));
        assert_eq!(look.found().await, 1);
        assert!(look.start(|| 3));
        assert_eq!(look.found().await, 3);
    }
}
