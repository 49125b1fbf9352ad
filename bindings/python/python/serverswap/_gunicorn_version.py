"""Which versions of gunicorn can be swapped, and with which workers.

Until 27.0.1 gunicorn's own threaded worker, when it stops, closes connections on which it has announced to read on: what the
client has sent meanwhile is lost. Ours is made of what it has since 25.2. The other classes do not depend on the version.
"""

from __future__ import annotations

from gunicorn import __version__, version_info  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from ._gunicorn_worker import Worker


def fault_of_version(worker: type) -> str | None:
    """Why this gunicorn cannot be used with workers of a class."""
    lowest, remedy = _lowest(worker)
    if version_info >= lowest:
        return None
    return f"gunicorn {__version__} loses requests when `{worker.__name__}` stops: {remedy}"


def _lowest(worker: type) -> tuple[tuple[int, ...], str]:
    if issubclass(worker, Worker):
        return (25, 2), "take gunicorn 25.2 or newer"
    if issubclass(worker, ThreadWorker):
        return (27, 0, 1), 'take `worker_class = "serverswap.gunicorn.Worker"` and gunicorn 25.2 or newer'
    return (23, 0), "take gunicorn 23.0 or newer"
