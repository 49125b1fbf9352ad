"""The words of a blocking program."""

from __future__ import annotations

from ._arguments import address_of, callable_of, reason_of, timeout_of, wrong
from ._errors import ClaimTimeoutError
from ._hub import HUB
from ._takedown import ThreadHandler, takes_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, overload

    from ._listener import Listener

    _H = TypeVar("_H", bound=Callable[..., object])
else:

    def overload(function):
        return function

#: How long ``fail`` waits for a supervisor that is not there or says nothing, in seconds.
FAIL_LIMIT = 5.0


def ready_for(
    address: str | int,
    callback: Callable[..., object] | None = None,
    *,
    inherit: bool = False,
    more: bool = False,
    timeout: float | None = None,
) -> Listener | None:
    """Claims an address and waits until it is granted.

    Everything slow goes before this: the old server serves until it is reached.

    Without ``inherit`` (*bind*) the old server has let go of the address when this returns ``None``,
    and this one opens its own socket. With ``inherit`` the listening socket is returned, and the old
    server goes on accepting on it. In both cases say :func:`serving` when the accept loop runs.

    :param callback: called here when the address is granted, with the socket if it takes an argument;
        when it has returned, ``serving`` is said for it
    :param more: the deploy has not succeeded before :func:`server_up` is said
    :param timeout: seconds to wait; then the claim is withdrawn
    :raises ClaimTimeoutError: after ``timeout``
    :raises ServerSwapError: the claim has failed; its ``code`` says why. The old server serves on
    """
    canonical, seconds = address_of(address), timeout_of(timeout)
    if callback is not None:
        callable_of(callback, "the callback")
    listener = _claim(canonical, inherit=bool(inherit), more=bool(more), timeout=seconds)
    if callback is not None:
        callback(listener) if takes_argument(callback) else callback()
        HUB.serving(canonical)
    return listener


def listen(address: str | int, *, more: bool = False, timeout: float | None = None) -> Listener:
    """Claims an address by inheritance and returns its socket, which listens.

    Says nothing more: the old server accepts until :func:`serving` (or :func:`server_up`).

    :raises ServerSwapError: as :func:`ready_for`
    """
    listener = ready_for(address, inherit=True, more=more, timeout=timeout)
    assert listener is not None, "an inherited address is granted with its socket"
    return listener


def _claim(address: str, *, inherit: bool, more: bool, timeout: float | None) -> Listener | None:
    import threading

    answered = threading.Event()
    HUB.read_by_thread()
    claim = HUB.claim(address, inherit=inherit, more=more, wake=answered.set)
    try:
        if not answered.wait(timeout):
            raise ClaimTimeoutError(f"`{address}` was not granted within {timeout} s; the claim was withdrawn")
        return claim.result()
    except BaseException:
        HUB.withdraw(claim)
        raise


def serving(address: str | int) -> None:
    """Says that the accept loop of a granted address runs: now the old server is told to let go.

    :raises NotHeldError: the address was not granted, or was taken already
    """
    HUB.serving(address_of(address))


def server_up() -> None:
    """Says that the whole server is up: every address that was granted is served, and no other will be
    claimed. It says :func:`serving` for each for which that was not said."""
    HUB.server_up()


def fail(reason: str) -> None:
    """Says that this server gives up: the deploy has failed. The process is not ended by it.

    Waits until that is on its way to the supervisor, or :data:`FAIL_LIMIT` seconds.
    """
    import threading

    told = threading.Event()
    HUB.read_by_thread()
    HUB.fail(reason_of(reason), wake=told.set)
    told.wait(FAIL_LIMIT)


def released(address: str | int) -> None:
    """Gives an address up without having been asked to: nothing is accepted on it any more.

    :raises NotHeldError: it is neither held nor claimed
    """
    HUB.released(address_of(address))


def progress(address: str | int, *, connections: int | None = None, extend: float | None = None) -> None:
    """Tells how the drain of a taken address goes.

    :param connections: how many are still open
    :param extend: seconds that the drain is to last at least, from now on
    :raises NotHeldError: the address was never taken from this server
    """
    if connections is not None and (not isinstance(connections, int) or connections < 0):
        raise wrong("the number of connections is an integer from 0 on", connections)
    HUB.progress(address_of(address), connections=connections, extend=timeout_of(extend))


@overload
def on_takedown(address: str | int, handler: _H) -> _H: ...
@overload
def on_takedown(address: str | int, handler: None = None) -> Callable[[_H], _H]: ...
def on_takedown(address: str | int, handler: Callable[..., object] | None = None) -> object:
    """Registers what to do when a newer server takes the address; also as a decorator.

    The handler stops accepting on the address, closes its socket and returns: then the address is
    let go of. It is called with a :class:`Takedown` if it takes an argument, on a daemon thread of its
    own. If it raises, the address is not let go of, and the server is ended at the drain deadline. A
    server without any handler is ended at once when its address is taken.
    """
    canonical = address_of(address)

    def register(handler: _H) -> _H:
        callable_of(handler, "a handler")
        HUB.read_by_thread()
        HUB.on_takedown(canonical, ThreadHandler(handler))
        return handler

    return register if handler is None else register(handler)
