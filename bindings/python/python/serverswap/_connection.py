"""The connection of this process, shared by its threads and event loops.

There is one, made by the first call. The lock is held for what never waits, and never while the code
of a server runs: to deliver an event is to wake its recipient.

Rules:
- the native part reads and answers by itself, also while no code of Python can run;
- what came of that is delivered by whoever brought it about or is woken for it: the thread that calls, or
  else a daemon thread, which the first call of a blocking program starts, or the event loop of
  ``serverswap.aio``. The lock keeps the order;
- a forked child has no connection: its copies of the descriptors are closed, every call raises
  ``ForkedError``, and the sockets that were handed out go on working.
"""

from __future__ import annotations

import os
from _thread import RLock

from . import _native
from ._claim import Claim
from ._errors import NotHeldError, NotListeningError, error_of
from ._native import Address, Call
from ._open_sockets import inode_of, is_open
from ._takedown import Takedown
from ._wakeup import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from typing import Protocol

    class _Handler(Protocol):
        """Something that runs when an address is taken."""

        def start(self, takedown: Takedown, done: Callable[[], None]) -> None: ...


#: How many descriptors of an inherited listener the native part has: what it lists when it reconnects.
_NATIVE_DESCRIPTORS = 1


class ProcessConnection:
    """See the module."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._connection: _native.Connection | None = None
        #: Claims that wait for their answer, by number.
        self._claims: dict[int, Claim] = {}
        #: Takedown handlers, by number.
        self._handlers: dict[int, _Handler] = {}
        #: What wakes ``accept`` when an inherited address is taken or released.
        self._wakeups: dict[Address, Wakeup] = {}
        #: Granted; ``serving`` was not called for them. What names the socket, for those that were inherited.
        self._unserved: dict[Address, int | None] = {}
        #: What to call when everything has been sent.
        self._when_flushed: list[Callable[[], object]] = []
        self._reader: threading.Thread | None = None
        #: The event loop that reads, or was the last that did.
        self.loop: AbstractEventLoop | None = None

    # ---- calls -----------------------------------------------------------------------------------

    def call(self, call: Call) -> int:
        """Makes a call and delivers what it brings about. Its number."""
        with self._lock:
            number = self._connected().call(call)
            self._deliver_events()
            return number

    def claim(self, address: Address, *, inherit: bool, more: bool, wake: Callable[[], object]) -> Claim:
        """Claims an address; ``wake`` is called, by any thread, when the claim is answered."""
        with self._lock:
            number = self._connected().call(Call.ready_for(address, inherit=inherit, more=more))
            claim = self._claims[number] = Claim(number, address, wake)
            self._deliver_events()
            return claim

    def withdraw(self, claim: Claim) -> None:
        """Withdraws a claim, which is refused by that. What was granted by it in the meantime is released."""
        with self._lock:
            if claim.granted:
                listener = claim.result()
                if listener is not None:
                    listener.close()
                self._let_go(claim.address)
            self._connected().withdraw(claim.number)
            self._deliver_events()

    @property
    def has_unserved(self) -> bool:
        """Whether an address was granted for which ``serving`` is yet to be called."""
        with self._lock:
            return bool(self._unserved)

    def serving(self, address: Address) -> None:
        """The accept loop of a granted address runs.

        :raises NotListeningError: nobody can accept on it. The old server serves on
        """
        with self._lock:
            inode = self._unserved.get(address)
            if inode is not None and not is_open(inode, spare=_NATIVE_DESCRIPTORS):
                raise NotListeningError(
                    f"nothing in this process can accept on `{address}`, because the socket that it was granted is closed; "
                    "the old server serves on"
                )
            self.call(Call.serving(address))
            self._unserved.pop(address, None)

    def server_up(self) -> None:
        """So does that of every granted address, and no other will be claimed."""
        with self._lock:
            for address in list(self._unserved):
                try:
                    self.serving(address)
                except NotHeldError:  # Released before it was served.
                    self._unserved.pop(address, None)
            self.call(Call.server_up())

    def fail(self, reason: str, *, wake: Callable[[], object]) -> None:
        """This server gives up; ``wake`` is called, by any thread, when that has been sent."""
        with self._lock:
            self._connected().call(Call.fail(reason))
            self._when_flushed.append(wake)
            self._deliver_events()

    def released(self, address: Address) -> None:
        """Nothing is accepted on the address any more.

        :raises NotHeldError: it is neither held nor claimed
        """
        with self._lock:
            self.call(Call.released(address))
            self._let_go(address)

    def release(self, address: Address) -> None:
        """As :meth:`released`, for an address that may have been released already."""
        try:
            self.released(address)
        except NotHeldError:
            pass

    def add_handler(self, address: Address, handler: _Handler) -> int:
        """Adds a takedown handler. The address is released when all of its handlers are done. Its number."""
        with self._lock:
            number = self._connected().call(Call.on_takedown(address))
            self._handlers[number] = handler
            self._deliver_events()
            return number

    def remove_handler(self, number: int) -> None:
        """A handler is not called any more."""
        with self._lock:
            self._handlers.pop(number, None)
            self._connected().remove_handler(number)

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

    def _is_read(self) -> bool:
        by_thread = self._reader is not None and self._reader.is_alive()
        return by_thread or (self.loop is not None and not self.loop.is_closed())

    def process(self) -> None:
        """Delivers what has come on the connection, without waiting."""
        with self._lock:
            self._deliver(self._connected().woken())

    # ---- events ----------------------------------------------------------------------------------

    def _deliver_events(self) -> None:
        self._deliver(self._connected().events())

    def _deliver(self, events: list[_native.Event]) -> None:
        for event in events:
            if event.kind == "granted":
                self._granted(self._claims.pop(event.claim), event.take_fd())
            elif event.kind == "refused":
                self._claims.pop(event.claim).refuse(error_of(event.code, event.message))
            elif event.kind == "takedown":
                self._taken(event)
            elif event.kind == "error":
                report(event.code, event.message)
        if self._when_flushed and self._connected().flushed:
            flushed, self._when_flushed = self._when_flushed, []
            for wake in flushed:
                wake()

    def _granted(self, claim: Claim, fd: int | None) -> None:
        listener = inode = None
        if fd is not None:
            from ._listener import Listener

            inode = inode_of(fd)
            wakeup = self._wakeups[claim.address] = Wakeup()
            listener = Listener(fileno=fd, wakeup=wakeup)
        self._unserved[claim.address] = inode
        claim.grant(listener)

    def _taken(self, event: _native.Event) -> None:
        self._let_go(event.address)
        takedown = Takedown(str(event.address), event.reason, event.drain, event.stream)
        for number in event.handlers:
            self._start(number, takedown)

    def _start(self, number: int, takedown: Takedown) -> None:
        def done() -> None:
            with self._lock:
                self._connected().handler_done(number)
                self._deliver_events()

        self._handlers[number].start(takedown, done)

    def _let_go(self, address: Address) -> None:
        self._unserved.pop(address, None)
        wakeup = self._wakeups.pop(address, None)
        if wakeup is not None:
            wakeup.set()

    # ---- the connection --------------------------------------------------------------------------

    def _connected(self) -> _native.Connection:
        if self._connection is None:
            self._connection = _native.Connection()
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._after_fork,
                after_in_child=self._abandon,
            )
        return self._connection

    def _before_fork(self) -> None:
        self._lock.acquire()
        if self._connection is not None:
            self._connection.before_fork()

    def _after_fork(self) -> None:
        if self._connection is not None:
            self._connection.after_fork()
        self._lock.release()

    def _abandon(self) -> None:
        if self._connection is not None:
            self._connection.abandon()
        self._claims.clear()
        self._handlers.clear()
        self._wakeups.clear()
        self._unserved.clear()
        self._when_flushed.clear()
        self._reader = self.loop = None
        self._lock.release()


def report(code: str, message: str) -> None:
    """A fault that the arbiter reports about no claim: nothing that is held is lost by it."""
    import logging

    logging.getLogger("serverswap").warning("%s (%s)", message, code)


#: The connection of this process.
CONNECTION = ProcessConnection()
