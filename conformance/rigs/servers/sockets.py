"""A server that has never heard of serverswap: one request a connection, until it gets a signal.

    sockets.py fd NUMBER            it is told the number of its socket
    sockets.py systemd [NAME]       it reads LISTEN_FDS, as sd_listen_fds(3) does
    sockets.py starter              it reads SERVER_STARTER_PORT
    sockets.py einhorn              it reads EINHORN_FD_0
    sockets.py port NUMBER          it makes its own
    sockets.py udp NUMBER           it makes its own, for datagrams
    sockets.py path PATH            it unlinks that path, and makes its own there

What else it does is in its environment: SAY is what it tells NOTIFY_SOCKET before it serves, READY what it tells when it
can be read from the FIFO of that name, STOP which signals end it, CRASH that it ends with its first request, DEAF that it
never accepts.
"""

import os
import select
import signal
import socket
import struct
import sys

VERSION = os.environ.get("VERSION", "1")


def systemd(name=None):
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        sys.exit("LISTEN_PID is not this process")
    names = os.environ["LISTEN_FDNAMES"].split(":")
    assert len(names) == int(os.environ["LISTEN_FDS"])
    return 3 + (names.index(name) if name else 0)


def starter():
    return int(os.environ["SERVER_STARTER_PORT"].split(";")[0].rpartition("=")[2])


def einhorn():
    assert os.environ["EINHORN_MASTER_PID"] == str(os.getppid())
    return int(os.environ["EINHORN_FD_0"])


def listener(how, *arguments):
    if how == "port":
        own = socket.create_server(("127.0.0.1", int(arguments[0])))
    elif how == "udp":
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("127.0.0.1", int(arguments[0])))
    elif how == "path":
        if os.path.exists(arguments[0]):
            os.unlink(arguments[0])
        own = socket.socket(socket.AF_UNIX)
        own.bind(arguments[0])
        own.listen()
    if how in ["port", "udp", "path"]:
        own.setblocking(False)
        return own
    number = int(arguments[0]) if how == "fd" else {"systemd": systemd, "starter": starter, "einhorn": einhorn}[how](*arguments)
    return socket.socket(fileno=number)


def notify(message, *descriptors):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(os.environ["NOTIFY_SOCKET"])
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))
        client.sendmsg([message.encode()], [rights] if descriptors else [])


def barrier():
    """sd_notify_barrier(3)."""
    ours, theirs = os.pipe()
    notify("BARRIER=1", theirs)
    os.close(theirs)
    os.read(ours, 1)
    print("the barrier is passed", flush=True)


def answer(connection):
    connection.setblocking(True)
    request = b"?"
    while request and b"\r\n\r\n" not in request:
        request = connection.recv(4096)
    if not request:
        return connection.close()
    if os.environ.get("CRASH"):
        os._exit(3)
    body = f"Hello from version {VERSION}\n"
    head = f"HTTP/1.1 200 OK\r\nPid: {os.getpid()}\r\nVersion: {VERSION}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection.sendall((head + body).encode())
    connection.close()


def main():
    asleep, awake = socket.socketpair()
    awake.setblocking(False)
    signal.set_wakeup_fd(awake.fileno())
    for name in os.environ.get("STOP", "SIGTERM").split():
        signal.signal(signal.Signals[name], lambda number, _: print("got", signal.Signals(number).name, flush=True))
    server = listener(*sys.argv[1:])
    if "SAY" in os.environ:
        notify(os.environ["SAY"])
        barrier()
    if "READY" in os.environ:
        with open(os.environ["READY"]) as fifo:
            notify(fifo.read())
    print(f"version {VERSION} serves", flush=True)
    if os.environ.get("DEAF"):
        return asleep.recv(1)
    if server.type == socket.SOCK_DGRAM:
        wait = lambda: (lambda packet: server.sendto(f"version {VERSION}".encode(), packet[1]))(server.recvfrom(64))
    else:
        wait = lambda: answer(server.accept()[0])
    while True:
        readable, _, _ = select.select([server, asleep], [], [])
        if asleep in readable:
            return None
        try:
            wait()
        except BlockingIOError:
            pass  # another process was faster


main()
