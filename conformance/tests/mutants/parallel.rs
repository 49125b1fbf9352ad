//! Many mutants at once: one that does not do something is waited for, and a wait costs nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How much shorter a wait is than usual when a mutant is run for the first time. A wait that was too
/// short for the machine fails in another check; then it is run again with the usual limits, and at last with
/// longer ones.
pub const HASTE: f64 = 0.25;

/// How much longer they are then.
pub const LEISURE: f64 = 4.0;

/// The clients and the supervisors have the machine in turn.
static TURN: Mutex<()> = Mutex::new(());

/// What `work` finds, so many at once.
pub fn in_parallel<T: Sync>(
    at_once: usize,
    all: &[T],
    work: impl Fn(&T) -> Option<String> + Sync,
) -> Vec<String> {
    let _turn = TURN.lock().expect("nobody panics with it");
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(told) = work(one) {
                        found.lock().expect("nobody panics with it").push(told);
                    }
                }
            });
        }
    });
    found.into_inner().expect("nobody panics with it")
}
