"""gunicorn's workers that run an event loop: they start the application when they have loaded it.

gunicorn says that such a worker is initialized before the application has had its start-up (ASGI: lifespan; aiohttp:
``on_startup``), which may fail. That is over when the event loop accepts on the sockets of the worker: every such class, of
gunicorn, uvicorn or aiohttp, has the loop do that with ``create_server``.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.workers.base_async import AsyncWorker  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]
from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

from ._open_sockets import inode_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: These accept as soon as they are initialized, whatever a module of a subclass imports.
_WSGI = (SyncWorker, ThreadWorker, AsyncWorker)


def runs_event_loop(worker: type) -> bool:
    """Whether workers of a class accept with an event loop of asyncio."""
    modules = (sys.modules.get(kind.__module__) for kind in worker.__mro__)
    return not issubclass(worker, _WSGI) and any(hasattr(module, "asyncio") for module in modules)


def when_accepting(sockets: list[Any], call: Callable[[], None]) -> None:
    """Calls it when an event loop of this process accepts on each of these sockets."""
    missing = {inode_of(sock.fileno()) for sock in sockets}

    def accepts(sock: Any) -> None:
        inode = inode_of(sock.fileno())
        if inode in missing:
            missing.remove(inode)
            if not missing:
                call()

    for loop in _event_loops():
        _observe(loop, accepts)


def _event_loops() -> list[Any]:
    loops: list[Any] = [asyncio.BaseEventLoop]
    try:
        import uvloop
    except ImportError:
        return loops
    return [*loops, uvloop.Loop]


def _observe(loop: Any, accepts: Callable[[Any], None]) -> None:
    create = loop.create_server

    @functools.wraps(create)
    async def create_server(self: Any, *arguments: Any, sock: Any = None, **options: Any) -> Any:
        server = await create(self, *arguments, sock=sock, **options)
        if sock is not None:
            accepts(sock)
        return server

    loop.create_server = create_server
