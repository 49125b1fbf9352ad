//! The processes of a generation, found and signalled without a race.
//!
//! Why not killpg(2): the number of a group is used again when its last member is gone, the
//! group of a server that was started by hand is its caller's, and a helper may have a group or a
//! session of its own.
//!
//! A process is held by its pidfd before it is looked at. It belongs to the generation if
//! - it shows the generation in its environment, whatever its group and session;
//! - it shows no generation (a program may write its title over its environment, a wrapper may clear
//!   it), and its parent belongs to the generation;
//! - it shows none, and is in the group of the generation's server, and the leader of the group belongs to
//!   the generation, or, where the leader is gone or shows nothing, any member: a group lives as long as
//!   one member does, and its number with it.
//!
//! A server may write its title over its whole environment, and so may all that it starts (nginx). It is still known to whoever
//! has started it, as the leader of its group, and to whoever has its pidfd.
//!
//! It never does if it shows another generation, or if it is the supervisor that started this one.
//! The supervisor of a deploy that was started inside a served application shows its own generation. A
//! process that waits for such a supervisor may pass a TERM on to it, as npm does: it gets none, and KILL
//! with the others.
//!
//! A process that was started and has not come to exec(2) yet shows its parent's environment: the
//! supervisor that has just started a generation signals its leader by its own pidfd.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::signal::Signal;
use serverswap_protocol::Generation;

use super::environ::{Shown, pids, shown};
use super::pidfd::may_signal;
use super::{Process, Stat, TICK_MICROS, is_gone, is_no_process, pidfd_open, pidfd_send_signal};
use crate::sys::clock::monotonic;

/// The environment variable that names a process's generation.
pub const GENERATION_VARIABLE: &str = "SERVERSWAP_GENERATION";

/// Most rounds of looking for members that were forked while we signalled.
const ROUNDS_MAX: usize = 32;

/// How long those of a look that are in the middle of exec(2) are looked at again, all together. It is only a
/// bound: on a machine with much to do an exec takes as long as that of its program's pages.
const EXEC_MAX: Duration = Duration::from_millis(500);

/// Processes of generations, each with a pidfd.
pub type Members = BTreeMap<Generation, Vec<(Process, OwnedFd)>>;

/// What a process shows of itself.
#[derive(Debug)]
struct Candidate {
    process: Process,
    parent: u32,
    process_group: u32,
    shown: Shown,
}

/// Whether this is the supervisor that started the generation, and not a later process with its number.
pub fn is_supervisor_of(process: Process, generation: Generation) -> bool {
    process.pid == generation.pid && process.start <= generation.start / TICK_MICROS
}

/// The living processes of a generation that we may signal; `process_groups` are those of its servers. Costs
/// one look at every process of the machine.
///
/// # Errors
/// `/proc` is not readable, or out of descriptors.
pub fn generation_members(
    generation: Generation,
    process_groups: &[u32],
) -> io::Result<Vec<(Process, OwnedFd)>> {
    let look = Look::now(generation)?;
    let members = members(&look.candidates, generation, process_groups);
    Ok(look.only(&members))
}

/// The living processes of each of these generations, as [`generation_members`] finds them, for one look at every
/// process of the machine. With each generation come the process groups of its servers.
///
/// # Errors
/// As [`generation_members`].
pub fn members_of_each(generations: &BTreeMap<Generation, Vec<u32>>) -> io::Result<Members> {
    let mut found: Members = generations.keys().map(|generation| (*generation, Vec::new())).collect();
    let Some((oldest, _)) = generations.first_key_value() else { return Ok(found) };
    let look = Look::now(*oldest)?;
    let mut owner = BTreeMap::new();
    for (generation, process_groups) in generations {
        let members = members(&look.candidates, *generation, process_groups);
        owner.extend(members.into_iter().map(|one| (one, *generation)));
    }
    for (candidate, pidfd) in look.candidates.into_iter().zip(look.pidfds) {
        if let Some(generation) = owner.get(&candidate.process) {
            found.entry(*generation).or_default().push((candidate.process, pidfd));
        }
    }
    Ok(found)
}

/// Sends `signal` to the servers of a generation, by their pidfds, and then to every other process of it, those
/// included that are forked meanwhile; returns how many got it. `helpers` belong to it although they may show
/// nothing, and are no servers: of those that wait for another supervisor none gets a TERM.
///
/// # Errors
/// As [`generation_members`], and EPERM for a server that runs as another user; the others got it.
pub fn signal_generation<'a>(
    generation: Generation,
    servers: impl IntoIterator<Item = (Process, BorrowedFd<'a>)>,
    helpers: &[Process],
    process_groups: &[u32],
    signal: Signal,
) -> io::Result<usize> {
    let mut failed = Ok(());
    let mut signalled = BTreeSet::new();
    for (process, pidfd) in servers {
        signalled.insert(process);
        failed = failed.and(pidfd_send_signal(pidfd, signal).or_else(unless_gone));
    }
    let known = signalled.iter().chain(helpers).copied().collect();
    for _ in 0..ROUNDS_MAX {
        let before = signalled.len();
        let look = Look::now(generation)?;
        let mut receivers = members_with(&look.candidates, generation, process_groups, &known);
        if signal != Signal::SIGKILL {
            receivers = &receivers - &wait_for_another_supervisor(&look.candidates, generation);
        }
        for (process, pidfd) in look.only(&receivers) {
            if signalled.insert(process) {
                failed = failed.and(pidfd_send_signal(&pidfd, signal).or_else(unless_gone));
            }
        }
        if signalled.len() == before {
            break;
        }
    }
    failed.map(|()| signalled.len())
}

