//! The screen of a live view, and the signals that concern it.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::signals::{INHERITED, is_ignored};
use super::write::write_all;

/// The alternate screen without a cursor, and back (xterm's control sequences).
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";

/// Reads INT, TERM, HUP, TSTP and WINCH.
pub(crate) struct TerminalSignals(SignalFd);

impl TerminalSignals {
    /// From now on they wait here, but for those that were ignored when this process was started.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(crate) fn new() -> io::Result<TerminalSignals> {
        let mut read = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGWINCH] {
            if !(INHERITED.contains(&signal) && is_ignored(signal)) {
                read.add(signal);
            }
        }
        read.thread_block()?;
        Ok(TerminalSignals(SignalFd::with_flags(&read, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// Whether one comes within this time.
    ///
    /// # Errors
    /// Not of poll(2) in practice.
    pub(crate) fn wait(&self, limit: Duration) -> io::Result<bool> {
        let mut waited = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The next one, if one waits.
    pub(crate) fn read(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok().flatten()?;
        i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())
    }
}

impl AsFd for TerminalSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The alternate screen of stdout; what was there before is back when this is dropped.
pub(crate) struct Screen {
    /// The settings of the terminal on stdin, which repeated what is typed.
    echo: Option<Termios>,
}

impl Screen {
    /// `None` if stdout is no terminal.
    pub(crate) fn enter() -> Option<Screen> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let mut screen = Screen { echo: None };
        screen.show();
        Some(screen)
    }

    /// Stops this process, as ^Z does, and comes back with it.
    pub(crate) fn suspend(&mut self) {
        self.hide();
        let _ = raise(Signal::SIGSTOP);
        self.show();
    }

    fn show(&mut self) {
        self.echo = settings().inspect(|settings| {
            let mut silent = settings.clone();
            silent.local_flags.remove(LocalFlags::ECHO);
            set(&silent);
        });
        let _ = write_all(&io::stdout(), ENTER);
    }

    fn hide(&mut self) {
        let _ = write_all(&io::stdout(), LEAVE);
        if let Some(settings) = self.echo.take() {
            set(&settings);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.hide();
    }
}

/// Of the terminal on stdin, if this is its foreground job: another may not change them.
fn settings() -> Option<Termios> {
    let stdin = io::stdin();
    let is_foreground = tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp());
    tcgetattr(&stdin).ok().filter(|_| is_foreground)
}

fn set(settings: &Termios) {
    let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, settings);
}
