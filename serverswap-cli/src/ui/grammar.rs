//! Grammar that several messages share: lists, plurals, how a process ended.

use std::fmt::Display;

use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use crate::supervisor::ServerExit;

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: Display>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [only] => only.to_string(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}

/// Why a claim failed. Most messages name the address, which is not repeated then.
pub(crate) fn claim_failed(address: &Address, code: &Code, message: &str) -> String {
    if *code == Code::NotListening {
        format!("not served: {message}")
    } else if message.contains(&address.to_string()) {
        format!("not granted: {message}")
    } else {
        format!("`{address}` was not granted: {message}")
    }
}

/// The text with its control characters written as escapes: one line, and nothing that a terminal obeys.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            character if character.is_control() => printed.extend(character.escape_default()),
            character => printed.push(character),
        }
    }
    printed
}

/// `1 connection`, `3 connections`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `1 line was`, `3 lines were`.
pub(crate) fn count_was(number: u64, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "was" } else { "were" })
}

/// `exited with status 3`, `was killed by SIGSEGV`.
pub(crate) fn ended(exit: ServerExit) -> String {
    match exit {
        ServerExit::Status(status) => format!("exited with status {status}"),
        ServerExit::Signal(signal) => format!("was killed by {}", signal_name(signal)),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGSYS => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}
