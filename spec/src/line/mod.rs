//! Lines: from bytes and descriptors to messages and back.
//!
//! Pure: it never reads a socket. [`LineReader`] is fed what one recvmsg(2) returned and
//! yields whole lines, each with exactly the descriptors that its `fds` names; [`decode`]
//! turns a line into a message; [`encode`] makes the bytes of one.
//!
//! Why the count is in the line: on a stream socket `a\n` without a descriptor and `b\n`
//! with one arrive as a single read of both lines with one descriptor.

mod decode;
mod object;
mod reader;

pub use decode::{DecodeError, Decoded, decode, encode};
pub use reader::{Line, LineError, LineReader};
