//! One recvmsg(2), with nothing that arrived left unowned.
//!
//! Why not nix's: on `MSG_CTRUNC` it yields no control message at all, and so leaks the
//! descriptors that did arrive.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;

/// Most descriptors that one message carries: `SCM_MAX_FD`, unix(7).
pub const DESCRIPTORS_MAX: usize = 253;

/// Bytes of control data for [`DESCRIPTORS_MAX`] descriptors and the credentials of `SO_PASSCRED`.
const CONTROL_BYTES: usize = {
    let descriptors = DESCRIPTORS_MAX * size_of::<RawFd>();
    // SAFETY: CMSG_SPACE is arithmetic.
    unsafe {
        (libc::CMSG_SPACE(descriptors as u32) + libc::CMSG_SPACE(size_of::<libc::ucred>() as u32)) as usize
    }
};

/// What one recvmsg(2) has returned.
#[derive(Debug)]
pub struct ReceivedMessage {
    /// How many bytes are in the buffer.
    pub length: usize,
    /// Every descriptor that came, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
    /// Whether more descriptors came than this process could take (`MSG_CTRUNC`).
    pub lacks_descriptors: bool,
    /// Whether the message was longer than the buffer (`MSG_TRUNC`).
    pub is_cut: bool,
    /// The process that has sent it, in our pid namespace (0: it is not visible there), with `SO_PASSCRED`.
    pub sender: Option<u32>,
}

/// Room for control data, aligned as CMSG_FIRSTHDR(3) wants it.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Receives one message, or what is there of a stream.
///
/// # Errors
/// As of recvmsg(2); EINTR too.
pub fn receive_message(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    flags: MsgFlags,
) -> nix::Result<ReceivedMessage> {
    let mut control = Control([0; CONTROL_BYTES]);
    let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: msghdr is a plain C struct for which all-zero is valid.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    let flags = flags.bits() | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points to one iovec and to the control buffer, both with their true
    // lengths, and all three outlive the call.
    let length = Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    let mut message = ReceivedMessage {
        length: usize::try_from(length).expect("checked for -1"),
        descriptors: Vec::new(),
        lacks_descriptors: header.msg_flags & libc::MSG_CTRUNC != 0,
        is_cut: header.msg_flags & libc::MSG_TRUNC != 0,
        sender: None,
    };
    // SAFETY: recvmsg has just filled in the header and its control buffer, and this is
    // the only time that they are looked at.
    unsafe { take_control(&header, &mut message) };
    Ok(message)
}

/// Takes ownership of every descriptor in the control data, and reads the credentials.
///
/// # Safety
/// `header` is as recvmsg(2) left it, its buffers are alive, and this is called once for it.
unsafe fn take_control(header: &libc::msghdr, message: &mut ReceivedMessage) {
    // SAFETY: the header and its control buffer are valid, says the caller.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !control.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a whole, aligned cmsghdr in the buffer.
        let libc::cmsghdr { cmsg_level, cmsg_type, cmsg_len, .. } = unsafe { ptr::read(control) };
        // SAFETY: the data begins right behind the header, and its length is in the header.
        let data = unsafe { libc::CMSG_DATA(control) };
        let with_header: usize = cmsg_len as _; // 32 bits wide on some systems
        // SAFETY: CMSG_LEN is arithmetic.
        let bytes = with_header.saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize);
        match (cmsg_level, cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                let numbers = data.cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    // SAFETY: within the array; it need not be aligned; the kernel made the
                    // descriptor for us, and nobody else owns it.
                    let owned = unsafe { OwnedFd::from_raw_fd(ptr::read_unaligned(numbers.add(index))) };
                    message.descriptors.push(owned);
                }
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if bytes >= size_of::<libc::ucred>() => {
                // SAFETY: so many bytes are there, and any are a valid ucred.
                let credentials = unsafe { ptr::read_unaligned(data.cast::<libc::ucred>()) };
                message.sender = u32::try_from(credentials.pid).ok();
            }
            _ => {}
        }
        // SAFETY: as for CMSG_FIRSTHDR; `control` is a header of this buffer.
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    use nix::sys::socket::{ControlMessage, sendmsg, setsockopt, sockopt};

    use super::*;

    #[test]
    fn a_message_that_is_cut_is_received_with_its_sender_and_its_descriptors() {
        let (ours, theirs) = UnixDatagram::pair().expect("two sockets");
        setsockopt(&ours, sockopt::PassCred, &true).expect("a Unix socket");
        let (_reader, writer) = io::pipe().expect("a pipe");
        let descriptors = [writer.as_raw_fd(); 2];
        let control = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(theirs.as_raw_fd(), &[IoSlice::new(b"hello")], &control, MsgFlags::empty(), None)
            .expect("sent");
        let mut bytes = [0; 2];
        let message = receive_message(ours.as_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT).expect("it is there");
        assert_eq!((message.length, &bytes, message.is_cut), (2, b"he", true));
        assert_eq!((message.descriptors.len(), message.lacks_descriptors), (2, false));
        assert_eq!(message.sender, Some(std::process::id()));
        let nothing = receive_message(ours.as_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT);
        assert_eq!(nothing.map(|message| message.length), Err(Errno::EAGAIN));
    }
}
