"""A wakeup that is given once, and seen by every thread and forked child that waits for it."""

from __future__ import annotations

import os
import select


class Wakeup:
    """A pipe: it becomes readable when the wakeup is given, and is never read."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def set(self) -> None:
        """Gives the wakeup. A second time changes nothing."""
        if not self.is_set():
            os.write(self._writing, b"!")

    def is_set(self) -> bool:
        """Whether the wakeup was given."""
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        return bool(poll.poll(0))

    def fileno(self) -> int:
        """What to poll."""
        return self._reading

    def __del__(self) -> None:
        os.close(self._reading)
        os.close(self._writing)
