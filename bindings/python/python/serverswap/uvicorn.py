"""uvicorn on an inherited address, with a drain that loses nothing.

::

    python -m serverswap.uvicorn app:app --address :8080 [options of uvicorn]

or, in a program, ``serverswap.uvicorn.run("app:app", ":8080", log_level="warning")``. The application is
loaded and started before the address is claimed, and shut down in any case. In a drain, WebSockets are closed with 1012
(service restart) and silent event streams end, one after the other, so that their clients come to the new server.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import uvicorn
from click.core import ParameterSource

from . import aio
from ._aio_server import accepted_are_known
from ._arguments import address_of, timeout_of
from ._asgi_exchanges import Exchanges
from ._drain import Limits, ProgressReporter
from ._connection import CONNECTION
from ._errors import InvalidArgumentError, NotHeldError
from ._goodbyes import Goodbyes
from ._listener import BACKLOG
from ._takedown import Takedown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._goodbyes import Goodbye, LivingConnection

__all__ = ["Server", "run"]

#: Options of ``uvicorn.Config`` about sockets and processes, which are not uvicorn's here.
_MEANINGLESS = {"host", "port", "uds", "fd", "workers", "reload"}


def run(
    app: Any, address: str | int, *, drain_timeout: float | None = None, goodbye: Goodbye = None, **options: Any
) -> None:
    """Serves an ASGI application until its address is taken and nothing is open.

    :param goodbye: called with each :class:`serverswap.LivingConnection` when its time has come, instead of what is done by
        itself; it may be a coroutine function
    :param options: those of ``uvicorn.Config``, without the ones about sockets, workers and reload
    :raises InvalidArgumentError: one of these
    """
    for name in sorted(_MEANINGLESS & set(options)):
        raise InvalidArgumentError(f"`{name}` has no meaning here: the address is `{address}`")
    config = uvicorn.Config(app, **{"backlog": BACKLOG, **options})
    Server(config, address, drain_timeout=drain_timeout, goodbye=goodbye).run()


class Server(uvicorn.Server):
    """A ``uvicorn.Server`` that can be swapped."""

    def __init__(
        self,
        config: uvicorn.Config,
        address: str | int,
        *,
        drain_timeout: float | None = None,
        goodbye: Goodbye = None,
    ) -> None:
        super().__init__(config)
        self._address = address_of(address)
        self._drain_timeout = timeout_of(drain_timeout)
        self._goodbye = goodbye
        self._open: _Observed = _Observed()
        self.server_state.connections = self._open
        self._takedown: Takedown | None = None
        self._drains = False
        #: Set by uvicorn when it accepts; an address can be taken before that.
        self.servers: list[Any] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with the claim between the start of the application and that of the server. Afterwards the
        old server is asked to release the address."""
        self._exchanges = Exchanges(self.config.loaded_app)
        self.config.loaded_app = self._exchanges
        await self.lifespan.startup()
        self.lifespan = _Started(self.lifespan)
        if self.lifespan.should_exit or self.should_exit:
            await super().startup(sockets=[])
            return
        try:
            aio.on_takedown(self._address, self._taken)
            listener = await aio.listen(self._address)
        except BaseException:
            await self.lifespan.shutdown()
            raise
        await super().startup(sockets=[listener])
        try:
            CONNECTION.serving(self._address)
        except NotHeldError:  # Taken in the meantime.
            pass

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn's, which makes the default headers anew."""
        should_exit = await super().on_tick(counter)
        if self._drains:
            self._close_with_answers()
        return should_exit or self._takedown is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers what is open, then ends as uvicorn does."""
        self._stop_accepting()
        CONNECTION.release(self._address)
        await accepted_are_known()
        limits = Limits(self._takedown, self._drain_timeout, framework=True)
        goodbyes = Goodbyes(self._living, self._goodbye, limits=limits)
        await self._drain(limits)
        goodbyes.stop()
        await self._exchanges.say_when_to_retry()
        for connection in list(self._open):
            connection.transport.abort()
        # What goes on without a connection may last as long, and no longer: the application is still to be shut down.
        left = max(limits.drain - time.monotonic(), _CANCEL_SECONDS)
        own = self.config.timeout_graceful_shutdown
        self.config.timeout_graceful_shutdown = left if own is None else min(own, left)  # type: ignore[assignment]
        await super().shutdown(sockets)

    def _taken(self, takedown: Takedown) -> None:
        self._takedown = takedown
        self._stop_accepting()

    def _stop_accepting(self) -> None:
        self._drains = True
        for server in self.servers:
            server.close()
        self._close_with_answers()

    def _close_with_answers(self) -> None:
        """From now on each connection is closed with its next answer, also one under way."""
        state = self.server_state
        if _CLOSE not in state.default_headers:
            state.default_headers = [*state.default_headers, _CLOSE]
        for connection in list(self._open):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None:
                cycle.default_headers = state.default_headers

    def _living(self) -> Iterator[LivingConnection]:
        websockets = {id(each.scope): each for each in self._open if _is_websocket(each)}
        return self._exchanges.living(websockets)

    async def _drain(self, limits: Limits) -> None:
        progress = ProgressReporter(self._address)
        cut: set[Any] = set()
        while self._open and not self.force_exit:
            self._close_with_answers()
            progress.report(len(self._open))
            now = time.monotonic()
            timeout = limits.drain - now
            if timeout <= 0:
                flowing = self._exchanges.flowing(limits.silent_after) if now < limits.stream else set()
                silent = {each for each in self._open if id(_scope(each)) not in flowing} - cut
                if not flowing:
                    break
                cut |= silent
                progress.cut(len(silent))
                for connection in silent:
                    connection.transport.abort()
                progress.flows(limits)
                timeout = limits.look_again
            await self._open.shrinks(timeout)
        progress.finish(len(self._open - cut))


def _scope(connection: Any) -> Any:
    """Of the request that a connection has now, or of its WebSocket."""
    return getattr(getattr(connection, "cycle", None) or connection, "scope", None)


def _is_websocket(connection: Any) -> bool:
    """Whether its handshake is complete, in each of the three ways in which uvicorn speaks the protocol."""
    completed = getattr(connection, "handshake_completed_event", None)
    return getattr(connection, "handshake_complete", False) if completed is None else completed.is_set()


_CLOSE = (b"connection", b"close")

#: How long a request that was cut may take to notice it, in seconds.
_CANCEL_SECONDS = 0.1


class _Started:
    """A lifespan that has had its start-up."""

    def __init__(self, lifespan: Any) -> None:
        self._lifespan = lifespan

    async def startup(self) -> None:
        """Is over."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lifespan, name)


