"""A connection in its TLS handshake is open, and drained as any other."""

import socket
import ssl

import pytest
from support.http import TIMEOUT, Connection
from support.programs import EXAMPLES, REPOSITORY, program

FIXTURES = REPOSITORY / "bindings/node/test/fixtures"
CERTIFICATE = str(FIXTURES / "localhost.cert.pem")
KEY = str(FIXTURES / "localhost.key.pem")
LOOPS = {
    "asyncio": "",
    "uvloop": "import asyncio, uvloop; asyncio.run = lambda main: uvloop.new_event_loop().run_until_complete(main)",
}


@pytest.fixture(params=LOOPS)
def loop(request):
    """What makes asyncio use one loop or another."""
    return LOOPS[request.param]


@pytest.fixture
def command(loop):
    """The asyncio example, with TLS."""
    return with_tls(loop)


def with_tls(loop, limit=""):
    context = f"context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH); context.load_cert_chain({CERTIFICATE!r}, {KEY!r})"
    example = (EXAMPLES / "python/asyncio_server.py").read_text()
    server = "StreamServer(answer, ADDRESS"
    assert server in example
    return program(f"{loop}\nimport ssl; {context}\n" + example.replace(server, f"{server}, ssl=context{limit}"))


class Client(Connection):
    """One that is connected, and has not begun its handshake."""

    def secure(self):
        context = ssl.create_default_context(cafile=CERTIFICATE)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        return self


def in_its_handshake(port):
    client = Client(port)
    # Connections are accepted in their order: when this one is answered, the one before is accepted.
    with Client(port) as other:
        assert other.secure().ask().version == "1"
    return client


def test_a_connection_in_its_handshake_is_answered_and_then_closed(world, command, port):
    old = world.first(command, port)
    with in_its_handshake(port) as client:
        world.swap(command, port, old)
        answer = client.secure().ask()
        assert (answer.version, answer.closes, client.ends()) == ("1", True, True)
    assert old.exit() == 0


def test_a_handshake_that_never_comes_is_cut_at_the_drain_deadline(world, loop, port):
    # A limit of its own, long before it would be ended.
    command = with_tls(loop, ", drain_timeout=1")
    old = world.first(command, port)
    with in_its_handshake(port) as client:
        world.swap(command, port, old)
        assert client.ends()
    assert old.exit() == 0
    assert "TERM" not in old.output


def test_a_client_that_speaks_no_tls_disturbs_nobody(world, command, port):
    old = world.first(command, port)
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while plain.recv(1000):
            pass
    with Client(port) as client:
        assert client.secure().ask().version == "1"
    assert "Traceback" not in old.output
