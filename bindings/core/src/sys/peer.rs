//! Who is at the other end of a Unix socket, by the kernel's word.
//!
//! Deliberately no judgement here: whether that user may speak is decided by the caller.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::{getsockopt, sockopt};

/// Who called connect(2), or socketpair(2), on the other end: `SO_PEERCRED`, taken at that
/// moment and unchanged when the socket is passed on. On the connecting side: who called
/// listen(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// Its process id in our pid namespace; 0 if it is not visible from here.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

/// The credentials of the other end.
///
/// # Errors
/// Not a connected Unix socket.
pub fn credentials(socket: impl AsFd) -> io::Result<Credentials> {
    let peer = getsockopt(&socket, sockopt::PeerCredentials)?;
    let pid = u32::try_from(peer.pid()).unwrap_or_default();
    Ok(Credentials { pid, uid: peer.uid(), gid: peer.gid() })
}

/// A pidfd of the process that [`credentials`] names, free of any race with pid reuse.
/// `None` before Linux 6.5, and when the process is gone without a trace: then
/// `process::pidfd_open` of the pid is what there is.
pub fn peer_pidfd(socket: impl AsFd) -> Option<OwnedFd> {
    getsockopt(&socket, sockopt::PeerPidfd).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (here, _there) = UnixStream::pair().expect("a socket pair");
        let found = credentials(&here).expect("a Unix socket has credentials");
        assert_eq!(found.pid, std::process::id());
    }

    #[test]
    fn a_socket_that_is_not_unix_has_no_credentials_of_a_process() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        assert_eq!(credentials(&tcp).map(|found| found.pid).unwrap_or_default(), 0);
        assert!(peer_pidfd(&tcp).is_none());
    }
}
