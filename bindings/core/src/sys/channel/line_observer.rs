//! Something that sees every line of a connection, for a recording of it.

/// Sees every line of a connection as it is sent or received. It changes nothing and cannot fail.
pub trait LineObserver: std::fmt::Debug + Send {
    /// A whole line was queued, with its line feed, and so many descriptors.
    fn sent(&mut self, line: &[u8], fds: usize);

    /// Bytes were received, a line or a piece of one or several, and so many descriptors.
    fn received(&mut self, bytes: &[u8], fds: usize);
}
