//! The first generation.

use super::world::{Seen, World, connect, free_port, play};

#[test]
fn the_first_generation_binds_for_itself_and_its_listener_is_learnt() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut server = world.start("serve(tcp()); hear()", port, "/");
        let address = format!("127.0.0.1:{port}");
        assert_eq!(server.seen().await, Seen::Asks(address.clone()));
        let (found, inode) = server.listens().await;
        // It listens already, whether or not the server goes on.
        connect(port).expect("it listens");
        assert_eq!((found, server.line().await), (address, format!("listens {inode}")));
        assert!(server.end().await.success());
        assert_eq!(server.seen().await, Seen::Ended);
    });
}

#[test]
fn a_dual_stack_socket_is_learnt_as_the_server_has_made_it() {
    play(async {
        let (world, port, other, third) = (World::default(), free_port(), free_port(), free_port());
        let program = format!(
            "serve(tcp('::', family=socket.AF_INET6))
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(('::', {other}))
serve(s)
serve(tcp('0.0.0.0', {third}))
hear()"
        );
        let mut server = world.start(&program, port, "/");
        let expected = [format!(":{port}"), format!("[::]:{other}"), format!("0.0.0.0:{third}")];
        for address in expected {
            assert_eq!(server.listens().await.0, address);
        }
        assert!(server.end().await.success());
    });
}

#[test]
fn random_ports_datagrams_netlink_and_names_without_a_path_are_not_asked_for() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let program = "tcp(at=0).listen()
socket.socket(socket.AF_INET, socket.SOCK_STREAM).listen()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('127.0.0.1', 0))
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0))
socket.socket(socket.AF_UNIX).bind('\\0serverswap-%d' % os.getpid())
serve(tcp())
hear()";
        let mut server = world.start(program, port, "/");
        assert_eq!(server.seen().await, Seen::Asks(format!("127.0.0.1:{port}")));
        assert!(server.line().await.starts_with("listens"));
        assert!(server.end().await.success());
    });
}

#[test]
fn what_another_generation_inside_the_server_binds_is_its_own() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let program = "import subprocess
inner = 'import socket, sys; socket.socket().bind((str(), int(sys.argv[1])))'
environment = dict(os.environ, SERVERSWAP_GENERATION='1-1')
subprocess.run([sys.executable, '-c', inner, str(port)], env=environment, check=True)
serve(tcp())
hear()";
        let mut server = world.start(program, port, "/");
        assert!(server.line().await.starts_with("listens"));
        assert_eq!(server.seen().await, Seen::Asks(format!("127.0.0.1:{port}")));
        assert_eq!(server.listens().await.0, format!("127.0.0.1:{port}"));
        assert!(server.end().await.success());
    });
}

#[test]
fn a_port_that_is_only_probed_is_given_up_and_can_be_bound_again() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut server = world.start("tcp().close(); say('closed'); hear(); serve(tcp()); hear()", port, "/");
        assert_eq!(server.line().await, "closed");
        let address = format!("127.0.0.1:{port}");
        assert_eq!(server.seen().await, Seen::Asks(address.clone()));
        assert_eq!(server.seen().await, Seen::Abandoned(address.clone()));
        server.go_on();
        assert_eq!(server.seen().await, Seen::Asks(address.clone()));
        assert_eq!(server.listens().await.0, address);
        assert!(server.end().await.success());
    });
}

#[test]
fn faults_of_a_call_are_those_of_the_kernel() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let program = "import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def fails(*call): say(libc.syscall(*call), os.strerror(ctypes.get_errno()))
fails(49, 999, b'x' * 16, 16)
fails(49, 0, None, 16)
fails(50, 999, 1)
s = tcp()
fails(49, s.fileno(), b'\\2\\0' + port.to_bytes(2, 'big') + b'\\x7f\\0\\0\\1' + b'\\0' * 8, 16)
serve(s)";
        let mut server = world.start(program, port, "/");
        for expected in [
            "Bad file descriptor",
            "Socket operation on non-socket",
            "Bad file descriptor",
            "Invalid argument",
        ] {
            let line = server.line().await;
            assert!(cfg!(not(target_arch = "x86_64")) || line == format!("-1 {expected}"), "{line}");
        }
        assert!(server.line().await.starts_with("listens"));
        assert!(server.end().await.success());
    });
}
