"""A claim that waits for its answer."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ._errors import ServerSwapError
    from ._listener import Listener


class Claim:
    """Answered exactly once: granted, with a listener if it was inherited, or refused."""

    def __init__(self, address: str, wake: Callable[[], object]) -> None:
        self.address = address
        self.answered = False
        self._wake = wake
        self._listener: Listener | None = None
        self._error: ServerSwapError | None = None

    def grant(self, listener: Listener | None) -> None:
        """Answers it. ``wake`` is called by the thread that reads the connection."""
        self._listener = listener
        self._answer()

    def refuse(self, error: ServerSwapError) -> None:
        """Answers it."""
        self._error = error
        self._answer()

    def result(self) -> Listener | None:
        """The listener, or ``None`` for an address that was bound.

        :raises ServerSwapError: it was refused
        """
        if self._error is not None:
            raise self._error
        return self._listener

    @property
    def granted(self) -> bool:
        """Whether the answer is a grant."""
        return self.answered and self._error is None

    def _answer(self) -> None:
        self.answered = True
        self._wake()
