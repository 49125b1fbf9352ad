//! Calls that take another way into the kernel.

use std::process::Command;

use super::world::{Seen, World, free_port, play};

/// bind and listen of a 64-bit program by the numbers of a 32-bit one, directly and by socketcall(2).
#[cfg(target_arch = "x86_64")]
const I386: &str = r#"
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}
int main(int count, char **words) {
    char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    struct sockaddr_in *name = (void *)low;
    unsigned *arguments = (void *)(low + 64);
    for (int index = 1; index < 3; index++) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(words[index])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        arguments[0] = s; arguments[1] = (unsigned)(long)name; arguments[2] = sizeof *name;
        long bound = index == 1 ? call(361, s, (long)name, sizeof *name) : call(102, 2, (long)arguments, 0);
        arguments[1] = 16;
        long listens = index == 1 ? call(363, s, 16, 0) : call(102, 4, (long)arguments, 0);
        printf("%ld %ld\n", bound, listens);
    }
    return 0;
}
"#;

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_by_the_numbers_of_i386_are_intercepted() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (source, program) = (folder.path().join("i386.c"), folder.path().join("i386"));
    std::fs::write(&source, I386).expect("written");
    let built = Command::new("cc").arg("-o").args([&program, &source]).status().expect("there is a cc");
    assert!(built.success());
    play(async {
        let (world, ports) = (World::default(), [free_port(), free_port()]);
        let mut command = Command::new(&program);
        command.args(ports.map(|port| port.to_string()));
        let mut server = world.start_command(command);
        for port in ports {
            let address = format!("127.0.0.1:{port}");
            let seen = server.seen().await;
            if seen == Seen::Ended {
                return; // a kernel without the emulation: the program has crashed
            }
            assert_eq!(seen, Seen::Asks(address.clone()));
            assert_eq!(server.listens().await.0, address);
            assert_eq!(server.line().await, "0 0");
        }
        assert!(server.end().await.success());
    });
}

#[test]
fn io_uring_is_refused_where_it_could_bind_past_the_filter() {
    play(async {
        let world = World::default();
        let program = "import ctypes
libc = ctypes.CDLL(None, use_errno=True)
ring = libc.syscall(425, 1, ctypes.create_string_buffer(120))
say(ring if ring < 0 else 'made', os.strerror(ctypes.get_errno()))";
        let mut server = world.start(program, 1, "/");
        let could_bind = crate::sys::io_uring::can_bind();
        let line = server.line().await;
        assert_eq!(could_bind, line == "-1 Operation not permitted", "{line}");
        assert!(server.end().await.success());
    });
}
