//! The generation after another one.

use std::io::Read;
use std::os::unix::net::UnixStream;

use super::world::{Seen, World, connect, free_port, play};

#[test]
fn the_next_generation_is_given_the_listener_of_the_one_before() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start("serve(tcp()); hear()", port, "/");
        let learnt = old.listens().await;
        let program = "s = tcp(); serve(s); c, _ = s.accept(); c.sendall(b'new'); c.close(); hear()";
        let mut new = world.start(program, port, "/");
        assert_eq!(new.seen().await, Seen::Asks(learnt.0.clone()));
        assert_eq!(new.listens().await, learnt);
        assert_eq!(new.line().await, format!("listens {}", learnt.1));
        assert!(old.end().await.success());
        let mut text = String::new();
        connect(port).and_then(|mut connection| connection.read_to_string(&mut text)).expect("it serves");
        assert_eq!(text, "new");
        assert!(new.end().await.success());
    });
}

#[test]
fn a_server_that_skips_listen_on_a_listening_socket_serves_all_the_same() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start("serve(tcp()); hear()", port, "/");
        let learnt = old.listens().await;
        let program = "s = tcp()
say(s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), inode(s))
hear()";
        let mut new = world.start(program, port, "/");
        assert_eq!(new.line().await, format!("1 {}", learnt.1));
        assert!(new.end().await.success());
        assert_eq!(new.seen().await, Seen::Asks(learnt.0));
        assert_eq!(new.seen().await, Seen::Ended);
    });
}

#[test]
fn a_descriptor_keeps_its_number_and_flags() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start("serve(tcp()); hear()", port, "/");
        old.listens().await;
        let program = "import fcntl
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
os.set_inheritable(s.fileno(), len(where) == 1)
before = s.fileno()
s.bind(('127.0.0.1', port))
flags = fcntl.fcntl(s, fcntl.F_GETFL) & os.O_NONBLOCK
say(before == s.fileno(), os.get_inheritable(s.fileno()), flags != 0)";
        for (folder, expected) in [("/", "True True True"), ("/tmp", "True False True")] {
            let mut new = world.start(program, port, folder);
            assert_eq!(new.line().await, expected);
            assert!(new.end().await.success());
        }
    });
}

#[test]
fn the_backlog_of_a_listener_that_is_shared_grows_and_never_shrinks() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start("serve(tcp(), 64); hear()", port, "/");
        old.listens().await;
        let program = "s = tcp()
s.listen(1)
say(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[28])
s.listen(128)
say(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[28])
hear()";
        let mut new = world.start(program, port, "/");
        assert_eq!(new.line().await, "64");
        assert_eq!(new.line().await, "128");
        assert!(new.end().await.success());
    });
}

#[test]
fn a_listener_that_one_generation_shuts_down_listens_again() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let program = "s = tcp()
serve(s)
hear()
try: s.shutdown(socket.SHUT_RDWR)
except OSError: pass
say('shut down')
hear()";
        let mut old = world.start(program, port, "/");
        let address = old.listens().await.0;
        let mut new = world.start("serve(tcp()); hear()", port, "/");
        new.listens().await;
        old.line().await;
        old.go_on();
        assert_eq!(old.line().await, "shut down");
        let listener = world.listener(&address);
        let listens = || nix::sys::socket::getsockopt(&listener, nix::sys::socket::sockopt::AcceptConn);
        while listens() != Ok(true) {
            tokio::task::yield_now().await;
        }
        connect(port).expect("it listens");
        assert!(old.end().await.success() && new.end().await.success());
    });
}

#[test]
fn a_socket_that_is_in_an_epoll_set_before_it_is_bound_stays_in_it() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start("serve(tcp()); hear()", port, "/");
        old.listens().await;
        let program = "s = socket.socket()
e = select.epoll()
e.register(s, select.EPOLLIN)
s.bind(('127.0.0.1', port))
s.listen()
e.modify(s, select.EPOLLIN | select.EPOLLET)
say('registered')
say([number == s.fileno() for number, _ in e.poll()])
e.unregister(s)
hear()";
        let mut new = world.start(program, port, "/");
        assert_eq!(new.line().await, "registered");
        let _connection = connect(port).expect("it listens");
        assert_eq!(new.line().await, "[True]");
        assert!(new.end().await.success());
    });
}

#[test]
fn another_family_is_another_address_and_the_kernel_refuses_it_while_the_old_server_serves() {
    play(async {
        let (world, port) = (World::default(), free_port());
        let mut old = world.start("serve(tcp('::', family=socket.AF_INET6)); hear()", port, "/");
        assert_eq!(old.listens().await.0, format!(":{port}"));
        let program = "try: tcp('0.0.0.0')
except OSError as error: say(error.strerror)";
        let mut new = world.start(program, port, "/");
        assert_eq!(new.line().await, "Address already in use");
        assert_eq!(new.seen().await, Seen::Asks(format!("0.0.0.0:{port}")));
        connect(port).expect("the old one listens");
        assert!(new.end().await.success() && old.end().await.success());
    });
}

#[test]
fn a_unix_path_that_the_new_server_unlinks_and_the_old_one_at_its_end_leads_to_the_listener() {
    play(async {
        let world = World::default();
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (path, at) = (folder.path().join("app.sock"), folder.path().display().to_string());
        let program = "path = where + '/app.sock'
if os.path.exists(path): os.unlink(path)
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen()
say(inode(s))
hear()
os.unlink(path)";
        let mut old = world.start(program, 1, &at);
        let inode = old.line().await;
        let mut new = world.start(program, 1, &at);
        assert_eq!(new.line().await, inode);
        UnixStream::connect(&path).expect("it listens");
        assert!(old.end().await.success());
        while !path.exists() {
            tokio::task::yield_now().await;
        }
        UnixStream::connect(&path).expect("it listens");
        let names = std::fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(names, 2, "the path, and a link of the generation that is left");
        new.end().await;
    });
}

#[test]
fn a_relative_unix_path_is_that_of_the_servers_directory() {
    play(async {
        let world = World::default();
        let folder = tempfile::tempdir().expect("a temporary directory");
        let at = folder.path().display().to_string();
        let program = "os.chdir(where)
s = socket.socket(socket.AF_UNIX)
s.bind('app.sock')
os.chdir('/')
s.listen()
say(inode(s))
hear()";
        let mut old = world.start(program, 1, &at);
        let (address, inode) = old.listens().await;
        assert_eq!(address, format!("unix:{at}/app.sock"));
        let mut new = world.start(program, 1, &at);
        assert_eq!(new.line().await, inode.to_string());
        assert!(old.end().await.success() && new.end().await.success());
    });
}
