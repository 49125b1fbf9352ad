//! A connection of a slot, as the timeline of the load knows it.

use std::rc::Rc;

use super::shared::Shared;
use super::stream::Stream;

/// An open connection; it is closed when this is dropped.
pub(super) struct Connection {
    pub(super) stream: Stream,
    /// The number that the timeline has given it, if there is one.
    pub(super) number: Option<usize>,
    shared: Rc<Shared>,
}

impl Connection {
    pub(super) fn new(stream: Stream, shared: &Rc<Shared>) -> Connection {
        Connection { stream, number: shared.opened(), shared: Rc::clone(shared) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared.closed(number);
        }
    }
}
