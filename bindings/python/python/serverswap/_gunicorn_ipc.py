"""What gunicorn's master and the workers that it forks send each other.

Rules:
- a worker never waits for its master: a pipe that is full takes nothing more, and wakes whoever reads it all the same;
- the master never waits for a worker that has ended.
"""

from __future__ import annotations

import mmap
import os
import select
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class WorkerPipe:
    """The process ids of the workers that have something to say, which is always the same."""

    _FORMAT = struct.Struct("i")

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)

    def send(self) -> None:
        """By a worker."""
        try:
            os.write(self._writing, self._FORMAT.pack(os.getpid()))
        except BlockingIOError:  # Nobody has read for thousands of workers: nobody waits for this one.
            pass

    def wait_for_number(self, number: Callable[[], int]) -> None:
        """Waits, in a thread of the master, until that many workers have sent and live."""
        with _Processes() as ready:
            while len(ready) < number():
                ready.wait(self._reading)
                for pid in self._received():
                    ready.add(pid)

    def forget(self) -> None:
        """By the master: what was sent until now does not count."""
        self._received()

    def wait_for_each(self, pids: Iterable[int]) -> None:
        """Waits, in a thread of the master, until each of these has sent or ended."""
        with _Processes() as left:
            for pid in pids:
                left.add(pid)
            while len(left) > 0:
                left.wait(self._reading)
                for pid in self._received():
                    left.discard(pid)

    def _received(self) -> list[int]:
        pids: list[int] = []
        try:
            while True:
                pids += (pid for (pid,) in self._FORMAT.iter_unpack(os.read(self._reading, 4096)))
        except BlockingIOError:
            return pids


class _Processes:
    """Some living processes: one that ends is in it no longer."""

    def __init__(self) -> None:
        self._pidfds: dict[int, int] = {}

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self._pidfds):
            self.discard(pid)

    def __len__(self) -> int:
        return len(self._pidfds)

    def add(self, pid: int) -> None:
        if pid not in self._pidfds:
            try:
                self._pidfds[pid] = os.pidfd_open(pid)
            except ProcessLookupError:  # It has ended.
                pass

    def discard(self, pid: int) -> None:
        pidfd = self._pidfds.pop(pid, None)
        if pidfd is not None:
            os.close(pidfd)

    def wait(self, other: int) -> None:
        """Until one of them has ended, or another descriptor is readable."""
        poll = select.poll()
        for descriptor in (other, *self._pidfds.values()):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()}
        for pid in [pid for pid, pidfd in self._pidfds.items() if pidfd in ready]:
            self.discard(pid)


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


#: A worker accepts, or will as soon as the hook has returned.
READY = WorkerPipe()
#: A worker accepts nothing any more.
STOPPED = WorkerPipe()
#: Until when the workers may finish what is open.
DEADLINE = SharedDeadline()
