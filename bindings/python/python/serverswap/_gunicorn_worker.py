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

from ._connection import CONNECTION
from ._gunicorn_ipc import DEADLINE, STOPPED
from ._gunicorn_refusal import fault_of_hooks, refuse

#: How long a connection may be silent before its first request, in seconds; as gunicorn has it.
_SILENT_SECONDS = 5.0


#: How long to wait for what happens before gunicorn is told that the worker lives, in seconds; as gunicorn has it.
_TURN_SECONDS = 1.0


class Worker(ThreadWorker):  # type: ignore[misc]
    """``worker_class = "serverswap.gunicorn.Worker"``, for every ``threads``. See the module."""

    alive: bool

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuses a configuration that has claimed an address and lacks the hooks: it would never serve."""
        super().check_config(cfg, log)
        fault = fault_of_hooks(cfg)
        if fault is not None and CONNECTION.has_unserved:
            refuse(fault)

    def run(self) -> None:
        """Serves until it is to stop, and then what is open."""
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive and self.is_parent_alive():
            can_accept = self.nr_conns < self.worker_connections
            if can_accept != self._accepting:
                self.set_accept_enabled(can_accept)
            self._take_turn(_TURN_SECONDS)
        self.alive = False
        self._stop_accepting()
        self._drain()
        self.tpool.shutdown(wait=False)

    def _take_turn(self, seconds: float) -> None:
        self.notify()
        self.wait_for_and_dispatch_events(timeout=seconds)
        self.murder_keepalived()
        self.murder_pending()

    def _stop_accepting(self) -> None:
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        STOPPED.send()

    def _drain(self) -> None:
        limit_graceful_timeout(self.cfg, DEADLINE.left())
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while self.nr_conns > 0 and time.monotonic() < deadline:
            waiting = [queue[0].timeout for queue in (self.keepalived_conns, self.pending_conns) if queue]
            next_end = min([deadline, *waiting]) - time.monotonic()
            self._take_turn(min(max(next_end, 0.0), _TURN_SECONDS))

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
        """As gunicorn's of a worker that does not stop: an idle connection is kept for as long."""
        if self.alive:
            super().finish_request(conn, fs)
            return
        # A thread that looks in between does not end its connection with its answer, but with the next one.
        self.alive = True
        try:
            super().finish_request(conn, fs)
        finally:
            self.alive = False


def limit_graceful_timeout(cfg: Any, seconds: float | None) -> None:
    """gunicorn parses whole seconds only; it counts in any."""
    if seconds is not None:
        setting = cfg.settings["graceful_timeout"]
        setting.value = min(setting.value, seconds)
