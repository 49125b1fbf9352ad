"""The daemon thread of a blocking program: it waits for the connection and has it processed."""

from __future__ import annotations

import select
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def start_reader(fd: int, process: Callable[[], None]) -> threading.Thread:
    """Starts it. It lives as long as the process, and never holds up its end."""

    def read() -> None:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while True:
            poll.poll()
            process()

    thread = threading.Thread(target=read, name="serverswap", daemon=True)
    thread.start()
    return thread
