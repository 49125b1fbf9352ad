"""gunicorn on an inherited address: one generation, several workers.

In ``gunicorn.conf.py``::

    from serverswap.gunicorn import inherited, post_worker_init, when_ready

    bind = inherited(":8080")

The master process claims the address and hands the socket to its workers; it says ``serving`` when all of
them have loaded the application, and when the address is taken it stops as on TERM: its workers finish
what is open, within ``graceful_timeout``. The workers are forked children: they say nothing themselves.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from . import _words
from ._arguments import address_of
from ._hub import HUB

__all__ = ["inherited", "post_worker_init", "when_ready"]


class _Master:
    """What the master process has claimed, and how its workers tell it that they are ready."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.reading, self.writing = os.pipe()

    def say_serving(self, workers: int) -> None:
        """Waits for as many workers as there are to be; a thread does that."""
        while workers > 0:
            workers -= len(os.read(self.reading, workers))
        for address in self.addresses:
            HUB.serving(address)


_master: _Master | None = None


def inherited(address: str | int) -> str:
    """Claims an address and returns what gunicorn's ``bind`` wants to hear. A second time, as when
    gunicorn reads its configuration again, it returns the same.

    :raises ServerSwapError: the claim has failed. The old server serves on
    """
    global _master
    _master = _master or _Master()
    canonical = address_of(address)
    if canonical not in _master.addresses:
        _words.on_takedown(canonical, _stop)
        listener = _words.listen(canonical)
        _master.addresses[canonical] = f"fd://{listener.detach()}"
    return _master.addresses[canonical]


def _stop() -> None:
    """The master closes its sockets and ends its workers; the address is let go of with its end."""
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()


def when_ready(server: Any) -> None:
    """The hook of gunicorn, in the master, before there is a worker."""
    # Otherwise it removes the path of a Unix socket that the next server serves.
    server.systemd = True
    if _master is not None:
        workers = (server.cfg.workers,)
        threading.Thread(target=_master.say_serving, args=workers, name="serverswap-workers", daemon=True).start()


def post_worker_init(worker: Any) -> None:
    """The hook of gunicorn, in a worker that has loaded the application."""
    if _master is not None:
        os.write(_master.writing, b".")
