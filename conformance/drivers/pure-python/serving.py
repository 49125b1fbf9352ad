"""What the driver does with a listener: connections, taken when the selector says that there are some.

And where it comes from when no arbiter passes it: a claim with `bind`, or a server without a supervisor.
"""
import contextlib
import errno
import os
import selectors
import socket
from typing import Any, Callable

from client import Claim
from lines import Fault

CODES = {errno.EADDRINUSE: "address_in_use", errno.EACCES: "address_not_permitted"}


def endpoint(address: str) -> tuple[int, int, Any] | None:
    """Family, type and local address of a canonical text; None for a name."""
    kind = socket.SOCK_DGRAM if address.startswith("udp:") else socket.SOCK_STREAM
    host, colon, port = address.removeprefix("udp:").rpartition(":")
    if address.startswith("unix:"):
        return socket.AF_UNIX, kind, address[5:]
    if host and not host.startswith("["):
        return socket.AF_INET, kind, (host, int(port))
    return (socket.AF_INET6, kind, (host.strip("[]") or "::", int(port))) if colon else None


def open_listener(address: str) -> socket.socket:
    """Binds the socket of an address as an arbiter would, non-blocking. Fault if it cannot."""
    wanted = endpoint(address)
    if wanted is None:
        raise Fault("not_inheritable", f"{address} has no socket")
    family, kind, local = wanted
    listener = None
    try:
        if family == socket.AF_UNIX:
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(FileNotFoundError):
                try:
                    probe.connect(local)
                except ConnectionRefusedError:
                    os.unlink(local)  # nobody listens there
        listener = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            dual_stack = address.startswith((":", "udp::"))
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        listener.bind(local)
        if kind == socket.SOCK_STREAM:
            listener.listen()
    except OSError as error:
        if listener:
            listener.close()
        raise Fault(CODES.get(error.errno or 0, "address_not_available"), str(error)) from None
    return listener


def grant_alone(claim: Claim) -> dict[str, Any]:
    """What a claim hears without a supervisor (SS-CONN-2): it is granted at once, with a listener if it wants one."""
    try:
        claim.listener = open_listener(claim.address) if claim.message["socket"] == "inherit" else None
    except Fault as fault:
        claim.state = "none"
        return {"type": "error", "code": fault.args[0], "message": fault.args[1]}
    claim.state = "granted"
    return {"type": "granted"}


class Serving:
    """The accept loop of one address: HTTP until `stop`, or one echo for each `accept`."""

    def __init__(
        self, selector: selectors.BaseSelector, listener: socket.socket, name: str, event: Callable[..., None]
    ) -> None:
        self.selector, self.listener, self.name, self.event = selector, listener, name, event
        self.http, self.echoes, self.stopping = False, list[str](), ""
        self.open: set[socket.socket] = set()
        self.registered = False

    def watch(self) -> None:
        wanted = self.http or bool(self.echoes)
        if wanted and not self.registered:
            self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        if self.registered and not wanted:
            self.selector.unregister(self.listener)
        self.registered = wanted
        if self.stopping and not self.open:
            self.event("stopped", op=self.stopping)
            self.stopping = ""

    def accept(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # the other generation was faster, or it was given up
            return
        connection.setblocking(False)
        self.open.add(connection)
        op, data = "" if self.http else self.echoes.pop(0), bytearray()
        self.selector.register(connection, selectors.EVENT_READ, lambda: self.answer(connection, data, op))
        self.watch()

    def answer(self, connection: socket.socket, data: bytearray, op: str) -> None:
        try:
            received = connection.recv(65536 if not op else 64)
            data += received
            if received and not op and b"\r\n\r\n" not in data:
                return
            if data:
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.name)}\r\nConnection: close\r\n"
                head += f"Server-Pid: {os.getpid()}\r\n\r\n"
                connection.sendall(bytes(data) if op else (head + self.name).encode())
        except ConnectionError:
            pass
        self.selector.unregister(connection)
        self.open.discard(connection)
        connection.close()
        if op:
            self.event("accepted", op=op)
        self.watch()
