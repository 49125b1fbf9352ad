//! What our own stdout and stderr are.

use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::sys::socket::{UnixAddr, getpeername};
use nix::sys::stat::{FileStat, SFlag, fstat, major, minor};
use nix::unistd::geteuid;

use crate::cli::environment;
use crate::sys::session;

use super::destination::{OurStreams, StartedFrom, StreamKind};
use super::log_directory;

/// The device number of `/dev/null` (null(4)).
const NULL_DEVICE: (u64, u64) = (1, 3);

/// Where the journal listens, also that of a namespace (systemd-journald.service(8)).
const JOURNAL: &str = "/run/systemd/journal";

/// What it is. One that cannot be looked at is a device of which nothing is known.
pub(super) fn kind(stream: &(impl AsFd + IsTerminal)) -> StreamKind {
    let Ok(found) = fstat(stream) else {
        return StreamKind::Other;
    };
    let format = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
    if format == SFlag::S_IFREG {
        if is_log(stream) { StreamKind::Log } else { StreamKind::RegularFile }
    } else if format == SFlag::S_IFIFO {
        StreamKind::Pipe
    } else if format == SFlag::S_IFSOCK {
        if is_journal(stream) { StreamKind::Journal } else { StreamKind::Pipe }
    } else if format == SFlag::S_IFCHR && (major(found.st_rdev), minor(found.st_rdev)) == NULL_DEVICE {
        StreamKind::Null
    } else if stream.is_terminal() {
        StreamKind::Terminal
    } else {
        StreamKind::Other
    }
}

/// Whether a stream leads to the journal.
pub(crate) fn is_journal(stream: &impl AsFd) -> bool {
    let peer = getpeername::<UnixAddr>(stream.as_fd().as_raw_fd());
    peer.is_ok_and(|peer| peer.path().is_some_and(|path| path.to_string_lossy().starts_with(JOURNAL)))
}

fn is_log(stream: &impl AsFd) -> bool {
    let path = fs::read_link(format!("/proc/self/fd/{}", stream.as_fd().as_raw_fd()));
    let folder = path.ok().and_then(|path| path.parent().map(Path::to_owned));
    folder.is_some_and(|folder| log_directory::candidates(geteuid()).contains(&folder))
}

/// Whether our stdout and stderr are one file.
pub(super) fn ours() -> OurStreams {
    let inode = |found: FileStat| (found.st_dev, found.st_ino);
    match (fstat(io::stdout()), fstat(io::stderr())) {
        (Ok(stdout), Ok(stderr)) if inode(stdout) == inode(stderr) => OurStreams::One,
        (Ok(_) | Err(_), Ok(_) | Err(_)) => OurStreams::Two,
    }
}

/// What started this process. A command that began inside a generation shows its own
/// ([`own_generation`](crate::own_generation)); `SSH_CONNECTION` is set by sshd(8).
pub(super) fn started_from() -> StartedFrom {
    let is_set = |name| std::env::var_os(name).is_some();
    if is_set(environment::SERVERSWAP_GENERATION) {
        StartedFrom::Generation
    } else if is_set(environment::SSH_CONNECTION) || session::has_terminal() {
        StartedFrom::Login
    } else {
        StartedFrom::Service
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn each_kind_is_recognised() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let (socket, _peer) = UnixStream::pair().expect("a pair of sockets");
        let open = |path| File::open(path).expect("every Linux has it");
        assert_eq!(kind(&tempfile::tempfile().expect("a temporary file")), StreamKind::RegularFile);
        assert_eq!(kind(&File::from(std::os::fd::OwnedFd::from(reader))), StreamKind::Pipe);
        assert_eq!(kind(&File::from(std::os::fd::OwnedFd::from(socket))), StreamKind::Pipe);
        assert_eq!(kind(&open("/dev/null")), StreamKind::Null);
        assert_eq!(kind(&open("/dev/zero")), StreamKind::Other);
    }
}
