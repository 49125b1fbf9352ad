//! A part of the world that is shared until it changes, and hashed once a change.
//!
//! The hash is of the canonical `Debug` text: the cores need no `Hash` for it, and nothing of
//! their state can be forgotten in it.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::ops::Deref;
use std::sync::Arc;

/// A shared value and the hash of its text.
#[derive(Debug, Clone)]
pub struct Seal<T> {
    value: Arc<T>,
    print: u64,
}

impl<T: Debug> Seal<T> {
    pub fn new(value: T) -> Self {
        thread_local!(static TEXT: RefCell<String> = const { RefCell::new(String::new()) });
        let print = TEXT.with_borrow_mut(|text| {
            text.clear();
            write!(text, "{value:?}").expect("a string takes everything");
            seahash::hash(text.as_bytes())
        });
        Seal { value: Arc::new(value), print }
    }

    pub fn print(&self) -> u64 {
        self.print
    }

    /// Changes the value, whoever shares it.
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Clone,
    {
        let mut value = (*self.value).clone();
        let result = change(&mut value);
        *self = Seal::new(value);
        result
    }
}

impl<T> Deref for Seal<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
