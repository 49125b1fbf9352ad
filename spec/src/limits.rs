//! The named limits of the protocol. Every one of them is announced in the
//! `greeting` or stated in `spec/README.md`; none is negotiable in version 1.

/// Longest line, in bytes, the line feed included.
pub const LINE_BYTES_MAX: usize = 65_536;

/// Deepest nesting of arrays and objects in a line; the line's own object counts as 1.
pub const DEPTH_MAX: usize = 16;

/// Most descriptors that one line may carry. The kernel's own limit is 253 a
/// message (`SCM_MAX_FD`, unix(7)); half of it leaves room on other systems.
pub const FDS_PER_LINE_MAX: usize = 128;

/// Most entries in the `holding` list of one `hello` or `holding` line.
pub const HOLDING_PER_LINE_MAX: usize = FDS_PER_LINE_MAX;

/// Largest integer, 2^53 - 1: what every JSON library reads without loss (RFC 7493, section 2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Longest text for people (`message`, `reason`), in bytes. Senders truncate.
pub const TEXT_BYTES_MAX: usize = 2_048;

/// Most connections that an arbiter accepts, as far as its own limit of open files allows; further
/// ones are refused.
pub const CONNECTIONS_MAX: usize = 4_096;
