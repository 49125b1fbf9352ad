"""The requests of an ASGI application that are under way, and how those that live on are told goodbye."""

from __future__ import annotations

import asyncio
import time

from ._goodbyes import LivingConnection, is_event_stream, retry_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Exchanges:
    """The application, as the server calls it."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._open: set[_Exchange] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        self._open.add(exchange)
        try:
            await self._app(scope, receive, exchange.send)
        finally:
            self._open.discard(exchange)

    def living(self, websockets: dict[int, Any]) -> Iterator[LivingConnection]:
        """What lives on. ``websockets``: the connections of uvicorn that are one, by the identity of their scope."""
        for exchange in list(self._open):
            if exchange.scope["type"] == "http":
                kind = "event-stream" if exchange.is_event_stream else "request"
                yield self._living(exchange, kind, exchange.end)
            elif id(exchange.scope) in websockets:
                yield self._living(exchange, "websocket", websockets[id(exchange.scope)].shutdown)

    def flowing(self, silent_after: float) -> set[int]:
        """The identities of the scopes of those on which something is sent."""
        now = time.monotonic()
        return {id(each.scope) for each in self._open if now - each.sent_at < silent_after}

    def _living(self, exchange: _Exchange, kind: str, end: Any) -> LivingConnection:
        return LivingConnection(
            kind,
            exchange.scope,
            key=exchange,
            silent_since=lambda: exchange.sent_at,
            is_open=lambda: exchange in self._open,
            end=end,
        )

    async def say_when_to_retry(self) -> None:
        """To the clients of event streams that are about to be cut. What cannot be sent at once is not."""
        retries = [asyncio.ensure_future(exchange.say_when_to_retry()) for exchange in self._open]
        if retries:
            _, late = await asyncio.wait(retries, timeout=_RETRY_SECONDS)
            for retry in late:
                retry.cancel()


_RETRY_SECONDS = 0.05


class _Exchange:
    """One request and its answer, or a WebSocket."""

    def __init__(self, scope: Any, send: Any) -> None:
        self.scope = scope
        self.is_event_stream = False
        self._send = send
        self.sent_at = time.monotonic()
        self._has_sent_whole_events = True
        self._is_encoded = False
        self._has_ended = False
        self._end: asyncio.Task[None] | None = None

    async def send(self, message: Any) -> None:
        """What the application sends; of no effect after the end."""
        if self._has_ended:
            return
        self.sent_at = time.monotonic()
        if message["type"] == "http.response.start":
            self._starts({bytes(name).lower(): bytes(value) for name, value in message.get("headers", ())})
        elif self.is_event_stream and message.get("body"):
            self._has_sent_whole_events = message["body"].endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))
        await self._send(message)

    def _starts(self, headers: dict[bytes, bytes]) -> None:
        accept = b",".join(value for name, value in self.scope["headers"] if name == b"accept").decode("latin-1")
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        self.is_event_stream = is_event_stream(self.scope["method"], accept, content_type)
        self._is_encoded = b"content-encoding" in headers

    def end(self) -> None:
        """Ends the answer, and with it the connection: on that one the client would come back to this server. The
        application then receives that the client has gone."""
        if not self._has_ended:
            self._has_ended = True
            self._end = asyncio.ensure_future(self._finish())

    async def _finish(self) -> None:
        cycle: Any = getattr(self._send, "__self__", object())
        if hasattr(cycle, "keep_alive"):
            cycle.keep_alive = False
        if not getattr(cycle, "response_started", True):
            await self._send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def say_when_to_retry(self) -> None:
        """If it is an event stream, and no event is under way."""
        if self.is_event_stream and self._has_sent_whole_events and not self._is_encoded and not self._has_ended:
            await self._send({"type": "http.response.body", "body": retry_line(), "more_body": True})
