"""An HTTP/1.1 client that hides nothing: no retry, no pipelining."""

import select
import socket

TIMEOUT = 10
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Connection:
    """One connection to a port of this machine."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._buffer = b""

    def request(self):
        self.socket.sendall(REQUEST)

    def answer(self):
        """Reads one answer: its status and headers. ``ConnectionError``: there is none."""
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers["content-length"])
        while len(self._buffer) < length:
            self._receive()
        self._buffer = self._buffer[length:]
        return Answer(int(status.split()[1]), headers)

    def ask(self):
        self.request()
        return self.answer()

    def _receive(self):
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("closed before the answer")
        self._buffer += received

    def is_closed_by_peer(self):
        """Whether the server has closed it, as far as is known by now."""
        readable, _, _ = select.select([self.socket], [], [], 0)
        return bool(readable) and self.socket.recv(1, socket.MSG_PEEK) == b""

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
    def __init__(self, status, headers):
        self.status = status
        self.version = headers.get("version")
        self.pid = int(headers.get("pid", 0))
        self.closes = "close" in headers.get("connection", "").lower()


def ask(port):
    """One request on a connection of its own."""
    with Connection(port) as connection:
        return connection.ask()
