"""A streams server of asyncio on an inherited address, from its claim to its last connection."""

from __future__ import annotations

import asyncio
import time

from ._aio_handler import LoopHandler
from ._arguments import address_of, callable_of, timeout_of
from ._drain import Limits, ProgressReporter
from ._connection import CONNECTION
from ._goodbyes import Goodbyes, LivingConnection
from ._listener import BACKLOG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Union

    from ._aio_tls import TlsServer
    from ._goodbyes import Goodbye
    from ._listener import Listener
    from ._takedown import Takedown

    _Server = Union[asyncio.AbstractServer, TlsServer]
    _Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

#: Turns of the event loop from accept(2) to the task of a connection (four), and some more.
_TURNS = 8

#: How long the task of a connection that was cut may take to end, in seconds.
_CANCEL_SECONDS = 0.1


class StreamServer:
    """``asyncio.start_server`` that can be swapped.

    ``answer(reader, writer)`` is a coroutine function that serves one connection. When the address is
    taken, :attr:`draining` becomes true: from then on each connection is to be closed with its next
    answer. Silent and idle ones, and those in their TLS handshake, are not closed for that, because a request
    may be on its way; what is still open at the deadline is.

    :param goodbye: called with each :class:`serverswap.LivingConnection`, one after the other, while the server drains: its
        ``request`` is the ``StreamWriter``. It may be a coroutine function. What the connections speak is known to the
        program alone, so without it they wait for the deadline
    :param options: those of ``asyncio.start_server``; with ``ssl`` only ``limit`` and those about TLS
    """

    def __init__(
        self,
        answer: _Answer,
        address: str | int,
        *,
        drain_timeout: float | None = None,
        goodbye: Goodbye = None,
        **options: Any,
    ) -> None:
        callable_of(answer, "what answers a connection")
        self._goodbye = goodbye
        self._answer = answer
        self._address = address_of(address)
        self._drain_timeout = timeout_of(drain_timeout)
        self._options = options
        #: What is open, its handshake included, and how its connection is cut.
        self._open: dict[asyncio.Task[None], Callable[[], object]] = {}
        #: Those of them that are served, and when something was written on each last.
        self._writers: dict[asyncio.Task[None], _Writer] = {}
        self._takedown: asyncio.Future[Takedown | None]
        self._released: asyncio.Future[None]

    @property
    def draining(self) -> bool:
        """Whether the address was taken, or :meth:`close` called."""
        return self._takedown.done()

    async def serve(self) -> None:
        """Claims the address, serves it until it is taken, and returns when nothing is open.

        :raises ServerSwapError: the claim has failed. The old server serves on
        """
        from . import aio

        loop = asyncio.get_running_loop()
        self._takedown, self._released = loop.create_future(), loop.create_future()
        handler = CONNECTION.add_handler(self._address, LoopHandler(self._taken, CONNECTION))
        try:
            listener = await aio.listen(self._address)
            server = await self._start(listener)
            CONNECTION.serving(self._address)
            takedown = await self._takedown
        finally:
            CONNECTION.remove_handler(handler)
        server.close()
        CONNECTION.release(self._address)
        self._released.set_result(None)
        await accepted_are_known()
        limits = Limits(takedown, self._drain_timeout)
        goodbyes = Goodbyes(self._living, self._goodbye, limits=limits)
        await self._drain(limits)
        goodbyes.stop()

    async def _start(self, listener: Listener) -> _Server:
        if self._options.get("ssl") is None:
            return await asyncio.start_server(
                self._serve_one, sock=listener, backlog=BACKLOG, **self._options
            )
        from ._aio_tls import TlsServer

        return TlsServer(self._serve_one, self._shakes_hands, listener, **self._options)

    def _shakes_hands(self, task: asyncio.Task[None]) -> None:
        self._open[task] = task.cancel
        task.add_done_callback(self._open.pop)

    def close(self) -> None:
        """Gives the address up, and drains."""
        if not self._takedown.done():
            self._takedown.set_result(None)

    async def _taken(self, takedown: Takedown) -> None:
        if not self._takedown.done():
            self._takedown.set_result(takedown)
        await self._released

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio serves each connection with a task"
        self._open[task] = writer.transport.abort
        self._writers[task] = _Writer(writer)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            del self._open[task], self._writers[task]

    def _living(self) -> list[LivingConnection]:
        return [self._living_one(task, writer) for task, writer in self._writers.items()]

    def _living_one(self, task: asyncio.Task[None], writer: _Writer) -> LivingConnection:
        return LivingConnection(
            "socket",
            writer.stream,
            key=task,
            silent_since=lambda: writer.written_at,
            is_open=lambda: task in self._writers,
            end=writer.stream.close,
        )

    async def _drain(self, limits: Limits) -> None:
        progress = ProgressReporter(self._address)
        cut: set[asyncio.Task[None]] = set()
        while self._open:
            progress.report(len(self._open))
            now = time.monotonic()
            timeout = limits.drain - now
            if timeout <= 0:
                flowing = self._flowing(limits) if now < limits.stream else set()
                silent = set(self._open) - flowing - cut
                cut |= silent
                progress.cut(len(silent))
                await self._cut(silent)
                if not flowing:
                    return
                progress.flows(limits)
                timeout = limits.look_again
            await asyncio.wait(list(self._open), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        progress.finish(0)

    def _flowing(self, limits: Limits) -> set[asyncio.Task[None]]:
        now = time.monotonic()
        return {task for task, writer in self._writers.items() if now - writer.written_at < limits.silent_after}

    async def _cut(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            self._open[task]()
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)


class _Writer:
    """When something was written on a connection last."""

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self.stream = stream
        self.written_at = time.monotonic()
        self._write, self._writelines = stream.write, stream.writelines
        stream.write = self._written  # type: ignore[method-assign]
        stream.writelines = self._lines_written  # type: ignore[method-assign]

    def _written(self, data: Any) -> None:
        self.written_at = time.monotonic()
        self._write(data)

    def _lines_written(self, data: Any) -> None:
        self.written_at = time.monotonic()
        self._writelines(data)


async def accepted_are_known() -> None:
    """What was accepted before this is being served after it: asyncio needs a few turns of the loop, in
    which each step puts the next at the end of the queue."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
