//! One recvmsg(2), with nothing that arrived left unowned.
//!
//! Why not nix's: on `MSG_CTRUNC` it yields no control message at all, and so leaks the
//! descriptors that did arrive.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{io, mem, ptr};

use nix::errno::Errno;

/// Most bytes taken at once.
const BYTES_MAX: usize = 16_384;

/// Most descriptors that one message carries: `SCM_MAX_FD`, unix(7).
const FDS_MAX: usize = 253;

/// Bytes of control data for [`FDS_MAX`] descriptors. Nothing else comes, as long as neither
/// `SO_PASSCRED` nor another option that adds control data is set on our end.
const CONTROL_BYTES: usize = {
    let fds_bytes = FDS_MAX * size_of::<RawFd>();
    // SAFETY: CMSG_SPACE is arithmetic.
    unsafe { libc::CMSG_SPACE(fds_bytes as u32) as usize }
};

pub(super) enum ReceiveOutcome {
    Data {
        bytes: Vec<u8>,
        fds: Vec<OwnedFd>,
    },
    WouldBlock,
    /// More descriptors came than this process could take; those that came are closed.
    Truncated,
    End,
}

/// Receives what is there now, every descriptor close-on-exec.
pub(super) fn receive(socket: BorrowedFd<'_>) -> io::Result<ReceiveOutcome> {
    let mut bytes = vec![0; BYTES_MAX];
    let mut control = Control([0; CONTROL_BYTES]);
    let message = loop {
        match receive_into(socket, &mut bytes, &mut control) {
            Ok(message) => break message,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(ReceiveOutcome::WouldBlock),
            Err(Errno::ECONNRESET | Errno::EPIPE) => return Ok(ReceiveOutcome::End),
            Err(error) => return Err(error.into()),
        }
    };
    if message.truncated {
        return Ok(ReceiveOutcome::Truncated);
    }
    if message.length == 0 {
        return Ok(ReceiveOutcome::End);
    }
    bytes.truncate(message.length);
    Ok(ReceiveOutcome::Data { bytes, fds: message.fds })
}

/// Room for control data, aligned as CMSG_FIRSTHDR(3) wants it.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

struct RawMessage {
    length: usize,
    fds: Vec<OwnedFd>,
    truncated: bool,
}

fn receive_into(socket: BorrowedFd<'_>, bytes: &mut [u8], control: &mut Control) -> nix::Result<RawMessage> {
    let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: msghdr is a plain C struct for which all-zero is valid.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    // SAFETY: the header points to one iovec and to the control buffer, both with their true
    // lengths, and all three outlive the call.
    let length = Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    // SAFETY: recvmsg has just filled in the header and its control buffer, and this is
    // the only time that they are looked at.
    let fds = unsafe { take_fds(&header) };
    let truncated = header.msg_flags & libc::MSG_CTRUNC != 0;
    Ok(RawMessage { length: usize::try_from(length).expect("checked for -1"), fds, truncated })
}

/// Takes ownership of every descriptor in the control data.
///
/// # Safety
/// `header` is as recvmsg(2) left it, its buffers are alive, and this is called once for it.
unsafe fn take_fds(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the header and its control buffer are valid, says the caller.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !control.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a whole, aligned cmsghdr in the buffer.
        let libc::cmsghdr { cmsg_level, cmsg_type, cmsg_len, .. } = unsafe { ptr::read(control) };
        let bytes: usize = cmsg_len as _; // 32 bits wide on some systems
        if (cmsg_level, cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: the data begins right behind the header, and its length is in the header.
            let data = unsafe { libc::CMSG_DATA(control) }.cast::<RawFd>();
            // SAFETY: CMSG_LEN is arithmetic.
            let header_bytes = unsafe { libc::CMSG_LEN(0) } as usize;
            for index in 0..(bytes - header_bytes) / size_of::<RawFd>() {
                // SAFETY: within the array; it need not be aligned; the kernel made the
                // descriptor for us, and nobody else owns it.
                fds.push(unsafe { OwnedFd::from_raw_fd(ptr::read_unaligned(data.add(index))) });
            }
        }
        // SAFETY: as for CMSG_FIRSTHDR; `control` is a header of this buffer.
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
    fds
}
