"""The calls of a blocking program."""

from __future__ import annotations

from ._arguments import address_of, callable_of, extension_of, reason_of, timeout_of, wrong
from ._connection import CONNECTION
from ._errors import ClaimTimeoutError
from ._native import FLUSH_TIMEOUT, Call
from ._takedown import ThreadHandler, takes_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, overload

    from ._listener import Listener
    from ._native import Address

    _H = TypeVar("_H", bound=Callable[..., object])
else:

    def overload(function):
        return function

#: The largest number in the protocol (2^53 - 1).
COUNT_MAX = 9_007_199_254_740_991


def ready_for(
    address: str | int | Address,
    callback: Callable[..., object] | None = None,
    *,
    inherit: bool = False,
    more: bool = False,
    timeout: float | None = None,
) -> Listener | None:
    """Claims an address and waits until it is granted.

    Everything slow goes before this: the old server serves until it is reached.

    Without ``inherit`` (*bind*) the old server has released the address when this returns ``None``,
    and this one opens its own socket. With ``inherit`` the listening socket is returned, and the old
    server goes on accepting on it. In both cases call :func:`serving` when the accept loop runs.

    :param callback: called here when the address is granted, with the socket if it takes an argument;
        when it has returned, ``serving`` is called for it
    :param more: the deploy has not succeeded before :func:`server_up` is called
    :param timeout: seconds to wait; then the claim is withdrawn
    :raises ClaimTimeoutError: after ``timeout``
    :raises ServerSwapError: the claim has failed; its ``code`` says why. The old server serves on
    """
    parsed, seconds = address_of(address), timeout_of(timeout)
    if callback is not None:
        callable_of(callback, "the callback")
    listener = _claim(parsed, inherit=bool(inherit), more=bool(more), timeout=seconds)
    if callback is not None:
        callback(listener) if takes_argument(callback) else callback()
        CONNECTION.serving(parsed)
    return listener


def listen(address: str | int | Address, *, more: bool = False, timeout: float | None = None) -> Listener:
    """Claims an address by inheritance and returns its socket, which listens.

    Nothing more is called: the old server accepts until :func:`serving` (or :func:`server_up`).

    :raises ServerSwapError: as :func:`ready_for`
    """
    listener = ready_for(address, inherit=True, more=more, timeout=timeout)
    assert listener is not None, "an inherited address is granted with its socket"
    return listener


def _claim(address: Address, *, inherit: bool, more: bool, timeout: float | None) -> Listener | None:
    import threading

    answered = threading.Event()
    CONNECTION.read_by_thread()
    claim = CONNECTION.claim(address, inherit=inherit, more=more, wake=answered.set)
    try:
        if not answered.wait(timeout):
            raise ClaimTimeoutError(f"`{address}` was not granted within {timeout} s; the claim was withdrawn")
        return claim.result()
    except BaseException:
        CONNECTION.withdraw(claim)
        raise


def serving(address: str | int | Address) -> None:
    """The accept loop of a granted address runs: now the old server is asked to release it.

    :raises NotHeldError: the address was not granted, or was taken already
    """
    CONNECTION.serving(address_of(address))


def server_up() -> None:
    """The whole server is up: every address that was granted is served, and no other will be
    claimed. It calls :func:`serving` for each for which that was not called."""
    CONNECTION.server_up()


def fail(reason: str) -> None:
    """This server gives up: the deploy has failed. The process is not ended by it.

    Waits until that was sent to the supervisor, at most five seconds.
    """
    import threading

    sent = threading.Event()
    CONNECTION.read_by_thread()
    CONNECTION.fail(reason_of(reason), wake=sent.set)
    sent.wait(FLUSH_TIMEOUT)


def released(address: str | int | Address) -> None:
    """Gives an address up without having been asked to: nothing is accepted on it any more.

    :raises NotHeldError: it is neither held nor claimed
    """
    CONNECTION.released(address_of(address))


def progress(address: str | int | Address, *, connections: int | None = None, extend: float | None = None) -> None:
    """Reports how the drain of a taken address goes.

    :param connections: how many are still open; more than :data:`COUNT_MAX` count as that many
    :param extend: seconds that the drain is to last at least, from now on; the protocol's limit at most
    :raises NotHeldError: the address was never taken from this server
    """
    if connections is not None and (isinstance(connections, bool) or not isinstance(connections, int) or connections < 0):
        raise wrong("the number of connections is an integer from 0 on", connections)
    count = None if connections is None else min(connections, COUNT_MAX)
    CONNECTION.call(Call.progress(address_of(address), connections=count, extend=extension_of(extend)))


@overload
def on_takedown(address: str | int | Address, handler: _H) -> _H: ...
@overload
def on_takedown(address: str | int | Address, handler: None = None) -> Callable[[_H], _H]: ...
def on_takedown(address: str | int | Address, handler: Callable[..., object] | None = None) -> object:
    """Registers what to do when a newer server takes the address; also as a decorator.

    The handler stops accepting on the address, closes its socket and returns: then the address is
    released. It is called with a :class:`Takedown` if it takes an argument, on a daemon thread of its
    own. If it raises, the address is not released, and the server is ended at the drain deadline. A
    server without any handler is ended at once when its address is taken.
    """
    parsed = address_of(address)

    def register(handler: _H) -> _H:
        callable_of(handler, "a handler")
        CONNECTION.read_by_thread()
        CONNECTION.add_handler(parsed, ThreadHandler(handler))
        return handler

    return register if handler is None else register(handler)
