//! Processes and process groups: real children, ended by signals, awaited by pidfd.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, poll};
use serverswap::protocol::Generation;
use serverswap::sys::clock::boottime_micros;
use serverswap::sys::process::{
    Process, Signal, environment, generation_members, group, is_gone, name, pidfd_open, pidfd_send_signal,
    signal_generation,
};

const GENERATION: &str = "SERVERSWAP_GENERATION";

/// A generation of this test: no other shows it, and its supervisor is long gone.
fn generation() -> Generation {
    static FIRST: LazyLock<u64> = LazyLock::new(boottime_micros);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let start = *FIRST + NEXT.fetch_add(1, Ordering::Relaxed);
    Generation { start, pid: u32::MAX }
}

/// A `cat` that ends when its standard input is closed or a signal comes. It has answered
/// once: before exec(2) is through, `/proc` shows the environment of its parent.
fn cat(configure: impl FnOnce(&mut Command) -> &mut Command) -> Child {
    let mut command = Command::new("cat");
    command.env_remove(GENERATION);
    answering(configure(&mut command))
}

/// Starts what executes a `cat`, which has answered once.
fn answering(command: &mut Command) -> Child {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is installed");
    child.stdin.as_mut().expect("piped").write_all(b"up\n").expect("it reads");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("it writes");
    child
}

/// A shell that leads its own group and has one child in it.
fn group_of_two(generation: Option<Generation>) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3<&0; sh -c 'echo up; read line' <&3 & echo up; wait"]);
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).env_remove(GENERATION);
    command.envs(generation.map(|value| (GENERATION, value.to_string())));
    let mut child = command.spawn().expect("sh");
    let lines = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
    assert_eq!(lines.take(2).filter(Result::is_ok).count(), 2);
    child
}

fn wait_until_gone(pidfd: impl AsFd) {
    let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut polled, 30_000_u16), Ok(1));
}

/// Ends the child, and with it those that read from the same pipe.
fn end(mut child: Child) {
    drop(child.stdin.take());
    child.wait().expect("our own child");
}

fn pids(process_group: u32, generation: Generation) -> BTreeSet<u32> {
    let members = generation_members(generation, &[process_group]).expect("readable");
    members.iter().map(|(process, _)| process.pid).collect()
}

#[test]
fn a_zombie_is_gone_and_a_reaped_process_leaves_no_trace() {
    let mut child = cat(|command| command);
    let process = Process::of(child.id()).expect("the child is in /proc");
    let pidfd = process.pidfd().expect("readable").expect("the child lives");
    assert!(!is_gone(&pidfd).expect("polled"));
    pidfd_send_signal(&pidfd, Signal::SIGKILL).expect("our own child");
    wait_until_gone(&pidfd);
    assert_eq!(Process::of(child.id()).expect("a zombie is in /proc"), process);
    assert!(is_gone(process.pidfd().expect("readable").expect("a zombie has a pidfd")).expect("polled"));
    child.wait().expect("our own child");
    assert!(process.pidfd().expect("readable").is_none());
    let error = pidfd_send_signal(&pidfd, Signal::SIGTERM).expect_err("it is gone");
    assert_eq!(error.raw_os_error(), Some(nix::errno::Errno::ESRCH as i32));
}

#[test]
fn a_process_says_its_program_its_group_and_its_environment() {
    let child = cat(|command| command.process_group(0).env("SERVERSWAP_DIR", "/x"));
    let id = child.id();
    assert_eq!(name(id).as_deref(), Some("cat"));
    assert_eq!(group(id).expect("readable"), id);
    assert_eq!(environment(id, "SERVERSWAP_DIR"), Some("/x".into()));
    assert_eq!(environment(id, GENERATION), None);
    end(child);
}

#[test]
fn a_signal_reaches_every_member_of_the_generations_group() {
    let generation = generation();
    let mut child = group_of_two(Some(generation));
    let group = [child.id()];
    let members = generation_members(generation, &group).expect("readable");
    assert_eq!(members.len(), 2);
    assert_eq!(signal_generation(generation, [], &[], &group, Signal::SIGKILL).expect("our own"), 2);
    members.iter().for_each(|(_, pidfd)| wait_until_gone(pidfd));
    child.wait().expect("our own child");
    assert_eq!(signal_generation(generation, [], &[], &group, Signal::SIGKILL).expect("readable"), 0);
}