/// Every process that may belong to a generation, at one moment.
struct Look {
    candidates: Vec<Candidate>,
    /// Of the candidates, in their order.
    pidfds: Vec<OwnedFd>,
    /// Which of the candidates are in the middle of exec(2): what they show is not known yet.
    in_exec: Vec<usize>,
}

impl Look {
    /// Those in the middle of exec(2) are looked at again after the others, for [`EXEC_MAX`] all together.
    fn now(generation: Generation) -> io::Result<Look> {
        let mut look = Look { candidates: Vec::new(), pidfds: Vec::new(), in_exec: Vec::new() };
        for pid in pids()? {
            look.add(pid, generation).or_else(unless_gone)?;
        }
        let until = monotonic() + EXEC_MAX;
        for index in std::mem::take(&mut look.in_exec) {
            let (candidate, pidfd) = (&mut look.candidates[index], &look.pidfds[index]);
            if let Some(shown) = shown(candidate.process.pid, pidfd, GENERATION_VARIABLE, until)? {
                candidate.shown = shown;
            }
        }
        Ok(look)
    }

    /// Most processes are older than the generation: one look is enough for them.
    fn add(&mut self, pid: u32, generation: Generation) -> io::Result<()> {
        let is_younger = |stat: &Stat| stat.start >= generation.start / TICK_MICROS;
        let first = Stat::read(pid)?;
        if first.is_of_the_kernel || !is_younger(&first) {
            return Ok(());
        }
        let pidfd = pidfd_open(pid)?;
        if !may_signal(&pidfd)? {
            return Ok(());
        }
        let shown = shown(pid, &pidfd, GENERATION_VARIABLE, Duration::ZERO)?;
        let Stat { start, parent, process_group, .. } = Stat::read(pid)?;
        if start == first.start && !is_gone(&pidfd)? {
            if shown.is_none() {
                self.in_exec.push(self.candidates.len());
            }
            let (process, shown) = (Process { pid, start }, shown.unwrap_or(Shown::Nothing));
            self.candidates.push(Candidate { process, parent, process_group, shown });
            self.pidfds.push(pidfd);
        }
        Ok(())
    }

    fn only(self, members: &BTreeSet<Process>) -> Vec<(Process, OwnedFd)> {
        let all = self.candidates.into_iter().map(|candidate| candidate.process).zip(self.pidfds);
        all.filter(|(process, _)| members.contains(process)).collect()
    }
}

/// Which of the candidates belong to the generation.
fn members(candidates: &[Candidate], generation: Generation, process_groups: &[u32]) -> BTreeSet<Process> {
    members_with(candidates, generation, process_groups, &BTreeSet::new())
}

/// The same where some are known, whatever they show.
fn members_with(
    candidates: &[Candidate],
    generation: Generation,
    process_groups: &[u32],
    known: &BTreeSet<Process>,
) -> BTreeSet<Process> {
    let others = || candidates.iter().filter(|one| !is_supervisor_of(one.process, generation));
    let unnamed = || others().filter(|one| one.generation().is_none());
    let named = others().filter(|one| one.generation() == Some(generation));
    let mut members: BTreeSet<Process> = named.clone().map(|one| one.process).collect();
    members.extend(unnamed().map(|one| one.process).filter(|process| known.contains(process)));
    for group in process_groups.iter().copied() {
        let leader = others().find(|one| one.process.pid == group);
        let is_started_by_it = leader.is_some_and(|leader| leader.parent == generation.pid);
        let is_the_generations = match leader.map(|leader| &leader.shown) {
            Some(Shown::Value(_)) => leader.and_then(Candidate::generation) == Some(generation),
            Some(Shown::Unset | Shown::Nothing) if is_started_by_it => true,
            Some(Shown::Unset) => false,
            Some(Shown::Nothing) | None => named.clone().any(|one| one.process_group == group),
        };
        if is_the_generations {
            members.extend(unnamed().filter(|one| one.process_group == group).map(|one| one.process));
        }
    }
    loop {
        let before = members.len();
        let parents: BTreeSet<u32> = members.iter().map(|process| process.pid).collect();
        members.extend(unnamed().filter(|one| parents.contains(&one.parent)).map(|one| one.process));
        if members.len() == before {
            return members;
        }
    }
}

/// Those from which a supervisor of another generation descends.
fn wait_for_another_supervisor(candidates: &[Candidate], generation: Generation) -> BTreeSet<Process> {
    let supervisors = candidates.iter().filter(|one| {
        one.generation().is_some_and(|other| other != generation && is_supervisor_of(one.process, other))
    });
    let mut found = BTreeSet::new();
    for supervisor in supervisors {
        let mut next = parent(candidates, supervisor);
        while let Some(ancestor) = next.filter(|ancestor| found.insert(ancestor.process)) {
            next = parent(candidates, ancestor);
        }
    }
    found
}

