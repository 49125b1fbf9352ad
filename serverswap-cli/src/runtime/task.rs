//! A task of this thread that ends with its owner.

use tokio::task::{JoinHandle, spawn_local};

/// Aborted when it is dropped.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) -> Self {
        Task(spawn_local(future))
    }

    /// Ends the task and waits until everything that it owned is dropped.
    pub(super) async fn end(mut self) {
        self.0.abort();
        // It ends as cancelled, which is what was asked for.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
