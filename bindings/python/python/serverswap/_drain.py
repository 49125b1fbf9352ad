"""The drain of one server: what is open, until when, and what is told of it.

Deliberately without threads and event loops: whoever serves says when a connection opens and closes,
and decides how to wait.
"""

from __future__ import annotations

import time

from ._errors import NotHeldError
from ._hub import HUB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._takedown import Takedown

#: The drain of a server that stops without a takedown, in seconds.
DRAIN_DEFAULT = 30.0
#: How long before the supervisor's TERM the server's own deadline is: a tenth, and no more than this.
MARGIN_MAX = 0.5
MARGIN_SHARE = 0.1
#: How much sooner a framework is told to end what is open, because it has more to do then: a tenth, and no more
#: than so many seconds.
ENDING_MAX = 0.3

# Which counts of open connections are worth a message: the last ones one by one, and above them each
# that is a tenth lower. So ten thousand connections cost about a hundred messages, without a timer.
ONE_BY_ONE = 10
STEP = 0.9


def deadline_of(takedown: Takedown | None, drain_timeout: float | None, *, ending: float = 0.0) -> float:
    """Until when connections may be finished, by ``time.monotonic()``.

    :param ending: :data:`ENDING_MAX`, or nothing
    """
    if takedown is None:
        return time.monotonic() + (DRAIN_DEFAULT if drain_timeout is None else drain_timeout)
    share = takedown.drain * MARGIN_SHARE
    margin = min(MARGIN_MAX, share) + min(ending, share)
    deadline = takedown.deadline - margin
    return deadline if drain_timeout is None else min(deadline, time.monotonic() + drain_timeout)


def let_go(address: str) -> None:
    """Says that nothing is accepted on the address any more, unless that was said."""
    try:
        HUB.released(address)
    except NotHeldError:
        pass


class Told:
    """Tells the supervisor, while the drain lasts, how many connections are open."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._told = float("inf")

    def open(self, connections: int) -> None:
        """So many are open now."""
        if connections <= ONE_BY_ONE or connections <= self._told * STEP:
            self._told = connections
            try:
                HUB.progress(self._address, connections=connections, extend=None)
            except NotHeldError:  # Given up without a takedown: nobody waits for this.
                pass
