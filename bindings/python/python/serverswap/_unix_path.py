"""The path of a Unix socket belongs to the arbiter: asyncio and uvloop are kept from removing it.

Since Python 3.13 their ``create_unix_server`` removes the path of a socket when the server is closed, unless it is
told not to: also that of a socket which it was handed, and which the next server serves.
"""

from __future__ import annotations

import functools
import inspect
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def keep_path(shared: type) -> None:
    """From now on no server on a socket of that class removes its path.

    The event loops that are imported by now have learnt it.
    """
    if sys.version_info >= (3, 13):
        import asyncio

        _teach(asyncio.SelectorEventLoop, shared)
        if "uvloop" in sys.modules:
            _teach(sys.modules["uvloop"].Loop, shared)


def _teach(loop: Any, shared: type) -> None:
    create = loop.create_unix_server
    if "cleanup_socket" not in inspect.signature(create).parameters:
        return  # One that never removes it, or was taught.

    @functools.wraps(create)
    async def create_unix_server(self: Any, *arguments: Any, sock: Any = None, **options: Any) -> Any:
        if isinstance(sock, shared):
            options["cleanup_socket"] = False
        return await create(self, *arguments, sock=sock, **options)

    # What `inspect` sees is the wrapper's own: it is not wrapped again.
    del create_unix_server.__wrapped__
    loop.create_unix_server = create_unix_server
