"""A takedown, and the handler of it."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Takedown:
    """An address is to be released: stop accepting on it."""

    __slots__ = ("address", "reason", "drain", "stream", "deadline")

    def __init__(self, address: str, reason: str, drain: float, stream: float | None = None) -> None:
        #: The canonical address.
        self.address = address
        #: ``"replaced"`` or ``"stopping"``.
        self.reason = reason
        #: How many seconds open connections may be finished, from when the takedown arrived.
        self.drain = drain
        #: The same for responses that still make progress, if :func:`progress` asks for it; no shorter.
        self.stream = drain if stream is None else max(drain, stream)
        #: When ``drain`` is over, and the server gets TERM, by ``time.monotonic()``.
        self.deadline = time.monotonic() + drain

    def __repr__(self) -> str:
        return f"Takedown(address={self.address!r}, reason={self.reason!r}, drain={self.drain!r})"


class ThreadHandler:
    """A handler of a blocking program: it runs on a daemon thread and may take its time."""

    def __init__(self, handler: Callable[..., object]) -> None:
        self._handler = handler
        self._takes_takedown = takes_argument(handler)

    def start(self, takedown: Takedown, done: Callable[[], None]) -> None:
        """Runs it; ``done`` is called when it has returned, and not if it raises."""

        def run() -> None:
            self._handler(takedown) if self._takes_takedown else self._handler()
            done()

        import threading

        threading.Thread(target=run, name=f"serverswap-takedown {takedown.address}", daemon=True).start()


def takes_argument(function: Callable[..., object]) -> bool:
    """Whether it can be called with one positional argument."""
    import inspect

    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # A built-in that tells nothing about itself.
        return True
    return True
