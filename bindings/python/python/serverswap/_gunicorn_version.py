"""Which versions of gunicorn can be swapped, and with which workers.

Until 27.0 gunicorn's threaded worker, when it stops, closes connections that it has promised to read on: what the client
has sent meanwhile is lost. Workers of other classes close theirs with an answer, or are not gunicorn's.
"""

from __future__ import annotations

from gunicorn import __version__, version_info  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

#: The oldest that is tested.
_LOWEST = (23, 0)
#: The oldest whose threaded worker loses nothing.
_LOWEST_THREADED = (27, 0)


def fault_of_version(worker: type) -> str | None:
    """Why this gunicorn cannot be used with workers of a class."""
    threaded = issubclass(worker, ThreadWorker)
    lowest = _LOWEST_THREADED if threaded else _LOWEST
    if version_info[:2] >= lowest:
        return None
    what = "its threaded workers lose requests when they stop" if threaded else "it is too old"
    return f"gunicorn {__version__}: {what}; take gunicorn {lowest[0]}.{lowest[1]} or newer"
