//! The ends of servers and supervisors, and calls that are under way then.

use std::process::Command;

use nix::sys::signal::{Signal, kill};

use super::world::{Answers, Seen, World, connect, free_port, play, spawn_filtered};
use crate::sys::seccomp::{Filter, InstallError, Selection, filtered};

#[test]
fn when_the_supervisor_is_gone_calls_are_done_by_the_kernel() {
    play(async {
        let (world, port, later) = (World::default(), free_port(), free_port());
        let program = format!(
            "serve(tcp())
hear()
serve(tcp(at={later}))
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0))
say('netlink')
hear()"
        );
        let mut server = world.start(&program, port, "/");
        server.listens().await;
        server.line().await;
        server.kill_supervisor().await;
        server.go_on();
        assert!(server.line().await.starts_with("listens"));
        assert_eq!(server.line().await, "netlink");
        connect(later).expect("it listens");
        assert!(server.end().await.success());
    });
}

#[test]
fn a_call_that_waits_for_an_answer_goes_on_when_the_supervisor_is_gone() {
    play(async {
        let (world, port) = (World::that(Answers::Nothing), free_port());
        let mut server = world.start("serve(tcp()); hear()", port, "/");
        assert_eq!(server.seen().await, Seen::Asks(format!("127.0.0.1:{port}")));
        server.kill_supervisor().await;
        assert!(server.line().await.starts_with("listens"));
        assert!(server.end().await.success());
    });
}

#[test]
fn a_server_that_waits_for_an_answer_can_be_terminated() {
    play(async {
        let (world, port) = (World::that(Answers::Nothing), free_port());
        let mut server = world.start("tcp()", port, "/");
        assert_eq!(server.seen().await, Seen::Asks(format!("127.0.0.1:{port}")));
        kill(server.pid(), Signal::SIGTERM).expect("it lives");
        assert!(!server.end().await.success());
        assert_eq!(server.seen().await, Seen::Ended);
    });
}

#[test]
fn a_server_that_is_refused_an_address_is_told_that_it_is_in_use() {
    play(async {
        let (world, port) = (World::that(Answers::Refuses), free_port());
        let program = "try: tcp()
except OSError as error: say(error.strerror)";
        let mut server = world.start(program, port, "/");
        assert_eq!(server.line().await, "Address already in use");
        assert!(server.end().await.success());
    });
}

#[test]
fn a_filter_inside_a_filter_is_an_error_before_anything_is_started() {
    let mut command = Command::new("true");
    // Somebody has the notify descriptor of the first one.
    filtered(&mut command, Filter::new(Selection::Sockets), |first| {
        std::mem::forget(first.notify.try_clone()?);
        Ok(())
    });
    let error = spawn_filtered(command).expect_err("two notify descriptors");
    assert_eq!(error.raw_os_error().map(InstallError::from_errno), Some(InstallError::Nested));
}

#[test]
fn privileges_are_given_up_only_where_the_kernel_wants_it() {
    use std::os::unix::process::CommandExt;
    if !nix::unistd::geteuid().is_root() {
        return; // then every other test is this one
    }
    let (mut child, installed) = spawn_filtered(Command::new("true")).expect("started");
    assert!(!installed.no_new_privs);
    child.wait().expect("it ends");
    let mut unprivileged = Command::new("true");
    unprivileged.uid(65534).gid(65534);
    let (mut child, installed) = spawn_filtered(unprivileged).expect("started");
    assert!(installed.no_new_privs);
    child.wait().expect("it ends");
}
