//! The process that ends what is looked at when the process that looks is killed.
//!
//! Why a process of its own: a trial is answered by the process that looks at it, and where nobody answers, its every bind fails
//! with ENOSYS; PR_SET_PDEATHSIG reaches the process that was started, and none that it has started.
//!
//! Rules:
//! - It knows of every trial before its command is executed, and until nothing is left of it.
//! - It ends when the process that looks has ended, and then leaves nothing: no process, no socket, no folder.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use serverswap::protocol::Generation;
use serverswap::sys::process::{
    Process, Signal, descendants, generation_members, pidfd_send_signal, signal_generation,
};
use serverswap::sys::wait::wait_readable;

use crate::sys::session;

/// The first argument of the program that is to be a keeper; the second is the folder. Its stdin is the socket to the process that
/// looks.
const ENTRY: &str = "--explain-keeper";

/// How long a process that was killed may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// Longest message: a path.
const MESSAGE_BYTES_MAX: usize = libc::PATH_MAX as usize + 1;

/// The end of the process that looks.
#[derive(Debug)]
pub(super) struct Keeper(OwnedFd);

impl Keeper {
    /// Starts the process. `folder` is removed with everything else.
    ///
    /// # Errors
    /// Out of descriptors or processes.
    pub(super) fn start(folder: &Path) -> io::Result<Keeper> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("serverswap").arg(ENTRY).arg(folder).env_clear().current_dir("/");
        command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        session::own_session(&mut command);
        command.spawn()?;
        Ok(Keeper(ours))
    }

    /// # Errors
    /// It was killed.
    pub(super) fn say(&self, message: &Message) -> io::Result<()> {
        send(self.0.as_raw_fd(), &message.to_bytes(), MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }
}

/// What it is to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// This process was started.
    Began(Generation, Process),
    /// A server has made this socket.
    Made(PathBuf),
    /// Of the process, and of all that it has started and made, nothing is left.
    Over(Process),
}

impl Message {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Began(generation, Process { pid, start }) => {
                format!("+{generation} {pid} {start}").into_bytes()
            }
            Message::Made(path) => [b"=", path.as_os_str().as_bytes()].concat(),
            Message::Over(Process { pid, start }) => format!("-{pid} {start}").into_bytes(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Message> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == b'=' {
            return Some(Message::Made(PathBuf::from(OsStr::from_bytes(rest))));
        }
        let mut words = std::str::from_utf8(rest).ok()?.split(' ');
        let generation = if *kind == b'+' { Some(words.next()?.parse().ok()?) } else { None };
        let process = Process { pid: words.next()?.parse().ok()?, start: words.next()?.parse().ok()? };
        Some(generation.map_or(Message::Over(process), |generation| Message::Began(generation, process)))
    }
}

/// Kills a process of a trial with everything that it has started, and waits until all of it is gone.
pub(super) fn kill(generation: Generation, process: Process, pidfd: &OwnedFd) {
    let mut members = generation_members(generation, &[process.pid]).unwrap_or_default();
    // What shows nothing is known only by its parent, for as long as that lives.
    members.extend(descendants(process).unwrap_or_default());
    let known: Vec<Process> = members.iter().map(|(process, _)| *process).collect();
    for (_, pidfd) in &members {
        let _ = pidfd_send_signal(pidfd, Signal::SIGKILL);
    }
    let server = [(process, pidfd.as_fd())];
    let _ = signal_generation(generation, server, &known, &[process.pid], Signal::SIGKILL);
    for (_, pidfd) in &members {
        let _ = wait_readable(&[pidfd.as_fd()], Some(Instant::now() + GONE));
    }
}

/// Whether the arguments of this process ask for it.
pub(crate) fn is_requested() -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == ENTRY)
}

/// Waits until the process that looks has ended, and ends what that one has left; returns the exit status.
pub(crate) fn run() -> u8 {
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return crate::ui::UNABLE };
    let mut left = Left::default();
    while let Some(bytes) = next(&socket) {
        if let Some(message) = Message::from_bytes(&bytes) {
            left.take_in(message);
        }
    }
    left.trials.iter().for_each(|(generation, process, pidfd)| kill(*generation, *process, pidfd));
    left.paths.iter().for_each(|path| drop(fs::remove_file(path)));
    if let Some(folder) = std::env::args_os().nth(2) {
        let _ = fs::remove_dir_all(folder);
    }
    0
}

/// The next message; `None` when there is nobody any more.
fn next(socket: &OwnedFd) -> Option<Vec<u8>> {
    let mut bytes = vec![0; MESSAGE_BYTES_MAX];
    loop {
        match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
            Ok(0) => return None,
            Ok(length) => return Some(bytes[..length].to_owned()),
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// What would be left now. One trial is over before the sockets of the next one are made, but for the first two.
#[derive(Default)]
struct Left {
    trials: Vec<(Generation, Process, OwnedFd)>,
    paths: Vec<PathBuf>,
}

impl Left {
    fn take_in(&mut self, message: Message) {
        match message {
            Message::Began(generation, process) => {
                let pidfd = process.pidfd().ok().flatten();
                self.trials.extend(pidfd.map(|pidfd| (generation, process, pidfd)));
            }
            Message::Made(path) => self.paths.push(path),
            Message::Over(process) => {
                self.trials.retain(|(_, other, _)| *other != process);
                if self.trials.is_empty() {
                    self.paths.clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_said() {
        let process = Process { pid: 4_711, start: 99 };
        let messages = [
            Message::Began(Generation { start: 7, pid: 8 }, process),
            Message::Made(PathBuf::from("/run/an app.sock")),
            Message::Over(process),
        ];
        for message in messages {
            assert_eq!(Message::from_bytes(&message.to_bytes()), Some(message));
        }
        assert_eq!(Message::from_bytes(b"+7-8 x"), None);
    }

    #[test]
    fn nothing_is_left_of_a_trial_that_is_over() {
        let mut left = Left::default();
        let process = Process::current().expect("this process");
        left.take_in(Message::Began(Generation { start: 7, pid: 8 }, process));
        left.take_in(Message::Made(PathBuf::from("/run/app.sock")));
        assert_eq!((left.trials.len(), left.paths.len()), (1, 1));
        left.take_in(Message::Over(process));
        assert!(left.trials.is_empty() && left.paths.is_empty());
    }
}
