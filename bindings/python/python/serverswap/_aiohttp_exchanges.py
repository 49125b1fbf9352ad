"""The answers of an application of aiohttp that are under way, and how those that live on are told goodbye.

Deliberately those alone that have begun: what waits for its answer is not known before that.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ._goodbyes import LivingConnection, is_event_stream, retry_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVICE_RESTART = 1012

#: How long what is said to the clients of event streams that are cut may take to be written.
_RETRY_SECONDS = 0.05


class Exchanges:
    """Those of one application."""

    def __init__(self) -> None:
        self._open: weakref.WeakKeyDictionary[web.StreamResponse, _Exchange] = weakref.WeakKeyDictionary()

    async def prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """A signal of aiohttp: an answer begins. One that is complete ends by itself."""
        if not isinstance(response, web.Response):
            self._open[response] = _Exchange(request, response)

    def living(self) -> Iterator[LivingConnection]:
        """What lives on."""
        for response, exchange in list(self._open.items()):
            if exchange.is_open(response):
                yield exchange.living(response)

    def flowing(self, silent_after: float) -> set[Any]:
        """The protocols on which something is sent."""
        return {each.request.protocol for each in self.living() if each.flows(silent_after)}

    async def say_when_to_retry(self) -> None:
        """To the clients of event streams that are about to be cut. What cannot be sent at once is not."""
        retries = [
            asyncio.ensure_future(response.write(retry_line()))
            for response, exchange in list(self._open.items())
            if exchange.is_open(response) and exchange.awaits_events
        ]
        if retries:
            await asyncio.wait(retries, timeout=_RETRY_SECONDS)
            for retry in retries:
                retry.cancel()
            await asyncio.gather(*retries, return_exceptions=True)


class _Exchange:
    """One request whose answer has begun."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = weakref.ref(request)
        self._written_at = time.monotonic()
        self._has_sent_whole_events = True
        self._is_told = False
        self._is_event_stream = is_event_stream(
            request.method, request.headers.get("Accept", ""), response.headers.get("Content-Type", "")
        )
        self._is_encoded = "Content-Encoding" in response.headers
        self._end: asyncio.Task[Any] | None = None
        if not isinstance(response, web.WebSocketResponse):
            write = type(response).write

            async def written(data: Any) -> None:
                self._writes(data)
                await write(answer(), data)

            answer: Any = weakref.ref(response)
            response.write = written  # type: ignore[method-assign]

    def _writes(self, data: Any) -> None:
        if self._is_told:  # As if the client had gone; that is what comes next.
            raise ConnectionResetError("the client of this event stream was told to come back")
        self._written_at = time.monotonic()
        self._has_sent_whole_events = bytes(data[-4:]).endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))

    @property
    def awaits_events(self) -> bool:
        """Whether it is an event stream, and no event is under way."""
        return self._is_event_stream and self._has_sent_whole_events and not self._is_encoded and not self._is_told

    def is_open(self, response: web.StreamResponse) -> bool:
        if isinstance(response, web.WebSocketResponse):
            return not response.closed
        request = self._request()
        return request is not None and request.transport is not None and response.prepared and not response._eof_sent

    def living(self, response: web.StreamResponse) -> LivingConnection:
        if isinstance(response, web.WebSocketResponse):
            kind = "websocket"
        else:
            kind = "event-stream" if self._is_event_stream else "request"
        return LivingConnection(
            kind,
            self._request(),
            key=response,
            silent_since=lambda: self._written_at,
            is_open=lambda: self.is_open(response),
            end=lambda: self._tell(response),
        )

    def _tell(self, response: web.StreamResponse) -> None:
        if self._end is None:
            self._end = asyncio.ensure_future(self._finish(response))

    async def _finish(self, response: web.StreamResponse) -> None:
        if isinstance(response, web.WebSocketResponse):
            await response.close(code=_SERVICE_RESTART, message=b"service restart")
            return
        self._is_told = True
        await response.write_eof()
        request = self._request()
        if request is not None and request.transport is not None:
            # On this connection the client would come back to this server.
            request.transport.close()
