"""A TLS server of asyncio streams that knows a connection from the moment it is accepted.

``asyncio.start_server`` tells of one when its handshake is done: a server that stops before that would
take it for one that was never there.
"""

from __future__ import annotations

import asyncio
import socket

from ._errors import TakenDownError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from ._listener import Listener

#: As asyncio has it: how much a reader buffers, in bytes, and how long to wait for a descriptor, in seconds.
_LIMIT = 2**16
_RETRY_SECONDS = 1.0


class TlsServer:
    """Accepts until it is closed. The listener is closed with it."""

    def __init__(
        self,
        serve_one: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        accepted: Callable[[asyncio.Task[None]], None],
        listener: Listener,
        *,
        limit: int = _LIMIT,
        **tls: Any,
    ) -> None:
        """
        :param accepted: called with the task of each handshake
        :param tls: ``ssl``, ``ssl_handshake_timeout`` and ``ssl_shutdown_timeout`` of asyncio
        """
        self._serve_one = serve_one
        self._accepted = accepted
        self._listener = listener
        self._limit = limit
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._start()

    def close(self) -> None:
        """Stops accepting; what was accepted goes on."""
        self._loop.remove_reader(self._listener.fileno())
        if self._retry is not None:
            self._retry.cancel()
        self._listener.close()

    def _start(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._accepted(self._loop.create_task(self._shake_hands(connection)))
        except (BlockingIOError, TakenDownError, ConnectionAbortedError):
            pass
        except OSError as error:
            # No descriptor is to be had, and the listener stays readable.
            self._loop.call_exception_handler({"message": "a connection was not accepted", "exception": error})
            self._loop.remove_reader(self._listener.fileno())
            self._retry = self._loop.call_later(_RETRY_SECONDS, self._start)

    async def _shake_hands(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, **self._tls)
        except (OSError, asyncio.TimeoutError):  # The client speaks no TLS, or not ours, or has gone.
            connection.close()

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader(limit=self._limit, loop=self._loop)
        return asyncio.StreamReaderProtocol(reader, self._serve_one, loop=self._loop)
