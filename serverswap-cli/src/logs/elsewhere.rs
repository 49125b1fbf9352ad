//! Where a living server without a log prints to, as far as `/proc` shows it.

use std::fs;
use std::path::{Path, PathBuf};

use serverswap::sys::process;

use crate::cli::environment;
use crate::ui::Summary;

/// What the two streams of a process are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pid: u32,
    stdout: Place,
    stderr: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Null,
    Terminal(PathBuf),
    Journal,
    /// A pipe or a socket, of which only its reader is known to somebody.
    Pipe,
    /// It cannot be looked at.
    Unknown,
}

impl Elsewhere {
    /// Looks now.
    pub(super) fn of(pid: u32) -> Elsewhere {
        let journal = process::environment(pid, environment::JOURNAL_STREAM);
        let journal = journal.and_then(|text| text.into_string().ok());
        let place = |number: u8| {
            let link = fs::read_link(format!("/proc/{pid}/fd/{number}")).ok();
            link.map_or(Place::Unknown, |link| Place::of(&link, journal.as_deref()))
        };
        Elsewhere { pid, stdout: place(1), stderr: place(2) }
    }

    /// What to say and what to do.
    pub(super) fn summary(&self) -> Summary {
        let streams = if self.stdout == self.stderr {
            format!("its output {}", self.stdout.text())
        } else {
            format!("its stdout {}, its stderr {}", self.stdout.text(), self.stderr.text())
        };
        Summary::Failure {
            error: format!("pid {} has no log: {streams}; no server was touched", self.pid),
            hint: self.stdout.hint(self.pid).or_else(|| self.stderr.hint(self.pid)).unwrap_or_else(|| {
                "`--output FILE` at the next deploy keeps its output in a file of your choice".to_owned()
            }),
        }
    }
}

impl Place {
    /// `journal` is the value of JOURNAL_STREAM: `DEVICE:INODE` (systemd.exec(5)).
    fn of(link: &Path, journal: Option<&str>) -> Place {
        let text = link.to_string_lossy();
        let socket = text.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        let inode = journal.and_then(|stream| stream.split_once(':')).map(|(_, inode)| inode);
        match socket {
            Some(socket) if inode == Some(socket) => Place::Journal,
            Some(_) => Place::Pipe,
            None if text.starts_with("pipe:[") => Place::Pipe,
            None if text == "/dev/null" => Place::Null,
            None if text.starts_with("/dev/pts/") || text.starts_with("/dev/tty") => {
                Place::Terminal(link.to_owned())
            }
            None => Place::File(link.to_owned()),
        }
    }

    fn text(&self) -> String {
        match self {
            Place::File(path) => format!("goes to `{}`", path.display()),
            Place::Null => "is discarded".to_owned(),
            Place::Terminal(path) => format!("goes to the terminal `{}`", path.display()),
            Place::Journal => "goes to the journal".to_owned(),
            Place::Pipe => "goes into a pipe of the service or container that started it".to_owned(),
            Place::Unknown => "cannot be looked at".to_owned(),
        }
    }

    fn hint(&self, pid: u32) -> Option<String> {
        match self {
            Place::File(path) => Some(format!("`tail -f {}`", path.display())),
            Place::Journal => Some(format!("`journalctl -f _PID={pid}`")),
            Place::Pipe => {
                Some("ask what reads the pipe, for example `docker logs` or `kubectl logs`".to_owned())
            }
            Place::Null | Place::Terminal(_) | Place::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(link: &str) -> Place {
        Place::of(Path::new(link), Some("9:4711"))
    }

    #[test]
    fn each_place_is_recognised() {
        assert_eq!(place("/var/log/app.log"), Place::File("/var/log/app.log".into()));
        assert_eq!(place("/dev/null"), Place::Null);
        assert_eq!(place("/dev/pts/3"), Place::Terminal("/dev/pts/3".into()));
        assert_eq!(place("socket:[4711]"), Place::Journal);
        assert_eq!((place("socket:[12]"), place("pipe:[4711]")), (Place::Pipe, Place::Pipe));
    }

    #[test]
    fn both_streams_are_named_if_they_differ_and_the_next_command_is_given() {
        let elsewhere = |stdout: &str, stderr: &str| {
            let elsewhere = Elsewhere { pid: 12, stdout: place(stdout), stderr: place(stderr) };
            elsewhere.summary()
        };
        let expected = Summary::Failure {
            error: "pid 12 has no log: its output goes to `/a`; no server was touched".to_owned(),
            hint: "`tail -f /a`".to_owned(),
        };
        assert_eq!(elsewhere("/a", "/a"), expected);
        let expected = Summary::Failure {
            error: "pid 12 has no log: its stdout is discarded, its stderr goes to the journal; no server was touched"
                .to_owned(),
            hint: "`journalctl -f _PID=12`".to_owned(),
        };
        assert_eq!(elsewhere("/dev/null", "socket:[4711]"), expected);
    }
}
