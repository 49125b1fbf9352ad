"""What gunicorn's master and the workers that it forks send each other."""

from __future__ import annotations

import mmap
import os
import struct
import time


class Count:
    """One byte from each worker, in a pipe of the master."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def send(self) -> None:
        """By a worker."""
        os.write(self._writing, b".")

    def reset(self) -> None:
        """What was sent until now does not count."""
        os.set_blocking(self._reading, False)
        try:
            while True:
                os.read(self._reading, 512)
        except BlockingIOError:
            os.set_blocking(self._reading, True)

    def wait(self, workers: int) -> None:
        """Waits, in a thread of the master, until that many workers have sent theirs."""
        while workers > 0:
            workers -= len(os.read(self._reading, workers))


class SharedDeadline:
    """A moment of ``time.monotonic()`` that the master shares with its workers."""

    _FORMAT = struct.Struct("d")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._FORMAT.size)

    def set(self, deadline: float) -> None:
        """To be called before the workers are asked to stop."""
        self._FORMAT.pack_into(self._memory, 0, deadline)

    def left(self) -> float | None:
        """In seconds; ``None`` if none was set."""
        (deadline,) = self._FORMAT.unpack_from(self._memory, 0)
        return max(deadline - time.monotonic(), 0.0) if deadline else None


#: A worker has loaded the application.
READY = Count()
#: A worker accepts nothing any more.
STOPPED = Count()
#: Until when the workers may finish what is open.
DEADLINE = SharedDeadline()
