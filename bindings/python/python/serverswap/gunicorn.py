"""gunicorn on an inherited address: one generation, several workers.

In ``gunicorn.conf.py``::

    from serverswap.gunicorn import inherited, post_worker_init, when_ready

    bind = inherited(":8080")
    worker_class = "serverswap.gunicorn.Worker"

The master process claims the address and hands the socket to its workers; it calls ``serving`` when all of
them have loaded and started the application, and when the address is taken it stops as on TERM: its workers finish
what is open, within ``graceful_timeout`` and the time that the supervisor gives. The workers are forked
children: they call nothing themselves. :class:`Worker` answers silent and idle connections, too; the other worker
classes, for WSGI and for ASGI, can be swapped as well, and close some of those.

Before any worker is started, gunicorn is refused if it does not listen on what was claimed (``--bind`` has precedence over the
file), or if it has a version that loses requests.
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
from ._drain import Limits
from ._errors import NotHeldError
from ._gunicorn_ipc import DEADLINE, READY, STOPPED
from ._gunicorn_loop import runs_event_loop, when_accepting
from ._gunicorn_refusal import fault_of_hooks, refuse
from ._gunicorn_version import fault_of_version
from ._gunicorn_worker import Worker, limit_graceful_timeout
from ._listener import Listener
from ._native import Address
from ._open_sockets import inode_of
from ._takedown import Takedown

__all__ = ["Worker", "inherited", "post_worker_init", "when_ready"]


class _Master:
    """What the master process has claimed."""

    def __init__(self) -> None:
        #: What gunicorn binds for each address.
        self.addresses: dict[Address, str] = {}
        #: What names the sockets.
        self._inodes: dict[Address, int] = {}
        #: gunicorn's arbiter, when there is one.
        self.server: Any = None
        self._stopping = threading.Lock()
        self._stopped = False

    def granted(self, address: Address, listener: Listener) -> None:
        self._inodes[address] = inode_of(listener.fileno())
        self.addresses[address] = f"fd://{listener.detach()}"

    def fault(self, server: Any) -> str | None:
        """Why a gunicorn that has opened its sockets cannot serve what was granted."""
        listeners = {inode_of(listener.fileno()): str(listener) for listener in server.LISTENERS}
        for address, inode in self._inodes.items():
            if inode not in listeners:
                found = " and ".join(listeners.values()) or "nothing that it shares with its workers"
                return (
                    f"gunicorn listens on {found}, and not on `{address}`, which it was granted; take `--bind` out of "
                    "its command line and of GUNICORN_CMD_ARGS, and `reuse_port` out of its settings"
                )
        return fault_of_hooks(server.cfg) or fault_of_version(server.worker_class)

    def serve(self, server: Any) -> None:
        """Waits for as many workers as there are to be; a thread does that."""
        READY.wait_for_number(lambda: int(server.num_workers))
        for address in self.addresses:
            try:
                CONNECTION.serving(address)
            except NotHeldError:  # Taken before it was served.
                pass

    def stop(self, takedown: Takedown) -> None:
        """gunicorn closes its sockets and ends its workers, for whichever address is taken first. An address
        is released when none of them accepts any more, or, with workers of another class, with the
        end of the master."""
        with self._stopping:
            if not self._stopped:
                self._stop(takedown)
            self._stopped = True

    def _stop(self, takedown: Takedown) -> None:
        workers: list[int] = []
        if self.server is not None:
            deadline = Limits(takedown, None, framework=True).drain
            DEADLINE.set(deadline)
            # Later than the workers: what they end is ended in order.
            limit_graceful_timeout(self.server.cfg, (deadline + takedown.deadline) / 2 - time.monotonic())
            workers = list(self.server.WORKERS)
        STOPPED.forget()
        os.kill(os.getpid(), signal.SIGTERM)
        STOPPED.wait_for_each(workers)


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
        _master.granted(parsed, _api.listen(parsed))
    return _master.addresses[parsed]


def when_ready(server: Any) -> None:
    """The hook of gunicorn, in the master, before there is a worker."""
    # Otherwise it removes the path of a Unix socket that the next server serves.
    server.systemd = True
    if _master is not None:
        fault = _master.fault(server)
        if fault is not None:
            refuse(fault)
        _master.server = server
        threading.Thread(target=_master.serve, args=(server,), name="serverswap-workers", daemon=True).start()


def post_worker_init(worker: Any) -> None:
    """The hook of gunicorn, in a worker that has loaded the application."""
    if _master is None:
        return
    if runs_event_loop(type(worker)):
        when_accepting(worker.sockets, READY.send)
    else:
        READY.send()
