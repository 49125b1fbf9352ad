//! Whether sockets can be bound by io_uring(7), which no seccomp filter sees.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

/// Numbers of the kernel's `linux/io_uring.h`.
const REGISTER_PROBE: libc::c_uint = 8;
const OPERATION_BIND: usize = 56;
const OPERATION_IS_SUPPORTED: u16 = 1;

/// `struct io_uring_params`, of which nothing is asked for.
#[repr(C)]
struct Parameters([u32; 30]);

/// `struct io_uring_probe` with room for every operation.
#[repr(C)]
struct Probe {
    head: [u16; 8],
    operations: [Operation; 256],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Operation {
    number: u8,
    reserved: u8,
    flags: u16,
    reserved_too: u32,
}

/// Whether this kernel can do it, for this process at least.
pub(crate) fn can_bind() -> bool {
    probe().is_ok_and(|probe| probe.operations[OPERATION_BIND].flags & OPERATION_IS_SUPPORTED != 0)
}

fn probe() -> nix::Result<Probe> {
    let mut parameters = Parameters([0; 30]);
    // SAFETY: the kernel reads and writes one such structure, which lives through the call.
    let made = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut parameters) };
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    let ring = unsafe { OwnedFd::from_raw_fd(Errno::result(made)? as i32) };
    let nothing = Operation { number: 0, reserved: 0, flags: 0, reserved_too: 0 };
    let mut probe = Probe { head: [0; 8], operations: [nothing; 256] };
    let count = probe.operations.len() as libc::c_uint;
    // SAFETY: the kernel writes a head and at most `count` operations, and `probe` has room for them.
    let asked = unsafe {
        libc::syscall(libc::SYS_io_uring_register, ring.as_raw_fd(), REGISTER_PROBE, &raw mut probe, count)
    };
    Errno::result(asked).map(|_| probe)
}
