"""aiohttp on an inherited address, with a drain that loses nothing.

::

    serverswap.aiohttp.run_app(app, ":8080")

In a drain, WebSockets are closed with 1012 (service restart) and silent event streams end, one after the other, so that
their clients come to the new server. ``on_shutdown`` of the application is called when the drain begins; ``on_cleanup``
when nothing is open, or at the drain deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import aio
from ._aio_handler import LoopHandler
from ._aio_server import accepted_are_known
from ._arguments import address_of, timeout_of
from ._aiohttp_exchanges import Exchanges
from ._drain import Limits, ProgressReporter
from ._connection import CONNECTION
from ._goodbyes import Goodbyes
from ._listener import BACKLOG
from ._native import Address
from ._takedown import Takedown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._goodbyes import Goodbye

__all__ = ["run_app", "serve"]


def run_app(
    app: web.Application,
    address: str | int,
    *,
    drain_timeout: float | None = None,
    goodbye: Goodbye = None,
    **options: Any,
) -> None:
    """As ``aiohttp.web.run_app``: serves until the address is taken, or INT or TERM, and nothing is open.

    :param goodbye: called with each :class:`serverswap.LivingConnection` when its time has come, instead of what is done by
        itself; it may be a coroutine function
    :param options: those of ``aiohttp.web.AppRunner``
    """
    asyncio.run(serve(app, address, drain_timeout=drain_timeout, goodbye=goodbye, **options))


async def serve(
    app: web.Application,
    address: str | int,
    *,
    drain_timeout: float | None = None,
    goodbye: Goodbye = None,
    **options: Any,
) -> None:
    """:func:`run_app` for a running event loop.

    :raises ServerSwapError: the claim has failed. The old server serves on
    """
    await _Served(app, address_of(address), timeout_of(drain_timeout), goodbye).serve(options)


class _Served:
    """One application, from its start to its last connection."""

    def __init__(
        self, app: web.Application, address: Address, drain_timeout: float | None, goodbye: Goodbye
    ) -> None:
        self._app = app
        self._address = address
        self._drain_timeout = drain_timeout
        self._goodbye = goodbye
        self._exchanges = Exchanges()
        self._stopping: asyncio.Future[Takedown | None] = asyncio.get_running_loop().create_future()
        self._released: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self, options: dict[str, Any]) -> None:
        self._app.on_response_prepare.append(self._close_with_answer)
        self._app.on_response_prepare.append(self._exchanges.prepare)
        runner = _Runner(self._app, **options)
        handler = CONNECTION.add_handler(self._address, LoopHandler(self._taken, CONNECTION))
        with contextlib.ExitStack() as signals:
            try:
                await runner.setup()
                listener = await aio.listen(self._address)
                connections = _Connections(runner.server)
                site = web.SockSite(runner, listener, backlog=BACKLOG)
                await site.start()
                signals.enter_context(self._signals(connections))
                CONNECTION.serving(self._address)
                takedown = await self._stopping
                await site.stop()
                CONNECTION.release(self._address)
                self._released.set_result(None)
                await accepted_are_known()
                limits = Limits(takedown, self._drain_timeout, framework=True)
                runner.begin_shutdown()
                goodbyes = Goodbyes(self._exchanges.living, self._goodbye, limits=limits)
                await connections.drain(ProgressReporter(self._address), limits, self._exchanges)
                goodbyes.stop()
                await runner.finish(limits.drain)
            finally:
                CONNECTION.remove_handler(handler)
                await runner.cleanup()

    @contextlib.contextmanager
    def _signals(self, connections: _Connections) -> Iterator[None]:
        """INT and TERM stop the server. The next one, after a takedown the first, ends its drain; one more, the process."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)

        def signalled() -> None:
            if not self._stopping.done():
                self._stop(None)
                return
            connections.cut()
            for number in signals:
                loop.remove_signal_handler(number)

        for number in signals:
            loop.add_signal_handler(number, signalled)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def _taken(self, takedown: Takedown) -> None:
        self._stop(takedown)
        await self._released

    def _stop(self, takedown: Takedown | None) -> None:
        if not self._stopping.done():
            self._stopping.set_result(takedown)

    async def _close_with_answer(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._stopping.done() and response.status != 101:
            response.headers["Connection"] = "close"
            response.force_close()


class _Runner(web.AppRunner):
    """A runner of an application whose ``on_shutdown`` is called once, when the drain begins."""

    _shutdown: asyncio.Future[None] | None = None

    def begin_shutdown(self) -> None:
        """Calls ``on_shutdown``, beside the drain."""
        self._shutdown = asyncio.ensure_future(super().shutdown())

    async def shutdown(self) -> None:
        """Waits for it. aiohttp calls this when it cleans up."""
        if self._shutdown is None:
            self.begin_shutdown()
        assert self._shutdown is not None
        await asyncio.wait([self._shutdown])
        if not self._shutdown.cancelled():
            self._shutdown.result()

    async def finish(self, deadline: float) -> None:
        """Cuts what is still going on at the deadline: ``on_cleanup`` is yet to be called."""
        assert self._shutdown is not None and self.server is not None
        await asyncio.wait([self._shutdown], timeout=max(deadline - time.monotonic(), 0))
        self._shutdown.cancel()
        await self.server.shutdown(_CANCEL_SECONDS)


#: How long a request that is cut may take to notice it, in seconds.
_CANCEL_SECONDS = 0.1


class _Connections:
    """The connections of a server of aiohttp that are open."""

    def __init__(self, server: Any) -> None:
        #: The protocol of each, with its transport.
        self._open: dict[Any, asyncio.Transport] = {}
        self._closed: asyncio.Future[None] | None = None
        self._is_cut = False
        self._made, self._lost = server.connection_made, server.connection_lost
        server.connection_made, server.connection_lost = self._opens, self._closes

    def _opens(self, protocol: Any, transport: asyncio.Transport) -> None:
        self._open[protocol] = transport
        self._made(protocol, transport)

    def _closes(self, protocol: Any, *arguments: Any) -> None:
        self._open.pop(protocol, None)
        self._lost(protocol, *arguments)
        self._wake()

    def cut(self) -> None:
        """The drain is over."""
        self._is_cut = True
        self._wake()

    def _wake(self) -> None:
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    async def drain(self, progress: ProgressReporter, limits: Limits, exchanges: Exchanges) -> None:
        """Waits until none is open, or until the limits, or until they are to be cut."""
        while self._open and not self._is_cut:
            progress.report(len(self._open))
            now = time.monotonic()
            timeout = limits.drain - now
            if timeout <= 0:
                flowing = exchanges.flowing(limits.silent_after) if now < limits.stream else set()
                if not flowing:
                    break
                silent = [each for each in self._open if each not in flowing]
                progress.cut(len(silent))
                for each in silent:
                    self._open.pop(each).abort()
                progress.flows(limits)
                timeout = limits.look_again
            self._closed = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._closed], timeout=timeout)
        await exchanges.say_when_to_retry()
        progress.finish(len(self._open))
