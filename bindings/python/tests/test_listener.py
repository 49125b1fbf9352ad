"""The socket that is handed out cannot be got wrong."""

import asyncio
import os
import socket
import threading

import pytest
import serverswap
from serverswap._wakeup import Wakeup


@pytest.fixture
def listener():
    """As an arbiter passes it: listening and non-blocking."""
    opened = socket.create_server(("127.0.0.1", 0), backlog=16)
    opened.setblocking(False)
    with serverswap.Listener(fileno=opened.detach()) as listener:
        yield listener


def is_non_blocking(sock):
    return not os.get_blocking(sock.fileno())


def connect(listener):
    return socket.create_connection(listener.getsockname())


@pytest.mark.parametrize(
    "change",
    [
        lambda listener: listener.setblocking(True),
        lambda listener: listener.setblocking(False),
        lambda listener: listener.settimeout(None),
        lambda listener: listener.settimeout(3),
        lambda listener: listener.dup().close(),
        lambda listener: listener.listen(1),
    ],
)
def test_nothing_clears_the_mode_of_the_socket_itself(listener, change):
    change(listener)
    assert is_non_blocking(listener)


def test_a_timeout_is_what_was_set(listener):
    seen = []
    for timeout in (None, 0.0, 2.5):
        listener.settimeout(timeout)
        seen.append((listener.gettimeout(), listener.timeout, listener.getblocking()))
    assert seen == [(None, None, True), (0.0, 0.0, False), (2.5, 2.5, True)]


def test_a_negative_timeout_is_refused_as_by_every_socket(listener):
    with pytest.raises(ValueError):
        listener.settimeout(-1)


def test_an_accept_that_waits_gets_the_next_connection_in_blocking_mode(listener):
    accepted = []
    thread = threading.Thread(target=lambda: accepted.append(listener.accept()))
    thread.start()
    with connect(listener) as client:
        thread.join()
        [(server, address)] = accepted
        with server:
            assert address == client.getsockname()
            assert os.get_blocking(server.fileno()) and server.gettimeout() is None


def test_an_accept_that_does_not_wait_finds_nothing(listener):
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_an_accept_ends_with_its_timeout(listener):
    listener.settimeout(0.01)
    with pytest.raises(socket.timeout):
        listener.accept()


def test_an_accept_waits_again_when_another_server_was_faster(listener):
    """A race, so that most of the rounds show nothing: but none may end in an error or a hang."""
    rounds, served = 50, []

    def serve(one):
        while True:
            try:
                server, _ = one.accept()
            except serverswap.TakenDownError:
                return
            server.close()
            served.append(one)

    with listener.dup() as other:
        threads = [threading.Thread(target=serve, args=(one,)) for one in (listener, other)]
        for thread in threads:
            thread.start()
        for _ in range(rounds):
            with connect(listener) as client:
                assert client.recv(1) == b""
        listener.wakeup.set()
        for thread in threads:
            thread.join()
    assert len(served) == rounds


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_an_accept_that_waits_ends_when_the_address_is_taken(listener, timeout):
    listener.settimeout(timeout)
    errors = []

    def accept():
        try:
            listener.accept()
        except serverswap.TakenDownError as error:
            errors.append(error)

    thread = threading.Thread(target=accept)
    thread.start()
    listener.wakeup.set()
    thread.join()
    assert [error.code for error in errors] == ["taken_down"]


@pytest.mark.parametrize("timeout", [None, 0.0, 30.0])
def test_nothing_is_accepted_after_the_address_was_taken(listener, timeout):
    listener.settimeout(timeout)
    with connect(listener):
        listener.wakeup.set()
        with pytest.raises(ConnectionAbortedError):
            listener.accept()


def test_an_event_loop_does_not_come_back_to_a_listener_that_was_taken(listener, monkeypatch):
    attempts = []
    accept = serverswap.Listener.accept

    def counted(self):
        attempts.append(self)
        return accept(self)

    async def main():
        server = await asyncio.start_server(lambda reader, writer: None, sock=listener)
        monkeypatch.setattr(serverswap.Listener, "accept", counted)
        listener.wakeup.set()
        # It stays readable: nobody accepts this.
        with connect(listener):
            for _ in range(100):
                await asyncio.sleep(0)
            server.close()

    asyncio.run(main())
    assert len(attempts) == 1


def test_a_forked_child_accepts_until_the_address_is_taken_from_its_parent(listener):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            listener.accept()
        except serverswap.TakenDownError:
            os.write(writing, b"taken down")
        os._exit(0)
    listener.wakeup.set()
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() == "taken down"


def test_a_shutdown_does_not_end_the_socket_for_everybody(listener):
    listener.shutdown(socket.SHUT_RDWR)
    with connect(listener), listener.accept()[0]:
        pass


def test_a_datagram_socket_waits_and_never_clears_the_mode():
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    opened.setblocking(False)
    with serverswap.Listener(fileno=opened.detach()) as bound, socket.socket(type=socket.SOCK_DGRAM) as client:
        assert bound.gettimeout() is None
        received = []
        thread = threading.Thread(target=lambda: received.append(bound.recv(100)))
        thread.start()
        client.sendto(b"hello", bound.getsockname())
        thread.join()
        assert (received, is_non_blocking(bound)) == ([b"hello"], True)


def test_a_wakeup_leaves_no_descriptor_behind():
    before = os.listdir("/proc/self/fd")
    Wakeup().set()
    assert os.listdir("/proc/self/fd") == before
