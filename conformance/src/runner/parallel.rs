//! Several cases at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `work` makes of each index, in the order of the indices, whatever the order in which it is begun.
pub(crate) fn in_parallel<T: Send>(jobs: usize, order: &[usize], work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(order.len()));
    thread::scope(|scope| {
        for _ in 0..jobs.min(order.len()) {
            scope.spawn(|| {
                while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(index);
                    done.lock().expect("no worker panics while it adds its result").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics while it adds its result");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
