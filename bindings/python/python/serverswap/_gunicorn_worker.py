"""gunicorn's threaded worker, draining as every other server of this package does.

gunicorn's own closes a connection that is silent when the worker is asked to stop, and keeps an idle one for two
seconds. This one keeps both for as long as at any other time, and answers them with ``Connection: close``.

Rules:
- a connection takes a thread when it has said something, and not before: silent ones cannot keep the
  others waiting;
- the worker closes its listening sockets as soon as it stops accepting;
- what is open at the deadline of the takedown is ended, a little before the supervisor would.
"""

from __future__ import annotations

import selectors
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ._gunicorn_ipc import DEADLINE, STOPPED

#: How long a connection may be silent before its first request, in seconds; as gunicorn has it.
_SILENT_SECONDS = 5.0


class Worker(ThreadWorker):  # type: ignore[misc]
    """``worker_class = "serverswap.gunicorn.Worker"``, for every ``threads``. See the module."""

    def enqueue_req(self, conn: Any) -> None:
        """Has a thread serve it, as soon as there is something to serve."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + _SILENT_SECONDS + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def finish_request(self, conn: Any, fs: Any) -> None:
        """As gunicorn's, which would keep an idle connection for a shorter time when it drains."""
        super().finish_request(conn, fs)
        if self.keepalived_conns and self.keepalived_conns[-1] is conn:
            conn.set_timeout()

    def set_accept_enabled(self, enabled: bool) -> None:
        """As gunicorn's; for the last time before the drain."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()
            STOPPED.send()
            limit_graceful_timeout(self.cfg, DEADLINE.left())

    def _cap_keepalive(self, deadline: float) -> None:
        """gunicorn asks here for its two seconds."""


def limit_graceful_timeout(cfg: Any, seconds: float | None) -> None:
    """gunicorn parses whole seconds only; it counts in any."""
    if seconds is not None:
        setting = cfg.settings["graceful_timeout"]
        setting.value = min(setting.value, seconds)
