//! What the watch on a directory tells about other processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use nix::poll::{PollFd, PollFlags, poll};
use serverswap::sys::watch::{Change, DirectoryWatch};

fn next_changes(watch: &mut DirectoryWatch) -> Vec<Change> {
    let mut polled = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut polled, 30_000_u16), Ok(1));
    watch.drain().expect("readable")
}

#[test]
fn the_end_of_a_process_closes_the_lock_file_that_it_held() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3>lock; flock 3; echo locked; read line"]).current_dir(directory.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    let mut watch = DirectoryWatch::new(directory.path()).expect("watched");
    child.kill().expect("our own child");
    assert_eq!(next_changes(&mut watch), [Change::Closed("lock".into())]);
    child.wait().expect("our own child");
}

#[test]
fn a_deleted_directory_that_somebody_has_open_is_gone_when_it_is_closed() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let path = parent.path().join("run");
    fs::create_dir(&path).expect("writable");
    let open = fs::File::open(&path).expect("readable");
    let mut watch = DirectoryWatch::new(&path).expect("watched");
    fs::remove_dir(&path).expect("writable");
    assert_eq!(watch.drain().expect("readable"), []);
    drop(open);
    assert_eq!(next_changes(&mut watch), [Change::DirectoryGone]);
}
