//! Datagram sockets, which are bound and never listen.

use std::net::UdpSocket;

use super::world::{Seen, World, free_port, play};

const UDP: &str = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', port))
say(inode(s))
";

#[test]
fn a_datagram_socket_is_given_to_the_next_generation_with_what_waits_in_it() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start(&format!("{UDP}hear()"), port, "/");
        let (address, inode) = old.listens().await;
        assert_eq!(address, format!("udp:127.0.0.1:{port}"));
        assert_eq!(old.line().await, inode.to_string());
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.send_to(b"hello", ("127.0.0.1", port)).expect("it is bound");
        let mut new = world.start(&format!("{UDP}say(s.recv(9).decode())"), port, "/");
        assert_eq!(new.line().await, inode.to_string());
        assert_eq!(new.line().await, "hello");
        assert!(old.end().await.success() && new.end().await.success());
    });
}

#[test]
fn a_datagram_socket_that_shares_its_port_is_bound_by_the_kernel_in_every_generation() {
    play(async {
        let (world, port) = (World::default(), free_port());
        for option in ["SO_REUSEADDR", "SO_REUSEPORT"] {
            let set = format!("setsockopt(socket.SOL_SOCKET, socket.{option}, 1)");
            let program = UDP.replace("s.bind", &format!("s.{set}\ns.bind")) + "hear()";
            let (mut old, mut new) = (world.start(&program, port, "/"), world.start(&program, port, "/"));
            assert_ne!(old.line().await, new.line().await);
            for server in [&mut old, &mut new] {
                assert!(server.end().await.success());
                assert_eq!(server.seen().await, Seen::Ended);
            }
        }
    });
}

#[test]
fn an_address_whose_datagram_socket_cannot_be_bound_is_given_up() {
    play(async {
        let world = World::default();
        let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let program = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: s.bind(('127.0.0.1', port))
except OSError as error: say(error.strerror)
s.close()
hear()";
        let mut server = world.start(program, port, "/");
        assert_eq!(server.line().await, "Address already in use");
        let address = format!("udp:127.0.0.1:{port}");
        assert_eq!(server.seen().await, Seen::Asks(address.clone()));
        assert_eq!(server.seen().await, Seen::Abandoned(address));
        assert!(server.end().await.success());
    });
}