fn parent<'a>(candidates: &'a [Candidate], child: &Candidate) -> Option<&'a Candidate> {
    candidates.iter().find(|one| one.process.pid == child.parent)
}

impl Candidate {
    fn generation(&self) -> Option<Generation> {
        match &self.shown {
            Shown::Value(value) => value.to_str()?.parse().ok(),
            Shown::Unset | Shown::Nothing => None,
        }
    }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if is_no_process(&error) { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generation that is looked for, and the process that started it.
    const GENERATION: Generation = Generation { start: 1_000_000, pid: 10 };
    const STARTED: u64 = GENERATION.start / TICK_MICROS;
    const SERVER: u32 = 20;

    fn shows(text: &str) -> Shown {
        Shown::Value(text.into())
    }

    fn candidate(pid: u32, parent: u32, process_group: u32, shown: Shown) -> Candidate {
        Candidate { process: Process { pid, start: STARTED + u64::from(pid) }, parent, process_group, shown }
    }

    fn server() -> Candidate {
        candidate(SERVER, GENERATION.pid, SERVER, shows("1000000-10"))
    }

    fn found(candidates: &[Candidate], process_groups: &[u32]) -> Vec<u32> {
        let found = members(candidates, GENERATION, process_groups);
        found.iter().map(|process| process.pid).collect()
    }

    #[test]
    fn whoever_shows_the_generation_belongs_to_it_in_whatever_group() {
        let all =
            [server(), candidate(21, 1, 21, shows("1000000-10")), candidate(22, 1, 22, shows("1000000-11"))];
        assert_eq!(found(&all, &[]), [20, 21]);
    }

    #[test]
    fn a_child_that_shows_nothing_belongs_to_the_generation_of_its_parent() {
        let all = [
            candidate(23, 22, 23, Shown::Unset),
            candidate(22, SERVER, 22, Shown::Nothing),
            server(),
            candidate(24, 1, 24, Shown::Unset),
        ];
        assert_eq!(found(&all, &[]), [20, 22, 23]);
    }

    #[test]
    fn who_shows_nothing_belongs_to_the_group_of_the_server_if_its_leader_is_gone() {
        let left = [candidate(21, 1, SERVER, Shown::Unset), candidate(22, 1, SERVER, shows("1000000-10"))];
        assert_eq!(found(&left, &[SERVER]), [21, 22]);
        assert!(found(&left[..1], &[SERVER]).is_empty());
    }

    #[test]
    fn a_server_that_has_overwritten_its_environment_is_known_to_the_supervisor_that_started_it() {
        let master = candidate(SERVER, GENERATION.pid, SERVER, Shown::Unset);
        let worker = || candidate(21, SERVER, SERVER, Shown::Unset);
        assert_eq!(found(&[master, worker()], &[SERVER]), [20, 21]);
        let orphan = candidate(SERVER, 1, SERVER, Shown::Unset);
        let known = BTreeSet::from([orphan.process]);
        let all = [orphan, worker()];
        assert!(found(&all, &[SERVER]).is_empty(), "it could be anybody's");
        assert_eq!(members_with(&all, GENERATION, &[SERVER], &known).len(), 2);
    }

    #[test]
    fn the_group_of_a_shell_that_started_a_server_by_hand_is_not_the_generations() {
        let shell = candidate(15, 1, 15, Shown::Unset);
        let server = candidate(SERVER, 15, 15, shows("1000000-10"));
        assert_eq!(found(&[shell, server], &[15]), [20]);
    }

    #[test]
    fn the_supervisor_that_started_the_generation_never_belongs_to_it() {
        let started = Process { pid: GENERATION.pid, start: STARTED };
        let supervisor =
            Candidate { process: started, ..candidate(GENERATION.pid, 1, 10, shows("1000000-10")) };
        let later = candidate(GENERATION.pid, SERVER, 10, shows("1000000-10"));
        assert_eq!(found(&[supervisor, server()], &[]), [20]);
        assert_eq!(found(&[server(), later], &[]), [10, 20]);
    }

    #[test]
    fn a_supervisor_of_another_generation_is_spared_and_who_waits_for_it_gets_no_term() {
        let supervisor = Process { pid: 31, start: STARTED + 10 };
        let shown = shows(&format!("{}-31", (STARTED + 11) * TICK_MICROS));
        let all = [
            server(),
            candidate(30, SERVER, SERVER, shows("1000000-10")),
            Candidate { process: supervisor, ..candidate(31, 30, 31, shown.clone()) },
            candidate(32, 31, 32, shown),
            candidate(33, SERVER, 33, Shown::Unset),
        ];
        assert_eq!(found(&all, &[SERVER]), [20, 30, 33]);
        let spared = wait_for_another_supervisor(&all, GENERATION);
        assert_eq!(spared.iter().map(|process| process.pid).collect::<Vec<_>>(), [20, 30]);
    }
}
