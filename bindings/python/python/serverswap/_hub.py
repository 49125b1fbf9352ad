"""The connection of this process, shared by its threads and event loops.

There is one, made by the first word that is said. The lock is held for what never waits, and never
while the code of a server runs: to hand out an event is to wake somebody.

Rules:
- events are handed out by whoever brought them about: the thread that says a word, the thread or the
  event loop that reads the connection. The lock keeps their order;
- somebody has to read for as long as something is claimed or held: a daemon thread, which the first
  word of a blocking program starts, or the event loop of ``serverswap.aio``;
- a forked child has no connection: its copies of the descriptors are closed, every word raises
  ``ForkedError``, and the sockets that were handed out go on working.
"""

from __future__ import annotations

import os
from _thread import RLock

from . import _native
from ._claim import Claim
from ._errors import NotHeldError, error_of
from ._stop import Stop
from ._takedown import Takedown

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from typing import Protocol

    class _Handler(Protocol):
        """Something that is done when an address is taken."""

        handler: Callable[..., object]

        def start(self, takedown: Takedown, done: Callable[[], None]) -> None: ...


class Hub:
    """See the module."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._connection: _native.Connection | None = None
        self._claims: dict[str, Claim] = {}
        self._handlers: dict[str, list[_Handler]] = {}
        self._stops: dict[str, Stop] = {}
        #: Granted and not said to be serving.
        self._unserved: set[str] = set()
        #: Who waits until what was said is on its way.
        self._unlinked: list[Callable[[], object]] = []
        self._reader: threading.Thread | None = None
        #: The event loop that reads, or has read last.
        self.loop: AbstractEventLoop | None = None

    # ---- words -----------------------------------------------------------------------------------

    def claim(self, address: str, *, inherit: bool, more: bool, wake: Callable[[], object]) -> Claim:
        """Claims an address; ``wake`` is called, by any thread, when it is answered."""
        with self._lock:
            claim = Claim(address, wake)
            self._connected().ready_for(address, inherit=inherit, more=more)
            self._claims[address] = claim
            self._hand_out()
            return claim

    def withdraw(self, claim: Claim) -> None:
        """Takes a claim back. One that was granted in the meantime is given up."""
        with self._lock:
            if claim.granted:
                listener = claim.result()
                if listener is not None:
                    listener.close()
            elif claim.answered:
                return
            self._claims.pop(claim.address, None)
            self.released(claim.address)

    def serving(self, address: str) -> None:
        """The accept loop of a granted address runs."""
        with self._lock:
            self._connected().serving(address)
            self._unserved.discard(address)
            self._hand_out()

    def server_up(self) -> None:
        """So does that of every granted address, and there will be no other."""
        with self._lock:
            for address in sorted(self._unserved):
                self.serving(address)
            self._connected().server_up()
            self._hand_out()

    def fail(self, reason: str, *, wake: Callable[[], object]) -> None:
        """This server gives up; ``wake`` is called, by any thread, when that is on its way."""
        with self._lock:
            self._connected().fail(reason)
            self._unlinked.append(wake)
            self._hand_out()

    def progress(self, address: str, *, connections: int | None, extend: float | None) -> None:
        """How a drain goes."""
        with self._lock:
            self._connected().progress(address, connections=connections, extend=extend)

    def released(self, address: str) -> None:
        """Nothing is accepted on the address any more."""
        with self._lock:
            self._connected().released(address)
            self._unserved.discard(address)
            self._stop(address)
            self._hand_out()

    def on_takedown(self, address: str, handler: _Handler) -> None:
        """Adds a handler. ``released`` is said when all of an address are done."""
        with self._lock:
            self._connected().on_takedown(address)
            self._handlers.setdefault(address, []).append(handler)
            self._hand_out()

    def off_takedown(self, address: str, handler: _Handler) -> None:
        """Takes a handler away."""
        with self._lock:
            self._handlers[address].remove(handler)

    # ---- who reads -------------------------------------------------------------------------------

    def read_by_thread(self) -> None:
        """Sees to it that somebody reads, if need be a daemon thread. Not needed without a supervisor."""
        with self._lock:
            connection = self._connected()
            if connection.supervised and not self._is_read():
                from ._reader import start_reader

                self._reader = start_reader(connection.fileno(), self.process)

    def read_by_loop(self, loop: AbstractEventLoop) -> None:
        """Sees to it that somebody reads, if need be this event loop."""
        with self._lock:
            connection = self._connected()
            if connection.supervised and not self._is_read():
                loop.add_reader(connection.fileno(), self.process)
                self.loop = loop

    def read_by_caller(self) -> int:
        """The descriptor, for a program that calls :meth:`process` when it is readable."""
        with self._lock:
            return self._connected().fileno()

    def _is_read(self) -> bool:
        by_thread = self._reader is not None and self._reader.is_alive()
        return by_thread or (self.loop is not None and not self.loop.is_closed())

    def process(self) -> None:
        """Does what there is to do on the connection, without waiting."""
        with self._lock:
            self._hand_out_all(self._connected().handle_io())

    # ---- events ----------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        self._hand_out_all(self._connected().events())

    def _hand_out_all(self, events: list[_native.Event]) -> None:
        for event in events:
            if event.kind == "granted":
                self._granted(event.address, event.take_fd())
            elif event.kind == "refused":
                claim = self._claims.pop(event.address, None)
                if claim is not None:
                    claim.refuse(error_of(event.code, event.message))
            elif event.kind == "takedown":
                self._taken(Takedown(event.address, event.reason, event.drain))
            elif event.kind == "error":
                report(event.code, event.message)
        if self._unlinked and self._connected().linked:
            unlinked, self._unlinked = self._unlinked, []
            for wake in unlinked:
                wake()

    def _granted(self, address: str, fd: int | None) -> None:
        listener = None
        if fd is not None:
            from ._listener import Listener

            stop = self._stops[address] = Stop()
            listener = Listener(fileno=fd, stop=stop)
        self._unserved.add(address)
        self._claims.pop(address).grant(listener)

    def _taken(self, takedown: Takedown) -> None:
        self._stop(takedown.address)
        handlers = list(self._handlers.get(takedown.address, []))
        open_handlers = len(handlers)

        def done() -> None:
            nonlocal open_handlers
            with self._lock:
                open_handlers -= 1
                if open_handlers == 0:
                    self._let_go(takedown.address)

        for handler in handlers:
            handler.start(takedown, done)

    def _let_go(self, address: str) -> None:
        """Of an address that its server may have let go of by itself in the meantime."""
        try:
            self.released(address)
        except NotHeldError:
            pass

    def _stop(self, address: str) -> None:
        stop = self._stops.pop(address, None)
        if stop is not None:
            stop.set()

    # ---- the connection --------------------------------------------------------------------------

    def _connected(self) -> _native.Connection:
        if self._connection is None:
            self._connection = _native.Connection()
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._abandon,
            )
        return self._connection

    def _abandon(self) -> None:
        if self._connection is not None:
            self._connection.abandon()
        self._claims.clear()
        self._handlers.clear()
        self._stops.clear()
        self._unserved.clear()
        self._unlinked.clear()
        self._reader = self.loop = None
        self._lock.release()


def report(code: str, message: str) -> None:
    """A fault that the arbiter reports about no claim: nothing that is held is lost by it."""
    import logging

    logging.getLogger("serverswap").warning("%s (%s)", message, code)


#: The one of this process.
HUB = Hub()
