"""The socket that a server is handed.

It is a ``socket.socket`` that cannot be got wrong, because it is shared with the servers of other
generations, in whatever language:

- ``O_NONBLOCK`` belongs to the socket itself and not to a process: it is never cleared. What
  ``settimeout`` and ``setblocking`` ask for is done here, by polling;
- another server may be faster, so that ``accept`` finds nothing: it waits again;
- when the address is taken, ``accept`` raises :class:`TakenDownError` at once, in every thread. An event loop of asyncio
  no longer watches it then: it stays readable for as long as the next server has connections to accept;
- ``bind`` does nothing, ``listen`` never makes the backlog shorter, and ``shutdown``, which would end the socket for
  everybody, does nothing. ``close`` closes this process's descriptor only.
"""

from __future__ import annotations

import select
import socket
import sys
import time

from ._errors import TakenDownError
from ._unix_path import keep_path
from ._wakeup import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The backlog of every listener of serverswap.
BACKLOG = 4096

#: What stands for "no timeout" in a datagram socket, in seconds: the longest that the kernel takes.
_LONGEST = 2_147_483.0


class Listener(socket.socket):
    """A listening (or, for UDP, a bound) socket that was passed by a supervisor."""

    def __init__(
        self,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: int | None = None,
        *,
        wakeup: Wakeup | None = None,
    ) -> None:
        super().__init__(family, type, proto, fileno)
        #: Readable when the address was taken.
        self.wakeup = Wakeup() if wakeup is None else wakeup
        self.settimeout(socket.getdefaulttimeout())
        if self.family == socket.AF_UNIX:
            keep_path(Listener)

    def settimeout(self, value: float | None) -> None:
        """As in ``socket``, without touching the mode of the socket itself."""
        super().settimeout(_LONGEST if value is None else value)
        self._timeout = None if value is None else super().gettimeout()
        if self.type == socket.SOCK_STREAM:
            super().settimeout(0.0)

    def setblocking(self, flag: bool) -> None:
        """As in ``socket``, without touching the mode of the socket itself."""
        self.settimeout(None if flag else 0.0)

    def gettimeout(self) -> float | None:
        """In seconds; ``None``: no timeout, ``0.0``: non-blocking."""
        return self._timeout

    def getblocking(self) -> bool:
        """Whether ``accept`` waits."""
        return self._timeout != 0.0

    @property
    def timeout(self) -> float | None:
        """As ``gettimeout()``."""
        return self._timeout

    def accept(self) -> tuple[socket.socket, Any]:
        """As in ``socket``.

        :raises TakenDownError: the address was taken; a ``ConnectionAbortedError``
        """
        if self._timeout == 0.0:
            self._check_held()
            return super().accept()
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            self._wait(deadline)
            try:
                return super().accept()
            except BlockingIOError:
                pass

    def bind(self, address: Any) -> None:
        """Does nothing: it is bound."""

    def listen(self, backlog: int = BACKLOG) -> None:
        """Listens already; never makes the backlog shorter."""
        super().listen(max(backlog, BACKLOG))

    def shutdown(self, how: int) -> None:
        """Does nothing: it would end the socket for the servers of every generation."""

    def dup(self) -> Listener:
        """Another descriptor of the same socket, which is taken with it."""
        duplicate = socket.socket.dup(self)
        assert isinstance(duplicate, Listener)
        duplicate.wakeup = self.wakeup
        return duplicate

    def _wait(self, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        poll.register(self.wakeup.fileno(), select.POLLIN)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not poll.poll(left):
            raise socket.timeout("timed out")
        self._check_held()

    def _check_held(self) -> None:
        if self.wakeup.is_set():
            self._leave_event_loop()
            raise TakenDownError("the address of this listener was taken; a newer server accepts on it")

    def _leave_event_loop(self) -> None:
        if "asyncio" in sys.modules:
            import asyncio

            try:
                asyncio.get_running_loop().remove_reader(self)
            except (RuntimeError, NotImplementedError):  # None runs here, or one that watches in another way.
                pass
