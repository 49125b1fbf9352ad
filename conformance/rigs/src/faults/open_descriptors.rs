//! The open descriptors of a process, counted by kind, and which kinds are more than usual.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// A connection that was without an arbiter for a while makes a watch on the directory and keeps it, paused: one
/// more than usual for each of a process's connections is no leak.
const OPTIONAL: &str = "inotify";

/// How many descriptors of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Descriptors(BTreeMap<String, usize>);

impl Descriptors {
    /// What a process has open now.
    pub(super) fn of(pid: u32) -> io::Result<Descriptors> {
        let mut counts = Descriptors::default();
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
            // A descriptor that was closed since the folder was read has no link any more.
            if let Ok(link) = fs::read_link(entry?.path()) {
                counts.count(&link);
            }
        }
        Ok(counts)
    }

    /// The kinds of which a process with so many connections to the arbiter has more than usual, in words.
    pub(super) fn beyond(&self, usual: &Descriptors, connections: usize) -> Vec<String> {
        let counts = self.0.iter().map(|(kind, count)| (kind, *count, usual.number(kind)));
        let watches = |kind: &str| if kind == OPTIONAL { connections } else { 0 };
        let too_many = counts.filter(|(kind, count, usual)| *count > usual + watches(kind));
        too_many.map(|(kind, count, usual)| format!("{count} of kind {kind}, usual are {usual}")).collect()
    }

    fn count(&mut self, link: &Path) {
        *self.0.entry(kind(&link.to_string_lossy()).to_owned()).or_default() += 1;
    }

    fn number(&self, kind: &str) -> usize {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

/// `socket:[7]`, `anon_inode:[pidfd]` (`pidfd:[7]` from Linux 6.9 on), `anon_inode:inotify` (proc_pid_fd(5)); a path is a file.
fn kind(link: &str) -> &str {
    match link.split_once(':') {
        Some(("anon_inode", name)) => name.trim_matches(['[', ']']),
        Some((kind, number)) if !kind.contains('/') && number.starts_with('[') => kind,
        Some(_) | None => "file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(links: &[&str]) -> Descriptors {
        let mut counts = Descriptors::default();
        links.iter().for_each(|link| counts.count(Path::new(link)));
        counts
    }

    #[test]
    fn a_link_of_proc_names_the_kind_of_its_descriptor() {
        let links = ["socket:[7]", "pipe:[7]", "anon_inode:[eventpoll]", "anon_inode:inotify", "pidfd:[7]"];
        let kinds = ["socket", "pipe", "eventpoll", "inotify", "pidfd"];
        assert_eq!(links.map(kind), kinds);
        assert_eq!(["/dev/null", "/tmp/a:[b] (deleted)"].map(kind), ["file", "file"]);
    }

    #[test]
    fn one_descriptor_more_than_usual_is_reported_with_its_kind() {
        let usual = counted(&["/dev/null", "socket:[1]", "anon_inode:[pidfd]"]);
        let leaking = counted(&["/dev/null", "socket:[1]", "socket:[2]", "pipe:[3]"]);
        assert_eq!(
            leaking.beyond(&usual, 1),
            ["1 of kind pipe, usual are 0", "2 of kind socket, usual are 1"]
        );
    }

    #[test]
    fn fewer_than_usual_and_one_watch_more_are_not_too_many() {
        let usual = counted(&["/dev/null", "socket:[1]"]);
        assert_eq!(counted(&["/dev/null", "anon_inode:inotify"]).beyond(&usual, 1), Vec::<String>::new());
        let leaking = counted(&["anon_inode:inotify", "anon_inode:inotify"]);
        assert_eq!(leaking.beyond(&usual, 1), ["2 of kind inotify, usual are 0"]);
        assert_eq!(leaking.beyond(&usual, 2), Vec::<String>::new());
    }

    #[test]
    fn a_process_is_counted_with_what_it_has_open() {
        let before = Descriptors::of(std::process::id()).expect("it lives").number("timerfd");
        let clock = rustix::time::TimerfdClockId::Monotonic;
        let timer = rustix::time::timerfd_create(clock, rustix::time::TimerfdFlags::CLOEXEC).expect("made");
        assert_eq!(Descriptors::of(std::process::id()).expect("it lives").number("timerfd"), before + 1);
        drop(timer);
    }
}
