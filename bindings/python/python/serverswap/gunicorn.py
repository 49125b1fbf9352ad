"""gunicorn on an inherited address: one generation, several workers.

In ``gunicorn.conf.py``::

    from serverswap.gunicorn import inherited, post_worker_init, when_ready

    bind = inherited(":8080")
    worker_class = "serverswap.gunicorn.Worker"

The master process claims the address and hands the socket to its workers; it calls ``serving`` when all of
them have loaded the application, and when the address is taken it stops as on TERM: its workers finish
what is open, within ``graceful_timeout`` and the time that the supervisor gives. The workers are forked
children: they call nothing themselves. :class:`Worker` answers silent and idle connections, too; the other worker
classes can be swapped as well, and close some of those.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from . import _api
from ._arguments import address_of
from ._connection import CONNECTION
from ._drain import framework_deadline_of
from ._gunicorn_ipc import DEADLINE, READY, STOPPED
from ._gunicorn_worker import Worker, limit_graceful_timeout
from ._native import Address
from ._takedown import Takedown

__all__ = ["Worker", "inherited", "post_worker_init", "when_ready"]


class _Master:
    """What the master process has claimed."""

    def __init__(self) -> None:
        #: What gunicorn binds for each address.
        self.addresses: dict[Address, str] = {}
        #: gunicorn's arbiter, when there is one.
        self.server: Any = None
        self._stopping = threading.Lock()
        self._stopped = False

    def serve(self, workers: int) -> None:
        """Waits for as many workers as there are to be; a thread does that."""
        READY.wait(workers)
        for address in self.addresses:
            CONNECTION.serving(address)

    def stop(self, takedown: Takedown) -> None:
        """gunicorn closes its sockets and ends its workers, for whichever address is taken first. An address
        is released when none of them accepts any more, or, with workers of another class, with the
        end of the master."""
        with self._stopping:
            if not self._stopped:
                self._stop(takedown)
            self._stopped = True

    def _stop(self, takedown: Takedown) -> None:
        workers = 0
        if self.server is not None:
            deadline = framework_deadline_of(takedown, None)
            DEADLINE.set(deadline)
            # Later than the workers: what they end is ended in order.
            limit_graceful_timeout(self.server.cfg, (deadline + takedown.deadline) / 2 - time.monotonic())
            workers = len(self.server.WORKERS)
        STOPPED.reset()
        os.kill(os.getpid(), signal.SIGTERM)
        STOPPED.wait(workers)


_master: _Master | None = None


def inherited(address: str | int) -> str:
    """Claims an address and returns what gunicorn's ``bind`` takes. A second time, as when
    gunicorn reads its configuration again, it returns the same.

    :raises ServerSwapError: the claim has failed. The old server serves on
    """
    global _master
    _master = _master or _Master()
    parsed = address_of(address)
    if parsed not in _master.addresses:
        _api.on_takedown(parsed, _master.stop)
        listener = _api.listen(parsed)
        _master.addresses[parsed] = f"fd://{listener.detach()}"
    return _master.addresses[parsed]


def when_ready(server: Any) -> None:
    """The hook of gunicorn, in the master, before there is a worker."""
    # Otherwise it removes the path of a Unix socket that the next server serves.
    server.systemd = True
    if _master is not None:
        _master.server = server
        workers = (server.cfg.workers,)
        threading.Thread(target=_master.serve, args=workers, name="serverswap-workers", daemon=True).start()


def post_worker_init(worker: Any) -> None:
    """The hook of gunicorn, in a worker that has loaded the application."""
    if _master is not None:
        READY.send()
