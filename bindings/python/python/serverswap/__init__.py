"""serverswap for Python: the calls of a server that can be swapped.

A new copy of a server calls that it is ready for an address; only then the old one is asked to release
it. Without a supervisor (``python3 server.py`` instead of ``serverswap server.py``) every claim is
granted at once, and nothing else happens. ``serverswap.aio`` has the same calls for asyncio.
"""

from __future__ import annotations

import os

from ._api import fail, listen, on_takedown, progress, ready_for, released, server_up, serving
from ._errors import (
    AddressInUseError,
    AddressNotAvailableError,
    AddressNotPermittedError,
    AddressOverlapsError,
    AlreadyClaimedError,
    ArbiterNotRespondingError,
    ClaimTimeoutError,
    ExhaustedError,
    FailedError,
    ForkedError,
    InternalError,
    InvalidAddressError,
    InvalidArgumentError,
    InvalidEnvironmentError,
    NotHeldError,
    NotInheritableError,
    NotListeningError,
    NotPermittedError,
    ProtocolError,
    ServerSwapError,
    StateNotWrittenError,
    StoppingError,
    SupersededError,
    SupervisorLostError,
    TakenDownError,
    WithdrawnError,
)
from ._takedown import Takedown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._goodbyes import LivingConnection
    from ._listener import Listener
else:

    def __getattr__(name):
        # `socket` takes longer to import than all the rest of this package. For the same reason no module of
        # it imports `threading` at its head.
        if name == "Listener":
            from ._listener import Listener

            return Listener
        if name == "LivingConnection":
            from ._goodbyes import LivingConnection

            return LivingConnection
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


#: Whether a supervisor started this process; without one every claim is granted at once.
supervised: bool = bool(os.environ.get("SERVERSWAP_SOCKET"))

#: Which start of the command this process belongs to; opaque.
generation: str | None = (os.environ.get("SERVERSWAP_GENERATION") or None) if supervised else None

__all__ = [
    "AddressInUseError",
    "AddressNotAvailableError",
    "AddressNotPermittedError",
    "AddressOverlapsError",
    "AlreadyClaimedError",
    "ArbiterNotRespondingError",
    "ClaimTimeoutError",
    "ExhaustedError",
    "FailedError",
    "ForkedError",
    "InternalError",
    "InvalidAddressError",
    "InvalidArgumentError",
    "InvalidEnvironmentError",
    "Listener",
    "LivingConnection",
    "NotHeldError",
    "NotInheritableError",
    "NotListeningError",
    "NotPermittedError",
    "ProtocolError",
    "ServerSwapError",
    "StateNotWrittenError",
    "StoppingError",
    "SupersededError",
    "SupervisorLostError",
    "TakenDownError",
    "Takedown",
    "WithdrawnError",
    "fail",
    "generation",
    "listen",
    "on_takedown",
    "progress",
    "ready_for",
    "released",
    "server_up",
    "serving",
    "supervised",
]
