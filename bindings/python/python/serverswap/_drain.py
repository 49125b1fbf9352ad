"""The drain of one server: until when connections may be finished, and what is reported of it.

The policy is that of the client library, the same in every language. Deliberately without threads and
event loops: a server decides for itself how to wait.
"""

from __future__ import annotations

import time

from ._connection import CONNECTION
from ._errors import NotHeldError
from ._native import Call, ProgressThrottle, drain_deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._native import Address
    from ._takedown import Takedown


def deadline_of(takedown: Takedown | None, drain_timeout: float | None) -> float:
    """Until when connections may be finished, by ``time.monotonic()``: a little before the supervisor's
    TERM. ``drain_timeout``: the most seconds that the server itself wants."""
    return _deadline_of(takedown, drain_timeout, framework=False)


def framework_deadline_of(takedown: Takedown | None, drain_timeout: float | None) -> float:
    """As :func:`deadline_of`, a moment earlier: a framework takes a while to end its connections."""
    return _deadline_of(takedown, drain_timeout, framework=True)


def _deadline_of(takedown: Takedown | None, drain_timeout: float | None, *, framework: bool) -> float:
    taken = None if takedown is None else (takedown.deadline - takedown.drain, takedown.drain)
    return drain_deadline(time.monotonic(), timeout=drain_timeout, takedown=taken, framework=framework)


class ProgressReporter:
    """Reports to the supervisor, while the drain lasts, how many connections are open."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._throttle = ProgressThrottle()

    def report(self, connections: int) -> None:
        """That many are open now."""
        if self._throttle.is_due(connections):
            self._send(Call.progress(self._address, connections=connections, extend=None))

    def finish(self, left: int) -> None:
        """The drain is over: that many are closed unfinished."""
        if left > 0:
            self._send(Call.progress(self._address, connections=None, extend=None, cut=left))
        else:
            self.report(0)

    def _send(self, progress: Call) -> None:
        try:
            CONNECTION.call(progress)
        except NotHeldError:  # Given up without a takedown: nobody waits for this.
            pass
