//! A client in a forked child. A test binary of its own, because it forks.
#![allow(unsafe_code, reason = "fork is")]

mod scripted;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use scripted::*;
use serverswap::{CallError, Client, ClientError, Connection, Environment};

/// Runs `child` in a forked child; whether it returned true.
fn holds_in_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: no other test of this binary runs a thread that may hold a lock which the child
    // takes: the child only makes calls that allocate, and ends by _exit.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            let holds = child();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!holds)) }
        }
        ForkResult::Parent { child } => {
            waitpid(child, None).expect("our child") == WaitStatus::Exited(child, 0)
        }
    }
}

#[test]
fn every_call_in_a_forked_child_is_an_error_and_the_parent_goes_on() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let mut connection = directory.connection();
    let (mut link, _, _) = link(&arbiter, &mut connection);
    let a = address("a");
    let forked = CallError::Forked { parent: std::process::id() };
    let holds = holds_in_child(|| {
        let said = connection.call(bind(a.clone()));
        said == Err(forked.clone()) && connection.process().is_err() && connection.next_event().is_none()
    });
    assert!(holds);
    assert!(holds_in_child(|| {
        drop(std::mem::replace(
            &mut connection,
            Connection::open(Environment::alone(), client()).expect("there are descriptors"),
        ));
        true
    }));
    connection.call(bind(a.clone())).expect("free");
    assert_eq!(link.receive_text(), r#"{"type":"readyFor","id":2,"address":"a","socket":"bind"}"#);

    let client = Client::open(Environment::alone()).expect("there are descriptors");
    let holds =
        holds_in_child(|| matches!(client.ready_for(&a), Err(ClientError::Call(CallError::Forked { .. }))));
    assert!(holds);
}
