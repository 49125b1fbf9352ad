"""A claim that waits for its answer."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ._errors import ServerSwapError
    from ._listener import Listener
    from ._native import Address


class Claim:
    """Answered exactly once: granted, with a listener if it was inherited, or refused."""

    def __init__(self, number: int, address: Address, wake: Callable[[], object]) -> None:
        self.number = number
        self.address = address
        self.granted = False
        self._wake = wake
        self._listener: Listener | None = None
        self._error: ServerSwapError | None = None

    def grant(self, listener: Listener | None) -> None:
        """Answers it. ``wake`` is called by the thread that reads the connection."""
        self.granted = True
        self._listener = listener
        self._wake()

    def refuse(self, error: ServerSwapError) -> None:
        """Answers it."""
        self._error = error
        self._wake()

    def result(self) -> Listener | None:
        """The listener, or ``None`` for an address that was bound.

        :raises ServerSwapError: it was refused
        """
        if self._error is not None:
            raise self._error
        return self._listener
