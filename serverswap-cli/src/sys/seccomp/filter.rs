//! The filter's program, and the calls that it selects on each architecture.
//!
//! On x86-64 a program may use three sets of numbers: its own, those of x32 (with a bit set), and those of i386, where
//! socketcall(2) wraps both calls. A call by a number that is not looked at would go past the filter.

use crate::sys::io_uring;

/// `__X32_SYSCALL_BIT` of the kernel's `asm/unistd.h`.
#[cfg(target_arch = "x86_64")]
const X32_BIT: u32 = 0x4000_0000;

/// What a selected call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// bind(2).
    Bind,
    /// listen(2).
    Listen,
    /// unlink(2).
    Unlink,
    /// unlinkat(2).
    UnlinkAt,
    /// socketcall(2): the first argument says which one, the second points to its arguments, 32 bits each.
    Wrapped,
}

/// Which calls wait for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// bind(2) and listen(2).
    Sockets,
    /// unlink(2) and unlinkat(2) as well: servers remove the path of a Unix socket before they bind there.
    SocketsAndPaths,
}

/// The numbers of one architecture.
struct Numbers {
    /// `AUDIT_ARCH_…` of the kernel's `linux/audit.h`.
    arch: u32,
    /// Cleared in a number before it is compared.
    ignored_bit: u32,
    bind: u32,
    listen: u32,
    unlink: Option<u32>,
    unlinkat: u32,
    socketcall: Option<u32>,
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: &[Numbers] = &[
    Numbers {
        arch: 0xc000_003e,
        ignored_bit: X32_BIT,
        bind: 49,
        listen: 50,
        unlink: Some(87),
        unlinkat: 263,
        socketcall: None,
    },
    Numbers {
        arch: 0x4000_0003,
        ignored_bit: 0,
        bind: 361,
        listen: 363,
        unlink: Some(10),
        unlinkat: 301,
        socketcall: Some(102),
    },
];
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: &[Numbers] = &[
    Numbers {
        arch: 0xc000_00b7,
        ignored_bit: 0,
        bind: 200,
        listen: 201,
        unlink: None,
        unlinkat: 35,
        socketcall: None,
    },
    Numbers {
        arch: 0x4000_0028,
        ignored_bit: 0,
        bind: 282,
        listen: 284,
        unlink: Some(10),
        unlinkat: 328,
        socketcall: None,
    },
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURES: &[Numbers] = &[];

/// `SYS_BIND` and `SYS_LISTEN` of the kernel's `linux/net.h`.
const SOCKETCALL_BIND: u32 = 2;
const SOCKETCALL_LISTEN: u32 = 4;

/// The same on every architecture.
const IO_URING_SETUP: u32 = 425;

/// Offsets in `struct seccomp_data`; of an argument, the lower half on a little-endian machine.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

const CONDITION_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;

/// Which call that is, if the filter selects it.
pub(crate) fn operation(arch: u32, number: u32, first_argument: u64) -> Option<Operation> {
    let numbers = ARCHITECTURES.iter().find(|numbers| numbers.arch == arch)?;
    match number & !numbers.ignored_bit {
        number if number == numbers.bind => Some(Operation::Bind),
        number if number == numbers.listen => Some(Operation::Listen),
        number if Some(number) == numbers.unlink => Some(Operation::Unlink),
        number if number == numbers.unlinkat => Some(Operation::UnlinkAt),
        number if Some(number) == numbers.socketcall && first_argument != 0 => Some(Operation::Wrapped),
        _ => None,
    }
}

/// Which of the two a socketcall(2) with this first argument is.
pub(crate) fn wrapped(first_argument: u64) -> Option<Operation> {
    match u32::try_from(first_argument) {
        Ok(SOCKETCALL_BIND) => Some(Operation::Bind),
        Ok(SOCKETCALL_LISTEN) => Some(Operation::Listen),
        Ok(_) | Err(_) => None,
    }
}

/// A program for the kernel. Made before fork(2), so that nothing is allocated after it.
#[derive(Debug)]
pub(crate) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// The selected calls wait for an answer. io_uring_setup(2) fails with EPERM, as in containers, where the kernel
    /// could bind sockets by io_uring: no filter sees what is done there. Everything else is as without a filter.
    pub(crate) fn new(selection: Selection) -> Self {
        Filter::of(selection, io_uring::can_bind())
    }

    /// With or without a rule for io_uring_setup(2).
    pub(super) fn of(selection: Selection, refuses_io_uring: bool) -> Self {
        let mut program = Vec::new();
        for numbers in ARCHITECTURES {
            let block = block(numbers, selection, refuses_io_uring);
            program.push(load(ARCH));
            // A block is longer than what one jump reaches on no architecture.
            program.push(jump(CONDITION_EQUAL, numbers.arch, 0, block.len() as u8));
            program.extend(block);
        }
        program.push(returns(libc::SECCOMP_RET_ALLOW));
        Filter(program)
    }

    pub(super) fn instructions(&self) -> &[libc::sock_filter] {
        &self.0
    }
}

fn block(numbers: &Numbers, selection: Selection, refuses_io_uring: bool) -> Vec<libc::sock_filter> {
    let mut block = vec![load(NUMBER)];
    if numbers.ignored_bit != 0 {
        block.push(statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !numbers.ignored_bit));
    }
    let paths = match selection {
        Selection::Sockets => None,
        Selection::SocketsAndPaths => Some(numbers.unlinkat),
    };
    let paths = paths.into_iter().chain(paths.and(numbers.unlink));
    for number in [numbers.bind, numbers.listen].into_iter().chain(paths) {
        block.extend(when(number, libc::SECCOMP_RET_USER_NOTIF));
    }
    if refuses_io_uring {
        block.extend(when(IO_URING_SETUP, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    }
    if let Some(socketcall) = numbers.socketcall {
        let notify =
            [SOCKETCALL_BIND, SOCKETCALL_LISTEN].map(|call| when(call, libc::SECCOMP_RET_USER_NOTIF));
        let notify = notify.concat();
        block.push(jump(CONDITION_EQUAL, socketcall, 0, notify.len() as u8 + 1));
        block.push(load(FIRST_ARGUMENT));
        block.extend(notify);
    }
    block.push(returns(libc::SECCOMP_RET_ALLOW));
    block
}

fn when(value: u32, action: u32) -> [libc::sock_filter; 2] {
    [jump(CONDITION_EQUAL, value, 0, 1), returns(action)]
}

fn load(offset: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn returns(action: u32) -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, action)
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel does.
    fn run(filter: &Filter, arch: u32, number: u32, first_argument: u32) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = filter.0[at];
            at += 1;
            match u32::from(code) {
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    accumulator = match k {
                        NUMBER => number,
                        ARCH => arch,
                        FIRST_ARGUMENT => first_argument,
                        other => panic!("nothing is at {other}"),
                    };
                }
                code if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => accumulator &= k,
                CONDITION_EQUAL => at += usize::from(if accumulator == k { jt } else { jf }),
                code if code == libc::BPF_RET | libc::BPF_K => return k,
                other => panic!("no such instruction: {other}"),
            }
        }
    }

    #[test]
    fn the_filter_selects_exactly_what_is_read() {
        let (sockets, all) =
            (Filter::of(Selection::Sockets, false), Filter::of(Selection::SocketsAndPaths, false));
        let architectures = ARCHITECTURES.iter().map(|numbers| numbers.arch).chain([7]);
        for (arch, number) in architectures.flat_map(|arch| (0..600).map(move |number| (arch, number))) {
            for first_argument in 0..8 {
                let selects =
                    |filter| run(filter, arch, number, first_argument) == libc::SECCOMP_RET_USER_NOTIF;
                let read = match operation(arch, number, first_argument.into()) {
                    Some(Operation::Wrapped) => wrapped(first_argument.into()),
                    read => read,
                };
                let is_path = matches!(read, Some(Operation::Unlink | Operation::UnlinkAt));
                let expected = (read.is_some() && !is_path, read.is_some());
                assert_eq!(
                    (selects(&sockets), selects(&all)),
                    expected,
                    "{arch:x} {number} {first_argument}"
                );
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_numbers_of_x32_are_selected_too() {
        let arch = ARCHITECTURES[0].arch;
        assert_eq!(
            run(&Filter::of(Selection::Sockets, false), arch, 49 | X32_BIT, 0),
            libc::SECCOMP_RET_USER_NOTIF
        );
        assert_eq!(operation(arch, 50 | X32_BIT, 0), Some(Operation::Listen));
    }

    #[test]
    fn io_uring_is_refused_where_it_could_bind_and_nowhere_else() {
        let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
        for numbers in ARCHITECTURES {
            assert_eq!(run(&Filter::of(Selection::Sockets, true), numbers.arch, IO_URING_SETUP, 0), refused);
            assert_eq!(
                run(&Filter::of(Selection::Sockets, false), numbers.arch, IO_URING_SETUP, 0),
                libc::SECCOMP_RET_ALLOW
            );
        }
    }
}
