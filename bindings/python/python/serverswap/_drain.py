"""The drain of one server: until when connections may be finished, and what is reported of it.

The policy is that of the client library, the same in every language. Deliberately without threads and
event loops: a server decides for itself how to wait.
"""

from __future__ import annotations

import time

from ._connection import CONNECTION
from ._errors import NotHeldError
from ._native import Call, ProgressThrottle, drain_deadline, silent_after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._native import Address
    from ._takedown import Takedown


class Limits:
    """Until when connections may be finished, by ``time.monotonic()``: a little before the supervisor's TERM.

    :param drain_timeout: the most seconds that the server itself wants
    :param framework: whether a framework ends its connections, which takes it a moment
    """

    def __init__(self, takedown: Takedown | None, drain_timeout: float | None, *, framework: bool = False) -> None:
        now = time.monotonic()
        taken = None if takedown is None else takedown.deadline - takedown.drain

        def limit(seconds: float) -> float:
            given = None if taken is None else (taken, seconds)
            return drain_deadline(now, timeout=drain_timeout, takedown=given, framework=framework)

        #: Of all connections.
        self.drain = limit(0 if takedown is None else takedown.drain)
        #: Of those on which something is still sent.
        self.stream = limit(0 if takedown is None else takedown.stream)
        #: For how long nothing is sent on one before it counts as silent, in seconds.
        self.silent_after = silent_after(max(self.drain - now, 0), max(self.stream - now, 0))
        self._stream_term = None if takedown is None or taken is None else taken + takedown.stream

    @property
    def look_again(self) -> float:
        """After how many seconds is looked whether what flowed still does."""
        return max(self.silent_after / _LOOKS, _LOOK_SECONDS_MIN)

    @property
    def more(self) -> float | None:
        """The seconds to ask for, from now on, if something flows when the drain is over."""
        return None if self._stream_term is None else max(self._stream_term - time.monotonic(), 0)


#: How often is looked before a connection counts as silent.
_LOOKS = 4
_LOOK_SECONDS_MIN = 0.01


class ProgressReporter:
    """Reports to the supervisor, while the drain lasts, how many connections are open."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._throttle = ProgressThrottle()
        self._cut = 0
        self._has_asked = False

    def report(self, connections: int) -> None:
        """That many are open now."""
        if self._throttle.is_due(connections):
            self._send(Call.progress(self._address, connections=connections, extend=None))

    def cut(self, connections: int) -> None:
        """That many more are closed unfinished."""
        if connections > 0:
            self._cut += connections
            self._send(Call.progress(self._address, connections=None, extend=None, cut=self._cut))

    def flows(self, limits: Limits) -> None:
        """The drain is over, but something is still sent: asks for the time of that, once."""
        if not self._has_asked and limits.more is not None:
            self._has_asked = True
            self._send(Call.progress(self._address, connections=None, extend=limits.more))

    def finish(self, left: int) -> None:
        """All of the drain is over: that many are closed unfinished."""
        self.cut(left)
        if left == 0:
            self.report(0)

    def _send(self, progress: Call) -> None:
        try:
            CONNECTION.call(progress)
        except NotHeldError:  # Given up without a takedown: nobody waits for this.
            pass