class _Observed(set[Any]):
    """The connections of uvicorn, which tell when there is one less."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: asyncio.Future[None] | None = None

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self._tell()

    def remove(self, connection: Any) -> None:
        super().remove(connection)
        self._tell()

    def _tell(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def shrinks(self, seconds: float) -> None:
        """Waits until one is closed, or for so many seconds."""
        self._waiting = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._waiting], timeout=seconds)


def _main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m serverswap.uvicorn",
        description="Serve an ASGI application that can be swapped. Every other option is uvicorn's.",
    )
    parser.add_argument("app", help="the application, as `module:attribute`")
    parser.add_argument("--address", required=True, help="for example :8080 or unix:/run/app.sock")
    parser.add_argument("--drain-timeout", type=float, metavar="SECONDS", help="most time for open connections")
    known, others = parser.parse_known_args(arguments)
    run(known.app, known.address, drain_timeout=known.drain_timeout, **_options([known.app, *others]))


def _options(arguments: list[str]) -> dict[str, Any]:
    """What uvicorn's own command line makes of the arguments, as options of ``uvicorn.Config``."""
    with uvicorn.main.make_context("uvicorn", arguments) as context:
        parameters = context.params
        given = {
            name: value
            for name, value in parameters.items()
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }
    sys.path.insert(0, given.pop("app_dir", None) or "")
    if "headers" in given:
        given["headers"] = [tuple(header.split(":", 1)) for header in given["headers"]]
    allowed = set(inspect.signature(uvicorn.Config).parameters)
    refused = _MEANINGLESS | (set(given) - allowed)
    for name in sorted(refused & set(given) - {"app"}):
        raise SystemExit(f"error: `--{name.replace('_', '-')}` has no meaning here; the address is `--address`")
    return {name: value for name, value in given.items() if name != "app"}


if __name__ == "__main__":
    _main(sys.argv[1:])
