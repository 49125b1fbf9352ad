"""The last answer of an HTTP/1 connection, for handlers of ``http.server``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def closing_handler(handler: Any, drains: Callable[[], bool]) -> Any:
    """A subclass of a handler class that, while the server drains, answers with ``Connection: close``
    and closes. A handler that speaks no HTTP is left as it is."""
    if not (isinstance(handler, type) and hasattr(handler, "send_response_only")):
        return handler

    class Closing(handler):  # type: ignore[misc]
        """The header is added when the headers are written, the last moment that is possible."""

        _is_final = True

        def send_response_only(self, code: int, message: str | None = None) -> None:
            self._is_final = code >= 200
            super().send_response_only(code, message)

        def end_headers(self) -> None:
            if self._is_final and drains() and self.request_version != "HTTP/0.9":
                kept = [line for line in self._headers_buffer if not _is_connection(line)]
                self._headers_buffer: list[bytes] = kept
                self.send_header("Connection", "close")
            super().end_headers()

    Closing.__name__, Closing.__qualname__ = handler.__name__, handler.__qualname__
    return Closing


def _is_connection(header: bytes) -> bool:
    return header.lower().startswith(b"connection:")
