//! A part of the world that is shared until it changes, and hashed once a change.
//!
//! The hash is of the canonical `Debug` text: the cores need no `Hash` for it, and nothing of
//! their state can be forgotten in it.

use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hasher};
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
        let mut text = Text(DefaultHasher::new());
        write!(text, "{value:?}").expect("hashing does not fail");
        Seal { value: Arc::new(value), print: text.0.finish() }
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

struct Text(DefaultHasher);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
