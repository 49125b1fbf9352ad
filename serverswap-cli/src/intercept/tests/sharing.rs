//! Several sockets and processes of one generation at one address.

use std::io::Read;

use super::world::{World, connect, free_port, play};

/// Two sockets that are bound before one of them listens.
const TWO_REUSEPORT: &str = "a, b = tcp(reuseport=True), tcp(reuseport=True)
serve(a)
serve(b)
serve(tcp(reuseport=True))
hear()";

#[test]
fn sockets_with_reuseport_become_one_listener_in_every_generation() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start(TWO_REUSEPORT, port, "/");
        let mut new = None;
        let (_, inode) = old.listens().await;
        for server in [&mut old, new.get_or_insert_with(|| world.start(TWO_REUSEPORT, port, "/"))] {
            for _ in 0..3 {
                assert_eq!(server.line().await, format!("listens {inode}"));
            }
        }
        assert!(old.end().await.success() && new.expect("started").end().await.success());
    });
}

#[test]
fn a_second_bind_of_one_generation_is_refused_as_it_is_without_us() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let program = "serve(tcp())
try: tcp()
except OSError as error: say(error.strerror)
hear()";
        for _ in 0..2 {
            let mut server = world.start(program, port, "/");
            assert!(server.line().await.starts_with("listens"));
            assert_eq!(server.line().await, "Address already in use");
            assert!(server.end().await.success());
        }
    });
}

#[test]
fn a_server_that_closes_its_listener_and_binds_again_gets_it_back() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut server = world.start("s = tcp(); serve(s); s.close(); serve(tcp()); hear()", port, "/");
        let first = server.line().await;
        assert_eq!(server.line().await, first);
        connect(port).expect("it listens");
        assert!(server.end().await.success());
    });
}

#[test]
fn processes_that_inherit_a_bound_socket_listen_for_all_of_them() {
    play(async {
        let (world, port, other) = (World::default(), free_port(), free_port());
        let program = format!(
            "a, b = tcp(), tcp(at={other})
for s in [a, b]:
    if os.fork() == 0:
        serve(s)
        hear()
        os._exit(0)
for _ in [a, b]: os.wait()"
        );
        let mut server = world.start(&program, port, "/");
        let mut found = [server.listens().await.0, server.listens().await.0];
        let mut expected = [port, other].map(|port| format!("127.0.0.1:{port}"));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        assert!(server.end().await.success());
    });
}

/// Its epoll set has the closed listener still, for others have that open.
#[test]
fn a_server_that_closes_its_listener_in_an_epoll_set_is_woken_and_takes_no_connection_from_the_next() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let closes = "s, e = tcp(), select.epoll()
serve(s)
number = s.fileno()
e.register(s, select.EPOLLIN)
hear()
s.close()
say('closed')
say(e.poll() == [(number, select.EPOLLIN)])
try: e.unregister(number)
except OSError as error: say(error.strerror)
hear()
say(e.poll(0))
hear()";
        let mut old = world.start(closes, port, "/");
        old.listens().await;
        old.line().await;
        let mut new = world.start(
            "s = tcp(); serve(s); hear(); c, _ = s.accept(); c.sendall(b'new'); c.close(); say('done'); hear()",
            port,
            "/",
        );
        new.line().await;
        old.go_on();
        assert_eq!(old.line().await, "closed");
        let mut connection = connect(port).expect("it listens");
        assert_eq!([old.line().await, old.line().await], ["True", "Bad file descriptor"]);
        new.go_on();
        assert_eq!(new.line().await, "done");
        old.go_on();
        assert_eq!(old.line().await, "[]");
        let mut text = String::new();
        connection.read_to_string(&mut text).expect("it is answered");
        assert_eq!(text, "new");
        assert!(old.end().await.success() && new.end().await.success());
    });
}

#[test]
fn an_address_that_is_added_later_is_asked_for_then() {
    play(async {
        let (world, port, later) = (World::default(), free_port(), free_port());
        let program = format!("serve(tcp()); hear(); serve(tcp(at={later})); hear()");
        let mut server = world.start(&program, port, "/");
        assert_eq!(server.listens().await.0, format!("127.0.0.1:{port}"));
        server.line().await;
        server.go_on();
        assert_eq!(server.listens().await.0, format!("127.0.0.1:{later}"));
        assert!(server.end().await.success());
    });
}
