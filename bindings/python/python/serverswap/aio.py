"""The calls of serverswap for asyncio: coroutines that hold no thread.

The connection is read by the event loop itself (``add_reader``), on asyncio's own loops and on
uvloop. A claim that is cancelled is withdrawn.
"""

from __future__ import annotations

import asyncio

from ._aio_handler import LoopHandler
from ._aio_server import StreamServer
from ._api import progress as _progress
from ._arguments import address_of, callable_of, reason_of, timeout_of
from ._errors import ClaimTimeoutError
from ._connection import CONNECTION
from ._listener import Listener
from ._native import FLUSH_TIMEOUT
from ._takedown import Takedown, takes_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, overload

    from ._native import Address

    _H = TypeVar("_H", bound=Callable[..., object])
else:

    def overload(function):
        return function


__all__ = [
    "Listener",
    "StreamServer",
    "Takedown",
    "fail",
    "listen",
    "on_takedown",
    "progress",
    "ready_for",
    "released",
    "server_up",
    "serving",
]


async def ready_for(
    address: str | int | Address,
    callback: Callable[..., object] | None = None,
    *,
    inherit: bool = False,
    more: bool = False,
    timeout: float | None = None,
) -> Listener | None:
    """As :func:`serverswap.ready_for`; the callback may be a coroutine function."""
    parsed, seconds = address_of(address), timeout_of(timeout)
    if callback is not None:
        callable_of(callback, "the callback")
    listener = await _claim(parsed, inherit=bool(inherit), more=bool(more), timeout=seconds)
    if callback is not None:
        result = callback(listener) if takes_argument(callback) else callback()
        if asyncio.iscoroutine(result):
            await result
        CONNECTION.serving(parsed)
    return listener


async def listen(address: str | int | Address, *, more: bool = False, timeout: float | None = None) -> Listener:
    """As :func:`serverswap.listen`; the socket is non-blocking, as event loops want it."""
    listener = await ready_for(address, inherit=True, more=more, timeout=timeout)
    assert listener is not None, "an inherited address is granted with its socket"
    listener.setblocking(False)
    return listener


async def _claim(address: Address, *, inherit: bool, more: bool, timeout: float | None) -> Listener | None:
    answered, wake = _awaited()
    claim = CONNECTION.claim(address, inherit=inherit, more=more, wake=wake)
    try:
        await asyncio.wait_for(answered, timeout)
        return claim.result()
    except asyncio.TimeoutError:
        CONNECTION.withdraw(claim)
        message = f"`{address}` was not granted within {timeout} s; the claim was withdrawn"
        raise ClaimTimeoutError(message) from None
    except BaseException:
        CONNECTION.withdraw(claim)
        raise


def _awaited() -> tuple[asyncio.Future[None], Callable[[], object]]:
    """A future of the running loop, and what fulfils it from any thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    CONNECTION.read_by_loop(loop)

    def fulfil() -> None:
        if not future.done():
            future.set_result(None)

    return future, lambda: loop.call_soon_threadsafe(fulfil)


async def serving(address: str | int | Address) -> None:
    """As :func:`serverswap.serving`."""
    CONNECTION.serving(address_of(address))


async def server_up() -> None:
    """As :func:`serverswap.server_up`."""
    CONNECTION.server_up()


async def fail(reason: str) -> None:
    """As :func:`serverswap.fail`."""
    sent, wake = _awaited()
    CONNECTION.fail(reason_of(reason), wake=wake)
    await asyncio.wait([sent], timeout=FLUSH_TIMEOUT)


async def released(address: str | int | Address) -> None:
    """As :func:`serverswap.released`."""
    CONNECTION.released(address_of(address))


async def progress(
    address: str | int | Address, *, connections: int | None = None, extend: float | None = None
) -> None:
    """As :func:`serverswap.progress`."""
    _progress(address, connections=connections, extend=extend)


@overload
def on_takedown(address: str | int | Address, handler: _H) -> _H: ...
@overload
def on_takedown(address: str | int | Address, handler: None = None) -> Callable[[_H], _H]: ...
def on_takedown(address: str | int | Address, handler: Callable[..., object] | None = None) -> object:
    """As :func:`serverswap.on_takedown`: registers at once, and is not to be awaited. The handler, a
    function or a coroutine function, runs in the event loop that runs now, or else in the one that
    claims the address."""
    parsed = address_of(address)

    def register(handler: _H) -> _H:
        callable_of(handler, "a handler")
        CONNECTION.add_handler(parsed, LoopHandler(handler, CONNECTION))
        return handler

    return register if handler is None else register(handler)
