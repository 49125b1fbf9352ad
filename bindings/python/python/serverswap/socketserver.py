"""``socketserver`` and ``http.server`` on an inherited address, with a drain that loses nothing.

::

    server = ThreadingHTTPServer(("", 8080), Handler, bind_and_activate=False)
    serverswap.socketserver.serve(server, ":8080")

The server must not fork. With a handler of ``http.server`` the last answer of each connection says
``Connection: close`` while the server drains.
"""

from __future__ import annotations

import select
import socket
import socketserver
import threading
import time

from ._api import listen
from ._arguments import address_of, timeout_of, wrong
from ._drain import Limits, ProgressReporter
from ._http_handler import closing_handler
from ._connection import CONNECTION
from ._takedown import ThreadHandler


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._listener import Listener
    from ._native import Address
    from ._takedown import Takedown

__all__ = ["serve"]


def serve(server: socketserver.TCPServer, address: str | int, *, drain_timeout: float | None = None) -> None:
    """Claims the address, serves it until it is taken, and returns when nothing is open.

    :param server: one that was made with ``bind_and_activate=False``
    :param drain_timeout: most seconds for finishing open connections; the supervisor's limit at most
    :raises ServerSwapError: the claim has failed. The old server serves on
    """
    if not isinstance(server, socketserver.TCPServer):
        raise wrong("serve takes a server of socketserver or http.server", server)
    if server.socket.fileno() != -1 and _listens(server.socket):
        raise wrong("serve takes a server made with bind_and_activate=False", server)
    _Served(server, address_of(address), timeout_of(drain_timeout)).serve()


def _listens(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0


class _Served:
    """One server, from its claim to its last connection."""

    def __init__(self, server: socketserver.TCPServer, address: Address, drain_timeout: float | None) -> None:
        self._server = server
        self._address = address
        self._drain_timeout = drain_timeout
        self._takedown: Takedown | None = None
        self._closed = threading.Event()
        self._connections = _Connections(server)

    def serve(self) -> None:
        handler = CONNECTION.add_handler(self._address, ThreadHandler(self._taken))
        try:
            listener = listen(self._address)
            self._accept(listener)
        finally:
            CONNECTION.remove_handler(handler)
            self._closed.set()
        CONNECTION.release(self._address)
        self._connections.drain(ProgressReporter(self._address), Limits(self._takedown, self._drain_timeout).drain)

    def _accept(self, listener: Listener) -> None:
        """Until somebody calls ``shutdown`` of the server; a takedown does."""
        server = self._server
        server.socket.close()
        server.socket = listener
        # What servers note down about their address; the socket is bound and listens.
        server.server_bind()
        server.server_activate()
        server.RequestHandlerClass = closing_handler(server.RequestHandlerClass, self._drains)
        # Another server may be faster: then there is nothing to accept, and nothing to wait for.
        listener.setblocking(False)
        wakes = select.epoll()
        with wakes:
            wakes.register(listener, select.EPOLLIN)
            wakes.register(listener.wakeup, select.EPOLLIN)
            # What the server's loop waits for: the takedown, too.
            server.fileno = wakes.fileno  # type: ignore[method-assign]
            CONNECTION.serving(self._address)
            server.serve_forever()
            # Deleted before it is closed, because another process still has the socket.
            wakes.unregister(listener)
        listener.close()

    def _taken(self, takedown: Takedown) -> None:
        self._takedown = takedown
        self._server.shutdown()
        self._closed.wait()

    def _drains(self) -> bool:
        return self._takedown is not None or self._closed.is_set()


class _Connections:
    """The connections that a server has accepted and not closed."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._process_request = server.process_request
        self._close_request = server.close_request
        server.process_request = self._opened  # type: ignore[method-assign]
        server.close_request = self._closed  # type: ignore[method-assign]

    def _opened(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        self._process_request(request, client_address)

    def _closed(self, request: Any) -> None:
        self._close_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def drain(self, progress: ProgressReporter, deadline: float) -> None:
        """Waits until none is open, and ends those that are at the deadline."""
        with self._changed:
            while self._open:
                progress.report(len(self._open))
                left = deadline - time.monotonic()
                if left <= 0:
                    progress.finish(len(self._open))
                    self._end_all()
                    return
                self._changed.wait(left)
        progress.finish(0)

    def _end_all(self) -> None:
        for request in self._open:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:  # The client has ended it.
                pass
