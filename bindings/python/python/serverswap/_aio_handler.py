"""A handler of an asyncio program."""

from __future__ import annotations

import asyncio

from ._takedown import takes_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from ._connection import ProcessConnection
    from ._takedown import Takedown

#: The tasks of handlers that run; an event loop keeps no reference of its own.
_running: set[asyncio.Task[None]] = set()


class LoopHandler:
    """It runs as a task of the loop in which it was registered, or of the one that reads."""

    def __init__(self, handler: Callable[..., object], connection: ProcessConnection) -> None:
        self._handler = handler
        self._connection = connection
        self._takes_takedown = takes_argument(handler)
        self._loop = _running_loop()
        if self._loop is not None:
            connection.read_by_loop(self._loop)

    def start(self, takedown: Takedown, done: Callable[[], None]) -> None:
        """Runs it; ``done`` is called when it is finished, and not if it raises."""
        loop = self._loop or self._connection.loop
        if loop is None or loop.is_closed():
            return

        def create() -> None:
            task = loop.create_task(self._run(takedown, done))
            _running.add(task)
            task.add_done_callback(_running.discard)

        loop.call_soon_threadsafe(create)

    async def _run(self, takedown: Takedown, done: Callable[[], None]) -> None:
        result = self._handler(takedown) if self._takes_takedown else self._handler()
        if asyncio.iscoroutine(result):
            await result
        done()


def _running_loop() -> AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