#[test]
fn a_group_of_another_generation_with_the_same_number_is_left_alone() {
    for shown in [Some(generation()), None] {
        let (child, other) = (group_of_two(shown), generation());
        assert_eq!(pids(child.id(), other), BTreeSet::new(), "{shown:?}");
        assert_eq!(signal_generation(other, [], &[], &[child.id()], Signal::SIGKILL).expect("readable"), 0);
        end(child);
    }
}

#[test]
fn a_member_in_the_middle_of_exec_is_found() {
    for _ in 0..100 {
        let generation = generation();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & exit"]).env(GENERATION, generation.to_string()).process_group(0);
        let mut leader = command.spawn().expect("sh");
        wait_until_gone(pidfd_open(leader.id()).expect("not reaped yet"));
        let found = pids(leader.id(), generation).len();
        signal_generation(generation, [], &[], &[leader.id()], Signal::SIGKILL).expect("our own");
        leader.wait().expect("our own child");
        assert_eq!(found, 1);
    }
}

#[test]
fn one_member_that_shows_the_generation_vouches_for_one_that_shows_none() {
    let (generation, newer) = (generation(), generation());
    let leader = group_of_two(Some(generation));
    let group = i32::try_from(leader.id()).expect("a pid");
    let silent = cat(|command| command.process_group(group));
    let other = cat(|command| command.process_group(group).env(GENERATION, newer.to_string()));
    let found = pids(leader.id(), generation);
    assert!(found.contains(&leader.id()) && found.contains(&silent.id()), "{found:?}");
    assert!(!found.contains(&other.id()), "{found:?}");
    [silent, other, leader].into_iter().for_each(end);
}

#[test]
fn a_server_that_was_started_by_hand_does_not_vouch_for_its_callers_group() {
    let generation = generation();
    let script = group_of_two(None);
    let group = i32::try_from(script.id()).expect("a pid");
    let server = cat(|command| command.process_group(group).env(GENERATION, generation.to_string()));
    assert_eq!(pids(script.id(), generation), BTreeSet::from([server.id()]));
    [server, script].into_iter().for_each(end);
}

#[test]
fn a_helper_in_a_session_of_its_own_belongs_to_its_generation() {
    let generation = generation();
    let mut shell = Command::new("setsid");
    shell.args(["--wait", "sh", "-c", "echo up; env -i sh -c 'echo up; read line'; true"]);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).env(GENERATION, generation.to_string());
    let mut shell = shell.process_group(0).spawn().expect("setsid");
    let lines = BufReader::new(shell.stdout.as_mut().expect("piped")).lines();
    assert_eq!(lines.take(2).filter(Result::is_ok).count(), 2);
    let members = generation_members(generation, &[]).expect("readable");
    assert_eq!(signal_generation(generation, [], &[], &[], Signal::SIGKILL).expect("our own"), members.len());
    members.iter().for_each(|(_, pidfd)| wait_until_gone(pidfd));
    assert!(members.len() >= 2, "{members:?}");
    drop(shell.stdin.take());
    shell.wait().expect("our own child");
}

#[test]
fn a_helper_that_waits_for_another_supervisor_gets_no_term_and_a_kill() {
    let generation = generation();
    let mut helper = Command::new("sh");
    helper.args(["-c", "sh -c 'exec env SERVERSWAP_GENERATION=$START-$$ cat'; true"]);
    // It is a supervisor by the time at which its generation began: that is after it was started itself.
    let later = boottime_micros() + 1_000_000_000;
    helper.env(GENERATION, generation.to_string()).env("START", later.to_string());
    let helper = answering(&mut helper);
    let process = Process::of(helper.id()).expect("it lives");
    assert_eq!(signal_generation(generation, [], &[process], &[], Signal::SIGTERM).expect("readable"), 0);
    assert_eq!(signal_generation(generation, [], &[process], &[], Signal::SIGKILL).expect("our own"), 1);
    end(helper);
}

#[test]
fn a_signal_to_a_server_reaches_it_once_and_the_rest_of_its_generation() {
    let generation = generation();
    let mut leader = group_of_two(Some(generation));
    let group = i32::try_from(leader.id()).expect("a pid");
    let server = cat(|command| command.process_group(group).env(GENERATION, generation.to_string()));
    let process = Process::of(server.id()).expect("it lives");
    let pidfd = process.pidfd().expect("readable").expect("it lives");
    let group = [leader.id()];
    let members = generation_members(generation, &group).expect("readable");
    assert_eq!(
        signal_generation(generation, [(process, pidfd.as_fd())], &[], &group, Signal::SIGKILL)
            .expect("our own"),
        3
    );
    members.iter().for_each(|(_, pidfd)| wait_until_gone(pidfd));
    leader.wait().expect("our own child");
    end(server);
}
