//! Descriptors in tokio's event loop.

use std::future::{pending, poll_fn};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::task::Poll;

use serverswap::Connection;
use serverswap::protocol::message::{FromArbiter, FromClient};
use serverswap::sys::channel::Channel;
use serverswap::sys::process::{Process, is_gone};
use serverswap::sys::watch::DirectoryWatch;
use tokio::io::unix::AsyncFd;

use crate::launch::Launched;
use crate::sys::notify_socket::NotifySocket;
use crate::sys::signals::SignalDescriptor;

/// What owns one descriptor, opens it before it is registered, and closes it when it is
/// dropped, not before.
pub(crate) trait OneDescriptor: AsRawFd {}

impl OneDescriptor for OwnedFd {}
impl OneDescriptor for Arc<OwnedFd> {}
impl OneDescriptor for SignalDescriptor {}
impl OneDescriptor for Channel<FromArbiter, FromClient> {}
impl OneDescriptor for DirectoryWatch {}
impl OneDescriptor for Connection {}
impl OneDescriptor for Launched {}
impl OneDescriptor for NotifySocket {}

/// Registers it for readiness.
///
/// # Errors
/// What epoll_ctl(2) says.
pub(crate) fn async_fd<T: OneDescriptor>(inner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: by the contract of `OneDescriptor` the descriptor is open, is the same at
    // every call, and stays open for as long as `inner` lives.
    unsafe { AsyncFd::register(inner) }.map_err(io::Error::from)
}

/// Waits until it is readable; for ever if there is none. Readiness is cleared here: what is there is to be read to the end.
pub(crate) async fn readable<T: AsRawFd>(descriptor: Option<&AsyncFd<T>>) {
    let Some(descriptor) = descriptor else { return pending().await };
    if let Ok(mut guard) = descriptor.readable().await {
        guard.clear_ready();
    }
}

/// The pidfd of a process, while that lives and descriptors are left.
pub(crate) fn living(process: Process) -> Option<AsyncFd<OwnedFd>> {
    let pidfd = process.pidfd().ok().flatten()?;
    let lives = is_gone(&pidfd).is_ok_and(|gone| !gone);
    lives.then(|| async_fd(pidfd).ok()).flatten()
}

/// Waits until one of these processes has ended.
pub(crate) async fn first_end(pidfds: &[AsyncFd<OwnedFd>]) {
    poll_fn(|context| {
        let has_ended = pidfds.iter().any(|pidfd| pidfd.poll_read_ready(context).is_ready());
        if has_ended { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
