"""The goodbyes of one drain: what no answer ends is told to go at an even pace, silent connections before those that flow.

What is told is looked for again all the time: a websocket may be opened on a connection that was silent, a stream falls
silent. The pace is that of the client library, the same in every language.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time

from ._native import Pace, event_stream_retry, goodbye_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Optional

    from ._drain import Limits

    #: What a program does to say goodbye.
    Goodbye = Optional[Callable[["LivingConnection"], object]]

#: How long until it is looked again, in seconds, at most.
_LOOK_SECONDS = 1.0

_EVENT_STREAM = "text/event-stream"


class LivingConnection:
    """A connection that lives on while a server drains."""

    __slots__ = ("kind", "request", "end", "_key", "_silent_since", "_is_open")

    def __init__(
        self,
        kind: str,
        request: Any,
        *,
        key: object,
        silent_since: Callable[[], float],
        is_open: Callable[[], bool],
        end: Callable[[], object],
    ) -> None:
        #: ``"websocket"``; ``"event-stream"`` of an ``EventSource``; ``"request"`` that waits for its answer or for
        #: the rest of it; ``"socket"`` of a server of streams.
        self.kind = kind
        #: That of the framework: an ASGI scope, a ``Request`` of aiohttp, a ``StreamWriter``.
        self.request = request
        #: Tells it as this package does: close with 1012, the end of the response. Closes one of an unknown protocol.
        self.end = end
        self._key = key
        self._silent_since = silent_since
        self._is_open = is_open

    def flows(self, silent_after: float) -> bool:
        """Whether something was sent on it lately."""
        return self._is_open() and time.monotonic() - self._silent_since() < silent_after

    @property
    def _is_known(self) -> bool:
        return self.kind in ("websocket", "event-stream")

    @property
    def _waits_for_silence(self) -> bool:
        return self.kind in ("event-stream", "request")


def is_event_stream(method: str, accept: str, content_type: str) -> bool:
    """Whether a response is an event stream of a client that comes back when it ends: an ``EventSource``, which asks
    with GET. One with POST, such as that of a language model, does not, and its response is like any other."""
    return method == "GET" and _EVENT_STREAM in accept and content_type.lower().startswith(_EVENT_STREAM)


def retry_line() -> bytes:
    """What tells a client when to come back that is cut together with others."""
    return b"retry: %d\n\n" % round(event_stream_retry(random.random()) * 1000)


class Goodbyes:
    """Those of one drain.

    :param find: what lives on now
    :param goodbye: what the program says; without it connections whose protocol is not known are not told
    """

    def __init__(self, find: Callable[[], Iterable[LivingConnection]], goodbye: Goodbye, *, limits: Limits) -> None:
        self._find = find
        self._goodbye = goodbye
        self._pace = Pace(time.monotonic(), limits.drain, random.random())
        self._silent_after = limits.silent_after
        self._look_again = min(limits.look_again, _LOOK_SECONDS)
        self._told: set[object] = set()
        self._waiting: list[LivingConnection] = []
        self._running: set[asyncio.Task[object]] = set()
        self._task = asyncio.ensure_future(self._run())

    def stop(self) -> None:
        """Nobody is told any more."""
        self._task.cancel()

    async def _run(self) -> None:
        look_again = 0.0
        while True:
            now = time.monotonic()
            if now >= look_again:
                self._look(now)
                look_again = now + self._look_again
            while (following := self._next(now)) is not None and self._pace.is_due(now, len(self._waiting)):
                self._waiting.pop()
                self._say(following)
            due = self._pace.next(len(self._waiting))
            until = look_again if due is None else min(due, look_again)
            await asyncio.sleep(max(until - time.monotonic(), 0))

    def _look(self, now: float) -> None:
        """Those that wait, the next one last."""
        found = [each for each in self._find() if self._is_told_now(each, now)]
        order = goodbye_order([max(now - each._silent_since(), 0) for each in found])
        self._waiting = [found[place] for place in reversed(order)]

    def _is_told_now(self, each: LivingConnection, now: float) -> bool:
        is_ours = each._is_known or self._goodbye is not None
        return is_ours and each._key not in self._told and self._is_ready(each, now)

    def _is_ready(self, each: LivingConnection, now: float) -> bool:
        """A response that flows is not interrupted."""
        return not each._waits_for_silence or now - each._silent_since() >= self._silent_after

    def _next(self, now: float) -> LivingConnection | None:
        """Of those that have not ended by themselves, or begun to flow."""
        while self._waiting:
            following = self._waiting[-1]
            if following._is_open() and self._is_ready(following, now):
                return following
            self._waiting.pop()
        return None

    def _say(self, connection: LivingConnection) -> None:
        self._told.add(connection._key)
        task = asyncio.ensure_future(self._tell(connection))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _tell(self, connection: LivingConnection) -> None:
        try:
            result = connection.end() if self._goodbye is None else self._goodbye(connection)
            if asyncio.iscoroutine(result):
                await result
        except Exception:
            message = "a goodbye has failed; the connection is closed at the drain deadline"
            logging.getLogger("serverswap").warning(message, exc_info=True)
