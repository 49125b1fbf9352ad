"""An HTTP/1.1 client that hides nothing: no retry, no pipelining."""

import socket
from http.client import HTTPResponse

TIMEOUT = 30
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Connection:
    """One connection to a port of this machine."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)

    def request(self):
        self.socket.sendall(REQUEST)

    def answer(self):
        """Reads one answer. ``ConnectionError``: there is none."""
        with HTTPResponse(self.socket, method="GET") as response:
            response.begin()
            response.read()
            return Answer(response)

    def ask(self):
        self.request()
        return self.answer()

    def ends(self):
        """Waits until the server closes it in an orderly way."""
        return self.socket.recv(1) == b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.version = response.getheader("Version")
        self.pid = int(response.getheader("Pid", "0"))
        self.closes = "close" in response.getheader("Connection", "").lower()


def ask(port):
    """One request on a connection of its own."""
    with Connection(port) as connection:
        return connection.ask()
