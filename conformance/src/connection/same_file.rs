//! Whether two descriptors are of one file.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::fstat;

/// Whether two descriptors are of the same file, socket or pipe.
///
/// # Errors
/// What fstat(2) says.
pub fn same_file(one: impl AsFd, other: impl AsFd) -> io::Result<bool> {
    let (one, other) = (fstat(one)?, fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}
